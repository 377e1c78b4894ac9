"""A clock for durations that neither goes back nor sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable

SteadyClock = Callable[[], float]
"""Seconds of a clock that never goes back; only differences mean something."""


def steady_seconds() -> float:
    """Seconds since the machine started, the time it slept included.

    `time.monotonic` stands still on Linux while the machine is suspended: a command to unlock
    would still look fresh after a night.
    """
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()

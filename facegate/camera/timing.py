"""The clocks of a camera, to be replaced in tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone

from facegate.domain.steady import steady_seconds


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True, slots=True)
class Timing:
    """Clocks, and the waiting between two tries.

    Attributes:
        time_s: seconds that never go back, the time a machine slept included.
        now: wall clock, UTC.
        wait: waits so many seconds, or until the event is set.
    """

    time_s: Callable[[], float] = steady_seconds
    now: Callable[[], datetime] = _utc_now
    wait: Callable[[threading.Event, float], object] = threading.Event.wait

"""How long to wait before a camera is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that double up to a limit.

    Each wait is shortened by a random share, so that many doors do not storm a network recorder in
    step after it was restarted.

    Attributes:
        first_s: wait after the first failure, seconds.
        most_s: longest wait, seconds.
        jitter: largest share taken off, in [0, 1).
        chance: gives a number in [0, 1).
    """

    first_s: float = 0.5
    most_s: float = 15.0
    jitter: float = 0.25
    chance: Callable[[], float] = random.random

    def wait_s(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row, at least 1."""
        # The exponent is bounded: 2 ** 5000 is no float, and a camera may be away for weeks.
        full = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 30))
        return full * (1.0 - self.jitter * self.chance())

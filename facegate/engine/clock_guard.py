"""Notices when the wall clock was changed while a gate runs."""

from __future__ import annotations

from datetime import datetime

MAX_DRIFT = 0.0005
"""Seconds a second: NTP slews no clock faster, and no good quartz drifts more."""


class ClockGuard:
    """Compares the wall clock with one that never jumps.

    Schedules, lock-outs and receipts all rest on the wall clock, so a gate whose clock was turned
    lets nobody in until it agrees again, or until an operator starts the gate anew: then the new
    time is what the operator meant (and the store still refuses to go back before its last
    receipt).

    Args:
        max_jump_s: how far both clocks may drift apart, seconds.
    """

    def __init__(self, max_jump_s: float = 30.0) -> None:
        self._max_jump_s = max_jump_s
        self._offset_s: float | None = None
        self._last_s = 0.0

    def jump_s(self, at: datetime, time_s: float) -> float:
        """Seconds that the wall clock is ahead of what it should show.

        Args:
            at: time zone aware wall clock.
            time_s: of a clock that never goes back and also runs while the machine sleeps.
        """
        offset_s = at.timestamp() - time_s
        if self._offset_s is None:
            self._offset_s = offset_s
        return offset_s - self._offset_s

    def is_right(self, at: datetime, time_s: float) -> bool:
        """Whether the wall clock may be trusted. Slow drift (NTP at work) is followed."""
        jump_s = self.jump_s(at, time_s)
        if abs(jump_s) > self._max_jump_s:
            return False
        reach_s = MAX_DRIFT * max(0.0, time_s - self._last_s) if self._last_s else 0.0
        self._offset_s = (self._offset_s or 0.0) + max(-reach_s, min(reach_s, jump_s))
        self._last_s = time_s
        return True

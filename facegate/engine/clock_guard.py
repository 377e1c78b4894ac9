"""Notices when the wall clock was changed while a gate runs, and when it can be trusted again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MAX_DRIFT = 0.0005
"""Seconds a second: NTP slews no clock faster, and no good quartz drifts more."""

STEADY_S = 10.0
"""So long a clock that jumped must run like one that cannot jump, before it is believed."""

WOBBLE_S = 0.25
"""Two readings of a steady clock differ by no more: a frame's times are read one after the other.
"""


@dataclass(frozen=True, slots=True)
class ClockChange:
    """The wall clock was changed, and runs steadily since.

    Attributes:
        jump_s: how far it is ahead of what it showed before, seconds; negative: behind.
        at: what it shows now, time zone aware.
    """

    jump_s: float
    at: datetime


class ClockGuard:
    """Compares the wall clock with one that never jumps.

    Schedules, lock-outs and receipts all rest on the wall clock, so a gate whose clock was turned
    lets nobody in. It goes on when the clock agrees with the old time again, or when it has run
    steadily for STEADY_S: then the new time is taken for what was meant, by NTP or by an operator.
    Two things still hold: a jump ends no delay (see `GateDesk.clock_changed`), and the store
    refuses to rule before its own last decision.

    Args:
        max_jump_s: how far both clocks may drift apart, seconds.
        steady_s: see STEADY_S.
    """

    def __init__(self, max_jump_s: float = 30.0, steady_s: float = STEADY_S) -> None:
        self._max_jump_s, self._steady_s = max_jump_s, steady_s
        self._offset_s: float | None = None
        self._last_s = 0.0
        self._new_offset_s: float | None = None
        self._since_s = 0.0

    @property
    def in_doubt(self) -> bool:
        """Whether the clock jumped and is not believed yet."""
        return self._new_offset_s is not None

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
            self._doubt(at.timestamp() - time_s, time_s)
            return False
        self._new_offset_s = None
        reach_s = MAX_DRIFT * max(0.0, time_s - self._last_s) if self._last_s else 0.0
        self._offset_s = (self._offset_s or 0.0) + max(-reach_s, min(reach_s, jump_s))
        self._last_s = time_s
        return True

    def settled(self, at: datetime, time_s: float) -> ClockChange | None:
        """What the clock was changed by, once it has been steady for long enough; else None.

        For after `is_right` said no. Nothing changes until the change is accepted.
        """
        if self._new_offset_s is None or time_s - self._since_s < self._steady_s:
            return None
        return ClockChange(self.jump_s(at, time_s), at)

    def accept(self, at: datetime, time_s: float) -> None:
        """Believe the clock from now on."""
        self._offset_s, self._last_s = at.timestamp() - time_s, time_s
        self._new_offset_s = None

    def _doubt(self, offset_s: float, time_s: float) -> None:
        known = self._new_offset_s
        # The wobble is measured from the beginning, so that many small steps are no steady clock.
        if known is None or abs(offset_s - known) > WOBBLE_S or time_s < self._since_s:
            self._new_offset_s, self._since_s = offset_s, time_s

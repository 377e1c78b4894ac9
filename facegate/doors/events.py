"""What happens at a door, told by its controller."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class DoorEventKind(str, Enum):
    """Values are part of the JSON contract."""

    UNLOCKED = "unlocked"
    LOCKED = "locked"
    DROPPED = "dropped"
    FAULT = "fault"
    WORKS_AGAIN = "works_again"
    OPENED = "opened"
    CLOSED = "closed"
    HELD_OPEN = "held_open"
    FORCED_OPEN = "forced_open"

    @property
    def is_alarm(self) -> bool:
        """Whether somebody should go and look."""
        return self in _ALARMS


_ALARMS = {DoorEventKind.FAULT, DoorEventKind.HELD_OPEN, DoorEventKind.FORCED_OPEN}


@dataclass(frozen=True, slots=True)
class DoorEvent:
    """One thing that happened.

    Attributes:
        kind: see DoorEventKind.
        at: wall clock, time zone aware, UTC.
        reference: number of the receipt that it belongs to; may be empty.
        detail: in words, for operators; may be empty.
    """

    kind: DoorEventKind
    at: datetime
    reference: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UnlockOutcome:
    """What became of one order to unlock.

    Attributes:
        opened: True only when the output confirmed in time; otherwise it was locked again.
        detail: why not, in words; empty when it opened.
        waited_s: from the order to this outcome, seconds.
    """

    opened: bool
    detail: str = ""
    waited_s: float = 0.0

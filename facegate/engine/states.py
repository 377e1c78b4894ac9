"""What a gate shows: states that a visitor can follow, and the events it reports."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from facegate.domain.arrays import FloatArray
from facegate.domain.reasons import Reason
from facegate.engine.challenge import Movement


class GateState(str, Enum):
    """Where the gate is with the visitor in front of it. Values are part of the JSON contract."""

    LOOKING = "looking"
    COME_CLOSER = "come_closer"
    HOLD_STILL = "hold_still"
    CHECKING = "checking"
    CHALLENGE = "challenge"
    ENTER_PIN = "enter_pin"
    WELCOME = "welcome"
    SECOND_PERSON = "second_person"
    NOT_RECOGNIZED = "not_recognized"
    TRY_AGAIN = "try_again"
    DENIED = "denied"
    LOCKED_OUT = "locked_out"
    DOOR_OPEN = "door_open"
    OUT_OF_ORDER = "out_of_order"

    @property
    def words(self) -> str:
        """What to show a visitor when there is nothing more exact to say."""
        return _WORDS[self]


_WORDS = {
    GateState.LOOKING: "Please look at the camera",
    GateState.COME_CLOSER: "Please come closer",
    GateState.HOLD_STILL: "Please hold still",
    GateState.CHECKING: "Checking …",
    GateState.CHALLENGE: "Please follow the instructions",
    GateState.ENTER_PIN: "Please enter your PIN",
    GateState.WELCOME: "Welcome",
    GateState.SECOND_PERSON: "A second person is needed",
    GateState.NOT_RECOGNIZED: "Not recognized",
    GateState.TRY_AGAIN: "Please try again",
    GateState.DENIED: "No access",
    GateState.LOCKED_OUT: "Locked; ask the operator",
    GateState.DOOR_OPEN: "Please close the door",
    GateState.OUT_OF_ORDER: "Out of order",
}

_STATE_OF_REASON = {
    Reason.GRANTED: GateState.WELCOME,
    Reason.UNKNOWN_FACE: GateState.NOT_RECOGNIZED,
    Reason.SECOND_PERSON_NEEDED: GateState.SECOND_PERSON,
    Reason.RATE_LIMITED: GateState.LOCKED_OUT,
    Reason.LOCKED_OUT: GateState.LOCKED_OUT,
    **dict.fromkeys(
        (
            Reason.AMBIGUOUS,
            Reason.LOW_QUALITY,
            Reason.ATTACK_SUSPECTED,
            Reason.CHALLENGE_FAILED,
            Reason.IDENTITY_CHANGED,
            Reason.SEVERAL_FACES,
            Reason.GAVE_UP,
            Reason.PIN_NEEDED,
            Reason.PIN_WRONG,
        ),
        GateState.TRY_AGAIN,
    ),
}


def state_after(reason: Reason) -> GateState:
    """What a visitor sees after a decision."""
    if reason.is_fault:
        return GateState.OUT_OF_ORDER
    return _STATE_OF_REASON.get(reason, GateState.DENIED)


@dataclass(frozen=True, slots=True)
class GateView:
    """What to show: for a window, a status line, or nothing at all. Never a score.

    Attributes:
        state, message: for the visitor.
        faces: boxes in frame pixels of everybody in view, nearest first.
        progress: share of what is needed that was seen, in [0, 1].
        subject: name of the person, only with a grant; for a window that greets by name.
        visit: number of the visit that something is asked of, so that what one visitor typed is
            not left for the next; empty when nothing is.
        asks_number: the visitor is asked for a number, too, and not only for a PIN.
        movement: what a challenge asks for right now.
    """

    state: GateState
    message: str
    faces: tuple[FloatArray, ...] = ()
    progress: float = 0.0
    subject: str = ""
    visit: str = ""
    asks_number: bool = False
    movement: Movement | None = None


@dataclass(frozen=True, slots=True)
class GateEvent:
    """Something that happened at a gate.

    Attributes:
        kind: `state`, `decision`, `camera`, `door`, `clock` or `fault`.
        at: time zone aware, UTC.
        door: name of the door.
        state: what is shown from now on.
        message: words for whoever stands there; never a score, never another person's name.
        subject: name of the person, only with a grant.
        details: for operators and machines; may hold names and figures.
    """

    kind: str
    at: datetime
    door: str
    state: GateState
    message: str
    subject: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The event as JSON Lines have it."""
        return {
            "kind": self.kind,
            "at": self.at.isoformat(),
            "door": self.door,
            "state": self.state.value,
            "message": self.message,
            "subject": self.subject or None,
            **self.details,
        }

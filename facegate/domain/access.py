"""A request to pass a door, and the ruling on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from facegate.domain.attacks import PadPolicy
from facegate.domain.doors import Tailgating
from facegate.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class DoorRules:
    """What the gate itself must know about its door.

    Attributes:
        pad: how much is asked for against presentation attacks.
        tailgating: NEAREST looks at the nearest face only; ALL opens only when everybody in view
            may pass; LOG opens for the nearest and writes down that others were there.
        takes_pairs: the door may want a second person, so that all in view are looked at.
    """

    pad: PadPolicy = PadPolicy.UNSURE
    tailgating: Tailgating = Tailgating.NEAREST
    takes_pairs: bool = False


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Somebody stands at a door.

    Attributes:
        door: name of the door.
        subject_id: the recognized person, or None when nobody was.
        at: time zone aware, UTC.
        pin: what was typed, or None; never logged, never printed.
        face_reason: why the face alone is no ground to open (unknown, attack, quality …);
            GRANTED when the person was recognized and passed the attack check.
        alike: numbers of the people whom an ambiguous face may belong to; a PIN stands in for
            such a face only when it is one of theirs.
    """

    door: str
    subject_id: int | None
    at: datetime
    pin: str | None = field(default=None, repr=False)
    face_reason: Reason = Reason.GRANTED
    alike: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody whose face was not recognized says who it is, at a keypad.

    Attributes:
        subject_id: the person named; None: there is none of that number or name.
        name: of the person; empty when there is none.
        alike: see AccessRequest.
    """

    subject_id: int | None
    name: str = ""
    alike: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether the door opens, and why.

    Attributes:
        reason: GRANTED only when it opens.
        rule: the rule that decided, as it is shown in receipts; empty when none applied.
        explanation: for operators, with names and times: "Ana's schedule ends at 18:00".
        retry_at: from when on another attempt makes sense, or None.
    """

    reason: Reason
    rule: str = ""
    explanation: str = ""
    retry_at: datetime | None = None

    @property
    def granted(self) -> bool:
        """Whether the door may open."""
        return self.reason is Reason.GRANTED

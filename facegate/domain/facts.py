"""What a ruling rests on, read at one moment, and what it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from facegate.domain.access import AccessRequest, Ruling
from facegate.domain.doors import Door
from facegate.domain.lockout import Attempts
from facegate.domain.policy import Person, Rule
from facegate.domain.reasons import Reason
from facegate.domain.schedules import Holiday, Schedule


class PinOutcome(Enum):
    """What came of the PIN that was typed."""

    NOT_GIVEN = "not_given"
    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class DoorState:
    """What a door remembers from one decision to the next.

    Attributes:
        last_at: the newest decision, UTC; a new door's is when it was made.
        attempts: without a recognized person.
        first_id: who was let in as the first of two, or None.
        first_at: when.
    """

    last_at: datetime | None = None
    attempts: Attempts = field(default_factory=Attempts)
    first_id: int | None = None
    first_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A person at one door.

    Attributes:
        person: name, state and terms.
        grants: the rules of this door for one of the person's groups.
        inside_since: when the person last went into the door's area without leaving; None: outside.
        pins: wrong PINs after a recognized face.
        claims: wrong PINs without one.
    """

    person: Person
    grants: tuple[tuple[Rule, Schedule], ...] = ()
    inside_since: datetime | None = None
    pins: Attempts = field(default_factory=Attempts)
    claims: Attempts = field(default_factory=Attempts)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that one ruling looks at.

    Attributes:
        door: None when there is none of that name.
        state: what the door remembers.
        person: who asks; None when nobody was named, or nobody of that number is enrolled.
        first: who was let in as the first of two at this door, or None.
        holidays: all that are known.
        revision: of the policy; goes into the ruling.
        pin: see PinOutcome.
        now: the clock of the program, or None when the request is about another time.
        max_age: how far the request's time may lie before `now`.
    """

    door: Door | None
    state: DoorState = field(default_factory=DoorState)
    person: PersonFacts | None = None
    first: PersonFacts | None = None
    holidays: tuple[Holiday, ...] = ()
    revision: int = 0
    pin: PinOutcome = PinOutcome.NOT_GIVEN
    now: datetime | None = None
    max_age: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: stable word.
        passed: None when an earlier check left nothing to look at; that never opens a door.
        reason: GRANTED when passed.
        text: for operators, with names and times.
        rule: what decided, as receipts show it; may be empty.
        retry_at: from when on another attempt makes sense, or None.
        notable: it passed, yet the operator should know.
    """

    name: str
    passed: bool | None
    reason: Reason
    text: str
    rule: str = ""
    retry_at: datetime | None = None
    notable: bool = False


@dataclass(frozen=True, slots=True)
class Judgment:
    """A ruling with all checks, and what is to be remembered.

    Attributes:
        request, ruling, checks: what was asked and answered; the first check that did not pass
            gives the reason.
        state: of the door from now on; None: nothing is to be written at all.
        pins, claims: of the person from now on; None: unchanged.
        passing: numbers of the people who pass now: nobody, the person, or two.
    """

    request: AccessRequest
    ruling: Ruling
    checks: tuple[Check, ...]
    state: DoorState | None = None
    pins: Attempts | None = None
    claims: Attempts | None = None
    passing: tuple[int, ...] = ()

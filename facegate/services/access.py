"""The ruling at the door: reads the policy, judges, and remembers, all in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from facegate.domain.access import AccessRequest, Ruling
from facegate.domain.doors import Direction, Door
from facegate.domain.facts import Check, DoorState, Facts, Judgment, PersonFacts, PinOutcome
from facegate.domain.judging import judge
from facegate.domain.lockout import Attempts
from facegate.ports.devices import Clock
from facegate.ports.store import UnitOfWork
from facegate.services.pins import Argon2Pins, PinHasher

MAX_AGE_S = 60.0
"""A request older than this is none any more; a clock that jumped makes one, too."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A ruling with every check that led to it."""

    ruling: Ruling
    checks: tuple[Check, ...]


class AccessControl:
    """Rules on requests to pass doors.

    Args:
        clock: the program's; a request must be of its last max_age_s seconds. None: requests are
            believed, as those of a recording that is read fast must be.
        pins: compares PINs.
        max_age_s: see MAX_AGE_S.
    """

    def __init__(
        self, clock: Clock | None, pins: PinHasher | None = None, max_age_s: float = MAX_AGE_S
    ) -> None:
        self._clock = clock
        self._pins = pins or Argon2Pins()
        self._max_age = timedelta(seconds=max_age_s)

    def rule(self, work: UnitOfWork, request: AccessRequest) -> Ruling:
        """Rule on a request, and remember it: attempts, lock-outs, passages, the first of two.

        The policy is read afresh. The caller writes the receipt in the same transaction, commits,
        and only then moves the lock: if the commit fails, nothing was remembered and nothing may
        open.

        Args:
            work: an open transaction that may write.
            request: who asks, where, when.

        Returns:
            The ruling; a denial, however odd the request, is never an error.

        Raises:
            StoreError: the database cannot be read or written, or what it holds is damaged.
        """
        revision = work.access.begin()
        now = None if self._clock is None else self._clock()
        judgment = judge(request, self._facts(work, request, revision, now))
        self._remember(work, judgment)
        return judgment.ruling

    def explain(
        self, work: UnitOfWork, request: AccessRequest, *, assume_pin: bool = False
    ) -> Explanation:
        """Rule on a request without remembering anything, for any time.

        Args:
            work: an open transaction; a snapshot will do.
            request: its time need not be now; one before the door's last decision counts as if the
                door had not decided yet.
            assume_pin: take the right PIN as typed.
        """
        facts = self._facts(work, request, work.policy.revision(), None)
        if assume_pin:
            facts = replace(facts, pin=PinOutcome.RIGHT)
        last = facts.state.last_at
        if last is not None and request.at.tzinfo is not None and request.at < last:
            facts = replace(facts, state=DoorState())
        judgment = judge(request, facts)
        return Explanation(judgment.ruling, judgment.checks)

    def take_back(self, work: UnitOfWork, request: AccessRequest) -> None:
        """Forget the passages that a granted request made: the door did not open after all."""
        door = work.doors.find(request.door)
        if door is not None and door.area:
            work.access.take_back(door.area, request.at)

    def _facts(
        self, work: UnitOfWork, request: AccessRequest, revision: int, now: datetime | None
    ) -> Facts:
        door = work.doors.find(request.door)
        state = work.access.door_state(request.door)
        person = _person(work, door, request.subject_id)
        return Facts(
            door=door,
            state=state,
            person=person,
            first=_person(work, door, state.first_id),
            holidays=work.policy.holidays(),
            revision=revision,
            pin=self._typed(work, request),
            now=now,
            max_age=self._max_age,
        )

    def _typed(self, work: UnitOfWork, request: AccessRequest) -> PinOutcome:
        if request.pin is None:
            return PinOutcome.NOT_GIVEN
        # Nobody in particular has no PIN, and takes as long as anybody to be told so.
        number = request.subject_id
        pin_hash = "" if number is None else work.access.pin_hash(number)
        right = self._pins.matches(pin_hash, request.pin)
        return PinOutcome.RIGHT if right else PinOutcome.WRONG

    def _remember(self, work: UnitOfWork, judgment: Judgment) -> None:
        request, state = judgment.request, judgment.state
        if state is None:
            return
        before = work.access.door_state(request.door)
        if state != before:
            work.access.set_door_state(request.door, state)
        if state.attempts.locked and not before.attempts.locked:
            text = f"{request.door}: too many faces that were not recognized"
            work.events.add(request.at, "lock-out", "", text)
        self._count(work, request, "pins", judgment.pins)
        self._count(work, request, "claims", judgment.claims)
        door = work.doors.find(request.door)
        if door is not None and door.area:
            inside = door.direction is Direction.IN
            for subject_id in judgment.passing:
                work.access.pass_through(subject_id, door.area, inside, request.at)

    def _count(
        self,
        work: UnitOfWork,
        request: AccessRequest,
        kind: Literal["pins", "claims"],
        attempts: Attempts | None,
    ) -> None:
        if attempts is None or request.subject_id is None:
            return
        if attempts.locked and not work.access.attempts(request.subject_id, kind).locked:
            person = work.access.person(request.subject_id)
            name = person.name if person is not None else ""
            work.events.add(request.at, "lock-out", name, f"too many wrong PINs at {request.door}")
        work.access.set_attempts(request.subject_id, kind, attempts)


def _person(work: UnitOfWork, door: Door | None, subject_id: int | None) -> PersonFacts | None:
    if subject_id is None or door is None:
        return None
    person = work.access.person(subject_id)
    if person is None:
        return None
    return PersonFacts(
        person,
        work.policy.grants(door.name, subject_id),
        work.access.inside_since(subject_id, door.area) if door.area else None,
        work.access.attempts(subject_id, "pins"),
        work.access.attempts(subject_id, "claims"),
    )

"""Rules on requests at one door and writes every decision down, in one transaction."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from facegate.domain.access import AccessRequest, Claim, DoorRules, Ruling
from facegate.domain.doors import Door, PinMode
from facegate.domain.keypad import KeypadEntry
from facegate.domain.reasons import Reason
from facegate.domain.receipts import FACE_REASON, ReceiptDraft
from facegate.errors import DoorError, FacegateError, ReceiptError
from facegate.ports.store import Store
from facegate.services.access import AccessControl
from facegate.services.audit import AuditTrail

_log = logging.getLogger(__name__)

FRESH_S = 1.0
"""So long the door's own settings are not read again; rulings always read everything afresh."""

MAX_UNWRITTEN = 1000
"""Denials kept in memory while the database cannot be written; the oldest go first."""


class GateDesk:
    """Fulfils `facegate.engine.desk.Desk` for one door. One thread owns it.

    The ruling, what it changes (attempts, passages) and the receipt are one transaction, and the
    door is opened only after it was committed: a program that is killed in between leaves a
    receipt for a door that stayed shut, never an open door without one.

    Args:
        store: holds policy and receipts.
        door: its name.
        access: rules.
        trail: writes receipts.
        steady_s: seconds that never go back.
    """

    def __init__(
        self,
        store: Store,
        door: str,
        access: AccessControl,
        trail: AuditTrail,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._door = store, door
        self._access, self._trail = access, trail
        self._steady_s = steady_s
        self._rules: DoorRules | None = None
        self._read_s = 0.0
        self._unwritten: deque[ReceiptDraft] = deque(maxlen=MAX_UNWRITTEN)
        self._settle = False

    @property
    def unwritten(self) -> int:
        """How many denials wait for the database."""
        return len(self._unwritten)

    def rules(self) -> DoorRules:
        """What the door asks for right now.

        Raises:
            StoreError: the database cannot be read.
            DoorError: there is no such door any more.
        """
        now_s = self._steady_s()
        if self._rules is None or now_s - self._read_s > FRESH_S:
            door = self.door()
            self._rules = DoorRules(door.pad, door.tailgating, takes_pairs=door.two_person_s > 0)
            self._read_s = now_s
            self._write_late()
        return self._rules

    def door(self) -> Door:
        """The door as it is set up. Raises DoorError."""
        with self._store.snapshot() as work:
            door = work.doors.find(self._door)
        if door is None:
            raise DoorError(f"There is no door {self._door!r} any more: somebody removed it.")
        return door

    def conclude(
        self, draft: ReceiptDraft, pin: str | None, claim: Claim | None = None
    ) -> tuple[Ruling, str]:
        """Rule on a draft and write it down.

        Args:
            draft: what was seen.
            pin: what was typed; None: nothing.
            claim: who it was typed for, where the face was not recognized.

        Returns:
            The ruling and the receipt's number; no number when a PIN has to come first.

        Raises:
            StoreError: nothing was changed, and nothing may open.
        """
        who = draft.subject_id if claim is None else claim.subject_id
        alike = frozenset[int]() if claim is None else claim.alike
        request = AccessRequest(draft.door, who, draft.at, pin, draft.reason, alike)
        with self._store.transaction() as work:
            ruling = self._access.rule(work, request)
            asks = ruling.reason is Reason.PIN_NEEDED and pin is None
            if asks and draft.reason is Reason.GRANTED:
                return ruling, ""
            receipt = self._trail.append_within(work, _ruled(draft, ruling, claim))
            work.commit()
        self._settle = True
        return ruling, str(receipt.sequence)

    def may_claim(self, reason: Reason, alike: frozenset[int], at: datetime) -> bool:
        """Whether a PIN may stand in for a face that was refused for a reason; changes nothing.

        Not while the door is held back after failed attempts, and for an ambiguous face only when
        somebody whom it may belong to could be meant.
        """
        with self._store.snapshot() as work:
            door = work.doors.by_name(self._door)
            if not door.enabled or work.access.door_state(self._door).attempts.hold(at):
                return False
            is_fallback = door.pin is PinMode.FALLBACK
            if reason is not Reason.AMBIGUOUS:
                return is_fallback and reason is Reason.UNKNOWN_FACE
            people = [work.access.person(number) for number in alike]
            terms = [one.terms for one in people if one is not None]
            return any(one.has_pin and (is_fallback or one.always_pin) for one in terms)

    def claimed(self, entry: KeypadEntry) -> tuple[int | None, str]:
        """Number and name of the person named at the keypad; None and "" when there is none."""
        with self._store.snapshot() as work:
            if entry.number is not None:
                person = work.access.person(entry.number)
                return (None, "") if person is None else (person.subject_id, person.name)
            subject = work.subjects.find(entry.claimed)
            return (None, "") if subject is None else (subject.subject_id, subject.name)

    def clock_changed(self, jump_s: float, at: datetime) -> None:
        """The wall clock was set and runs steadily since: no delay may end early by it.

        Set forward, what was left of the door's delay and of everybody's is left still. Set back,
        delays last longer by themselves, and the door does not rule before its last decision until
        an operator resets it.

        Args:
            jump_s: how far the clock is ahead of what it showed, seconds.
            at: what it shows now.

        Raises:
            StoreError: nothing was changed.
        """
        jump = timedelta(seconds=jump_s)
        with self._store.transaction() as work:
            work.access.begin()
            state = work.access.door_state(self._door)
            kept = state.attempts.carried_over(jump, at)
            if kept != state.attempts:
                work.access.set_door_state(self._door, replace(state, attempts=kept))
            for subject_id, kind, attempts in work.access.delayed(at - jump):
                work.access.set_attempts(subject_id, kind, attempts.carried_over(jump, at))
            text = f"{self._door}: the clock was changed by {jump_s:+,.0f} s"
            if state.last_at is not None and at < state.last_at:
                text += (
                    f"; a decision here is of {state.last_at:%Y-%m-%d %H:%M:%S} UTC, and until then"
                    f" the door stays shut, or until `facegate doors reset {self._door}`"
                )
            work.events.add(at, "clock", "", text)
            work.commit()
        self._rules = None
        self._write_late()

    def would_pass(self, subject_id: int, at: datetime) -> bool:
        """Whether a person may pass right now; changes nothing."""
        request = AccessRequest(self._door, subject_id, at)
        with self._store.snapshot() as work:
            reason = self._access.explain(work, request).ruling.reason
        return reason in {Reason.GRANTED, Reason.SECOND_PERSON_NEEDED, Reason.PIN_NEEDED}

    def take_back(self, draft: ReceiptDraft) -> None:
        """The door did not open after a grant: nobody passed."""
        with self._store.transaction() as work:
            self._access.take_back(work, AccessRequest(draft.door, draft.subject_id, draft.at))
            work.commit()

    def note(self, draft: ReceiptDraft) -> None:
        """Write down a denial that needs no ruling; later, if it cannot be done now."""
        self._unwritten.append(draft)
        self._write_late()

    def settle(self) -> None:
        """See to anchors and old pictures. For when nobody waits; never raises."""
        if self._settle:
            self._settle = False
            self._trail.settle()

    def close(self, *, trusts_clock: bool = True) -> None:
        """Write down what waits, and anchor it. Never raises.

        Args:
            trusts_clock: False: by a wrong date pictures might be deleted, so nothing is seen to.
        """
        self._write_late()
        if trusts_clock:
            self._trail.settle(at_end=True)

    def _write_late(self) -> None:
        while self._unwritten:
            try:
                with self._store.transaction() as work:
                    self._trail.append_within(work, self._unwritten[0])
                    work.commit()
            except ReceiptError:
                _log.exception("a denial cannot be written down")  # and must not hold up others
            except FacegateError as error:
                _log.warning("a denial could not be written down yet: %s", error)
                return
            self._unwritten.popleft()
            self._settle = True


def _ruled(draft: ReceiptDraft, ruling: Ruling, claim: Claim | None) -> ReceiptDraft:
    """The draft with what the rules said; whoever passes with a PIN is named, and only they."""
    said = [part for part in (ruling.explanation, draft.explanation) if part]
    if claim is not None:
        draft = replace(draft, pad={**draft.pad, FACE_REASON: draft.reason.value})
    if claim is not None and ruling.reason in {Reason.GRANTED, Reason.SECOND_PERSON_NEEDED}:
        draft = replace(draft, subject_id=claim.subject_id, subject_name=claim.name)
        said.insert(0, "granted by PIN" if ruling.granted else "the PIN is right")
    return replace(draft, reason=ruling.reason, rule=ruling.rule, explanation="; ".join(said))

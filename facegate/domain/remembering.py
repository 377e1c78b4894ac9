"""What a ruling leaves behind: failures and successes, passages, the first of two."""

from __future__ import annotations

from dataclasses import replace

from facegate.domain.attacks import PadPolicy
from facegate.domain.case import COUNTED, Case
from facegate.domain.facts import Check, Judgment, PinOutcome
from facegate.domain.lockout import FACES, FACES_WITH_PAD, PINS
from facegate.domain.reasons import Reason


def remember(case: Case, judgment: Judgment, decisive: Check | None) -> Judgment:
    """Count what failed or succeeded; a request that was held back counts for nothing."""
    at, door, state = case.request.at, case.door, case.facts.state
    state = replace(state, last_at=at if state.last_at is None else max(at, state.last_at))
    stopped = decisive.name if decisive is not None else ""
    if stopped in {"fault", "door", "lock-out"}:
        return replace(judgment, state=state)
    tried_pin = case.facts.pin is not PinOutcome.NOT_GIVEN and not case.face_passed
    failed_face = (
        case.request.face_reason in COUNTED
        or tried_pin
        or (stopped == "face" and judgment.ruling.reason in COUNTED)
    )
    pin_right = stopped in {"", "two-person"} and bool(case.pin_wanted)
    if failed_face and not (case.is_claim and pin_right):
        limits = FACES if door.pad is PadPolicy.OFF else FACES_WITH_PAD
        state = replace(state, attempts=state.attempts.failed(at, limits))
    pin_wrong = stopped == "pin" and judgment.ruling.reason is Reason.PIN_WRONG
    if pin_right or pin_wrong:
        before = case.who.claims if case.is_claim else case.who.pins
        after = before.succeeded(at) if pin_right else before.failed(at, PINS)
        if case.is_claim:
            judgment = replace(judgment, claims=after)
        else:
            judgment = replace(judgment, pins=after)
    if stopped == "two-person":
        state = replace(state, first_id=case.who.person.subject_id, first_at=at)
    if not judgment.ruling.granted:
        return replace(judgment, state=state)
    passing = [case.who.person.subject_id]
    if door.two_person_s and case.facts.first is not None:
        passing.insert(0, case.facts.first.person.subject_id)
    state = replace(state, attempts=state.attempts.succeeded(at), first_id=None, first_at=None)
    return replace(judgment, state=state, passing=tuple(passing))

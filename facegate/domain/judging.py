"""May this person pass this door now? A pure function of the facts.

Every check is made, in this order; the first that does not pass gives the reason, and only a
request for which all pass opens:

1. `clock`: the time makes sense, and none of the door's decisions is later.
2. `fault`: camera, database and program work.
3. `door`: it exists and is enabled.
4. `lock-out`: neither the door (for faces that are not recognized), nor the person, nor claims to
   be the person are held back.
5. `face`: recognized, and no attack; or the PIN of a named person may stand in for it.
6. `person`: still enrolled, and enabled.
7. `validity`: within the person's first and last day.
8. `rule`: a rule of one of the person's groups is open now.
9. `anti-passback`: not already inside. Leaving is never refused: nobody may be locked in.
10. `pin`: right, where one is needed. One that stands in for a face is looked at right after 5:
    whoever does not know it learns nothing about the person.
11. `two-person`: a second allowed person came in time. The PIN goes before, so that both of them
    have given theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from facegate.domain.access import AccessRequest, Ruling
from facegate.domain.case import COUNTED, Case, NotReached
from facegate.domain.doors import AntiPassback, Direction
from facegate.domain.facts import Check, Facts, Judgment, PinOutcome
from facegate.domain.local_time import YEARS, shown, zone_named
from facegate.domain.lockout import CLOCK_TOLERANCE, Hold
from facegate.domain.reasons import Reason
from facegate.domain.remembering import remember
from facegate.domain.schedules import Opening
from facegate.errors import PolicyError

NOT_REACHED = "not looked at"


def judge(request: AccessRequest, facts: Facts) -> Judgment:
    """Rule on a request. Raises nothing; what cannot be judged is denied.

    Args:
        request: who asks, where, when.
        facts: read in the transaction that will write the judgment.
    """
    case = Case(request, facts)
    checks = tuple(_made(name, check, case) for name, check in _CHECKS.items())
    decisive = _decisive(case, checks)
    ruling = _ruling(case, checks, decisive)
    if facts.door is None or checks[0].passed is not True:
        return Judgment(request, ruling, checks)
    return remember(case, Judgment(request, ruling, checks), decisive)


def _decisive(case: Case, checks: tuple[Check, ...]) -> Check | None:
    """The first check that did not pass; None when all did."""
    pin = next(one for one in checks if one.name == "pin")
    for check in checks:
        if check.name == "person" and pin.reason is Reason.PIN_WRONG and case.is_claim:
            return pin
        if check.passed is not True:
            return check
    return None


def _made(name: str, check: Callable[[Case], Check], case: Case) -> Check:
    try:
        return check(case)
    except NotReached:
        return Check(name, None, Reason.INTERNAL_FAULT, NOT_REACHED)
    except PolicyError as error:  # a time zone that this machine does not know any more
        return Check(name, False, Reason.INTERNAL_FAULT, str(error))
    except (OverflowError, TypeError, ValueError):  # moments beyond the calendar, or without a zone
        return Check(name, False, Reason.CLOCK_FAULT, "the time makes no sense")


def _when(case: Case, at: datetime) -> str:
    return shown(at, zone_named(case.door.zone), near=case.request.at)


def _day(case: Case, at: datetime) -> str:
    """A moment with its date, also today: the end of a last day is the next one's midnight."""
    return shown(at, zone_named(case.door.zone))


def _passed(name: str, text: str, *, rule: str = "", notable: bool = False) -> Check:
    return Check(name, True, Reason.GRANTED, text, rule=rule, notable=notable)


def _clock(case: Case) -> Check:
    at, facts = case.request.at, case.facts

    def wrong(text: str) -> Check:
        return Check("clock", False, Reason.CLOCK_FAULT, text)

    if at.tzinfo is None or at.utcoffset() is None:
        return wrong("the time has no time zone")
    if at.astimezone(timezone.utc).year not in YEARS:
        return wrong(f"the clock shows the year {at.year}: it is not set")
    if facts.now is not None and not -CLOCK_TOLERANCE <= facts.now - at <= facts.max_age:
        return wrong("the time of the request is not that of the clock")
    last = facts.state.last_at
    if last is not None and at < last - CLOCK_TOLERANCE:
        return wrong(f"the clock went back: a decision here is of {last:%Y-%m-%d %H:%M:%S} UTC")
    return _passed("clock", "the time makes sense")


def _fault(case: Case) -> Check:
    reason = case.request.face_reason
    if reason.is_fault:
        return Check("fault", False, reason, reason.sentence)
    return _passed("fault", "no fault is reported")


def _door(case: Case) -> Check:
    if case.facts.door is None:
        text = f"there is no door {case.request.door!r}"
        return Check("door", False, Reason.DOOR_DISABLED, text)
    if not case.door.enabled:
        text = f"the door {case.door.name!r} is switched off"
        return Check("door", False, Reason.DOOR_DISABLED, text)
    return _passed("door", f"{case.door.name!r} is enabled")


def _lockout(case: Case) -> Check:
    at, held = case.request.at, None
    reason = case.request.face_reason
    counted = reason in COUNTED or reason is Reason.GRANTED
    whom = f"{case.door.name!r}, for faces that are not recognized,"
    if not case.face_passed and (counted or case.is_claim):
        held = case.facts.state.attempts.hold(at)
    if held is None and case.facts.person is not None:
        if case.face_passed:
            whom, held = case.who.person.name, case.who.pins.hold(at)
        elif case.is_claim:
            whom, held = f"the PIN of {case.who.person.name}", case.who.claims.hold(at)
    if held is None:
        return _passed("lock-out", "nobody is held back")
    return Check("lock-out", False, held.reason, _held(case, held, whom), retry_at=held.until)


def _held(case: Case, held: Hold, whom: str) -> str:
    if held.reason is Reason.CLOCK_FAULT:
        return "the clock went back since the last failed attempt"
    if held.until is None:
        return f"{whom} is locked after too many failed attempts, until the operator resets it"
    local = held.until.astimezone(zone_named(case.door.zone))
    return f"{whom} is held back until {local:%H:%M:%S} after failed attempts"


def _face(case: Case) -> Check:
    reason = case.request.face_reason
    if case.face_passed:
        return _passed("face", "recognized, and passed the attack check")
    if case.is_claim:
        return _passed("face", f"{reason.sentence}; the PIN may stand in", notable=True)
    if reason is Reason.GRANTED:  # nobody is named, so nobody was recognized
        reason = Reason.UNKNOWN_FACE
    return Check("face", False, reason, reason.sentence)


def _person(case: Case) -> Check:
    if case.facts.person is None:
        if case.request.subject_id is None:
            raise NotReached
        text = "the person is not enrolled any more"
        return Check("person", False, Reason.SUBJECT_DISABLED, text)
    person = case.who.person
    if not person.enabled:
        return Check("person", False, Reason.SUBJECT_DISABLED, f"{person.name} is disabled")
    return _passed("person", f"{person.name} is enabled")


def _validity(case: Case) -> Check:
    person, at = case.who.person, case.request.at
    begin, end = person.terms.begin(case.door.zone), person.terms.end(case.door.zone)
    if begin is not None and at < begin:
        text = f"{person.name}'s access begins {_day(case, begin)}"
        return Check("validity", False, Reason.NOT_YET_VALID, text, retry_at=begin)
    if end is not None and at >= end:
        text = f"{person.name}'s access ended {_day(case, end)}"
        return Check("validity", False, Reason.EXPIRED, text)
    limit = f"until {_when(case, end)}" if end is not None else "without an end"
    return _passed("validity", f"{person.name}'s access is valid {limit}")


def _rule(case: Case) -> Check:
    name, at = case.who.person.name, case.request.at
    closed: list[tuple[Opening, str, str]] = []
    for rule, schedule in case.who.grants:
        found = schedule.opening(at, case.door.zone, case.facts.holidays)
        if found.is_open:
            until = f" until {_when(case, found.until)}" if found.until is not None else ""
            return _passed("rule", f"{name} may pass{until} ({rule})", rule=str(rule))
        closed.append((found, str(rule), schedule.name))
    if not closed:
        text = f"no rule lets {name} pass {case.door.name!r}"
        return Check("rule", False, Reason.NO_RULE, text)
    far = datetime.max.replace(tzinfo=timezone.utc)
    found, label, schedule_name = min(closed, key=lambda one: one[0].next_at or far)
    whose = f"{name}'s schedule {schedule_name!r}"
    again = (
        f"it opens next {_when(case, found.next_at)}" if found.next_at else "it does not open soon"
    )
    if found.holiday:
        reason, text = Reason.HOLIDAY, f"{whose} is closed on {found.holiday}; {again}"
    elif found.ended_at is not None:
        reason, text = Reason.OUTSIDE_SCHEDULE, f"{whose} ends {_at(case, found.ended_at)}; {again}"
    else:
        reason, text = Reason.OUTSIDE_SCHEDULE, f"{whose} is closed; {again}"
    return Check("rule", False, reason, text, rule=label, retry_at=found.next_at)


def _at(case: Case, at: datetime) -> str:
    words = _when(case, at)
    return f"at {words}" if len(words) == len("18:00") else f"on {words}"


def _anti_passback(case: Case) -> Check:
    door, since = case.door, case.who.inside_since
    if door.anti_passback is AntiPassback.OFF or door.direction is not Direction.IN:
        return _passed("anti-passback", "not asked for here")
    name = case.who.person.name
    if since is None:
        return _passed("anti-passback", f"{name} is not inside {door.area!r}")
    text = f"{name} is inside {door.area!r} since {_when(case, since)}"
    if door.anti_passback is AntiPassback.SOFT:
        return _passed("anti-passback", f"{text}; let in all the same", notable=True)
    return Check("anti-passback", False, Reason.ANTI_PASSBACK, text, rule=f"area {door.area}")


def _pin(case: Case) -> Check:
    why, terms, name = case.pin_wanted, case.who.person.terms, case.who.person.name
    if not why:
        return _passed("pin", "not asked for here")
    if not terms.has_pin:
        return Check("pin", False, Reason.PIN_NEEDED, f"{why}, and {name} has none")
    if case.facts.pin is PinOutcome.NOT_GIVEN:
        return Check("pin", False, Reason.PIN_NEEDED, why)
    if case.facts.pin is PinOutcome.WRONG:
        return Check("pin", False, Reason.PIN_WRONG, f"{name}'s PIN was typed wrong")
    return _passed("pin", "the PIN is right")


def _two_person(case: Case) -> Check:
    door, who = case.door, case.who.person
    if not door.two_person_s:
        return _passed("two-person", "not asked for here")

    def alone(text: str) -> Check:
        until = case.request.at + timedelta(seconds=door.two_person_s)
        text = f"{text}; a second person must come within {door.two_person_s:g} seconds"
        return Check("two-person", False, Reason.SECOND_PERSON_NEEDED, text, retry_at=until)

    first = case.facts.first
    state = case.facts.state
    if first is None or state.first_at is None or first.person.subject_id == who.subject_id:
        return alone(f"{who.name} is the first of two")
    # A clock within its tolerance may show the second a little before the first.
    if abs(case.request.at - state.first_at) > timedelta(seconds=door.two_person_s):
        return alone(f"{first.person.name} came too long ago, so {who.name} is the first of two")
    again = replace(case, facts=replace(case.facts, person=first))
    for check in (_person, _validity, _rule, _anti_passback):
        found = check(again)
        if found.passed is not True:
            return alone(f"{found.text}, so {who.name} is the first of two")
    if first.pins.hold(case.request.at) is not None:
        return alone(f"{first.person.name} is held back, so {who.name} is the first of two")
    return _passed("two-person", f"{first.person.name} and {who.name} pass together")


_CHECKS: dict[str, Callable[[Case], Check]] = {
    "clock": _clock,
    "fault": _fault,
    "door": _door,
    "lock-out": _lockout,
    "face": _face,
    "person": _person,
    "validity": _validity,
    "rule": _rule,
    "anti-passback": _anti_passback,
    "pin": _pin,
    "two-person": _two_person,
}
CHECK_NAMES = tuple(_CHECKS)


def _ruling(case: Case, checks: tuple[Check, ...], decisive: Check | None) -> Ruling:
    by_name = {one.name: one for one in checks}
    if decisive is not None:
        label = decisive.rule or decisive.name
        text, reason, retry_at = decisive.text, decisive.reason, decisive.retry_at
    else:
        label, reason, retry_at = by_name["rule"].rule, Reason.GRANTED, None
        notes = [one.text for one in checks if one.notable]
        text = "; ".join([by_name["rule"].text, *notes])
    rule = f"{label} (policy {case.facts.revision})"
    return Ruling(reason, rule, text, retry_at)

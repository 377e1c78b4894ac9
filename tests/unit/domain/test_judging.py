"""Every single failing check denies, and no combination of facts opens when any one fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.access import AccessRequest
from facegate.domain.attacks import PadPolicy
from facegate.domain.case import COUNTED
from facegate.domain.doors import AntiPassback, Direction, Door, PinMode
from facegate.domain.facts import DoorState, Facts, Judgment, PersonFacts, PinOutcome
from facegate.domain.judging import CHECK_NAMES, judge
from facegate.domain.lockout import PINS, Attempts
from facegate.domain.policy import Person, Rule, Terms
from facegate.domain.reasons import Reason
from facegate.domain.schedules import ALWAYS, Holiday, Schedule, Window

AT = datetime(2026, 12, 23, 11, tzinfo=timezone.utc)  # Wednesday noon in Berlin
OFFICE = Schedule("office", (Window.parse("mon-fri 08:00-18:00"),))
RULE = Rule("staff", "lobby", "office")
DOOR = Door(
    "lobby",
    zone="Europe/Berlin",
    area="office",
    direction=Direction.IN,
    anti_passback=AntiPassback.HARD,
    two_person_s=30,
    pin=PinMode.SECOND_FACTOR,
)
ANA = PersonFacts(Person(1, "Ana", terms=Terms(has_pin=True)), ((RULE, OFFICE),))
BEN = PersonFacts(Person(2, "Ben", terms=Terms(has_pin=True)), ((RULE, OFFICE),))
GOOD = Facts(
    door=DOOR,
    state=DoorState(last_at=AT - timedelta(seconds=5), first_id=2, first_at=AT),
    person=ANA,
    first=BEN,
    pin=PinOutcome.RIGHT,
    revision=7,
    now=AT,
)
ASKED = AccessRequest("lobby", 1, AT)
Case = tuple[AccessRequest, Facts]


def person(facts: Facts, **terms: object) -> Facts:
    who = facts.person or ANA
    changed = replace(who.person, terms=replace(who.person.terms, **terms))  # type: ignore[arg-type]
    return replace(facts, person=replace(who, person=changed))


def about(facts: Facts, **changes: object) -> Facts:
    return replace(facts, person=replace(facts.person or ANA, **changes))  # type: ignore[arg-type]


OFF = replace(BEN.person, enabled=False)


def remembered(facts: Facts, **changes: object) -> Facts:
    return replace(facts, state=replace(facts.state, **changes))  # type: ignore[arg-type]


def locked(count: int = 60) -> Attempts:
    return Attempts(count, AT - timedelta(seconds=1), AT - timedelta(seconds=1), True)


def delayed() -> Attempts:
    return Attempts(5, AT - timedelta(seconds=1), AT + timedelta(seconds=29))


NEVER = Schedule("never", (Window.parse("sun 03:00-04:00"),))
HOLIDAY = Holiday("Founders", AT.date(), AT.date())
BREAKS: dict[str, tuple[Reason, str, Callable[[Case], Case]]] = {
    "no time zone": (
        Reason.CLOCK_FAULT, "clock", lambda c: (replace(c[0], at=AT.replace(tzinfo=None)), c[1])
    ),
    "1970": (
        Reason.CLOCK_FAULT, "clock",
        lambda c: (replace(c[0], at=datetime(1970, 1, 1, tzinfo=timezone.utc)), c[1]),
    ),
    "end of the calendar": (
        Reason.CLOCK_FAULT, "clock",
        lambda c: (replace(c[0], at=datetime.max.replace(tzinfo=timezone.utc)), c[1]),
    ),
    "clock went back": (
        Reason.CLOCK_FAULT, "clock",
        lambda c: (c[0], remembered(c[1], last_at=AT + timedelta(minutes=1))),
    ),
    "stale": (
        Reason.CLOCK_FAULT, "clock",
        lambda c: (c[0], replace(c[1], now=AT + timedelta(minutes=2))),
    ),
    "from the future": (
        Reason.CLOCK_FAULT, "clock",
        lambda c: (c[0], replace(c[1], now=AT - timedelta(minutes=2))),
    ),
    **{
        reason.value: (
            reason, "fault", lambda c, reason=reason: (replace(c[0], face_reason=reason), c[1])
        )
        for reason in Reason if reason.is_fault
    },
    "removed door": (Reason.DOOR_DISABLED, "door", lambda c: (c[0], replace(c[1], door=None))),
    "disabled door": (
        Reason.DOOR_DISABLED, "door",
        lambda c: (c[0], replace(c[1], door=replace(DOOR, enabled=False))),
    ),
    "person delayed": (
        Reason.RATE_LIMITED, "lock-out", lambda c: (c[0], about(c[1], pins=delayed()))
    ),
    "person locked": (
        Reason.LOCKED_OUT, "lock-out", lambda c: (c[0], about(c[1], pins=locked()))
    ),
    **{
        reason.value: (
            reason, "face", lambda c, reason=reason: (replace(c[0], face_reason=reason), c[1])
        )
        for reason in Reason if reason is not Reason.GRANTED and not reason.is_fault
    },
    "nobody": (Reason.UNKNOWN_FACE, "face", lambda c: (replace(c[0], subject_id=None), c[1])),
    "revoked": (Reason.SUBJECT_DISABLED, "person", lambda c: (c[0], replace(c[1], person=None))),
    "disabled person": (
        Reason.SUBJECT_DISABLED, "person",
        lambda c: (c[0], about(c[1], person=replace(ANA.person, enabled=False))),
    ),
    "not yet": (
        Reason.NOT_YET_VALID, "validity",
        lambda c: (c[0], person(c[1], valid_from="2026-12-23 12:01", valid_until="")),
    ),
    "expired": (
        Reason.EXPIRED, "validity",
        lambda c: (c[0], person(c[1], valid_from="", valid_until="2026-12-23 12:00")),
    ),
    "no rule": (Reason.NO_RULE, "rule", lambda c: (c[0], about(c[1], grants=()))),
    "closed": (
        Reason.OUTSIDE_SCHEDULE, "rule", lambda c: (c[0], about(c[1], grants=((RULE, NEVER),)))
    ),
    "holiday": (Reason.HOLIDAY, "rule", lambda c: (c[0], replace(c[1], holidays=(HOLIDAY,)))),
    "inside": (
        Reason.ANTI_PASSBACK, "anti-passback",
        lambda c: (c[0], about(c[1], inside_since=AT - timedelta(hours=1))),
    ),
    "no PIN typed": (
        Reason.PIN_NEEDED, "pin", lambda c: (c[0], replace(c[1], pin=PinOutcome.NOT_GIVEN))
    ),
    "wrong PIN": (Reason.PIN_WRONG, "pin", lambda c: (c[0], replace(c[1], pin=PinOutcome.WRONG))),
    "no PIN set": (Reason.PIN_NEEDED, "pin", lambda c: (c[0], person(c[1], has_pin=False))),
    "alone": (
        Reason.SECOND_PERSON_NEEDED, "two-person", lambda c: (c[0], replace(c[1], first=None))
    ),
    "first too long ago": (
        Reason.SECOND_PERSON_NEEDED, "two-person",
        lambda c: (c[0], remembered(c[1], first_at=AT - timedelta(seconds=31))),
    ),
    "the same person twice": (
        Reason.SECOND_PERSON_NEEDED, "two-person",
        lambda c: (c[0], replace(c[1], first=c[1].person)),
    ),
    "first was disabled meanwhile": (
        Reason.SECOND_PERSON_NEEDED, "two-person",
        lambda c: (c[0], replace(c[1], first=replace(BEN, person=OFF))),
    ),
    "first is held back": (
        Reason.SECOND_PERSON_NEEDED, "two-person",
        lambda c: (c[0], replace(c[1], first=replace(BEN, pins=locked()))),
    ),
}  # fmt: skip


def test_when_all_is_well_it_opens_for_both() -> None:
    judgment = judge(ASKED, GOOD)
    assert judgment.ruling.granted
    assert judgment.ruling.rule == "staff at lobby, office (policy 7)"
    assert judgment.passing == (2, 1)
    assert tuple(one.name for one in judgment.checks) == CHECK_NAMES


@pytest.mark.parametrize("name", BREAKS)
def test_every_failing_check_alone_denies(name: str) -> None:
    reason, check, change = BREAKS[name]
    judgment = judge(*change((ASKED, GOOD)))
    assert judgment.ruling.reason is reason
    assert not judgment.ruling.granted
    assert judgment.passing == ()
    first = next(one for one in judgment.checks if one.passed is not True)
    assert first.name == check


@given(st.lists(st.sampled_from(sorted(BREAKS)), min_size=1, max_size=5), st.data())
def test_no_combination_opens_when_anything_fails(names: list[str], data: st.DataObject) -> None:
    case: Case = (ASKED, GOOD)
    for name in names:
        case = BREAKS[name][2](case)
    if data.draw(st.booleans()):  # what is no failure by itself
        case = (case[0], replace(case[1], state=replace(case[1].state, attempts=delayed())))
    judgment = judge(*case)
    # A later change may undo an earlier one (a person made anew); then nothing fails any more.
    passed = [one.passed is True for one in judgment.checks]
    assert judgment.ruling.granted == all(passed)
    if not judgment.ruling.granted:
        assert judgment.passing == ()
        assert judgment.ruling.explanation


@given(
    face=st.sampled_from(list(Reason)),
    named=st.booleans(),
    enrolled=st.booleans(),
    pad=st.sampled_from(list(PadPolicy)),
    mode=st.sampled_from(list(PinMode)),
    typed=st.sampled_from(list(PinOutcome)),
    has_pin=st.booleans(),
    always=st.booleans(),
    door_attempts=st.sampled_from([Attempts(), delayed(), locked()]),
    pins=st.sampled_from([Attempts(), delayed(), locked()]),
    claims=st.sampled_from([Attempts(), delayed(), locked()]),
    alike=st.booleans(),
)
def test_a_door_never_opens_without_a_face_or_a_right_pin_that_may_replace_it(
    face: Reason, named: bool, enrolled: bool, pad: PadPolicy, mode: PinMode, typed: PinOutcome,
    has_pin: bool, always: bool, door_attempts: Attempts, pins: Attempts, claims: Attempts,
    alike: bool,
) -> None:  # fmt: skip
    facts = Facts(
        door=Door("lobby", pad=pad, pin=mode),
        state=DoorState(AT, door_attempts),
        person=PersonFacts(
            Person(1, "Ana", terms=Terms(always_pin=always, has_pin=has_pin)),
            ((Rule("staff", "lobby"), ALWAYS),), None, pins, claims,
        ) if enrolled else None,
        pin=typed,
    )  # fmt: skip
    request = AccessRequest(
        "lobby", 1 if named else None, AT, face_reason=face, alike=frozenset({1} if alike else {2})
    )
    facts = facts if named else replace(facts, person=None)
    judgment = judge(request, facts)
    right = typed is PinOutcome.RIGHT and has_pin
    if judgment.ruling.granted:
        assert named
        assert enrolled
        if face is Reason.GRANTED:
            assert pins.hold(AT) is None
            assert right or not (always or mode is PinMode.SECOND_FACTOR)
            assert right or door_attempts.hold(AT) is None or mode is PinMode.NEVER or not has_pin
        else:
            assert right
            assert face in {Reason.UNKNOWN_FACE, Reason.AMBIGUOUS, Reason.LOW_QUALITY}
            assert mode is PinMode.FALLBACK or (always and face is Reason.AMBIGUOUS)
            assert alike or face is not Reason.AMBIGUOUS
            assert claims.hold(AT) is None
            assert door_attempts.hold(AT) is None


def plain(**door: object) -> Facts:
    """A door without conditions; Ana may always pass."""
    grants = ((Rule("everyone", "lobby"), ALWAYS),)
    return Facts(
        door=Door("lobby", **door),  # type: ignore[arg-type]
        person=replace(ANA, grants=grants),
        first=None,
    )


def after(judgment: Judgment, facts: Facts) -> Facts:
    """The facts of the next request."""
    assert judgment.state is not None
    facts = replace(facts, state=judgment.state)
    if judgment.pins is not None:
        facts = about(facts, pins=judgment.pins)
    return about(facts, claims=judgment.claims) if judgment.claims is not None else facts


def test_a_stranger_cannot_lock_the_door_for_those_it_knows() -> None:
    facts, at = plain(), AT
    stranger = AccessRequest("lobby", None, at, face_reason=Reason.UNKNOWN_FACE)
    reasons = []
    for _ in range(300):
        judgment = judge(replace(stranger, at=at), replace(facts, person=None))
        reasons.append(judgment.ruling.reason)
        facts = replace(facts, state=judgment.state or facts.state)
        assert judge(replace(ASKED, at=at), facts).ruling.granted
        at += timedelta(hours=2)
    assert reasons.count(Reason.UNKNOWN_FACE) == 100
    assert reasons[-1] is Reason.LOCKED_OUT


def test_while_strangers_fail_a_door_with_keypad_asks_those_who_have_one_for_the_pin() -> None:
    facts = replace(plain(pin=PinMode.FALLBACK), state=DoorState(AT, delayed()))
    assert judge(ASKED, facts).ruling.reason is Reason.PIN_NEEDED
    assert judge(ASKED, replace(facts, pin=PinOutcome.RIGHT)).ruling.granted
    assert judge(ASKED, person(facts, has_pin=False)).ruling.granted


@pytest.mark.parametrize(("pad", "free"), [(PadPolicy.OFF, 5), (PadPolicy.PASSIVE, 10)])
def test_attack_detection_doubles_the_free_attempts(pad: PadPolicy, free: int) -> None:
    facts = replace(plain(pad=pad), person=None)
    request = AccessRequest("lobby", None, AT, face_reason=Reason.ATTACK_SUSPECTED)
    for count in range(free):
        judgment = judge(replace(request, at=AT + timedelta(seconds=count)), facts)
        assert judgment.ruling.reason is Reason.ATTACK_SUSPECTED
        facts = replace(facts, state=judgment.state or facts.state)
    held = judge(replace(request, at=AT + timedelta(seconds=free)), facts)
    assert held.ruling.reason is Reason.RATE_LIMITED
    assert held.ruling.retry_at == AT + timedelta(seconds=free - 1 + 30)
    assert held.state is not None
    assert held.state.attempts == facts.state.attempts, "what is held back counts for nothing"


@pytest.mark.parametrize("reason", [one for one in Reason if not one.is_fault])
def test_only_comparisons_that_failed_count_against_the_door(reason: Reason) -> None:
    facts = replace(plain(), person=None)
    judgment = judge(AccessRequest("lobby", None, AT, face_reason=reason), facts)
    assert judgment.state is not None
    counted = reason in COUNTED or reason is Reason.GRANTED  # recognized, but nobody
    assert judgment.state.attempts.failures == int(counted)


def test_wrong_pins_count_against_the_person_and_a_right_one_forgives() -> None:
    facts = replace(plain(pin=PinMode.SECOND_FACTOR), pin=PinOutcome.WRONG)
    for count in range(4):
        judgment = judge(replace(ASKED, at=AT + timedelta(seconds=count)), facts)
        facts = after(judgment, facts)
        assert judgment.state is not None
        assert judgment.state.attempts.failures == 0
    right = judge(
        replace(ASKED, at=AT + timedelta(seconds=9)), replace(facts, pin=PinOutcome.RIGHT)
    )
    assert right.ruling.granted
    assert right.pins is not None
    assert right.pins.failures == 0
    fifth = judge(replace(ASKED, at=AT + timedelta(seconds=9)), facts)
    blocked = judge(
        replace(ASKED, at=AT + timedelta(seconds=12)),
        replace(after(fifth, facts), pin=PinOutcome.RIGHT),
    )
    assert blocked.ruling.reason is Reason.RATE_LIMITED


def test_a_stranger_who_claims_to_be_ana_locks_out_claims_and_not_ana() -> None:
    facts = replace(plain(pin=PinMode.FALLBACK), pin=PinOutcome.WRONG)
    claim, at = replace(ASKED, face_reason=Reason.LOW_QUALITY), AT
    for _ in range(PINS.total):
        judgment = judge(replace(claim, at=at), facts)
        assert judgment.ruling.reason is Reason.PIN_WRONG
        facts, at = after(judgment, facts), at + timedelta(hours=2)
    facts = replace(facts, pin=PinOutcome.RIGHT)
    assert judge(replace(claim, at=at), facts).ruling.reason is Reason.LOCKED_OUT
    assert judge(replace(ASKED, at=at), facts).ruling.granted


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: person(facts, valid_until="2020-01-01T00:00:00"),
        lambda facts: about(facts, grants=()),
        lambda facts: replace(
            facts, person=replace(facts.person, person=replace(facts.person.person, enabled=False))
        ),
    ],
)
def test_who_does_not_know_the_pin_learns_nothing_about_the_person(change: object) -> None:
    facts = change(replace(plain(pin=PinMode.FALLBACK), pin=PinOutcome.WRONG))  # type: ignore[operator]
    claim = replace(ASKED, face_reason=Reason.UNKNOWN_FACE)
    wrong = judge(claim, facts)
    assert wrong.ruling.reason is Reason.PIN_WRONG
    assert wrong.claims is not None
    assert wrong.claims.failures == 1
    right = judge(claim, replace(facts, pin=PinOutcome.RIGHT))
    assert right.ruling.reason not in {Reason.PIN_WRONG, Reason.GRANTED}


@pytest.mark.parametrize("face", [Reason.UNKNOWN_FACE, Reason.AMBIGUOUS, Reason.LOW_QUALITY])
def test_every_wrong_pin_without_a_face_counts_against_the_door(face: Reason) -> None:
    facts = replace(plain(pin=PinMode.FALLBACK), pin=PinOutcome.WRONG)
    for who in (facts, replace(facts, person=None)):
        request = replace(ASKED, face_reason=face, subject_id=1 if who.person else None)
        judgment = judge(request, who)
        assert judgment.state is not None
        assert judgment.state.attempts.failures == 1


def test_the_pin_tells_a_twin_where_the_face_cannot() -> None:
    facts = person(plain(), always_pin=True)
    unsure = replace(ASKED, face_reason=Reason.AMBIGUOUS, alike=frozenset({1, 2}))
    assert judge(ASKED, facts).ruling.reason is Reason.PIN_NEEDED
    assert judge(unsure, facts).ruling.reason is Reason.PIN_NEEDED
    assert judge(unsure, replace(facts, pin=PinOutcome.RIGHT)).ruling.granted
    unlike = replace(unsure, alike=frozenset({2}))
    for mode in PinMode:
        door = replace(facts, door=replace(facts.door, pin=mode), pin=PinOutcome.RIGHT)
        assert judge(unlike, door).ruling.reason is Reason.AMBIGUOUS
    attack = replace(ASKED, face_reason=Reason.ATTACK_SUSPECTED)
    denied = judge(attack, replace(facts, pin=PinOutcome.RIGHT)).ruling.reason
    assert denied is Reason.ATTACK_SUSPECTED


def test_soft_anti_passback_lets_in_and_says_so() -> None:
    door = replace(DOOR, anti_passback=AntiPassback.SOFT)
    facts = about(replace(GOOD, door=door), inside_since=AT - timedelta(hours=1))
    ruling = judge(ASKED, facts).ruling
    assert ruling.granted
    assert "Ana is inside 'office' since 11:00" in ruling.explanation


def test_leaving_is_never_refused_for_anti_passback() -> None:
    door = replace(DOOR, direction=Direction.OUT)
    for since in (None, AT - timedelta(hours=1)):
        assert judge(ASKED, about(replace(GOOD, door=door), inside_since=since)).ruling.granted


def test_a_denial_says_when_it_ended_and_when_it_opens_again() -> None:
    evening = AT + timedelta(hours=7)
    ruling = judge(replace(ASKED, at=evening), replace(GOOD, now=evening)).ruling
    assert ruling.explanation == (
        "Ana's schedule 'office' ends at 18:00; it opens next Thu 2026-12-24 08:00"
    )
    assert ruling.retry_at == datetime(2026, 12, 24, 7, tzinfo=timezone.utc)


def test_an_access_that_ended_today_is_told_with_its_day() -> None:
    ended = judge(ASKED, person(GOOD, valid_until="2026-12-23")).ruling
    assert ended.explanation == "Ana's access ended Wed 2026-12-23 00:00"
    begins = judge(ASKED, person(GOOD, valid_from="2026-12-23 18:00")).ruling
    assert begins.explanation == "Ana's access begins Wed 2026-12-23 18:00"


def test_another_open_rule_is_enough() -> None:
    other = (Rule("cleaners", "lobby"), ALWAYS)
    ruling = judge(ASKED, about(GOOD, grants=((RULE, NEVER), other))).ruling
    assert ruling.granted
    assert ruling.rule.startswith("cleaners at lobby")


@pytest.mark.parametrize(
    ("until", "at", "passes"),
    [
        ("2026-03-29 03:00", "2026-03-29 00:59:59", True),  # 01:59:59 in Berlin, then 03:00
        ("2026-03-29 03:00", "2026-03-29 01:00:00", False),
        ("2026-10-25 02:30", "2026-10-25 00:29:59", True),
        ("2026-10-25 02:30", "2026-10-25 00:30:00", False),
        ("2026-10-25 02:30", "2026-10-25 01:15:00", False),  # 02:15 for the second time
    ],
)
def test_validity_ends_by_the_clock_of_the_door(until: str, at: str, passes: bool) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=timezone.utc)
    facts = person(plain(zone="Europe/Berlin"), valid_until=until)
    assert judge(replace(ASKED, at=moment), facts).ruling.granted == passes


def test_a_time_zone_that_is_gone_keeps_the_door_shut(monkeypatch: pytest.MonkeyPatch) -> None:
    from facegate.domain import judging
    from facegate.errors import PolicyError

    def gone(name: str) -> None:
        raise PolicyError("The time zone is not known to this machine.")

    facts = replace(GOOD, person=person(GOOD, valid_until="2027-01-01").person)
    monkeypatch.setattr(judging, "zone_named", gone)
    ruling = judge(ASKED, facts).ruling
    assert ruling.reason is Reason.INTERNAL_FAULT
    assert "time zone" in ruling.explanation


def test_who_is_alone_becomes_the_first_of_two() -> None:
    judgment = judge(ASKED, replace(GOOD, first=None))
    assert judgment.state is not None
    assert (judgment.state.first_id, judgment.state.first_at) == (1, AT)
    opened = judge(ASKED, GOOD)
    assert opened.state is not None
    assert opened.state.first_id is None

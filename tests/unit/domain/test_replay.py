from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from facegate.domain.doors import AntiPassback, Direction, Door, PinMode
from facegate.domain.policy import Group, Person, Policy, Rule, Terms
from facegate.domain.reasons import Reason
from facegate.domain.receipts import ReceiptDraft
from facegate.domain.replay import replay, summarize
from facegate.domain.schedules import Schedule, Window

AT = datetime(2026, 12, 23, 11, tzinfo=timezone.utc)
POLICY = Policy(
    doors=(Door("lobby"),),
    groups=(Group("staff", frozenset({"Ana"})),),
    schedules=(Schedule("office", (Window.parse("mon-fri 08:00-18:00"),)),),
    rules=(Rule("staff", "lobby", "office"),),
    people=(Person(1, "Ana"), Person(2, "Ben")),
)


def visit(
    hours: float = 0, reason: Reason = Reason.GRANTED, who: int | None = 1, **more: object
) -> ReceiptDraft:
    values = {"tau": 0.5, "similarity": 0.7, "second_similarity": 0.2, "margin": 0.05, **more}
    names = {None: "", 1: "Ana", 2: "Ben", 9: "Zoe"}
    return ReceiptDraft(
        AT + timedelta(hours=hours), "lobby", "0", reason, who, names[who], **values  # type: ignore[arg-type]
    )  # fmt: skip


def now(*drafts: ReceiptDraft, policy: Policy = POLICY, tau: float | None = None) -> list:
    return [row.now for row in replay(drafts, policy, tau)]


def test_the_same_rules_say_the_same() -> None:
    drafts = [
        visit(0), visit(1, Reason.UNKNOWN_FACE, None, similarity=0.3),
        visit(2, Reason.AMBIGUOUS, None, second_similarity=0.68),
        visit(3, Reason.NO_RULE, 2), visit(4, Reason.LOW_QUALITY, None),
        visit(5, Reason.CAMERA_FAULT, None, similarity=None), visit(8, Reason.OUTSIDE_SCHEDULE),
    ]  # fmt: skip
    rows = replay(drafts, POLICY)
    assert [row.now for row in rows] == [draft.reason for draft in drafts]
    assert summarize(rows).changes == {}


def test_a_higher_threshold_refuses_and_a_lower_one_cannot_tell_whom() -> None:
    drafts = [visit(0), visit(1, Reason.UNKNOWN_FACE, None, similarity=0.4)]
    assert now(*drafts, tau=0.8) == [Reason.UNKNOWN_FACE, Reason.UNKNOWN_FACE]
    rows = replay(drafts, POLICY, 0.35)
    assert [row.now for row in rows] == [Reason.GRANTED, None]
    found = summarize(rows)
    assert (found.visits, found.opened, found.refused, found.unknown) == (2, 0, 0, 1)


def test_the_margin_still_counts_and_nan_never_matches() -> None:
    assert now(visit(second_similarity=0.69), tau=0.6) == [Reason.AMBIGUOUS]
    assert now(visit(similarity=float("nan"))) == [Reason.UNKNOWN_FACE]


@pytest.mark.parametrize("reason", [Reason.ATTACK_SUSPECTED, Reason.SEVERAL_FACES, Reason.GAVE_UP])
def test_no_threshold_makes_an_attack_welcome(reason: Reason) -> None:
    assert now(visit(0, reason), tau=-1.0) == [reason]


def test_other_rules_are_counted_by_what_they_change() -> None:
    drafts = [visit(0), visit(1, Reason.NO_RULE, 2), visit(8, Reason.OUTSIDE_SCHEDULE)]
    for_ben = replace(POLICY, groups=(Group("staff", frozenset({"Ben"})),))
    rows = replay(drafts, for_ben)
    assert [row.now for row in rows] == [Reason.NO_RULE, Reason.GRANTED, Reason.NO_RULE]
    found = summarize(rows)
    assert (found.opened, found.refused, found.other_reason) == (1, 1, 1)
    assert found.changes[Reason.GRANTED, Reason.NO_RULE] == 1


def test_anti_passback_and_two_people_are_followed_through_the_day() -> None:
    doors = (Door("lobby", area="hall", direction=Direction.IN, anti_passback=AntiPassback.HARD),)
    assert now(visit(1), visit(0), policy=replace(POLICY, doors=doors)) == [
        Reason.GRANTED, Reason.ANTI_PASSBACK,
    ]  # fmt: skip
    pair = replace(
        POLICY,
        doors=(Door("lobby", two_person_s=60),),
        groups=(Group("staff", frozenset({"Ana", "Ben"})),),
    )
    assert now(visit(0), visit(0.01, Reason.NO_RULE, 2), policy=pair) == [
        Reason.SECOND_PERSON_NEEDED, Reason.GRANTED,
    ]  # fmt: skip


def test_pins_are_taken_as_the_receipts_allow() -> None:
    people = tuple(replace(one, terms=Terms(has_pin=True)) for one in POLICY.people)
    policy = replace(POLICY, doors=(Door("lobby", pin=PinMode.SECOND_FACTOR),), people=people)
    drafts = [visit(0), visit(1, Reason.PIN_WRONG), visit(2, Reason.OUTSIDE_SCHEDULE)]
    assert now(*drafts, policy=policy) == [Reason.GRANTED, Reason.PIN_WRONG, Reason.PIN_NEEDED]
    fallback = replace(POLICY, doors=(Door("lobby", pin=PinMode.FALLBACK),), people=people)
    assert now(visit(similarity=0.4), policy=fallback) == [Reason.GRANTED], "it was a claim then"


def test_people_and_doors_that_are_gone_are_denied() -> None:
    assert now(visit(0, who=9)) == [Reason.SUBJECT_DISABLED]
    assert now(visit(0), policy=replace(POLICY, doors=(), rules=())) == [Reason.DOOR_DISABLED]


def test_nothing_at_all_is_no_visit() -> None:
    assert replay([], POLICY) == []
    assert summarize([]).visits == 0

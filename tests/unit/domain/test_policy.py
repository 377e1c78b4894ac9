from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone

import pytest

from facegate.domain.doors import AntiPassback, Direction, Door, PinMode
from facegate.domain.policy import EVERYONE, Group, Person, Policy, Rule, Terms
from facegate.domain.policy_check import contradictions
from facegate.domain.schedules import Holiday, Hours, OnHolidays, Schedule, Window
from facegate.errors import PolicyError

AT = datetime(2026, 12, 23, 11, tzinfo=timezone.utc)
OFFICE = Schedule("office", (Window.parse("mon-fri 08:00-18:00"),))
ANA, BEN = Person(1, "Ana"), Person(2, "Ben")
GOOD = Policy(
    doors=(Door("lobby", zone="Europe/Berlin"),),
    groups=(Group("staff", frozenset({"Ana", "Ben"})),),
    schedules=(OFFICE,),
    rules=(Rule("staff", "lobby", "office"),),
    people=(ANA, BEN),
)


def kinds(policy: Policy) -> set[tuple[str, str]]:
    return {(one.kind, one.name) for one in contradictions(policy, AT)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""}, {"name": " x"}, {"name": "a\nb"}, {"name": "x" * 61}, {"zone": "Mars/Base"},
        {"unlock_s": 0}, {"unlock_s": float("nan")}, {"held_open_s": -1}, {"two_person_s": 1},
        {"area": "hall"}, {"direction": Direction.IN}, {"anti_passback": AntiPassback.HARD},
        {"output": ""}, {"source": "x" * 501}, {"source": "a\0"},
    ],
)  # fmt: skip
def test_doors_that_contradict_themselves_are_refused(wrong: dict) -> None:
    with pytest.raises(PolicyError):
        Door(**{"name": "lobby", **wrong})


@pytest.mark.parametrize(
    "wrong",
    [{}, {"name": 3}, {"name": "x", "colour": 1}, {"name": "x", "pad": "none"},
     {"name": "x", "enabled": "yes"}, {"name": "x", "unlock_s": True}, {"name": "x", "pin": None}],
)  # fmt: skip
def test_doors_of_wrong_kinds_are_refused(wrong: dict) -> None:
    with pytest.raises(PolicyError):
        Door.from_dict(wrong)


def test_a_door_comes_back_from_its_dict() -> None:
    door = Door("lobby", area="hall", direction=Direction.OUT, pin=PinMode.FALLBACK, unlock_s=5)
    assert Door.from_dict(door.as_dict()) == door


@pytest.mark.parametrize(
    "change",
    [
        {"rules": (Rule("nobody", "lobby"),)},
        {"rules": (Rule("staff", "gone"),)},
        {"rules": (Rule("staff", "lobby", "gone"),)},
        {"rules": (Rule("staff", "lobby"), Rule("staff", "lobby"))},
        {"doors": (Door("lobby"), Door("lobby"))},
        {"groups": (Group("staff", frozenset({"Cem"})),)},
        {"groups": (Group(EVERYONE),)},
        {"schedules": (OFFICE, replace(OFFICE, name="always"))},
    ],
)
def test_policies_that_name_what_is_not_there_are_refused(change: dict) -> None:
    with pytest.raises(PolicyError):
        replace(GOOD, **change)


def test_everyone_is_everybody_enrolled() -> None:
    policy = replace(GOOD, rules=(Rule(EVERYONE, "lobby"),), groups=())
    assert policy.members(EVERYONE) == {"Ana", "Ben"}
    assert [str(rule) for rule, _ in policy.grants("lobby", "Ben")] == ["everyone at lobby, always"]
    with pytest.raises(PolicyError):
        Group(EVERYONE, frozenset({"Ana"}))


def test_validity_must_end_after_it_begins() -> None:
    with pytest.raises(PolicyError, match="ends before"):
        Terms("2026-12-24", "2026-12-24")
    assert Terms("2026-12-24", "2026-12-25").valid_from == "2026-12-24T00:00:00"


def test_a_policy_that_makes_sense_has_no_findings() -> None:
    assert kinds(GOOD) == set()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"rules": ()}, {("nobody_passes", "lobby"), ("unused_group", "staff"),
                         ("unused_schedule", "office")}),
        ({"groups": (Group("staff"),)}, {("nobody_passes", "lobby"), ("empty_group", "staff")}),
        ({"doors": (Door("lobby", enabled=False),)}, {("door_disabled", "lobby")}),
        ({"people": (replace(ANA, enabled=False), replace(BEN, enabled=False))},
         {("nobody_passes", "lobby")}),
        ({"people": (ANA, replace(BEN, enabled=False)), "doors": (Door("lobby", two_person_s=9),)},
         {("second_person_missing", "lobby")}),
        ({"people": tuple(replace(one, terms=Terms("", "2026-12-20")) for one in (ANA, BEN))},
         {("nobody_passes", "lobby")}),
        ({"people": (replace(ANA, terms=Terms("2026-12-26", "2026-12-28")),),  # a weekend
          "groups": (Group("staff", frozenset({"Ana"})),)},
         {("nobody_passes", "lobby")}),
        ({"people": (ANA, replace(BEN, terms=Terms(always_pin=True)))}, {("pin_missing", "Ben")}),
        ({"doors": (Door("lobby", pin=PinMode.SECOND_FACTOR),)},
         {("nobody_passes", "lobby"), ("pin_missing", "Ana"), ("pin_missing", "Ben")}),
        ({"doors": (Door("lobby", area="hall", direction=Direction.IN,
                         anti_passback=AntiPassback.SOFT),)}, {("no_way_out", "hall")}),
    ],
)  # fmt: skip
def test_what_can_hardly_be_meant_is_found(change: dict, found: set) -> None:
    assert kinds(replace(GOOD, **change)) == found


def test_a_schedule_that_never_opens_is_found() -> None:
    feasts = Schedule("feasts", (), "", OnHolidays.OWN_HOURS, (Hours.parse("10:00-12:00"),))
    policy = replace(GOOD, schedules=(feasts,), rules=(Rule("staff", "lobby", "feasts"),))
    assert kinds(policy) == {("never_opens", "feasts"), ("nobody_passes", "lobby")}
    past = Holiday("past", date(2025, 5, 1), date(2025, 5, 1))
    assert ("never_opens", "feasts") in kinds(replace(policy, holidays=(past,)))
    assert kinds(replace(policy, holidays=(replace(past, yearly=True),))) == set()

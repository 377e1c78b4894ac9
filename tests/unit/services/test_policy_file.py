from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.doors import AntiPassback, Direction, Door, PinMode
from facegate.domain.policy import Group, Person, Policy, Rule, Terms
from facegate.domain.schedules import Holiday, Hours, OnHolidays, Schedule, Window
from facegate.errors import PolicyError
from facegate.services.policy_file import policy_text, read_policy

PEOPLE = (
    Person(1, 'Zoë "李"\\', terms=Terms("2026-01-01", "2026-12-24 18:30", True, has_pin=True)),
    Person(2, "Ben"),
)
FULL = Policy(
    doors=(
        Door("in", "rtsp://u:p@cam/1", area="hall", direction=Direction.IN, zone="Europe/Berlin",
             anti_passback=AntiPassback.HARD, pin=PinMode.FALLBACK, two_person_s=12.5),
        Door("out", enabled=False),
    ),
    groups=(Group("empty"), Group("staff", frozenset(one.name for one in PEOPLE))),
    schedules=(
        Schedule("office", (Window.parse("mon-fri 08:00-18:00"), Window.parse("sat 22:00-02:00")),
                 "America/New_York", OnHolidays.OWN_HOURS, (Hours.parse("10:00-24:00"),)),
    ),
    holidays=(Holiday("Turn", date(2026, 12, 31), date(2027, 1, 1), yearly=True),),
    rules=(Rule("staff", "in", "office"), Rule("everyone", "out")),
    people=PEOPLE,
)  # fmt: skip


def test_a_policy_comes_back_from_its_file_and_pins_are_not_in_it() -> None:
    text = policy_text(FULL)
    assert "pin_hash" not in text
    assert "has_pin" not in text
    assert read_policy(text, PEOPLE) == FULL
    assert policy_text(read_policy(text, PEOPLE)) == text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60))
def test_any_printable_address_comes_back(source: str) -> None:
    if source.isprintable():
        door = Door("x", source)
        assert read_policy(policy_text(Policy(doors=(door,))), ()).doors == (door,)


def test_a_short_file_is_enough() -> None:
    text = """
        [[doors]]
        name = "lobby"
        [[schedules]]
        name = "feasts"
        holiday_hours = ["10:00-12:00"]
        [[holidays]]
        name = "May"
        first = 2026-05-01
        [[rules]]
        group = "everyone"
        door = "lobby"
    """
    policy = read_policy(text, PEOPLE)
    assert policy.rules == (Rule("everyone", "lobby", "always"),)
    assert policy.holidays[0].last == date(2026, 5, 1)
    assert policy.people[0].terms == Terms(has_pin=True), "no limits, and the PIN is kept"


@pytest.mark.parametrize(
    "text",
    [
        "doors = 3", "doors = [3]", "x = 1", "[[doors]]", "[[doors]]\nname = 3",
        "[[doors]]\nname = 'a'\n[[doors]]\nname = 'a'", "[[groups]]\nname = 'g'\nmembers = ['Cem']",
        "[[groups]]\nname = 'g'\nmembers = [1]", "[[people]]\nname = 'Cem'",
        "[[people]]\nname = 'Ben'\n[[people]]\nname = 'Ben'",
        "[[people]]\nname = 'Ben'\npin_hash = 'x'", "[[rules]]\ngroup = 'g'\ndoor = 'd'",
        "[[holidays]]\nname = 'h'\nfirst = 'May'",
        "[[holidays]]\nname = 'h'\nfirst = 2026-05-01T10:00:00",
        "[[schedules]]\nname = 's'\nwindows = 'mon 08:00-09:00'", "[[schedules]]\nname = 's'",
        "[[schedules]]\nname = 's'\nwindows = ['daily 1:00-2:00']\non_holidays = 'maybe'",
        "[[doors]", "[" * 5000, "\0", "# " + "x" * 5_000_000,
    ],
)  # fmt: skip
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        read_policy(text, PEOPLE)

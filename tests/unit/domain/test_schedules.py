from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.local_time import moment, parse_local, zone_named
from facegate.domain.schedules import ALWAYS, Holiday, Hours, OnHolidays, Schedule, Window
from facegate.errors import PolicyError

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
SWITCHES = [
    (BERLIN, date(2026, 3, 29)),
    (BERLIN, date(2026, 10, 25)),
    (NEW_YORK, date(2026, 3, 8)),
    (NEW_YORK, date(2026, 11, 1)),
    ("America/Havana", date(2026, 3, 8)),  # skips midnight itself
    ("America/Havana", date(2026, 11, 1)),  # shows midnight twice
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # half an hour
]


def schedule(*windows: str, **more: object) -> Schedule:
    return Schedule("s", tuple(Window.parse(one) for one in windows), **more)  # type: ignore[arg-type]


def is_open(plan: Schedule, local: str, zone: str = BERLIN, fold: int = 0, *days: Holiday) -> bool:
    at = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return plan.opening(at.astimezone(timezone.utc), zone, days).is_open


def first_showing(local: datetime, zone: ZoneInfo) -> datetime:
    """The definition, by looking at the clock every minute."""
    at = (local - timedelta(days=1, hours=15)).replace(tzinfo=timezone.utc)
    while at.astimezone(zone).replace(tzinfo=None) < local:
        at += timedelta(minutes=1)
    return at


@pytest.mark.parametrize(("zone", "day"), SWITCHES)
@pytest.mark.parametrize("minutes", [-31, 0, 1, 30, 60, 90, 119, 120, 121, 150, 180, 181, 1440])
def test_a_local_time_is_the_moment_of_its_first_showing(
    zone: str, day: date, minutes: int
) -> None:
    local = datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)
    assert moment(local, zone_named(zone)) == first_showing(local, zone_named(zone))


@given(
    st.sampled_from(SWITCHES),
    st.integers(0, 4000),
    st.integers(0, 300),
)
def test_later_on_the_wall_is_never_earlier_in_time(
    switch: tuple[str, date], minutes: int, more: int
) -> None:
    name, day = switch
    start = datetime(day.year, day.month, day.day) - timedelta(days=1)
    first = moment(start + timedelta(minutes=minutes), zone_named(name))
    second = moment(start + timedelta(minutes=minutes + more), zone_named(name))
    assert first <= second


def test_windows_begin_included_and_end_excluded() -> None:
    plan = schedule("mon-fri 08:00-18:00")
    assert not is_open(plan, "2026-12-21 07:59:59")
    assert is_open(plan, "2026-12-21 08:00")
    assert is_open(plan, "2026-12-25 17:59:59")
    assert not is_open(plan, "2026-12-25 18:00")
    assert not is_open(plan, "2026-12-26 12:00")


def test_a_window_over_midnight_belongs_to_the_day_it_begins_on() -> None:
    plan = schedule("fri 22:00-06:00")
    assert is_open(plan, "2026-12-18 23:00")
    assert is_open(plan, "2026-12-19 05:59")
    assert not is_open(plan, "2026-12-19 06:00")
    assert not is_open(plan, "2026-12-19 23:00")
    assert not is_open(plan, "2026-12-18 05:00"), "Thursday night was none"


@pytest.mark.parametrize(("zone", "day"), [(BERLIN, "2026-03-29"), (NEW_YORK, "2026-03-08")])
def test_when_the_clock_goes_forward(zone: str, day: str) -> None:
    skipped = schedule("sun 02:00-03:00")
    for hour in (1, 3):
        assert not is_open(skipped, f"{day} {hour:02}:00", zone)
    night = schedule("sat 22:00-02:30")
    assert is_open(night, f"{day} 01:59:59", zone)
    assert not is_open(night, f"{day} 03:00", zone), "02:30 was skipped, so it is over"
    late = schedule("sun 02:30-05:00")
    assert not is_open(late, f"{day} 01:59:59", zone)
    assert is_open(late, f"{day} 03:00", zone)


@pytest.mark.parametrize(
    ("zone", "day", "hour"), [(BERLIN, "2026-10-25", 2), (NEW_YORK, "2026-11-01", 1)]
)
def test_when_the_clock_goes_back_nothing_opens_twice(zone: str, day: str, hour: int) -> None:
    night = schedule(f"sat 22:00-{hour:02}:30")
    assert is_open(night, f"{day} {hour:02}:29", zone)
    assert not is_open(night, f"{day} {hour:02}:30", zone)
    assert not is_open(night, f"{day} {hour:02}:15", zone, 1), "it ended an hour ago"
    early = schedule(f"sun {hour:02}:30-05:00")
    assert not is_open(early, f"{day} {hour:02}:29", zone)
    for fold in (0, 1):
        assert is_open(early, f"{day} {hour:02}:45", zone, fold)
    assert is_open(early, f"{day} {hour:02}:15", zone, 1), "it began an hour ago, and goes on"


@pytest.mark.parametrize(("zone", "day"), SWITCHES)
def test_all_day_every_day_has_no_gap_on_switch_days(zone: str, day: date) -> None:
    plan = schedule("daily 00:00-24:00")
    at = datetime(day.year, day.month, day.day, tzinfo=timezone.utc) - timedelta(hours=20)
    for _ in range(60 * 12):
        assert plan.opening(at, zone, ()).is_open
        at += timedelta(minutes=5)


@pytest.mark.parametrize(("zone", "day"), SWITCHES)
def test_openings_equal_a_walk_through_the_minutes(zone: str, day: date) -> None:
    plan, place = schedule("sat 22:30-02:15", "sun 01:45-02:30", "sun 23:00-00:30"), ZoneInfo(zone)
    wanted = [
        (first_showing(start, place), first_showing(end, place))
        for offset in range(-2, 3)
        for window in plan.windows
        for one in [day + timedelta(days=offset)]
        if one.weekday() in window.days
        for midnight in [datetime(one.year, one.month, one.day)]
        for start in [midnight + timedelta(minutes=window.hours.start_min)]
        for end in [
            midnight + timedelta(days=window.hours.past_midnight, minutes=window.hours.end_min)
        ]
    ]
    at = datetime(day.year, day.month, day.day, tzinfo=timezone.utc) - timedelta(hours=14)
    for _ in range(60 * 40 // 7):
        assert plan.opening(at, zone, ()).is_open == any(a <= at < b for a, b in wanted), at
        at += timedelta(minutes=7)


CHRISTMAS = Holiday("Christmas", date(2026, 12, 25), date(2026, 12, 26))  # Friday, Saturday


def test_a_holiday_closes_and_says_its_name() -> None:
    plan = schedule("mon-fri 08:00-18:00")
    noon = datetime(2026, 12, 25, 12, tzinfo=ZoneInfo(BERLIN)).astimezone(timezone.utc)
    found = plan.opening(noon, BERLIN, (CHRISTMAS,))
    assert (found.is_open, found.holiday) == (False, "Christmas")
    assert found.next_at == datetime(2026, 12, 28, 7, tzinfo=timezone.utc)
    usual = schedule("mon-fri 08:00-18:00", on_holidays=OnHolidays.AS_USUAL)
    assert usual.opening(noon, BERLIN, (CHRISTMAS,)).is_open


def test_a_night_into_a_holiday_ends_at_midnight_and_own_hours_may_go_on() -> None:
    night = schedule("daily 22:00-06:00")
    assert is_open(night, "2026-12-24 23:59", BERLIN, 0, CHRISTMAS)
    assert not is_open(night, "2026-12-25 00:00", BERLIN, 0, CHRISTMAS)
    assert not is_open(night, "2026-12-26 23:00", BERLIN, 0, CHRISTMAS)
    assert not is_open(night, "2026-12-27 05:00", BERLIN, 0, CHRISTMAS), "none began on the 26th"
    own = schedule(
        "mon-fri 08:00-18:00",
        on_holidays=OnHolidays.OWN_HOURS,
        holiday_hours=(Hours.parse("20:00-02:00"),),
    )
    assert not is_open(own, "2026-12-25 12:00", BERLIN, 0, CHRISTMAS)
    assert is_open(own, "2026-12-26 23:00", BERLIN, 0, CHRISTMAS)
    assert is_open(own, "2026-12-27 01:59", BERLIN, 0, CHRISTMAS)


def test_yearly_holidays_go_over_new_year_and_know_leap_days() -> None:
    turn = Holiday("turn", date(2024, 12, 24), date(2025, 1, 2), yearly=True)
    assert turn.covers(date(2027, 1, 2))
    assert turn.covers(date(2026, 12, 24))
    assert not turn.covers(date(2027, 1, 3))
    assert not turn.covers(date(2024, 1, 1)), "before the first one"
    leap = Holiday("leap", date(2024, 2, 29), date(2024, 2, 29), yearly=True)
    assert leap.covers(date(2028, 2, 29))
    assert leap.covers(date(2027, 2, 28))
    assert not leap.covers(date(2028, 2, 28))


def test_a_schedule_may_have_a_time_zone_of_its_own() -> None:
    plan = schedule("mon-fri 08:00-18:00", zone=NEW_YORK)
    at = datetime(2026, 12, 21, 22, tzinfo=timezone.utc)  # 17:00 in New York, 23:00 in Berlin
    found = plan.opening(at, BERLIN, ())
    assert found.is_open
    assert found.until == datetime(2026, 12, 21, 23, tzinfo=timezone.utc)


def test_openings_that_touch_are_one() -> None:
    plan = schedule("mon 20:00-24:00", "tue 00:00-04:00")
    at = datetime(2026, 12, 21, 20, tzinfo=timezone.utc)
    assert plan.opening(at, "UTC", ()).until == datetime(2026, 12, 22, 4, tzinfo=timezone.utc)


def test_always_is_open_on_every_day() -> None:
    assert ALWAYS.opening(datetime(2026, 12, 25, tzinfo=timezone.utc), BERLIN, (CHRISTMAS,)).is_open


@pytest.mark.parametrize(
    "text",
    ["mon-fri 08:00-18:00", "sat,sun 22:00-06:00", "daily 00:00-24:00", "mon,wed 01:00-02:00"],
)
def test_windows_are_written_as_they_are_read(text: str) -> None:
    assert str(Window.parse(text)) == text


def test_days_go_around_the_weekend() -> None:
    assert Window.parse("fri-mon 08:00-09:00").days == (0, 4, 5, 6)


@pytest.mark.parametrize(
    "text",
    ["", "mon", "mon 8", "mon 08:00-08:00", "mon 24:00-02:00", "mon 08:60-09:00", "mon 08:00-25:00",
     "someday 08:00-09:00", "mon- 08:00-09:00", "mon 08:00-09:00 x", "mon ٠٨:٠٠-٠٩:٠٠",
     ",mon 1:00-2:00"],
)  # fmt: skip
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        Window.parse(text)


@pytest.mark.parametrize("zone", ["", "Mars/Base", "Europe", "../etc/passwd", "x" * 300, "a\0b"])
def test_unknown_time_zones_are_refused(zone: str) -> None:
    with pytest.raises(PolicyError, match="time zone"):
        zone_named(zone)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-13-01",
        "2026-12-24T19:00+01:00",
        "1970-01-01",
        "9999-12-31",
        "20261224",
        "2026-W52-4",
        "2026-12-24 19",
    ],
)
def test_what_is_no_local_time_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        parse_local(text)


def test_schedules_without_hours_or_with_halves_are_refused() -> None:
    with pytest.raises(PolicyError, match="never open"):
        schedule()
    with pytest.raises(PolicyError, match="own_hours"):
        schedule("mon 08:00-09:00", on_holidays=OnHolidays.OWN_HOURS)
    with pytest.raises(PolicyError):
        Holiday("h", date(2026, 1, 2), date(2026, 1, 1))

"""When a rule is in force: weekly windows on the clock of the door, and holidays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from facegate.domain.local_time import YEARS, moment, zone_named
from facegate.domain.names import policy_name
from facegate.errors import PolicyError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
LOOK_AHEAD_DAYS = 35
"""How far the next opening is looked for."""

_HOURS = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True)
class Hours:
    """From a time of day up to, not including, another; past midnight when that is not later.

    Attributes:
        start_min, end_min: minutes after midnight; start in [0, 1440), end in (0, 1440].
    """

    start_min: int
    end_min: int

    def __post_init__(self) -> None:
        whole = isinstance(self.start_min, int) and isinstance(self.end_min, int)
        if not whole or not 0 <= self.start_min < DAY_MIN or not 0 < self.end_min <= DAY_MIN:
            raise PolicyError("Hours lie between 00:00 and 24:00.")
        if self.start_min == self.end_min:
            raise PolicyError(
                f"The hours {self} begin and end at once.", hint="All day is 00:00-24:00."
            )

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Read `08:00-18:00`; `22:00-06:00` goes past midnight. Raises PolicyError."""
        match = _HOURS.fullmatch(text.strip())
        numbers = [int(part) for part in match.groups()] if match and text.isascii() else []
        if not numbers or numbers[1] > 59 or numbers[3] > 59:
            raise PolicyError(f"{text!r} are no hours.", hint="Write them as in 08:00-18:00.")
        end = numbers[2] * 60 + numbers[3]
        return cls(numbers[0] * 60 + numbers[1], DAY_MIN if end == 0 else end)

    @property
    def past_midnight(self) -> bool:
        """Whether they end on the day after they began."""
        return self.end_min < self.start_min

    def __str__(self) -> str:
        ends = (self.start_min, self.end_min)
        return "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in ends)


@dataclass(frozen=True, slots=True)
class Window:
    """The same hours on some days of the week.

    Attributes:
        days: on which the hours begin; 0 is Monday; sorted, each once.
        hours: see Hours.
    """

    days: tuple[int, ...]
    hours: Hours

    def __post_init__(self) -> None:
        if not self.days or set(self.days) - set(range(7)):
            raise PolicyError("A window needs days of the week.")
        object.__setattr__(self, "days", tuple(sorted(set(self.days))))

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read `mon-fri 08:00-18:00`, `sat,sun 22:00-06:00` or `daily 00:00-24:00`."""
        words = text.lower().split()
        if len(words) != 2:
            raise PolicyError(
                f"{text!r} is not a window.", hint="Write it as in 'mon-fri 08:00-18:00'."
            )
        return cls(tuple(_days(words[0])), Hours.parse(words[1]))

    def __str__(self) -> str:
        if len(self.days) == 7:
            return f"daily {self.hours}"
        first, last = self.days[0], self.days[-1]
        if last - first == len(self.days) - 1 and len(self.days) > 2:
            return f"{DAYS[first]}-{DAYS[last]} {self.hours}"
        return f"{','.join(DAYS[day] for day in self.days)} {self.hours}"


def _days(text: str) -> Iterator[int]:
    if text == "daily":
        yield from range(7)
        return
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS or part.endswith("-"):
            raise PolicyError(
                f"{part!r} is no day of the week.", hint=f"Days are {', '.join(DAYS)} and daily."
            )
        day, end = DAYS.index(first), DAYS.index(last or first)
        yield day
        while day != end:  # fri-mon goes over the weekend
            day = (day + 1) % 7
            yield day


@dataclass(frozen=True, slots=True)
class Holiday:
    """One day or some days on which schedules may differ.

    Attributes:
        name: unique.
        first, last: dates, both included.
        yearly: every year from the first one on; 29 February falls on the 28th in other years.
    """

    name: str
    first: date
    last: date
    yearly: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", policy_name(self.name, "holiday"))
        if self.first.year not in YEARS or self.last.year not in YEARS:
            raise PolicyError(f"The holiday {self.name!r} lies in a year of no use.")
        if not timedelta(0) <= self.last - self.first < timedelta(days=366):
            raise PolicyError(f"The holiday {self.name!r} must last 1 to 366 days.")

    def covers(self, day: date) -> bool:
        """Whether a day belongs to it."""
        if not self.yearly:
            return self.first <= day <= self.last
        length = self.last - self.first
        for year in (day.year - 1, day.year):
            begin = _in_year(self.first, year)
            if year >= self.first.year and begin <= day <= begin + length:
                return True
        return False


def _in_year(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)


class OnHolidays(str, Enum):
    """What a schedule does on a holiday. Values are part of the JSON contract."""

    CLOSED = "closed"
    AS_USUAL = "as_usual"
    OWN_HOURS = "own_hours"


@dataclass(frozen=True, slots=True)
class Opening:
    """How a schedule stands at one moment.

    Attributes:
        is_open: whether its rules are in force.
        until: end of the opening it is in, UTC; None when closed or not within the look-ahead.
        ended_at: end of the last opening that began on the same local day or the day before.
        next_at: begin of the next opening, UTC; None when open, or none within the look-ahead.
        holiday: name of the holiday that keeps it closed; empty otherwise.
    """

    is_open: bool
    until: datetime | None = None
    ended_at: datetime | None = None
    next_at: datetime | None = None
    holiday: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Weekly windows, and what holidays change.

    A window belongs to the day on which it begins. On a holiday no weekly window begins (unless the
    schedule goes on as usual), and one from the day before ends at midnight. A holiday's own hours
    may go past its midnight.

    Attributes:
        name: unique.
        windows: weekly; may be empty when there are holiday hours.
        zone: time zone; empty: that of the door.
        on_holidays: see OnHolidays.
        holiday_hours: given exactly when on_holidays is OWN_HOURS.
    """

    name: str
    windows: tuple[Window, ...]
    zone: str = ""
    on_holidays: OnHolidays = OnHolidays.CLOSED
    holiday_hours: tuple[Hours, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", policy_name(self.name, "schedule"))
        if self.zone:
            zone_named(self.zone)
        if not self.windows and not self.holiday_hours:
            raise PolicyError(
                f"The schedule {self.name!r} has no hours: it would never open.",
                hint="Give it windows such as 'mon-fri 08:00-18:00'.",
            )
        if (self.on_holidays is OnHolidays.OWN_HOURS) != bool(self.holiday_hours):
            raise PolicyError(
                f"The schedule {self.name!r} needs hours for holidays exactly when it has "
                "own_hours on them."
            )

    @property
    def is_always(self) -> bool:
        """Whether it is the built-in schedule that never closes."""
        return self == ALWAYS

    def zone_at(self, door_zone: str) -> ZoneInfo:
        """Its time zone at a door. Raises PolicyError when this machine does not know it."""
        return zone_named(self.zone or door_zone)

    def openings(
        self, first: date, last: date, zone: ZoneInfo, holidays: Sequence[Holiday]
    ) -> Iterator[tuple[datetime, datetime]]:
        """Begin and end, UTC, of each opening that begins on one of the days, both included."""
        day = first
        while day <= last:
            special = self.holiday_of(day, holidays) is not None
            cut = not special and self.holiday_of(day + timedelta(days=1), holidays) is not None
            for hours in self._hours_on(day, special):
                begin = moment(_local(day, hours.start_min), zone)
                end_min = hours.end_min + (DAY_MIN if hours.past_midnight else 0)
                end = moment(_local(day, min(end_min, DAY_MIN) if cut else end_min), zone)
                if begin < end:  # both may lie in the hour that a clock skips
                    yield begin, end
            day += timedelta(days=1)

    def _hours_on(self, day: date, special: bool) -> Iterable[Hours]:
        if special:
            return self.holiday_hours
        return [window.hours for window in self.windows if day.weekday() in window.days]

    def holiday_of(self, day: date, holidays: Sequence[Holiday]) -> Holiday | None:
        """The holiday that changes this schedule on a day, or None."""
        if self.on_holidays is OnHolidays.AS_USUAL:
            return None
        return next((one for one in holidays if one.covers(day)), None)

    def opening(self, at: datetime, door_zone: str, holidays: Sequence[Holiday]) -> Opening:
        """How it stands at a moment.

        Args:
            at: time zone aware, in one of YEARS.
            door_zone: counts when the schedule has no time zone of its own.
            holidays: all that are known.

        Raises:
            PolicyError: this machine does not know the time zone.
        """
        if self.is_always:
            return Opening(True)
        zone = self.zone_at(door_zone)
        today, one_day = at.astimezone(zone).date(), timedelta(days=1)
        # A clock set back over midnight shows tomorrow's first minutes before today's last.
        near = list(self.openings(today - one_day, today + one_day, zone, holidays))
        if any(begin <= at < end for begin, end in near):
            far = sorted(self.openings(today - one_day, today + 8 * one_day, zone, holidays))
            until = at
            for begin, end in far:
                if begin <= until < end:
                    until = end
            days_known = until - at < timedelta(days=7)
            return Opening(True, until=until if days_known else None)
        later = self.openings(today, today + LOOK_AHEAD_DAYS * one_day, zone, holidays)
        coming = [begin for begin, _ in later if begin > at]
        holiday = self.holiday_of(today, holidays)
        return Opening(
            False,
            ended_at=max((end for _, end in near if end <= at), default=None),
            next_at=min(coming, default=None),
            holiday=holiday.name if holiday else "",
        )


def _local(day: date, minutes: int) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(minutes=minutes)


ALWAYS = Schedule("always", (Window.parse("daily 00:00-24:00"),), on_holidays=OnHolidays.AS_USUAL)
"""Built in; cannot be changed or removed."""

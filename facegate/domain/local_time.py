"""Clocks on the wall: from what they show to moments that only ever go forward."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from facegate.errors import PolicyError

YEARS = range(2020, 2200)
"""A clock that shows another year is not set; such moments are never used for a decision."""


_LOCAL = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?", re.ASCII)
_WITH_OFFSET = re.compile(r"(.*\d\d:\d\d)\s*([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@lru_cache(maxsize=64)
def zone_named(name: str) -> ZoneInfo:
    """Find a time zone, such as `Europe/Berlin`. Raises PolicyError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PolicyError(
            f"The time zone {name!r} is not known to this machine.",
            hint="Write it as in Europe/Berlin, America/New_York or UTC.",
        ) from error


def moment(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which a clock on the wall first shows a time.

    It never goes down when the time shown goes up, so an interval of local times never opens twice
    and two that follow each other leave no gap:

    - a time that is shown twice (the clock is set back) stands for its first showing, as in
      RFC 5545, section 3.3.5;
    - a time that is skipped (the clock is set forward) stands for the moment of the skip, where the
      clock first shows something later.

    Args:
        local: without a time zone, in one of YEARS, whole seconds.
        zone: whose clock it is.

    Returns:
        Time zone aware, UTC.
    """
    first = local.replace(tzinfo=zone, fold=0).astimezone(timezone.utc)
    if first.astimezone(zone).replace(tzinfo=None) == local:
        return first
    before = local.replace(tzinfo=zone, fold=1).astimezone(timezone.utc)
    after, offset = first, first.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


def parse_local(text: str) -> datetime:
    """Read a date, or a date and a time, without a time zone: `2026-12-24` or `2026-12-24 19:00`.

    Raises:
        PolicyError: it is neither, or a year of no use.
    """
    try:
        if not _LOCAL.fullmatch(text.strip()):
            raise ValueError(text)
        read = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise PolicyError(
            f"{text!r} is not a local date or time.",
            hint="Write 2026-12-24 or 2026-12-24 19:00; the time zone is that of the door.",
        ) from error
    if read.year not in YEARS:
        raise PolicyError(f"{text!r} is not between {YEARS.start} and {YEARS.stop - 1}.")
    return read


def read_moment(text: str, zone: ZoneInfo) -> tuple[datetime, str]:
    """Read a time that somebody typed, and say where it could mean something else.

    Args:
        text: what a clock at the door shows, or a time with `Z` or an offset such as `+01:00`.
        zone: of the door.

    Returns:
        The moment, UTC, and a sentence about a time that this zone's clocks skip or show twice;
        empty for all others.

    Raises:
        PolicyError: it is no time, or of a year of no use.
    """
    given = _WITH_OFFSET.fullmatch(text.strip())
    if given is not None:
        local = parse_local(given[1])
        suffix = "+00:00" if given[2] in "Zz" else given[2]
        try:
            exact = datetime.fromisoformat(local.isoformat() + suffix).astimezone(timezone.utc)
        except (ValueError, OverflowError) as error:
            raise PolicyError(
                f"{text!r} has no offset that a clock could have.", hint="Write +01:00 or Z."
            ) from error
        return exact, ""
    local = parse_local(text)
    at = moment(local, zone)
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if first == second:
        return at, ""
    taken = at.astimezone(zone)
    if taken.replace(tzinfo=None) != local:
        return at, (
            f"Clocks in {zone.key} never show {local:%Y-%m-%d %H:%M}, as they are set forward "
            f"then; the moment of that was taken, when they show {taken:%H:%M}."
        )
    other = local.replace(tzinfo=zone, fold=1).isoformat()
    return at, (
        f"Clocks in {zone.key} show {local:%Y-%m-%d %H:%M} twice, as they are set back then; the "
        f"first time was taken ({taken.isoformat()}). The second is {other}."
    )


def shown(at: datetime, zone: ZoneInfo, near: datetime | None = None) -> str:
    """A moment as people at the door read it; only the time of day when it is on the day of near.

    Args:
        at, near: time zone aware.
        zone: of the door.
    """
    local = at.astimezone(zone)
    if near is not None and near.astimezone(zone).date() == local.date():
        return local.strftime("%H:%M")
    return local.strftime("%a %Y-%m-%d %H:%M")

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

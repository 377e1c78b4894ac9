"""Moments as people write them on a command line."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from facegate.errors import InputError

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_moment(text: str, now: datetime) -> datetime:
    """Read `7d` (that long ago; m, h, d or w), or a date with or without a time.

    Args:
        text: what was typed.
        now: time zone aware; a date without a zone is in this one's.

    Returns:
        Time zone aware.

    Raises:
        InputError: it is none of these, or lies beyond the years that dates have.
    """
    ago = re.fullmatch(r"(\d{1,7})([mhdw])", text.strip())
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        return moment.replace(tzinfo=now.tzinfo) if moment.tzinfo is None else moment
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{text!r} is no time.", hint="Write 7d, 12h or 30m ago, or a date: 2026-01-31."
        ) from error

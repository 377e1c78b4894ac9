from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from fakes import NOW

from facegate.domain.moments import parse_moment
from facegate.errors import InputError


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("7d", timedelta(days=7)),
        ("12h", timedelta(hours=12)),
        ("30m", timedelta(minutes=30)),
        (" 2w ", timedelta(weeks=2)),
    ],
)
def test_so_long_ago(text: str, ago: timedelta) -> None:
    assert parse_moment(text, NOW) == NOW - ago


def test_dates_are_in_the_zone_of_now() -> None:
    zone = timezone(timedelta(hours=2))
    now = NOW.astimezone(zone)
    assert parse_moment("2026-01-31", now) == datetime(2026, 1, 31, tzinfo=zone)
    assert parse_moment("2026-01-31 18:00", now) == datetime(2026, 1, 31, 18, tzinfo=zone)
    assert parse_moment("2026-01-31T18:00Z", now) == datetime(2026, 1, 31, 18, tzinfo=timezone.utc)


@pytest.mark.parametrize("text", ["", "soon", "7", "7y", "-7d", "9999999w", "2026-02-30"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no time"):
        parse_moment(text, NOW)

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.local_time import read_moment, zone_named
from facegate.errors import PolicyError

BERLIN = zone_named("Europe/Berlin")


@given(
    st.datetimes(datetime(2020, 1, 2), datetime(2199, 12, 30)),
    st.sampled_from(["Z", "+00:00", "-05:30", "+14:00"]),
)
def test_a_time_with_an_offset_is_that_moment(local: datetime, offset: str) -> None:
    local = local.replace(microsecond=0)
    at, note = read_moment(f"{local.isoformat()}{offset}", BERLIN)
    assert at == datetime.fromisoformat(local.isoformat() + offset.replace("Z", "+00:00"))
    assert (at.tzinfo, note) == (timezone.utc, "")


@given(st.datetimes(datetime(2020, 1, 2), datetime(2199, 12, 30)))
def test_only_what_a_clock_shows_once_has_no_note(local: datetime) -> None:
    local = local.replace(second=0, microsecond=0)
    at, note = read_moment(local.isoformat(sep=" "), BERLIN)
    shown = [local.replace(tzinfo=BERLIN, fold=fold).astimezone(timezone.utc) for fold in (0, 1)]
    times = {one for one in shown if one.astimezone(BERLIN).replace(tzinfo=None) == local}
    assert bool(note) == (len(times) != 1)
    if times:
        assert at == min(times)


@pytest.mark.parametrize("text", ["2026-01-01Z", "2026-01-01 12:00+24:00", "soon", "12:00Z"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        read_moment(text, BERLIN)

"""Tiles: every face that fits is whole somewhere, and nothing is looked at larger than it is."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.domain.tiling import (
    AUTO_FROM,
    LEVEL_RATIO,
    OVERLAP_SHARE,
    SEEN_PX,
    Look,
    TileMode,
    plan_looks,
)

SIDE = 640
sides = st.integers(1, 12_000)


def levels(looks: list[Look]) -> list[float]:
    return sorted({look.scale for look in looks})


@given(sides, sides, st.sampled_from(TileMode))
@settings(deadline=None, max_examples=50)
def test_the_whole_frame_is_looked_at_first(width: int, height: int, mode: TileMode) -> None:
    whole, *tiles = plan_looks((width, height), SIDE, mode)
    assert (whole.left, whole.top, whole.right, whole.bottom) == (0, 0, width, height)
    assert whole.scale == min(1, SIDE / max(width, height))
    assert all(tile.scale > whole.scale for tile in tiles)


@given(sides, sides)
@settings(deadline=None, max_examples=50)
def test_no_look_leaves_the_frame_or_is_larger_than_the_network_sees(
    width: int, height: int
) -> None:
    for look in plan_looks((width, height), SIDE, TileMode.ON):
        assert 0 <= look.left < look.right <= width
        assert 0 <= look.top < look.bottom <= height
        assert max(look.seen_wh) <= SIDE
        assert 0 < look.scale <= 1


@given(st.integers(641, 9000), st.integers(1, 9000), st.data())
@settings(deadline=None, max_examples=50)
def test_a_face_is_whole_on_a_level_that_shows_it_well(
    width: int, height: int, data: st.DataObject
) -> None:
    looks = plan_looks((width, height), SIDE, TileMode.ON)
    size = data.draw(st.floats(1, min(width, height)))
    x = data.draw(st.floats(0, width - size))
    y = data.draw(st.floats(0, height - size))
    seen = [
        size * look.scale
        for look in looks
        if look.left <= x and x + size <= look.right
        and look.top <= y and y + size <= look.bottom
    ]  # fmt: skip
    # At its own size, or at least as large as the largest that may be cut on the next finer level.
    assert max(seen) >= min(size, (OVERLAP_SHARE * SIDE - 4) / LEVEL_RATIO) - 1e-6


@given(sides, sides)
@settings(deadline=None, max_examples=50)
def test_levels_follow_each_other_closely_up_to_full_size(width: int, height: int) -> None:
    scales = levels(plan_looks((width, height), SIDE, TileMode.ON))
    assert scales[-1] == pytest.approx(1)
    steps = itertools.pairwise(scales)
    assert all(finer / coarser <= LEVEL_RATIO * (1 + 1e-6) for coarser, finer in steps)


def test_only_who_asks_gets_tiles() -> None:
    large = (1920, 1080)
    assert len(plan_looks(large, SIDE, TileMode.OFF)) == 1
    assert len(plan_looks(large, SIDE, TileMode.AUTO)) > 1
    edge = round(AUTO_FROM * SIDE)
    assert len(plan_looks((edge, 700), SIDE, TileMode.AUTO)) == 1
    assert len(plan_looks((edge + 1, 700), SIDE, TileMode.AUTO)) > 1
    assert len(plan_looks((edge, 700), SIDE, TileMode.ON)) > 1
    assert len(plan_looks((SIDE, SIDE), SIDE, TileMode.ON)) == 1


def test_large_faces_need_no_fine_tiles() -> None:
    fine = plan_looks((6000, 4000), SIDE, TileMode.ON, min_face_px=16)
    coarse = plan_looks((6000, 4000), SIDE, TileMode.ON, min_face_px=100)
    assert levels(coarse)[-1] == pytest.approx(SEEN_PX / 100)
    assert len(coarse) < len(fine) / 5
    assert len(plan_looks((6000, 4000), SIDE, TileMode.ON, min_face_px=1000)) == 1


def test_a_hundred_megapixels_are_a_few_hundred_looks() -> None:
    looks = plan_looks((12_000, 8_500), SIDE, TileMode.ON)
    at_least = math.ceil(12_000 * 8_500 / SIDE**2)
    assert at_least < len(looks) < 2.5 * at_least

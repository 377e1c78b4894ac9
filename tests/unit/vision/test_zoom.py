"""Where to look again: at small doubtful things, a few times at most."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facegate.domain.tiling import Look
from facegate.vision.zoom import CROP_PX, DOUBT_FROM, SMALL_PX, ZOOM, zoom_looks

FRAME_WH = (1280, 720)
WHOLE = Look(0, 0, *FRAME_WH, 0.5, FRAME_WH)


def at(x: float, y: float, size: float) -> list[float]:
    return [x - size / 2, y - size / 2, x + size / 2, y + size / 2]


def crops(boxes: list[list[float]], scores: list[float], most: int = 4, **rest: float) -> list:
    boxes_xyxy = np.array(boxes, np.float32).reshape(-1, 4)
    return zoom_looks(boxes_xyxy, np.array(scores, np.float32), WHOLE, most, **rest)


def test_a_small_doubtful_thing_is_seen_in_the_middle_of_a_crop_twice_as_large() -> None:
    (crop,) = crops([at(600, 300, 30)], [0.3])
    assert crop.scale == ZOOM * WHOLE.scale
    assert (crop.left + crop.right) / 2 == pytest.approx(600, abs=2)
    assert (crop.top + crop.bottom) / 2 == pytest.approx(300, abs=2)
    assert crop.seen_wh == (ZOOM * CROP_PX, ZOOM * CROP_PX)


def test_large_or_hopeless_or_unwanted_things_are_not_looked_at_again() -> None:
    large = 1.1 * SMALL_PX / WHOLE.scale
    assert crops([at(600, 300, large)], [0.3]) == []
    assert crops([at(600, 300, 30)], [DOUBT_FROM * 0.9]) == []
    assert crops([at(600, 300, 30)], [0.3], min_face_px=60) == []
    assert len(crops([at(600, 300, 30)], [0.3], min_face_px=35)) == 1
    assert crops([], []) == []


def test_neighbors_share_a_crop_and_the_surest_come_first() -> None:
    boxes = [at(600, 300, 30), at(630, 300, 30), at(100, 100, 30), at(900, 600, 30)]
    found = crops(boxes, [0.4, 0.35, 0.3, 0.2], most=2)
    assert [round((one.left + one.right) / 2, -1) for one in found] == [600, 130]
    assert len(crops(boxes, [0.4, 0.35, 0.3, 0.2])) == 3


@given(
    arrays(np.float32, (12, 4), elements=st.floats(-3000, 3000, width=32)),
    st.integers(1, 6),
    st.sampled_from([(1280, 720), (3, 900), (1, 1)]),
)
@settings(deadline=None, max_examples=50)
def test_crops_of_anything_lie_inside_the_frame(
    values: np.ndarray, most: int, frame_wh: tuple[int, int]
) -> None:
    boxes = np.concatenate([values[:, :2], values[:, :2] + np.abs(values[:, 2:]) / 30], axis=1)
    look = Look(0, 0, *frame_wh, 0.5, frame_wh)
    found = zoom_looks(boxes, np.full(12, 0.3, np.float32), look, most)
    assert len(found) <= most
    for crop in found:
        assert 0 <= crop.left < crop.right <= frame_wh[0]
        assert 0 <= crop.top < crop.bottom <= frame_wh[1]

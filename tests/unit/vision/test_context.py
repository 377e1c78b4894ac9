"""Squares around faces stay in the frame and show the face."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.errors import ShapeError
from facegate.vision.context import LEAST_SIDE_PX, context_square, context_views, whole_views


@given(
    st.integers(8, 900), st.integers(8, 900), st.floats(0, 1), st.floats(0, 1),
    st.floats(1, 2000), st.floats(1, 2000), st.floats(1, 5),
)  # fmt: skip
def test_a_square_is_inside_the_frame_and_holds_the_middle(
    width: int, height: int, at_x: float, at_y: float, box_w: float, box_h: float, zoom: float
) -> None:
    x, y = at_x * width, at_y * height
    box = np.array([x - box_w / 2, y - box_h / 2, x + box_w / 2, y + box_h / 2])
    try:
        left, top, side = context_square(box, (width, height), zoom)
    except ShapeError:
        assert round(zoom * np.sqrt(box_w * box_h)) < LEAST_SIDE_PX + 1 or (
            not 0 <= (box[0] + box[2]) / 2 <= width or not 0 <= (box[1] + box[3]) / 2 <= height
        )
        return
    assert left >= 0
    assert top >= 0
    assert left + side <= width
    assert top + side <= height
    assert left - 1 <= x <= left + side + 1
    assert top - 1 <= y <= top + side + 1


def test_a_face_in_the_middle_is_in_the_middle_of_its_square() -> None:
    assert context_square(np.array([290, 190, 350, 290]), (640, 480), 2.0) == (242, 162, 155)


@pytest.mark.parametrize(
    "box",
    [
        [np.nan, 0, 10, 10], [10, 10, 10, 30], [30, 10, 10, 30], [-90, 0, -20, 40],
        [700, 0, 900, 40], [5, 5, 6, 6], [0, 0, np.inf, 20],
    ],
)  # fmt: skip
def test_what_shows_nothing_is_refused(box: list[float]) -> None:
    with pytest.raises(ShapeError):
        context_square(np.array(box), (640, 480), 2.7)


def test_views_are_near_and_far() -> None:
    frame = np.zeros((400, 400, 3), np.uint8)
    frame[150:250, 150:250] = 255
    near, far = context_views(frame, np.array([150.0, 150.0, 250.0, 250.0]), (1.0, 2.0), 40)
    assert near.mean() > 245
    assert abs(far.mean() / 255 - 0.25) < 0.02


def test_a_view_keeps_the_sides_ratio_of_the_box_and_moves_into_the_frame() -> None:
    frame = np.zeros((300, 400, 3), np.uint8)
    frame[:, :, 0] = np.arange(400) // 2
    frame[:, :, 1] = np.arange(300)[:, None] // 2
    view = context_views(frame, np.array([0.0, 0.0, 40.0, 60.0]), (2.0,), 80)[0]
    # 80 x 120 pixels at the corner: nothing is filled up.
    assert int(view[0, :, 0].max()) * 2 in range(76, 82)
    assert int(view[:, 0, 1].max()) * 2 in range(116, 122)
    assert view.min() == 0
    # As large as fits: the frame's height, 299, and two thirds of it.
    view = context_views(frame, np.array([180.0, 120.0, 220.0, 180.0]), (9.0,), 80)[0]
    assert int(np.ptp(view[0, :, 0])) * 2 in range(190, 202)
    assert int(view[:, 0, 1].max()) * 2 in range(294, 300)


def test_pixels_are_picked_and_never_averaged() -> None:
    frame = np.zeros((400, 400, 3), np.uint8)
    frame[::2] = 255
    view = context_views(frame, np.array([100.0, 100.0, 200.0, 200.0]), (4.0,), 80)[0]
    assert set(np.unique(frame)) == {0, 255}
    assert view.std() > 60 or len(np.unique(view)) < 4


@pytest.mark.parametrize(
    "box",
    [
        [np.nan, 0, 10, 10], [10, 10, 10, 30], [30, 10, 10, 30], [-90, 0, -20, 40],
        [700, 0, 900, 40], [5, 5, 6, 6], [0, 0, np.inf, 20], [10, 10, 400, 11],
    ],
)  # fmt: skip
def test_a_view_of_nothing_is_refused(box: list[float]) -> None:
    with pytest.raises(ShapeError):
        context_views(np.zeros((480, 640, 3), np.uint8), np.array(box), (2.7, 4.0), 80)


@given(
    st.integers(20, 500), st.integers(20, 500), st.floats(0, 1), st.floats(0, 1),
    st.floats(4, 900), st.floats(4, 900),
)  # fmt: skip
def test_views_of_any_box_inside_have_the_asked_shape(
    width: int, height: int, at_x: float, at_y: float, box_w: float, box_h: float
) -> None:
    x, y = at_x * width, at_y * height
    box = np.array([x - box_w / 2, y - box_h / 2, x + box_w / 2, y + box_h / 2])
    frame = np.zeros((height, width, 3), np.uint8)
    try:
        assert context_views(frame, box, (2.7, 4.0), 16).shape == (2, 16, 16, 3)
    except ShapeError:
        fits = min(2.7, (width - 1) / box_w, (height - 1) / box_h)
        assert min(fits * box_w, fits * box_h) < LEAST_SIDE_PX + 0.01


def test_a_whole_picture_is_shown_to_every_view_whatever_its_sides() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (50, 210, 3), dtype=np.uint8)
    views = whole_views(picture, 2, 80)
    assert views.shape == (2, 80, 80, 3)
    assert (views[0] == views[1]).all()

"""The crop for landmarks: the same face at the same place, however it stands in the frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.vision.align import TEMPLATE_112
from facegate.vision.landmark_crop import (
    CROP_LANDMARKS_XY,
    SIDE_PX,
    crop_matrix,
    cut_crop,
    scale_of,
)

BOX_112 = np.array([8.0, 13.0, 104.0, 119.0])


def _face(scale: float, angle_deg: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.deg2rad(angle_deg)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.float32((TEMPLATE_112 - 56) @ turn.T + shift)


def _box(scale: float, shift: tuple[float, float]) -> np.ndarray:
    return np.float32((BOX_112 - 56) * scale + np.tile(shift, 2))


@given(
    st.floats(0.1, 8),
    st.floats(-60, 60),
    st.tuples(st.floats(-50, 900), st.floats(-50, 900)),
)
def test_landmarks_of_a_template_face_come_to_their_place(
    scale: float, angle: float, shift: tuple[float, float]
) -> None:
    points = _face(scale, angle, shift)
    matrix = crop_matrix(points, _box(scale, shift))
    placed = points @ matrix[:, :2].T + matrix[:, 2]
    assert placed == pytest.approx(CROP_LANDMARKS_XY, abs=0.05)
    assert scale_of(matrix) == pytest.approx(0.75 / scale, rel=1e-3)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((5, 2)),
        np.full((5, 2), np.nan),
        TEMPLATE_112 * 4,
        TEMPLATE_112 / 4,
        TEMPLATE_112 + 500,
    ],
    ids=["one spot", "no numbers", "too large", "too small", "elsewhere"],
)
def test_landmarks_that_do_not_fit_the_box_are_not_believed(points: np.ndarray) -> None:
    matrix = crop_matrix(np.float32(points), np.float32(BOX_112))
    placed = TEMPLATE_112 @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(placed - CROP_LANDMARKS_XY).max() < 2


def test_a_dot_of_the_frame_is_found_where_the_matrix_says() -> None:
    for scale in (1.5, 3.0, 6.0):
        points = _face(scale, 12, (400, 380))
        matrix = crop_matrix(points, _box(scale, (400, 380)))
        frame = np.zeros((800, 800, 3), np.uint8)
        x, y = points[2]
        yy, xx = np.mgrid[:800, :800]
        frame[np.hypot(xx - x, yy - y) < 6 * scale] = 255
        crop = cut_crop(frame, matrix)[:, :, 0].astype(float)
        rows, columns = np.mgrid[:SIDE_PX, :SIDE_PX]
        found = (np.array([(columns * crop).sum(), (rows * crop).sum()]) / crop.sum()).tolist()
        assert found == pytest.approx(CROP_LANDMARKS_XY[2], abs=0.15), scale


@given(st.floats(-3000, 3000), st.floats(-3000, 3000), st.floats(0.02, 40))
def test_crops_anywhere_are_whole_pictures(x: float, y: float, scale: float) -> None:
    frame = np.full((90, 120, 3), 255, np.uint8)
    crop = cut_crop(frame, np.array([[scale, 0.0, x], [0.0, scale, y]]))
    assert crop.shape == (SIDE_PX, SIDE_PX, 3)
    assert crop.dtype == np.uint8


def test_outside_of_the_frame_is_black_and_the_frame_stays_as_it_was() -> None:
    frame = np.full((96, 96, 3), 200, np.uint8)
    crop = cut_crop(frame, np.array([[1.0, 0.0, 48.0], [0.0, 1.0, 0.0]]))
    assert (crop[:, :46] == 0).all()
    assert (crop[:, 50:] == 200).all()
    assert (frame == 200).all()

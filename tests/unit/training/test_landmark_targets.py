"""Steady landmarks: the mean of several looks, none where looks disagree."""

from __future__ import annotations

import numpy as np
import pytest

from facegate.domain.detections import Detections
from facegate.training.detector.data import Sample
from facegate.training.landmarks.targets import (
    KEPT_PX,
    LOOK_PX,
    cut_out,
    steady_landmarks,
    taught_faces,
)

POINTS = np.array([[70, 80], [110, 80], [90, 105], [75, 125], [105, 125]], np.float32)
BOX = np.array([50, 50, 130, 150], np.float32)


def _frame(factor: int = 1) -> np.ndarray:
    """Each landmark is a dot of its own color."""
    frame = np.zeros((200 * factor, 200 * factor, 3), np.uint8)
    yy, xx = np.mgrid[: 200 * factor, : 200 * factor]
    for number, (x, y) in enumerate(POINTS * factor):
        frame[np.hypot(xx - x, yy - y) < 5 * factor] = (200, 40 * number + 20, 0)
    return frame


class DotTeacher:
    """Finds the dots; leans to the right, as teachers do, and errs as it is told."""

    def __init__(self, lean_px: float = 2.0, jitter_px: float = 0.0, silent: int = 0) -> None:
        self._lean, self._jitter, self._silent = lean_px, jitter_px, silent
        self._random = np.random.default_rng(0)
        self.calls = 0

    def __call__(self, frame_bgr: np.ndarray) -> Detections:
        self.calls += 1
        none = Detections(np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros(0))
        if self.calls <= self._silent:
            return none
        dots = frame_bgr.astype(int)
        points = []
        for number in range(5):
            level = (dots[..., 0] > 190) & (abs(dots[..., 1] - 40 * number - 20) < 15)
            y, x = np.nonzero(level)
            if not len(x):
                return none
            points.append([x.mean() + self._lean, y.mean()])
        points = np.array(points)
        # Left is left in any picture: a mirrored one has other dots on the left.
        if points[0, 0] > points[1, 0]:
            points = points[[1, 0, 2, 4, 3]]
        points += self._random.normal(0, self._jitter, points.shape)
        middle = np.full(2, LOOK_PX / 2)
        box = np.concatenate([middle - 40, middle + 40])[None]
        return Detections(np.float32(box), np.float32(points)[None], np.ones(1, np.float32))


def test_the_mean_does_not_lean() -> None:
    steady = steady_landmarks(DotTeacher(lean_px=2.0), _frame(), BOX)
    assert steady == pytest.approx(POINTS, abs=0.4)
    one_look = DotTeacher(lean_px=2.0)(_frame()).landmarks_xy[0]
    assert one_look == pytest.approx(POINTS + np.float32([2, 0]), abs=0.3)


def test_large_faces_are_shrunk_without_a_shift() -> None:
    steady = steady_landmarks(DotTeacher(lean_px=0), _frame(4), 4 * BOX)
    assert steady == pytest.approx(4 * POINTS, abs=1.5)


@pytest.mark.parametrize("teacher", [DotTeacher(jitter_px=12.0), DotTeacher(silent=3)])
def test_landmarks_nobody_is_sure_of_are_unknown(teacher: DotTeacher) -> None:
    assert np.isnan(steady_landmarks(teacher, _frame(), BOX)).all()


def test_four_of_six_looks_are_enough() -> None:
    steady = steady_landmarks(DotTeacher(lean_px=0, silent=2), _frame(), BOX)
    assert steady == pytest.approx(POINTS, abs=0.4)


@pytest.mark.parametrize("factor", [1, 4])
def test_a_cut_out_keeps_the_landmarks_on_the_face(factor: int) -> None:
    frame = _frame(factor)
    sample = cut_out(frame, BOX * factor, POINTS * factor)
    side = (sample.bboxes_xyxy[0, 2:] - sample.bboxes_xyxy[0, :2]).max()
    assert side == pytest.approx(min(KEPT_PX, 100 * factor), abs=1)
    x, y = sample.landmarks_xy[0].round().astype(int).T
    assert sample.frame_bgr[y, x, 1].tolist() == pytest.approx([20, 60, 100, 140, 180], abs=2)


def test_only_faces_that_are_known_and_near_are_taught() -> None:
    boxes = np.stack([BOX, BOX, BOX, [50, 50, 60, 62]]).astype(np.float32)
    landmarks = np.stack([POINTS, POINTS, np.full((5, 2), np.nan), POINTS]).astype(np.float32)
    ignored = np.array([False, True, False, False])
    sample = Sample(_frame(), boxes, landmarks, is_scene=True, ignored=ignored)
    assert len(list(taught_faces(sample, DotTeacher(), 28.0))) == 1
    assert not list(taught_faces(sample, DotTeacher(jitter_px=12), 28.0))

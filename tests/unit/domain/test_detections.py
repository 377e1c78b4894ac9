from __future__ import annotations

import numpy as np
import pytest
from fakes import face_at

from facegate.domain.detections import Detections
from facegate.domain.overlaps import iou_matrix

FACES = [face_at(20 * n, 5, 30, score) for n, score in enumerate([0.5, 0.9, 0.5, 0.7])]


def test_faces_come_out_as_they_went_in() -> None:
    again = Detections.of(FACES).faces()
    assert [one.score for one in again] == pytest.approx([0.5, 0.9, 0.5, 0.7])
    for before, after in zip(FACES, again, strict=True):
        assert np.array_equal(before.bbox_xyxy, after.bbox_xyxy)
        assert np.array_equal(before.landmarks_xy, after.landmarks_xy)
    assert Detections.of([]).faces() == []


def test_the_surest_come_first_and_the_earlier_of_equals() -> None:
    found = Detections.of(FACES)
    assert found.surest(3).bboxes_xyxy[:, 0].tolist() == [20, 60, 0]
    assert len(found.surest(9)) == 4
    assert len(Detections.of([]).surest(3)) == 0


def test_looks_are_joined_in_their_order() -> None:
    looks = [Detections.of(FACES[:1]), Detections.of([]), Detections.of(FACES[1:])]
    joined, whole = Detections.joined(looks), Detections.of(FACES)
    for name in ("bboxes_xyxy", "landmarks_xy", "scores"):
        assert np.array_equal(getattr(joined, name), getattr(whole, name))


def test_some_are_taken_by_numbers_or_a_mask() -> None:
    found = Detections.of(FACES)
    assert found.take(np.array([3, 0])).scores.tolist() == pytest.approx([0.7, 0.5])
    with pytest.raises(ValueError, match="read-only"):
        found.take(np.array([3, 0])).scores[0] = 1
    assert found.take(found.scores > 0.6).bboxes_xyxy[:, 0].tolist() == [20, 60]


def test_overlaps_are_those_of_plain_loops() -> None:
    random = np.random.default_rng(0)
    corners = random.uniform(0, 50, (12, 2))
    boxes = np.float32(np.concatenate([corners, corners + random.uniform(-5, 40, (12, 2))], 1))

    def area(x1: float, y1: float, x2: float, y2: float) -> float:
        return max(0.0, x2 - x1) * max(0.0, y2 - y1)

    for i, a in enumerate(boxes[:5].tolist()):
        for j, b in enumerate(boxes[5:].tolist()):
            both = area(max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
            union = area(*a) + area(*b) - both
            expected = both / union if union else 0.0
            assert iou_matrix(boxes[:5], boxes[5:])[i, j] == pytest.approx(expected, abs=1e-5)

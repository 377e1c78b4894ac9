from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facegate.domain.overlaps import iou_matrix
from facegate.vision.boxes import BLOCK, letterbox, non_max_suppression

corners = arrays(
    np.float32, st.tuples(st.integers(0, 12), st.just(4)), elements=st.floats(0, 50, width=32)
)


def boxes_from(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values[:, :2], values[:, :2] + values[:, 2:]], axis=1)


def plain_iou(a: np.ndarray, b: np.ndarray) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union if union > 0 else 0.0


def plain_suppression(boxes: np.ndarray, scores: np.ndarray, limit: float) -> list[int]:
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(plain_iou(boxes[i], boxes[j]) <= limit for j in kept):
            kept.append(i)
    return kept


@given(corners, corners)
@settings(deadline=None)
def test_iou_equals_plain_loops(a: np.ndarray, b: np.ndarray) -> None:
    a, b = boxes_from(a), boxes_from(b)
    expected = np.array([[plain_iou(x, y) for y in b] for x in a]).reshape(len(a), len(b))
    assert iou_matrix(a, b) == pytest.approx(expected, abs=1e-3)


def test_suppression_equals_plain_loops() -> None:
    random = np.random.default_rng(3)
    for count in (0, 1, 5, 40, BLOCK, BLOCK + 1, 2 * BLOCK + 7):
        for spread in (20, 300):
            corner = random.uniform(0, spread, (count, 2))
            values = np.concatenate([corner, random.uniform(10, 60, (count, 2))], axis=1)
            boxes = boxes_from(values.astype(np.float32))
            scores = random.choice([0.2, 0.5, 0.9, 0.91], count).astype(np.float32)
            kept = non_max_suppression(boxes, scores, 0.5)
            assert kept.tolist() == plain_suppression(boxes, scores, 0.5)


@given(corners, st.floats(0.05, 0.95), st.integers(0, 1000))
@settings(deadline=None, max_examples=50)
def test_suppression_of_any_boxes_equals_plain_loops(
    values: np.ndarray, limit: float, seed: int
) -> None:
    boxes = boxes_from(values)
    scores = np.random.default_rng(seed).choice([0.1, 0.4, 0.7], len(boxes)).astype(np.float32)
    near = [plain_iou(a, b) - limit for a in boxes for b in boxes]
    assume(not any(abs(one) < 1e-5 for one in near))  # rounding may decide either way
    expected = plain_suppression(boxes, scores, limit)
    assert non_max_suppression(boxes, scores, limit).tolist() == expected


def test_a_chain_of_boxes_is_settled_from_its_best() -> None:
    # Each overlaps the next by more than half: the second is dropped, so the third is kept, …
    left = np.arange(2 * BLOCK + 5, dtype=np.float32)[:, None] * 3
    boxes = np.concatenate([left, 0 * left, left + 10, 0 * left + 10], axis=1)
    scores = np.linspace(1, 0.1, len(boxes)).astype(np.float32)
    kept = non_max_suppression(boxes, scores, 0.5)
    assert kept.tolist() == list(range(0, len(boxes), 2))


def test_ten_thousand_boxes_need_no_square_of_them() -> None:
    values = np.random.default_rng(0).uniform(0, 50, (10_000, 4)).astype(np.float32)
    tracemalloc.start()
    try:
        kept = non_max_suppression(boxes_from(values), values[:, 0], 0.3)
        assert tracemalloc.get_traced_memory()[1] < 20e6  # the square alone would be 400 MB
    finally:
        tracemalloc.stop()
    assert 0 < len(kept) < 2000


def test_known_overlaps() -> None:
    a = np.array([[0, 0, 10, 10]], np.float32)
    b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [3, 3, 3, 3]], np.float32)
    assert iou_matrix(a, b)[0] == pytest.approx([1, 1 / 3, 0, 0])


def test_letterbox_keeps_proportions_and_says_where_points_go() -> None:
    frame = np.zeros((100, 200, 3), np.uint8)
    frame[48:52, 98:102] = 255
    canvas = letterbox(frame, scale=0.5, border_px=7, grid_px=32)
    assert canvas.shape == (64, 128, 3)
    y, x = np.argwhere(canvas[..., 0] > 100).mean(axis=0) + 0.5
    assert (x, y) == pytest.approx((100 * 0.5 + 7, 50 * 0.5 + 7), abs=0.6)


def test_letterbox_of_the_smallest_picture() -> None:
    assert letterbox(np.zeros((1, 1, 3), np.uint8), 0.1, 0, 32).shape == (32, 32, 3)

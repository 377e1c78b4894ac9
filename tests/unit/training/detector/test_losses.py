from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.domain.overlaps import iou_matrix
from facegate.training.detector.losses import (
    box_iou,
    eiou_loss,
    landmark_loss,
    objectness_loss,
)

Box = list[float]


def random_boxes(random: np.random.Generator, count: int) -> torch.Tensor:
    corners = random.uniform(0, 50, (count, 2))
    return torch.tensor(np.concatenate([corners, corners + random.uniform(1, 60, (count, 2))], 1))


def plain_iou(p: Box, q: Box) -> float:
    width = max(0.0, min(p[2], q[2]) - max(p[0], q[0]))
    height = max(0.0, min(p[3], q[3]) - max(p[1], q[1]))
    union = sum((r[2] - r[0]) * (r[3] - r[1]) for r in (p, q)) - width * height
    return width * height / union


def plain_eiou_loss(p: Box, q: Box) -> float:
    hull_width = max(p[2], q[2]) - min(p[0], q[0])
    hull_height = max(p[3], q[3]) - min(p[1], q[1])
    x, y = ((p[i] + p[i + 2] - q[i] - q[i + 2]) / 2 for i in (0, 1))
    width = (p[2] - p[0]) - (q[2] - q[0])
    height = (p[3] - p[1]) - (q[3] - q[1])
    return (
        1
        - plain_iou(p, q)
        + (x**2 + y**2) / (hull_width**2 + hull_height**2)
        + width**2 / hull_width**2
        + height**2 / hull_height**2
    )


def test_overlaps_broadcast_and_equal_plain_loops() -> None:
    random = np.random.default_rng(0)
    a, b = random_boxes(random, 7), random_boxes(random, 5)
    found = box_iou(a[:, None], b[None])
    assert found.shape == (7, 5)
    for i in range(7):
        for j in range(5):
            assert float(found[i, j]) == pytest.approx(plain_iou(a[i].tolist(), b[j].tolist()))
    assert np.allclose(found, iou_matrix(a.numpy(), b.numpy()), atol=1e-6)
    assert torch.allclose(box_iou(a[:5], b), found.diagonal())


def test_boxes_without_area_overlap_nothing() -> None:
    empty = torch.tensor([[5.0, 5, 5, 5]])
    assert box_iou(empty, empty).item() == 0
    assert box_iou(empty, torch.tensor([[0.0, 0, 10, 10]])).item() == 0


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_eiou_equals_plain_loops(dtype: torch.dtype, tolerance: float) -> None:
    random = np.random.default_rng(0)
    a, b = random_boxes(random, 50).to(dtype), random_boxes(random, 50).to(dtype)
    for found, p, q in zip(eiou_loss(a, b).tolist(), a.tolist(), b.tolist(), strict=True):
        assert found == pytest.approx(plain_eiou_loss(p, q), abs=tolerance)
    assert eiou_loss(a, a).abs().max() < tolerance


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_eiou_is_symmetric_bounded_and_blind_to_place_and_scale(seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b = random_boxes(random, 4), random_boxes(random, 4)
    losses = eiou_loss(a, b)
    assert (losses >= 0).all()
    # 1 - IoU <= 1, the center's share <= 1, and one for each side.
    assert (losses <= 4).all()
    assert torch.allclose(losses, eiou_loss(b, a))
    assert torch.allclose(losses, eiou_loss(a * 3.0 + 11, b * 3.0 + 11))


def test_eiou_pulls_boxes_that_do_not_touch() -> None:
    predicted = torch.tensor([[0.0, 0, 10, 10]], requires_grad=True)
    eiou_loss(predicted, torch.tensor([[40.0, 0, 50, 10]])).sum().backward()
    assert predicted.grad is not None
    assert torch.isfinite(predicted.grad).all()
    assert (predicted.grad[0, [0, 2]].sum() < 0).item()


def test_landmark_loss_equals_plain_loops_and_unknown_ones_weigh_nothing() -> None:
    random = np.random.default_rng(0)
    boxes = random_boxes(random, 8)
    predicted = torch.tensor(random.uniform(0, 60, (8, 5, 2)), requires_grad=True)
    wanted = torch.tensor(random.uniform(0, 60, (8, 5, 2)))
    wanted[0] = torch.nan
    wanted[1, 2:] = torch.nan
    losses = landmark_loss(predicted, wanted, boxes)
    for i in range(8):
        box = boxes[i]
        size = max(1.0, float(((box[2] - box[0]) * (box[3] - box[1])) ** 0.5))
        terms = []
        for j in range(5):
            for k in range(2):
                if torch.isfinite(wanted[i, j, k]):
                    error = abs(float(predicted.detach()[i, j, k] - wanted[i, j, k])) / size
                    terms.append(error**2 / 0.04 if error < 0.02 else error - 0.01)
        assert float(losses.detach()[i]) == pytest.approx(sum(terms) / max(1, len(terms)))
    losses.sum().backward()
    assert predicted.grad is not None
    assert torch.isfinite(predicted.grad).all()
    assert predicted.grad[0].abs().sum() == 0


def test_objectness_loss_equals_plain_loops() -> None:
    random = np.random.default_rng(0)
    logits = torch.tensor(random.normal(0, 3, (2, 9)))
    wanted = torch.tensor(random.random((2, 9)))
    counted = torch.tensor(random.random((2, 9)) < 0.7)
    plain = 0.0
    for i in range(2):
        for j in range(9):
            p = 1 / (1 + math.exp(-float(logits[i, j])))
            y = float(wanted[i, j])
            if counted[i, j]:
                plain -= y * math.log(p) + (1 - y) * math.log(1 - p)
    assert float(objectness_loss(logits, wanted, counted)) == pytest.approx(plain)


def test_cells_that_do_not_count_have_no_gradient() -> None:
    logits = torch.zeros(1, 4, requires_grad=True)
    counted = torch.tensor([[True, False, True, False]])
    objectness_loss(logits, torch.zeros(1, 4), counted).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert (logits.grad[0] != 0).tolist() == [True, False, True, False]

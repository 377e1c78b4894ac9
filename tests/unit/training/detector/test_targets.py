from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from facegate.models.yolo import STRIDES, cell_grid
from facegate.training.detector.targets import (
    BEST_OVERLAPS,
    CENTER_RADIUS,
    IGNORED_BELOW_PX,
    OUTSIDE,
    WEIGHT_IOU,
    Targets,
    assign,
)

CENTERS, CELL_STRIDES = cell_grid(96, 128)
CELLS = len(CELL_STRIDES)


def predictions(seed: int) -> tuple[Tensor, Tensor]:
    """Logits and boxes as an untrained network might give them; no two cells alike."""
    random = np.random.default_rng(seed)
    logits = torch.tensor(random.normal(0, 2, (CELLS, 2)), dtype=torch.float32)
    size = CELL_STRIDES.numpy()[:, None] * random.uniform(1, 8, (CELLS, 2))
    middles = CENTERS.numpy() + random.normal(0, 4, (CELLS, 2))
    boxes = np.concatenate([middles - size / 2, middles + size / 2], axis=1)
    return logits, torch.tensor(boxes, dtype=torch.float32)


def faces(seed: int, count: int) -> Tensor:
    random = np.random.default_rng([seed, 1])
    middles = random.uniform([0, 0], [128, 96], (count, 2))
    size = np.exp(random.uniform(np.log(7), np.log(90), (count, 1))) * [1.0, 1.2]
    return torch.tensor(
        np.concatenate([middles - size / 2, middles + size / 2], axis=1), dtype=torch.float32
    )


def found(
    truth: Tensor, logits: Tensor, boxes: Tensor, ignored: list[int] | None = None
) -> Targets:
    which = torch.zeros(len(truth), dtype=torch.bool)
    which[ignored or []] = True
    return assign(truth, which, logits, boxes, CENTERS, CELL_STRIDES)


def plain_iou(p: list[float], q: list[float]) -> float:
    width = max(0.0, min(p[2], q[2]) - max(p[0], q[0]))
    height = max(0.0, min(p[3], q[3]) - max(p[1], q[1]))
    union = sum((r[2] - r[0]) * (r[3] - r[1]) for r in (p, q)) - width * height
    return width * height / max(union, 1e-9)


def plain_assignment(truth: Tensor, logits: Tensor, boxes: Tensor) -> list[int]:
    """SimOTA in loops; the face of each cell, -1 for none."""
    costs: list[dict[int, float]] = [{} for _ in range(len(truth))]
    overlaps: list[dict[int, float]] = [{} for _ in range(len(truth))]
    for cell in range(CELLS):
        x, y = CENTERS[cell].tolist()
        reach = CENTER_RADIUS * float(CELL_STRIDES[cell])
        places = []
        for x1, y1, x2, y2 in truth.tolist():
            away = max(abs(x - (x1 + x2) / 2), abs(y - (y1 + y2) / 2))
            places.append((away < reach, x1 < x < x2 and y1 < y < y2))
        if not any(near or inside for near, inside in places):
            continue
        p, fit = (1 / (1 + math.exp(-v)) for v in logits[cell].tolist())
        score = min(max(math.sqrt(p * fit), 1e-6), 1 - 1e-6)
        for number, (near, inside) in enumerate(places):
            iou = plain_iou(boxes[cell].tolist(), truth[number].tolist())
            overlaps[number][cell] = iou
            costs[number][cell] = (
                -math.log(score)
                - WEIGHT_IOU * math.log(iou + 1e-8)
                + (0 if near and inside else OUTSIDE)
            )
    owner, price = [-1] * CELLS, [math.inf] * CELLS
    for number, cost in enumerate(costs):
        best = sorted(overlaps[number].values(), reverse=True)[:BEST_OVERLAPS]
        for cell in sorted(cost, key=cost.__getitem__)[: max(1, int(sum(best)))]:
            if cost[cell] < price[cell]:
                owner[cell], price[cell] = number, cost[cell]
    return owner


@pytest.mark.parametrize("seed", range(6))
def test_assignment_equals_plain_loops(seed: int) -> None:
    truth, (logits, boxes) = faces(seed, 1 + seed), predictions(seed)
    targets = found(truth, logits, boxes)
    assert targets.face.tolist() == plain_assignment(truth, logits, boxes)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 6))
def test_cells_with_a_face_know_their_overlap_and_count(seed: int, count: int) -> None:
    truth, (logits, boxes) = faces(seed, count), predictions(seed)
    targets = found(truth, logits, boxes)
    assert targets.counted.all()  # all faces are large enough, none is ignored
    for cell in range(CELLS):
        face = int(targets.face[cell])
        if face < 0:
            assert targets.overlap[cell] == 0
        else:
            wanted = plain_iou(boxes[cell].tolist(), truth[face].tolist())
            assert float(targets.overlap[cell]) == pytest.approx(wanted, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(4, 124),
    st.floats(4, 92),
    st.floats(IGNORED_BELOW_PX + 0.1, 150),
    st.floats(0.6, 1.6),
    st.integers(0, 10**6),
)
def test_every_face_gets_a_cell_near_it(
    x: float, y: float, width: float, ratio: float, seed: int
) -> None:
    height = width * ratio
    truth = torch.tensor([[x - width / 2, y - height / 2, x + width / 2, y + height / 2]])
    targets = found(truth, *predictions(seed))
    mine = targets.face == 0
    assert 1 <= int(mine.sum()) <= BEST_OVERLAPS
    assert targets.counted[mine].all()
    away = (CENTERS[mine] - torch.tensor([x, y])).abs().amax(dim=1)
    reach = CENTER_RADIUS * CELL_STRIDES[mine] + max(width, height) / 2
    assert (away <= reach).all()


def test_cells_inside_the_box_and_near_its_center_come_first() -> None:
    truth = torch.tensor([[40.0, 30, 72, 70]])
    logits, boxes = predictions(0)
    boxes[:] = truth  # all cells predict the face perfectly
    targets = found(truth, logits, boxes)
    mine = targets.face == 0
    assert int(mine.sum()) == BEST_OVERLAPS
    centers = CENTERS[mine]
    assert ((centers > truth[0, :2]) & (centers < truth[0, 2:])).all()
    assert (
        (centers - torch.tensor([56.0, 50])).abs() < CENTER_RADIUS * CELL_STRIDES[mine, None]
    ).all()


def test_a_face_is_taught_to_the_grid_that_predicts_it_best() -> None:
    truth = torch.tensor([[30.0, 20, 78, 76]])
    logits, boxes = torch.zeros(CELLS, 2), torch.zeros(CELLS, 4)
    boxes[CELL_STRIDES == 16] = truth
    targets = found(truth, logits, boxes)
    assert set(CELL_STRIDES[targets.face == 0].tolist()) == {16.0}


def test_of_two_faces_that_want_a_cell_the_better_predicted_has_it() -> None:
    truth = torch.tensor([[40.0, 30, 60, 50], [44.0, 34, 64, 54]])
    logits, boxes = torch.zeros(CELLS, 2), torch.zeros(CELLS, 4)
    cell = int(((CENTERS - torch.tensor([52.0, 44])).abs().sum(dim=1) + CELL_STRIDES).argmin())
    boxes[cell] = truth[1]
    targets = found(truth, logits, boxes)
    assert int(targets.face[cell]) == 1
    assert float(targets.overlap[cell]) == pytest.approx(1)


def test_tiny_faces_are_neither_taught_nor_punished() -> None:
    truth = torch.tensor([[50.0, 50, 54, 54]])
    targets = found(truth, *predictions(0))
    assert (targets.face == -1).all()
    near = (CENTERS - 52).abs().amax(dim=1) < 4
    assert not targets.counted[near].any()
    assert targets.counted.float().mean() > 0.85


def test_a_tiny_face_beside_a_large_one_does_not_silence_it() -> None:
    large = torch.tensor([[40.0, 30, 72, 70]])
    both = torch.cat([torch.tensor([[54.0, 48, 58, 52]]), large])
    alone = found(large, *predictions(3))
    targets = found(both, *predictions(3))
    assert torch.equal(targets.face == 1, alone.face == 0)
    assert targets.counted[targets.face == 1].all()


def test_ignored_faces_are_neither_taught_nor_punished() -> None:
    truth = torch.tensor([[20.0, 20, 60, 70]])
    targets = found(truth, *predictions(0), ignored=[0])
    assert (targets.face == -1).all()
    inside = (CENTERS.gt(truth[0, :2]) & CENTERS.lt(truth[0, 2:])).all(dim=1)
    assert not targets.counted[inside].any()
    far = ((CENTERS - torch.tensor([40.0, 45])).abs() > 60).any(dim=1)
    assert targets.counted[far].all()


@pytest.mark.parametrize("seed", range(4))
def test_ignored_faces_change_nothing_for_the_others(seed: int) -> None:
    truth, said = faces(seed, 4), predictions(seed)
    targets = found(truth, *said, ignored=[1, 3])
    alone = found(truth[[0, 2]], *said)
    numbers = torch.tensor([0, 2, -1])
    assert torch.equal(targets.face, numbers[alone.face])
    assert torch.equal(targets.overlap, alone.overlap)
    # A cell that answers for a face counts, also beside an ignored one.
    assert targets.counted[targets.face >= 0].all()


def test_without_faces_every_cell_says_no() -> None:
    targets = found(torch.zeros(0, 4), *predictions(0))
    assert (targets.face == -1).all()
    assert targets.counted.all()


def test_the_grids_cover_the_picture() -> None:
    assert len(CELL_STRIDES) == sum(96 // s * (128 // s) for s in STRIDES)
    assert CENTERS.min() == 4
    assert CENTERS[:, 0].max() == 124

"""Which cells are responsible for which face."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from facegate.training.detector.losses import box_iou

CENTER_RADIUS = 2.5
"""Cells at most this many strides (along either axis) from a face's center may answer for it."""

BEST_OVERLAPS = 10
"""A face gets as many cells as the overlaps of its best ten predictions add up to."""

WEIGHT_IOU = 3.0
"""Of the overlap's logarithm, beside the logistic loss, in what a cell costs a face."""

IGNORED_BELOW_PX = 6.0
"""Smaller faces are neither taught nor punished: they cannot be told from texture."""

OUTSIDE = 1e5
"""Cost of a cell that does not lie both inside the box and near its center."""


@dataclass(frozen=True)
class Targets:
    """What the cells of one picture should say.

    Attributes:
        face: (cells,) number of the face each cell answers for, -1 for none.
        overlap: (cells,) of the predicted box with that face, in [0, 1]; 0 for none.
        counted: (cells,) bool; false where p_c is neither taught nor punished.
    """

    face: Tensor
    overlap: Tensor
    counted: Tensor


@torch.no_grad()
def assign(
    truth: Tensor, logits: Tensor, boxes: Tensor, centers_xy: Tensor, strides: Tensor
) -> Targets:
    """Assign faces to the cells that predict them best now.

    Args:
        truth: (n, 4) boxes in pixels.
        logits: (cells, 2) p_c and fit.
        boxes: (cells, 4) as predicted.
        centers_xy, strides: from `facegate.models.yolo.cell_grid`.

    Source:
        SimOTA of YOLOX (Ge et al., 2021): an approximate optimal transport of faces to cells; a
        cell that two faces want goes to the one that it costs less.
    """
    cells = len(strides)
    face = torch.full((cells,), -1, dtype=torch.long, device=strides.device)
    overlap = torch.zeros(cells, device=strides.device)
    counted = torch.ones(cells, dtype=torch.bool, device=strides.device)
    sides = (truth[:, 2:] - truth[:, :2]).amax(dim=1)
    small, taught = truth[sides < IGNORED_BELOW_PX], torch.nonzero(sides >= IGNORED_BELOW_PX)[:, 0]
    if len(small):
        away = (centers_xy[:, None] - (small[:, :2] + small[:, 2:])[None] / 2).abs().amax(dim=2)
        counted &= ~(away <= strides[:, None] * 1.5).any(dim=1)
    if not len(taught):
        return Targets(face, overlap, counted)
    wanted = truth[taught]
    middles = (wanted[:, :2] + wanted[:, 2:]) / 2
    away = (centers_xy[:, None] - middles[None]).abs().amax(dim=2)
    near = away < CENTER_RADIUS * strides[:, None]
    inside = ((centers_xy[:, None] > wanted[None, :, :2]).all(dim=2)) & (
        (centers_xy[:, None] < wanted[None, :, 2:]).all(dim=2)
    )
    candidates = torch.nonzero((near | inside).any(dim=1))[:, 0]
    near, inside = near[candidates], inside[candidates]
    overlaps = box_iou(boxes[candidates][:, None], wanted[None])
    p = (logits[candidates].sigmoid().prod(dim=1)).sqrt().clamp(1e-6, 1 - 1e-6)
    cost = (
        F.binary_cross_entropy(p, torch.ones_like(p), reduction="none")[:, None]
        - WEIGHT_IOU * torch.log(overlaps + 1e-8)
        + OUTSIDE * ~(near & inside)
    )
    chosen = torch.zeros_like(cost, dtype=torch.bool)
    most = overlaps.topk(min(BEST_OVERLAPS, len(candidates)), dim=0).values.sum(dim=0)
    for number, count in enumerate(most.int().clamp(min=1).tolist()):
        chosen[cost[:, number].topk(min(count, len(candidates)), largest=False).indices, number] = (
            True
        )
    cheapest = torch.where(chosen, cost, torch.inf).min(dim=1)
    used = torch.isfinite(cheapest.values)
    face[candidates[used]] = taught[cheapest.indices[used]]
    overlap[candidates[used]] = overlaps[used, cheapest.indices[used]]
    counted |= face >= 0
    return Targets(face, overlap, counted)

"""Which cells are responsible for which face."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from facegate.models.yolo import STRIDES

SIZE_RANGES_PX = ((0.0, 64.0), (48.0, 170.0), (130.0, 1e9))
"""Longer sides of the faces that each grid answers for; neighbors share what lies between. A face
spans 4 to 10 cells of its grid: on coarser ones landmarks come out less exact."""

CENTER_RADIUS = 1.0
"""Cells whose center is at most this many strides (along either axis) from the face's center
answer for it, beside the one that holds it: more teachers for each face (as FCOS does)."""

IGNORED_BELOW_PX = 9.0
"""Smaller faces are neither taught nor punished: they cannot be told from texture."""


@dataclass(frozen=True)
class Targets:
    """What the cells of one picture should say.

    Attributes:
        face: (cells,) number of the face each cell answers for, -1 for none.
        counted: (cells,) bool; false where p_c is neither taught nor punished.
    """

    face: Tensor
    counted: Tensor


def assign(boxes: Tensor, centers_xy: Tensor, strides: Tensor) -> Targets:
    """Assign faces to cells.

    The cell of the fitting grid that holds the face's center always answers for it (of two faces
    in one cell, the one whose center is nearer to the cell's); the cells around help.

    Args:
        boxes: (n, 4) pixels.
        centers_xy, strides: from `facegate.models.yolo.cell_grid`.
    """
    cells = len(strides)
    face = torch.full((cells,), -1, dtype=torch.long, device=strides.device)
    counted = torch.ones(cells, dtype=torch.bool, device=strides.device)
    if not len(boxes):
        return Targets(face, counted)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1)
    low, high = _ranges(strides)
    fits = (sides[None, :] >= low[:, None]) & (sides[None, :] < high[:, None])
    away = ((centers_xy[:, None] - middles[None]).abs() / strides[:, None, None]).amax(dim=2)
    # Half a stride away along both axes is the cell that holds the center.
    near = fits & (away <= CENTER_RADIUS)
    taught = sides >= IGNORED_BELOW_PX
    inside = (centers_xy[:, None] >= boxes[None, :, :2]).all(dim=2) & (
        centers_xy[:, None] < boxes[None, :, 2:]
    ).all(dim=2)
    # Cells near the middle of a face, on a grid that does not answer for it, see the face too:
    # what they say does no harm, and punishing them would teach contradictions.
    counted &= ~((away <= CENTER_RADIUS) & inside).any(dim=1)
    counted &= ~((away <= 1.5) & ~taught[None, :]).any(dim=1)
    cost = torch.where(near & taught[None, :], away + sides[None, :] * 1e-4, torch.inf)
    cost = torch.where(near & taught[None, :] & (away <= 0.5), cost - 10.0, cost)
    best = cost.min(dim=1)
    responsible = torch.isfinite(best.values)
    face[responsible] = best.indices[responsible]
    counted |= responsible
    return Targets(face, counted)


def _ranges(strides: Tensor) -> tuple[Tensor, Tensor]:
    low, high = torch.empty_like(strides), torch.empty_like(strides)
    for stride, (least, most) in zip(STRIDES, SIZE_RANGES_PX, strict=True):
        low[strides == stride], high[strides == stride] = least, most
    return low, high

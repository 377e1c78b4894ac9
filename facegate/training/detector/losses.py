"""The detector's losses; each is checked against plain loops in the tests."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes that broadcast: (..., 4) and (..., 4) to (...,)."""
    top_left = torch.maximum(a[..., :2], b[..., :2])
    bottom_right = torch.minimum(a[..., 2:], b[..., 2:])
    intersection = (bottom_right - top_left).clamp(min=0).prod(dim=-1)
    return intersection / (_areas(a) + _areas(b) - intersection).clamp(min=1e-9)


def eiou_loss(predicted: Tensor, wanted: Tensor) -> Tensor:
    """One minus the overlap, plus what center, width and height are off.

    Args:
        predicted, wanted: (n, 4) x1, y1, x2, y2 with x2 > x1 and y2 > y1.

    Returns:
        (n,) at least 0; 0 for equal boxes.

    Source:
        Zhang et al., Focal and Efficient IOU Loss, 2022, the part without the focal weight: each
        distance is squared and divided by the square of the same side of the hull.
    """
    hull = torch.maximum(predicted[:, 2:], wanted[:, 2:]) - torch.minimum(
        predicted[:, :2], wanted[:, :2]
    )
    squares = hull.square().clamp(min=1e-9)
    sides = (predicted[:, 2:] - predicted[:, :2]) - (wanted[:, 2:] - wanted[:, :2])
    centers = (predicted[:, :2] + predicted[:, 2:] - wanted[:, :2] - wanted[:, 2:]) / 2
    center = centers.square().sum(dim=1) / squares.sum(dim=1)
    return 1 - box_iou(predicted, wanted) + center + (sides.square() / squares).sum(dim=1)


def landmark_loss(predicted: Tensor, wanted: Tensor, boxes: Tensor) -> Tensor:
    """Distance of landmarks in shares of the face's size; unknown ones weigh nothing.

    Args:
        predicted: (n, 5, 2) pixels.
        wanted: (n, 5, 2) pixels; NaN where nobody knows the landmark.
        boxes: (n, 4), gives the size: the root of the area.

    Returns:
        (n,) mean over the known coordinates of a smooth absolute value (linear from 2 % of the
        face on, so that the last pixels still count), 0 for faces without any.

    Source:
        Smooth L1: Girshick, Fast R-CNN, 2015.
    """
    known = torch.isfinite(wanted)
    size = _areas(boxes).clamp(min=1.0).sqrt()[:, None, None]
    error = torch.where(known, predicted - torch.nan_to_num(wanted), 0.0) / size
    smooth = F.smooth_l1_loss(error, torch.zeros_like(error), reduction="none", beta=0.02)
    return smooth.sum(dim=(1, 2)) / known.sum(dim=(1, 2)).clamp(min=1)


def objectness_loss(logits: Tensor, wanted: Tensor, counted: Tensor) -> Tensor:
    """Logistic loss of p_c over the cells that count.

    Args:
        logits: (n, cells).
        wanted: (n, cells) in [0, 1].
        counted: (n, cells) bool.

    Returns:
        The sum over cells.

    Source:
        Redmon and Farhadi, YOLOv3, 2018.
    """
    plain = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (plain * counted).sum()


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(dim=-1)

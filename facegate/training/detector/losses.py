"""The detector's losses; each is checked against plain loops in the tests."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def giou_loss(predicted: Tensor, wanted: Tensor) -> Tensor:
    """One minus the generalized intersection over union, for pairs of boxes.

    Args:
        predicted, wanted: (n, 4) x1, y1, x2, y2 with x2 > x1 and y2 > y1.

    Returns:
        (n,) in [0, 2]; 0 for equal boxes.

    Source:
        Rezatofighi et al., Generalized Intersection over Union, CVPR 2019.
    """
    top_left = torch.maximum(predicted[:, :2], wanted[:, :2])
    bottom_right = torch.minimum(predicted[:, 2:], wanted[:, 2:])
    intersection = (bottom_right - top_left).clamp(min=0).prod(dim=1)
    union = _areas(predicted) + _areas(wanted) - intersection
    hull = (
        torch.maximum(predicted[:, 2:], wanted[:, 2:])
        - torch.minimum(predicted[:, :2], wanted[:, :2])
    ).prod(dim=1)
    iou = intersection / union.clamp(min=1e-9)
    return 1 - iou + (hull - union) / hull.clamp(min=1e-9)


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
    """Logistic loss of p_c over the cells that count, weighted towards the undecided ones.

    Args:
        logits: (n, cells).
        wanted: (n, cells) 0 or 1.
        counted: (n, cells) bool.

    Returns:
        The sum over cells.

    Source:
        Logistic loss as in YOLOv3 (Redmon and Farhadi, 2018), with the focal weight
        (1 - p_t)^gamma, gamma 1.5, of Lin et al., 2017: nearly all cells are empty and easy.
    """
    plain = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    p = torch.sigmoid(logits)
    p_t = torch.where(wanted > 0.5, p, 1 - p)
    return (plain * (1 - p_t).pow(1.5) * counted).sum()


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)

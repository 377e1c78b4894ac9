"""How much rectangles overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray


def iou_matrix(
    bboxes_a: npt.NDArray[np.floating[Any]], bboxes_b: npt.NDArray[np.floating[Any]]
) -> FloatArray:
    """Intersection over union of every pair.

    Args:
        bboxes_a: (n, 4) x1, y1, x2, y2; width = x2 - x1.
        bboxes_b: (m, 4).

    Returns:
        (n, m) float32 in [0, 1]; 0 where a box has no area.
    """
    a, b = np.asarray(bboxes_a, dtype=np.float32), np.asarray(bboxes_b, dtype=np.float32)
    widths = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    heights = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    intersection = np.maximum(widths, 0) * np.maximum(heights, 0)
    union = _areas(a)[:, None] + _areas(b)[None, :] - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def _areas(bboxes: FloatArray) -> FloatArray:
    sides = np.maximum(bboxes[:, 2:] - bboxes[:, :2], 0)
    areas: FloatArray = sides[:, 0] * sides[:, 1]
    return areas

"""Rectangles: overlap, suppression of doubles, and fitting a picture onto a network's grid."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray

IntArray = npt.NDArray[np.int64]


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
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    intersection = np.prod(np.clip(bottom_right - top_left, 0, None), axis=2)
    area_a = np.prod(np.clip(a[:, 2:] - a[:, :2], 0, None), axis=1)
    area_b = np.prod(np.clip(b[:, 2:] - b[:, :2], 0, None), axis=1)
    union = area_a[:, None] + area_b[None, :] - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def non_max_suppression(
    bboxes_xyxy: FloatArray, scores: FloatArray, iou_threshold: float = 0.5
) -> IntArray:
    """Keep the best box of each group that overlaps.

    Args:
        bboxes_xyxy: (n, 4).
        scores: (n,), higher is better; ties go to the lower index.
        iou_threshold: a box that overlaps a better one by more than this is dropped.

    Returns:
        (k,) indices of the boxes kept, best first.

    Source:
        Redmon et al., You Only Look Once, 2016: greedy suppression at IoU 0.5.
    """
    order = np.argsort(-scores, kind="stable")
    overlaps = iou_matrix(bboxes_xyxy[order], bboxes_xyxy[order]) > iou_threshold
    alive = np.ones(len(order), dtype=bool)
    for place in range(len(order)):
        if alive[place]:
            alive[place + 1 :] &= ~overlaps[place, place + 1 :]
    return order[alive].astype(np.int64)


def letterbox(frame_bgr: ImageArray, scale: float, border_px: int, grid_px: int) -> ImageArray:
    """Scale a frame without distortion and put it onto black, with sides on a grid.

    Args:
        frame_bgr: (h, w, 3) uint8.
        scale: factor of the frame's sides.
        border_px: black pixels left and above (and at least as many right and below).
        grid_px: both sides of the result are multiples of this.

    Returns:
        (H, W, 3) uint8; a point p of the frame stands at p * scale + border_px.
    """
    height, width = frame_bgr.shape[:2]
    new_w, new_h = max(1, round(width * scale)), max(1, round(height * scale))
    if (new_w, new_h) != (width, height):
        shrinks = scale < 1
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        frame_bgr = np.asarray(
            cv2.resize(frame_bgr, (new_w, new_h), interpolation=interpolation), dtype=np.uint8
        )
    full_h = -(-(new_h + 2 * border_px) // grid_px) * grid_px
    full_w = -(-(new_w + 2 * border_px) // grid_px) * grid_px
    canvas = np.zeros((full_h, full_w, 3), dtype=np.uint8)
    canvas[border_px : border_px + new_h, border_px : border_px + new_w] = frame_bgr
    return canvas

"""Rectangles: suppression of doubles, and fitting a picture onto a network's grid."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.overlaps import iou_matrix

IntArray = npt.NDArray[np.int64]


BLOCK = 128
"""Boxes that suppression settles at once: more need larger matrices, fewer need more rounds. All 20
candidates around one face fit one block, and a crowd's 1,000 make no matrix of a million."""


def non_max_suppression(
    bboxes_xyxy: FloatArray, scores: FloatArray, iou_threshold: float = 0.5
) -> IntArray:
    """Keep the best box of each group that overlaps.

    Blocks of boxes, the best first, are compared with those kept so far and among themselves, so
    that the work grows with the boxes times those kept, not with the square.

    Args:
        bboxes_xyxy: (n, 4).
        scores: (n,), higher is better; ties go to the lower index.
        iou_threshold: a box that overlaps a better one by more than this is dropped.

    Returns:
        (k,) indices of the boxes kept, best first.

    Source:
        Redmon et al., You Only Look Once, 2016: greedy suppression at IoU 0.5.
    """
    order = np.argsort(-scores, kind="stable").astype(np.int64)
    kept = order[:0]
    for first in range(0, len(order), BLOCK):
        block = order[first : first + BLOCK]
        if len(kept):
            taken = iou_matrix(bboxes_xyxy[block], bboxes_xyxy[kept]) > iou_threshold
            block = block[~taken.any(axis=1)]
        kept = np.concatenate([kept, block[_not_suppressed(bboxes_xyxy[block], iou_threshold)]])
    return kept


def _not_suppressed(bboxes_xyxy: FloatArray, iou_threshold: float) -> npt.NDArray[np.bool_]:
    """What greedy suppression keeps of boxes that are sorted, best first.

    Each round lets only those suppress that the round before kept. After k rounds at least the
    first k boxes are settled, so what no longer changes is the greedy result; it mostly takes 3.

    Source:
        Zheng et al., Enhancing Geometric Factors in Model Learning and Inference for Object
        Detection and Instance Segmentation, 2021: Cluster-NMS.
    """
    suppresses = np.triu(iou_matrix(bboxes_xyxy, bboxes_xyxy) > iou_threshold, k=1)
    kept: npt.NDArray[np.bool_] = np.ones(len(bboxes_xyxy), dtype=bool)
    while True:
        again = np.logical_not(np.any(suppresses[kept], axis=0))
        if np.array_equal(again, kept):
            return kept
        kept = again


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

"""A published detector as teacher: boxes and landmarks where people have drawn none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.detections import Detections
from facegate.models.yolo_cells import FIT, GRID_PX, faces_in_cells
from facegate.models.yunet import YuNetCells
from facegate.vision.boxes import letterbox, non_max_suppression

NMS_IOU = 0.45


class YuNetTeacher:
    """YuNet (Wu, Peng and Yu, 2023; ShiqiYu/libfacedetection.train).

    Args:
        weights: its ONNX file, with dynamic input size.
        least_score: of the faces that are told of.
    """

    def __init__(self, weights: Path, least_score: float = 0.25) -> None:
        self._network = YuNetCells(weights, threads=1)
        self._least = least_score

    def __call__(self, frame_bgr: ImageArray) -> Detections:
        """Find the faces of a picture, at its size."""
        canvas = letterbox(frame_bgr, 1.0, 0, GRID_PX)
        height, width = canvas.shape[:2]
        cells = self._network.cells(canvas)
        found = Detections(*faces_in_cells(cells, height, width, self._least))
        return found.take(non_max_suppression(found.bboxes_xyxy, found.scores, NMS_IOU))


class CellTeacher:
    """What YuNet says of each cell of its grids, which are ours.

    Args:
        weights: its ONNX file, with dynamic input size.
    """

    def __init__(self, weights: Path) -> None:
        self._network = YuNetCells(weights, threads=1)

    def __call__(self, frames_bgr: ImageArray) -> FloatArray:
        """(n, h, w, 3) to (n, cells, 2) logits of p_c and fit."""
        return np.ascontiguousarray(self._network.batch(frames_bgr)[..., [0, FIT]])

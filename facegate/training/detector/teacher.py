"""A published detector as teacher: boxes and landmarks where people have drawn none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.detections import Detections
from facegate.models.yolo_cells import FIT, GRID_PX, STRIDES, faces_in_cells
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
        mirrored: ask it about the mirrored picture, too, and take the mean of its chances: it then
            knows more than in one look.
    """

    def __init__(self, weights: Path, mirrored: bool = False) -> None:
        self._network = YuNetCells(weights, threads=1)
        self._mirrored = mirrored

    def __call__(self, frames_bgr: ImageArray) -> FloatArray:
        """(n, h, w, 3), sides multiples of 32, to (n, cells, 2): chances of a face, and fits."""
        chances = self._chances(frames_bgr)
        if self._mirrored:
            height, width = frames_bgr.shape[1:3]
            other = self._chances(frames_bgr[:, :, ::-1])
            chances = (chances + mirrored_cells(other, height, width)) / np.float32(2)
        return chances

    def _chances(self, frames_bgr: ImageArray) -> FloatArray:
        logits = self._network.batch(frames_bgr)[..., [0, FIT]]
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


def mirrored_cells(cells: FloatArray, height: int, width: int) -> FloatArray:
    """The cells of mirrored pictures of this size in the places that they have in the pictures.

    Args:
        cells: (n, cells, k), finest grid first, each row by row.
        height, width: of the pictures in pixels.
    """
    parts, first = [], 0
    for stride in STRIDES:
        rows, columns = height // stride, width // stride
        grid = cells[:, first : first + rows * columns].reshape(len(cells), rows, columns, -1)
        parts.append(grid[:, :, ::-1].reshape(len(cells), rows * columns, -1))
        first += rows * columns
    return np.concatenate(parts, axis=1)

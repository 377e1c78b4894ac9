"""A published detector as teacher: boxes and landmarks where people have drawn none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.models.runtime import open_session


class YuNetTeacher:
    """YuNet (Wu, Peng and Yu, 2023; ShiqiYu/libfacedetection.train) run by opencv.

    Args:
        weights: its ONNX file, with dynamic input size.
        score_threshold: least score of a face that is taught.
    """

    def __init__(self, weights: Path, score_threshold: float = 0.7) -> None:
        self._network: Any = cv2.FaceDetectorYN.create(
            str(weights), "", (320, 320), score_threshold, 0.45, 5000
        )

    def __call__(self, frame_bgr: ImageArray) -> tuple[FloatArray, FloatArray]:
        """Find faces; gives boxes (n, 4) x1 y1 x2 y2 and landmarks (n, 5, 2) in pixels."""
        height, width = frame_bgr.shape[:2]
        self._network.setInputSize((width, height))
        _, found = self._network.detect(frame_bgr)
        rows = np.zeros((0, 15), np.float32) if found is None else np.asarray(found, np.float32)
        boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        return boxes, rows[:, 4:14].reshape(-1, 5, 2)


class CellTeacher:
    """What YuNet says of each cell of its grids, which are ours.

    Args:
        weights: its ONNX file, with dynamic input size.
    """

    def __init__(self, weights: Path) -> None:
        self._session = open_session(weights.read_bytes(), threads=1)
        self._names = [f"{kind}_{stride}" for kind in ("obj", "cls") for stride in (8, 16, 32)]

    def __call__(self, frames_bgr: ImageArray) -> FloatArray:
        """(n, h, w, 3) to (n, cells, 2) logits of p_c and fit."""
        pixels = np.ascontiguousarray(frames_bgr.transpose(0, 3, 1, 2), np.float32)
        found = self._session.run(self._names, {"input": pixels})
        p = np.stack(
            [
                np.concatenate([x.reshape(len(x), -1) for x in part], 1)
                for part in (found[:3], found[3:])
            ],
            axis=2,
        ).clip(1e-6, 1 - 1e-6)
        return np.asarray(np.log(p / (1 - p)), np.float32)

"""A published detector as teacher: boxes and landmarks where people have drawn none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray


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

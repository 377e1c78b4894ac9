"""A published detector as teacher: boxes and landmarks where people have drawn none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.models.runtime import open_session
from facegate.vision.boxes import non_max_suppression

STRIDES = (8, 16, 32)
NMS_IOU = 0.45


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a teacher sees in a picture.

    Attributes:
        bboxes_xyxy: (n, 4) float32 pixels.
        landmarks_xy: (n, 5, 2) float32 pixels.
        scores: (n,) float32 in [0, 1].
    """

    bboxes_xyxy: FloatArray
    landmarks_xy: FloatArray
    scores: FloatArray

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, which: npt.NDArray[Any]) -> Found:
        """Some of the faces, by a mask or by numbers."""
        return Found(self.bboxes_xyxy[which], self.landmarks_xy[which], self.scores[which])


class YuNetTeacher:
    """YuNet (Wu, Peng and Yu, 2023; ShiqiYu/libfacedetection.train).

    Args:
        weights: its ONNX file, with dynamic input size.
        least_score: of the faces that are told of.
    """

    def __init__(self, weights: Path, least_score: float = 0.25) -> None:
        self._session = open_session(weights.read_bytes(), threads=1)
        self._names = [f"{kind}_{s}" for kind in ("cls", "obj", "bbox", "kps") for s in STRIDES]
        self._least = least_score

    def __call__(self, frame_bgr: ImageArray) -> Found:
        """Find the faces of a picture, at its size."""
        height, width = frame_bgr.shape[:2]
        padded = cv2.copyMakeBorder(frame_bgr, 0, -height % 32, 0, -width % 32, cv2.BORDER_CONSTANT)
        pixels = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32)
        said = self._session.run(self._names, {"input": pixels})
        classes, objects, boxes, points = (
            np.concatenate([part[0] for part in said[kind : kind + 3]]) for kind in range(0, 12, 3)
        )
        scores = np.sqrt((classes * objects).clip(0, 1))[:, 0]
        corners, strides = _corners(*padded.shape[:2])
        sure = scores >= self._least
        corners, strides = corners[sure], strides[sure, None]
        centers = corners + boxes[sure, :2] * strides
        halves = np.exp(boxes[sure, 2:]) * strides / 2
        found = Found(
            np.concatenate([centers - halves, centers + halves], axis=1).astype(np.float32),
            (corners[:, None] + points[sure].reshape(-1, 5, 2) * strides[:, None]).astype(
                np.float32
            ),
            scores[sure].astype(np.float32),
        )
        return found[non_max_suppression(found.bboxes_xyxy, found.scores, NMS_IOU)]


class CellTeacher:
    """What YuNet says of each cell of its grids, which are ours.

    Args:
        weights: its ONNX file, with dynamic input size.
    """

    def __init__(self, weights: Path) -> None:
        self._session = open_session(weights.read_bytes(), threads=1)
        self._names = [f"{kind}_{stride}" for kind in ("obj", "cls") for stride in STRIDES]

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


def _corners(height: int, width: int) -> tuple[FloatArray, FloatArray]:
    """The top left corner of every cell, (cells, 2) x, y, and its stride, finest grid first."""
    corners, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[0 : height // stride, 0 : width // stride] * stride
        corners.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full(x.size, stride))
    return (
        np.concatenate(corners).astype(np.float32),
        np.concatenate(strides).astype(np.float32),
    )

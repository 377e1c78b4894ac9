"""A second look at each face for exact landmarks, by onnxruntime and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.faces import DetectedFace
from facegate.errors import ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SIDE_PX = 96
MARGIN = 1.4
"""The network's contract; see `facegate.models.landmarker` (a test holds both together)."""

ZOOMS = (0.9, 1.0, 1.1)
"""Each face is looked at so much nearer and farther, straight and mirrored; the mean is taken."""

BATCH_FACES = 16
_MIRRORED = [1, 0, 2, 4, 3]


class OnnxLandmarker:
    """Finds the landmarks of faces whose boxes are known.

    Args:
        session: the network.
        model_id: name and short digest of the network.
    """

    def __init__(self, session: InferenceSession, model_id: str) -> None:
        inputs, outputs = session.get_inputs(), session.get_outputs()
        fits = (
            len(inputs) == len(outputs) == 1
            and inputs[0].type == "tensor(uint8)"
            and list(inputs[0].shape[1:]) == [SIDE_PX, SIDE_PX, 3]
            and list(outputs[0].shape[1:]) == [5, 2]
        )
        if not fits:
            raise ModelError(
                f"{model_id} is not a landmark network: it must take (n, {SIDE_PX}, {SIDE_PX}, 3) "
                "uint8 and give (n, 5, 2) float32."
            )
        self._session = session
        self._input_name = str(inputs[0].name)
        self._model_id = model_id

    @property
    def model_id(self) -> str:
        """Name and short digest of the network."""
        return self._model_id

    def refine(self, frame_bgr: ImageArray, faces: Sequence[DetectedFace]) -> list[DetectedFace]:
        """Give faces exact landmarks; boxes and scores stay.

        Each face is looked at several times (see ZOOMS), also mirrored; the mean is less noisy than
        a single look. Where the network gives no finite points, the detector's stay.

        Args:
            frame_bgr: (h, w, 3) uint8.
            faces: found in it.

        Raises:
            ModelError: the network failed.
        """
        looks_xy = self.looks(frame_bgr, faces)
        return [
            DetectedFace(face.bbox_xyxy, looks.mean(axis=0), face.score)
            if np.isfinite(looks).all()
            else face
            for face, looks in zip(faces, looks_xy, strict=True)
        ]

    def looks(self, frame_bgr: ImageArray, faces: Sequence[DetectedFace]) -> FloatArray:
        """What each look at each face says.

        Args:
            frame_bgr: (h, w, 3) uint8.
            faces: found in it.

        Returns:
            (n, looks, 5, 2) landmarks in frame pixels.

        Raises:
            ModelError: the network failed.
        """
        looks_xy = [np.zeros((0, 2 * len(ZOOMS), 5, 2), np.float32)]
        for first in range(0, len(faces), BATCH_FACES):
            batch = faces[first : first + BATCH_FACES]
            looks = [
                (face, zoom * SIDE_PX / (MARGIN * longer_side(face)))
                for face in batch
                for zoom in ZOOMS
            ]
            points = self._points(np.stack([_crop(frame_bgr, *look) for look in looks]))
            placed = np.stack(
                [
                    (found - SIDE_PX / 2) / scale + _middle(face)
                    for (face, scale), found in zip(looks, points, strict=True)
                ]
            )
            looks_xy.append(placed.reshape(len(batch), -1, 5, 2))
        return np.concatenate(looks_xy)

    def _points(self, crops_bgr: ImageArray) -> FloatArray:
        """(n, 96, 96, 3) uint8 to (n, 2, 5, 2) crop pixels, seen straight and mirrored."""
        both = np.concatenate([crops_bgr, crops_bgr[:, :, ::-1]])
        try:
            points: FloatArray = self._session.run(None, {self._input_name: both})[0]
        except Exception as error:  # onnxruntime's errors have no common public base
            raise ModelError(f"{self._model_id} failed to run: {error}") from error
        straight, mirrored = points[: len(crops_bgr)], points[len(crops_bgr) :, _MIRRORED]
        # In the crop's coordinates, pixel i has its center at i: mirroring takes x to 95 - x.
        mirrored = np.stack([SIDE_PX - 1 - mirrored[..., 0], mirrored[..., 1]], axis=-1)
        return np.stack([straight, mirrored], axis=1).astype(np.float32)


def _crop(frame_bgr: ImageArray, face: DetectedFace, scale: float) -> ImageArray:
    """Cut the square around a face at the network's size; outside the frame it is black."""
    x, y = (float(value) for value in _middle(face))
    half = SIDE_PX / scale / 2
    height, width = frame_bgr.shape[:2]
    # Only the part around the face is sampled, also in a frame of 100 megapixels.
    left, top = max(0, int(x - half) - 2), max(0, int(y - half) - 2)
    right, bottom = min(width, int(x + half) + 3), min(height, int(y + half) + 3)
    if left >= right or top >= bottom:
        return np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    region = frame_bgr[top:bottom, left:right]
    if scale < 0.5:  # shrink by averaging first; sampling alone would make grain
        factor = 2 * scale
        size_wh = (max(1, round(region.shape[1] * factor)), max(1, round(region.shape[0] * factor)))
        ratio = np.array(size_wh) / (region.shape[1], region.shape[0])
        region = np.asarray(cv2.resize(region, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    else:
        ratio = np.ones(2)
    matrix = np.array(
        [
            [scale / ratio[0], 0.0, SIDE_PX / 2 - scale * (x - left)],
            [0.0, scale / ratio[1], SIDE_PX / 2 - scale * (y - top)],
        ]
    )
    crop = cv2.warpAffine(np.ascontiguousarray(region), matrix, (SIDE_PX, SIDE_PX))
    return np.asarray(crop, np.uint8)


def _middle(face: DetectedFace) -> FloatArray:
    return np.asarray((face.bbox_xyxy[:2] + face.bbox_xyxy[2:]) / 2, dtype=np.float32)


def longer_side(face: DetectedFace) -> float:
    """Longer side of a face's box in pixels, at least 1."""
    return max(1.0, float((face.bbox_xyxy[2:] - face.bbox_xyxy[:2]).max()))

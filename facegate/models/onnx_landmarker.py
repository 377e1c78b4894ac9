"""A second look at each face for exact landmarks, by onnxruntime and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.faces import DetectedFace
from facegate.errors import ModelError
from facegate.vision.darkness import DARK_BELOW, lifted
from facegate.vision.landmark_crop import SIDE_PX, crop_matrix, cut_crop

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

BATCH_FACES = 32
_MIRRORED = [1, 0, 2, 4, 3]


class OnnxLandmarker:
    """Makes rough landmarks of faces exact.

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

    def refine(
        self,
        frame_bgr: ImageArray,
        faces: Sequence[DetectedFace],
        brighten_below: float = DARK_BELOW,
    ) -> list[DetectedFace]:
        """Give faces exact landmarks; boxes and scores stay.

        Each face is looked at straight and mirrored, in a crop that its own landmarks place; the
        mean leans to neither side. Crops of a dark frame are brightened. Where the network gives no
        finite points, the detector's stay.

        Args:
            frame_bgr: (h, w, 3) uint8.
            faces: found in it.
            brighten_below: see `facegate.vision.darkness.lifted`.

        Raises:
            ModelError: the network failed.
        """
        looks_xy = self.looks(frame_bgr, faces, brighten_below)
        return [
            DetectedFace(face.bbox_xyxy, looks.mean(axis=0), face.score)
            if np.isfinite(looks).all()
            else face
            for face, looks in zip(faces, looks_xy, strict=True)
        ]

    def looks(
        self,
        frame_bgr: ImageArray,
        faces: Sequence[DetectedFace],
        brighten_below: float = DARK_BELOW,
    ) -> FloatArray:
        """What each look at each face says.

        Args:
            frame_bgr: (h, w, 3) uint8.
            faces: found in it.
            brighten_below: see `facegate.vision.darkness.lifted`.

        Returns:
            (n, 2, 5, 2) landmarks in frame pixels, seen straight and mirrored.

        Raises:
            ModelError: the network failed.
        """
        looks_xy = [np.zeros((0, 2, 5, 2), np.float32)]
        for first in range(0, len(faces), BATCH_FACES):
            batch = faces[first : first + BATCH_FACES]
            matrices = [crop_matrix(face.landmarks_xy, face.bbox_xyxy) for face in batch]
            crops = np.stack([cut_crop(frame_bgr, one) for one in matrices])
            points = self._points(lifted(crops, frame_bgr, brighten_below))
            placed = [
                (found - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
                for matrix, found in zip(matrices, points, strict=True)
            ]
            looks_xy.append(np.array(placed, np.float32))
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

"""Tells faces from pictures of faces, one frame at a time, by onnxruntime and without torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.faces import DetectedFace
from facegate.domain.pad_limits import PadLimits
from facegate.errors import ConfigError, ModelError, ShapeError
from facegate.vision.context import context_views, whole_views

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from facegate.models.registry import ModelCard

SIDE_PX = 80
ZOOMS = (2.7, 4.0)
"""The network's contract; see `facegate.models.pad_net` (a test holds both together)."""

BATCH_FACES = 16
ATTACK_SCORE = 0.0
"""Of a face that cannot be looked at: what is not seen to be a face is an attack."""


def limits_of(card: ModelCard) -> PadLimits:
    """Read the limits from a card's `[threshold]`. Raises ModelError."""
    try:
        section = card.content["threshold"]
        return PadLimits(float(section["attack_below"]), float(section["bona_fide_from"]))
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise ModelError(f"The card of {card.name} has no usable [threshold].") from error


class OnnxPad:
    """Scores faces with a passive attack network.

    Args:
        session: the network.
        model_id: name and short digest of the network.
    """

    def __init__(self, session: InferenceSession, model_id: str) -> None:
        inputs, outputs = session.get_inputs(), session.get_outputs()
        fits = (
            len(inputs) == len(outputs) == 1
            and inputs[0].type == "tensor(uint8)"
            and list(inputs[0].shape[1:]) == [len(ZOOMS), SIDE_PX, SIDE_PX, 3]
            and outputs[0].type == "tensor(float)"
            and len(outputs[0].shape) == 1
        )
        if not fits:
            raise ModelError(
                f"{model_id} is not an attack network: it must take (n, {len(ZOOMS)}, {SIDE_PX}, "
                f"{SIDE_PX}, 3) uint8 and give (n,) float32."
            )
        self._session = session
        self._input_name = str(inputs[0].name)
        self._model_id = model_id

    @property
    def model_id(self) -> str:
        """Name and short digest of the network."""
        return self._model_id

    def scores(self, frame_bgr: ImageArray, faces: Sequence[DetectedFace]) -> FloatArray:
        """Score every face of a frame.

        A face that cannot be cut out (too small, its middle outside the frame) and one for which
        the network gives no number get ATTACK_SCORE.

        Args:
            frame_bgr: (h, w, 3) uint8.
            faces: found in it; may be none.

        Returns:
            (n,) float32 in [0, 1], higher is more bona fide.

        Raises:
            ShapeError: not such a frame.
            ModelError: the network failed.
        """
        if frame_bgr.ndim != 3 or frame_bgr.shape[2] != 3 or frame_bgr.dtype != np.uint8:
            actual = f"{frame_bgr.dtype} of shape {frame_bgr.shape}"
            raise ShapeError("frame_bgr", "uint8 of shape (h, w, 3)", actual)
        scores = np.full(len(faces), ATTACK_SCORE, np.float32)
        places, views = [], []
        for place, face in enumerate(faces):
            try:
                views.append(context_views(frame_bgr, face.bbox_xyxy, ZOOMS, SIDE_PX))
            except ShapeError:
                continue
            places.append(place)
        for first in range(0, len(views), BATCH_FACES):
            batch = slice(first, first + BATCH_FACES)
            scores[places[batch]] = self._run(np.stack(views[batch]))
        return scores

    def score_whole(self, image_bgr: ImageArray) -> float:
        """Score a picture that was cut to a face before, of which nobody knows the box."""
        return float(self._run(whole_views(image_bgr, len(ZOOMS), SIDE_PX)[np.newaxis])[0])

    def _run(self, views_bgr: ImageArray) -> FloatArray:
        """(n, 2, 80, 80, 3) uint8 to (n,) float32 in [0, 1]."""
        try:
            found = self._session.run(None, {self._input_name: views_bgr})[0]
        except Exception as error:  # onnxruntime's errors have no common public base
            raise ModelError(f"{self._model_id} failed to run: {error}") from error
        scores = np.asarray(found, dtype=np.float32)
        if scores.shape != (len(views_bgr),):
            raise ModelError(f"{self._model_id} gave scores of shape {scores.shape}.")
        known = np.where(np.isfinite(scores), scores, np.float32(ATTACK_SCORE))
        return np.asarray(np.clip(known, 0.0, 1.0), np.float32)

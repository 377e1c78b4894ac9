"""Runs an embedding network at the gate, by onnxruntime and without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import ModelError, ShapeError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

BATCH_FACES = 16
"""Faces per run of the network; more is no faster on a CPU and only takes memory."""


class OnnxEmbedder:
    """Turns aligned faces into embeddings; fulfils `facegate.ports.Embedder`.

    The network itself scales the pixels and the output, see `facegate.models.mobilefacenet`, so
    that its file alone defines the embedding.
    """

    def __init__(self, session: InferenceSession, model_id: str) -> None:
        inputs, outputs = session.get_inputs(), session.get_outputs()
        fits = (
            len(inputs) == len(outputs) == 1
            and inputs[0].type == "tensor(uint8)"
            and len(inputs[0].shape) == 4
            and inputs[0].shape[3] == 3
            and len(outputs[0].shape) == 2
            and all(isinstance(n, int) for n in (*inputs[0].shape[1:], outputs[0].shape[1]))
        )
        if not fits:
            raise ModelError(
                f"{model_id} is not an embedding network: it must take (n, h, w, 3) uint8 and "
                "give (n, d) float32."
            )
        self._session = session
        self._model_id = model_id
        self._input_name = str(inputs[0].name)
        self._crop_shape: tuple[int, ...] = tuple(inputs[0].shape[1:])
        self._dim = int(outputs[0].shape[1])

    @property
    def model_id(self) -> str:
        """Name and short digest of the network; goes into every template."""
        return self._model_id

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._dim

    def embed(self, crops_rgb: ImageArray) -> FloatArray:
        """Encode aligned faces.

        Args:
            crops_rgb: (n, 112, 112, 3) uint8 as `facegate.vision.align.align_face` cuts them; n may
                be 0.

        Returns:
            (n, d) float32 unit vectors; the cosine of two is their similarity.

        Raises:
            ShapeError: not such crops.
            ModelError: the network failed, or gave something that is not a unit vector.
        """
        if crops_rgb.dtype != np.uint8 or crops_rgb.shape[1:] != self._crop_shape:
            expected = f"uint8 of shape (n, {', '.join(map(str, self._crop_shape))})"
            actual = f"{crops_rgb.dtype} of shape {crops_rgb.shape}"
            raise ShapeError("crops_rgb", expected, actual)
        embeddings = np.empty((len(crops_rgb), self._dim), dtype=np.float32)
        for first in range(0, len(crops_rgb), BATCH_FACES):
            batch = np.ascontiguousarray(crops_rgb[first : first + BATCH_FACES])
            embeddings[first : first + BATCH_FACES] = self._run(batch)
        lengths = np.linalg.norm(embeddings, axis=1)
        if not np.allclose(lengths, 1.0, atol=1e-3):  # NaN fails too: nobody must match it
            raise ModelError(f"{self._model_id} gave an embedding that is not of unit length.")
        return embeddings

    def _run(self, batch: ImageArray) -> FloatArray:
        try:
            output: FloatArray = self._session.run(None, {self._input_name: batch})[0]
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(f"{self._model_id} failed to run: {error}") from error
        return output

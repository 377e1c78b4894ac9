"""Runs an embedding network at the gate, by onnxruntime and without torch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from facegate.domain.arrays import UNIT_LENGTH_TOLERANCE, FloatArray, ImageArray
from facegate.errors import ModelError, ShapeError
from facegate.models.contract import EncoderContract
from facegate.vision.align import CROP_PX, CropGeometry

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

BATCH_FACES = 16
"""Faces per run of the network; more is no faster on a CPU and only takes memory."""


class OnnxEmbedder:
    """Turns aligned faces into embeddings; fulfils `facegate.ports.devices.Embedder`.

    A network that ships scales the pixels and the output itself, see
    `facegate.models.crop_encoder`, so that its file alone defines the embedding. One that was
    added has a contract that says how.

    Args:
        session: the loaded network.
        model_id: goes into every template.
        contract: what the network expects; None: as those that ship.
        threads: among which several faces are shared, for a session that itself uses one.

    Raises:
        ModelError: the network does not have the inputs and outputs that the contract promises.
    """

    def __init__(
        self,
        session: InferenceSession,
        model_id: str,
        contract: EncoderContract | None = None,
        threads: int = 1,
    ) -> None:
        self._session = session
        self._model_id = model_id
        self._contract = shipped_contract(session, model_id) if contract is None else contract
        mismatch = interface_mismatch(session, self._contract)
        if mismatch:
            raise ModelError(f"{model_id} does not fit its contract: {mismatch}.")
        (batch,) = (one.shape[0] for one in session.get_inputs()[:1])
        self._batch = min(batch, BATCH_FACES) if isinstance(batch, int) else BATCH_FACES
        self._fixed_batch = isinstance(batch, int)
        self._threads = threads

    @property
    def model_id(self) -> str:
        """Name and short digest of the network; goes into every template."""
        return self._model_id

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self._contract.dim

    @property
    def geometry(self) -> CropGeometry:
        """How the crops must be cut."""
        return self._contract.geometry

    def embed(self, crops_rgb: ImageArray) -> FloatArray:
        """Encode aligned faces.

        Args:
            crops_rgb: (n, size, size, 3) uint8 as `facegate.vision.align.align_face` cuts them for
                this network's geometry; n may be 0.

        Returns:
            (n, d) float32 unit vectors; the cosine of two is their similarity.

        Raises:
            ShapeError: not such crops.
            ModelError: the network failed, or gave something that is not a unit vector.
        """
        size = self._contract.size_px
        if crops_rgb.dtype != np.uint8 or crops_rgb.shape[1:] != (size, size, 3):
            expected = f"uint8 of shape (n, {size}, {size}, 3)"
            actual = f"{crops_rgb.dtype} of shape {crops_rgb.shape}"
            raise ShapeError("crops_rgb", expected, actual)
        embeddings = np.empty((len(crops_rgb), self.dim), dtype=np.float32)
        at_once = min(self._batch, max(1, -(-len(crops_rgb) // self._threads)))
        parts = [slice(first, first + at_once) for first in range(0, len(crops_rgb), at_once)]

        def fill(part: slice) -> None:
            embeddings[part] = self._run(crops_rgb[part])

        if len(parts) > 1 and self._threads > 1:
            # The network runs without Python's lock.
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(fill, parts))
        else:
            for part in parts:
                fill(part)
        lengths = np.linalg.norm(embeddings, axis=1)
        # NaN fails too: nobody must match it.
        if not (np.abs(lengths - 1.0) <= UNIT_LENGTH_TOLERANCE).all():
            raise ModelError(f"{self._model_id} gave an embedding that is not of unit length.")
        return embeddings

    def _run(self, batch: ImageArray) -> FloatArray:
        count = len(batch)
        if self._fixed_batch and count < self._batch:
            batch = np.concatenate([batch, np.repeat(batch[-1:], self._batch - count, axis=0)])
        feed = {self._contract.input_name: self._contract.prepare(batch)}
        try:
            output: Any = self._session.run([self._contract.output_name], feed)[0]
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(f"{self._model_id} failed to run: {error}") from error
        return self._contract.embeddings(output, len(batch))[:count]


def shipped_contract(session: InferenceSession, model_id: str) -> EncoderContract:
    """The contract that all networks that ship keep, read from the network itself.

    Raises:
        ModelError: this network does not keep it.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    fits = (
        len(inputs) == len(outputs) == 1
        and inputs[0].type == "tensor(uint8)"
        and list(inputs[0].shape[1:]) == [CROP_PX, CROP_PX, 3]
        and len(outputs[0].shape) == 2
        and isinstance(outputs[0].shape[1], int)
    )
    if not fits:
        raise ModelError(
            f"{model_id} is not an embedding network: it must take (n, h, w, 3) uint8 and "
            "give (n, d) float32."
        )
    return EncoderContract(
        input_name=str(inputs[0].name),
        output_name=str(outputs[0].name),
        size_px=CROP_PX,
        layout="nhwc",
        dtype="uint8",
        color_order="RGB",
        mean=(0.0, 0.0, 0.0),
        scale=(1.0, 1.0, 1.0),
        template_xy=CropGeometry.arcface(CROP_PX).template_xy,
        dim=int(outputs[0].shape[1]),
        unit_length=True,
    )


def interface_mismatch(session: InferenceSession, contract: EncoderContract) -> str:
    """How a network's inputs and outputs differ from a contract, in words; empty: not at all."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        return f"it has {len(inputs)} inputs, not one"
    given = inputs[0]
    if given.name != contract.input_name:
        return f"its input is called {given.name!r}, not {contract.input_name!r}"
    if given.type != TENSOR_TYPES[contract.dtype]:
        return f"its input is a {given.type}, not {contract.dtype}"
    side = contract.size_px
    wanted = [side, side, 3] if contract.layout == "nhwc" else [3, side, side]
    free = [one if isinstance(one, int) else None for one in given.shape]
    fits = len(free) == 4 and all(
        have in {None, want} for have, want in zip(free[1:], wanted, strict=True)
    )
    if not fits:
        return f"its input has the shape {given.shape}, not (n, {', '.join(map(str, wanted))})"
    return _output_mismatch(session, contract)


def _output_mismatch(session: InferenceSession, contract: EncoderContract) -> str:
    outputs = {str(one.name): one for one in session.get_outputs()}
    if contract.output_name not in outputs:
        return f"it has no output called {contract.output_name!r} ({', '.join(outputs)})"
    shape = outputs[contract.output_name].shape
    last = shape[1] if len(shape) > 1 else None
    if isinstance(last, int) and len(shape) == 2 and last != contract.dim:
        return f"its output has the length {last}, not {contract.dim}"
    return ""


TENSOR_TYPES = {
    "uint8": "tensor(uint8)",
    "float32": "tensor(float)",
    "float16": "tensor(float16)",
}
"""onnxruntime's words for a contract's dtypes."""

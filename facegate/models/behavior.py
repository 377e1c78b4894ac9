"""What an embedding network does with noise and with real faces."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from facegate.domain.arrays import UNIT_LENGTH_TOLERANCE, FloatArray, ImageArray
from facegate.errors import ModelError, ShapeError
from facegate.models.contract import EncoderContract
from facegate.models.onnx_embedder import OnnxEmbedder

_BATCH_TOLERANCE = 1e-3  # cosine; sums of floats in another order
_SAME = 1 - 1e-5  # cosine from which on two embeddings count as the same
_DIFFERENT = 0.999  # cosine that two different pictures must stay below


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        passed: whether it is as it should be.
        required: a network that fails is not kept; else it is only pointed out.
        detail: what was seen.
    """

    name: str
    passed: bool
    detail: str = ""
    required: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The check as JSON has it."""
        return asdict(self)


def one_output(session: Any, contract: EncoderContract) -> Any:
    """The raw output for a crop of noise, without the batch axis."""
    batch = session.get_inputs()[0].shape[0]
    count = batch if isinstance(batch, int) else 1
    noise = _noise(count, contract.size_px)
    try:
        feed = {contract.input_name: contract.prepare(noise)}
        output = np.asarray(session.run([contract.output_name], feed)[0])
    except Exception as error:  # onnxruntime's errors have no common base
        raise ModelError(f"It fails to run: {first_line(error)}") from error
    if output.ndim < 2 or len(output) != count or not np.issubdtype(output.dtype, np.floating):
        raise ModelError(f"It gives {output.dtype} of shape {output.shape}, not embeddings.")
    return output[0].reshape(-1)


def check_behavior(
    session: Any, embedder: OnnxEmbedder, contract: EncoderContract, faces: Mapping[str, ImageArray]
) -> list[Check]:
    """How the network behaves on noise and on real faces."""
    noise = _noise(5, contract.size_px)
    checks: list[Check] = []
    try:
        raw = one_output(session, contract)
        finite = bool(np.isfinite(raw).all())
        checks.append(Check("output is finite", finite, "" if finite else "NaN or infinite"))
        length = float(np.linalg.norm(raw.astype(np.float64)))
        unit = abs(length - 1) <= UNIT_LENGTH_TOLERANCE
        usable = math.isfinite(length) and length > 0 and (unit or not contract.unit_length)
        detail = f"length {length:.4g}" + ("" if contract.unit_length else ", made 1 here")
        checks.append(Check("output has unit length or can be given it", usable, detail))
        if not (finite and usable):
            return checks
        together = embedder.embed(noise)
        again = embedder.embed(noise)
        singly = np.concatenate([embedder.embed(one[np.newaxis]) for one in noise])
    except (ModelError, ShapeError) as error:
        checks.append(Check("runs on several faces", False, first_line(error)))
        return checks
    repeats = bool(np.array_equal(together, again))
    close = float(_cosines(together, again).min())
    checks.append(
        Check("the same crop gives the same", repeats or close >= _SAME, f"cosine {close:.6f}")
    )
    least = float(_cosines(together, singly).min())
    fits = least >= 1 - _BATCH_TOLERANCE
    checks.append(Check("several at once as one by one", fits, f"cosine {least:.6f}"))
    try:
        checks += _on_faces(embedder, noise, faces)
    except (ModelError, ShapeError) as error:
        checks.append(Check("runs on real faces", False, first_line(error)))
    return checks


def _on_faces(
    embedder: OnnxEmbedder, noise: ImageArray, faces: Mapping[str, ImageArray]
) -> list[Check]:
    first, again, second = (faces[name] for name in ("first", "first_again", "second"))
    shown = np.stack([first, again, second, first[:, ::-1], first[:, :, ::-1], noise[0]])
    found = embedder.embed(np.ascontiguousarray(shown))
    near, far, mirrored, swapped, other = (float(found[0] @ one) for one in found[1:])
    differ = max(far, other) < _DIFFERENT
    return [
        Check("different crops give different embeddings", differ, f"cosine {max(far, other):.4f}"),
        Check(
            "the color order matters",
            swapped < _SAME,
            f"cosine {swapped:.4f} when red and blue change places"
            + ("" if swapped < _SAME else "; a wrong color order could not be told"),
            required=False,
        ),
        Check(
            "a mirrored face is nearer than another person's",
            mirrored > far,
            f"{mirrored:.3f}, another person {far:.3f}",
            required=False,
        ),
        Check(
            "a darker copy is nearer than another person's",
            near > far,
            f"{near:.3f}, another person {far:.3f}"
            + ("" if near > far else "; are mean, scale and template right?"),
            required=False,
        ),
    ]


def _noise(count: int, size_px: int) -> ImageArray:
    """Crops of seeded noise, smooth enough that a network's first layers see something."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (count, 8, 8, 3))
    times = -(-size_px // 8)
    fine = np.repeat(np.repeat(coarse, times, axis=1), times, axis=2)
    return np.ascontiguousarray(fine[:, :size_px, :size_px]).astype(np.uint8)


def _cosines(first: FloatArray, second: FloatArray) -> FloatArray:
    return np.asarray((first * second).sum(axis=1), dtype=np.float32)


def first_line(error: object) -> str:
    """The first line of what onnxruntime or FaceGate says, cut to a table's measure."""
    return str(error).strip().partition("\n")[0][:300]

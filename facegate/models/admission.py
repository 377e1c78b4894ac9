"""Checks an embedding network that somebody else made, before it is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegate.domain.arrays import UNIT_LENGTH_TOLERANCE, FloatArray, ImageArray
from facegate.errors import ModelError, ShapeError
from facegate.models.contract import EncoderContract, read_contract
from facegate.models.limits import memory_limited, time_limited
from facegate.models.onnx_embedder import TENSOR_TYPES, OnnxEmbedder, interface_mismatch
from facegate.models.onnx_scan import scan
from facegate.models.runtime import open_session
from facegate.vision.align import CropGeometry

MAX_MODEL_BYTES = 600 * 1024 * 1024
"""Largest file that is taken; a ResNet-100 for faces has 250 MB."""

STANDARD_DOMAINS = frozenset({"", "ai.onnx.ml", "com.microsoft"})
"""Operators that onnxruntime brings itself; none of them opens a file or a connection."""

TIME_LIMIT_S = 60.0
"""For all runs on some thirty faces. A network that takes longer is of no use at a door."""

SPARE_BYTES = 4 * 2**30
"""Memory that a network may take beside its weights (which may be held several times)."""

_BATCH_TOLERANCE = 1e-3  # cosine; sums of floats in another order
_SAME = 1 - 1e-5  # cosine from which on two embeddings count as the same
_DIFFERENT = 0.999  # cosine that two different pictures must stay below

CropsOf = Callable[[CropGeometry], Mapping[str, ImageArray]]
"""Real faces cut for a geometry: `first`, `first_again` (the same person) and `second`."""


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


@dataclass(frozen=True, slots=True)
class Admission:
    """The outcome of all checks.

    Attributes:
        checks: in the order they were made; later ones are left out after a failure that they
            depend on.
        contract: complete; None when it could not be completed.
    """

    checks: tuple[Check, ...]
    contract: EncoderContract | None

    @property
    def accepted(self) -> bool:
        """Whether the network may be kept."""
        return self.contract is not None and all(
            check.passed for check in self.checks if check.required
        )


def read_onnx(path: Path) -> bytes:
    """Read a network's file.

    Raises:
        ModelError: it cannot be read or is too large.
    """
    try:
        if not path.is_file():
            raise ModelError(f"{path}: there is no such file.")
        if path.stat().st_size > MAX_MODEL_BYTES:
            raise ModelError(f"{path} is larger than {MAX_MODEL_BYTES // 2**20} MB.")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).") from error


def examine_encoder(weights: bytes, draft: Mapping[str, Any], crops_of: CropsOf) -> Admission:
    """Check a network against its contract.

    What a draft leaves out and the network itself tells (names, size, layout, dtype, length) is
    filled in; what only its maker knows (color order, mean, scale) must be there.

    Args:
        weights: the ONNX file's bytes.
        draft: keys of a contract file.
        crops_of: gives real faces cut for the network.
    """
    with memory_limited(6 * len(weights) + SPARE_BYTES):
        return _examined(weights, draft, crops_of)


def _examined(weights: bytes, draft: Mapping[str, Any], crops_of: CropsOf) -> Admission:
    checks: list[Check] = []
    try:
        contents = scan(weights)
        own = sorted(contents.domains - STANDARD_DOMAINS)
        strange = ", ".join(own) or ("it brings its own" if contents.functions else "")
        checks += [
            Check("is an ONNX network", True, f"{contents.nodes} nodes"),
            Check("only standard operators", not strange, strange),
            Check(
                "needs no other file and no connection",
                not contents.external,
                "it keeps its weights in other files; save it as one file"
                if contents.external
                else "",
            ),
        ]
        if not all(check.passed for check in checks):
            return Admission(tuple(checks), None)
        session = open_session(weights, threads=1)
        checks.append(Check("loads in onnxruntime on the CPU", True))
    except ModelError as error:
        name = "loads in onnxruntime on the CPU" if checks else "is an ONNX network"
        checks.append(Check(name, False, _short(error)))
        return Admission(tuple(checks), None)
    try:
        with time_limited(session, TIME_LIMIT_S) as limited:
            contract = complete_contract(limited, draft)
        mismatch = interface_mismatch(session, contract)
    except ModelError as error:
        checks.append(Check("fits its contract", False, _short(error)))
        return Admission(tuple(checks), None)
    checks.append(Check("fits its contract", not mismatch, mismatch))
    if mismatch:
        return Admission(tuple(checks), None)
    with time_limited(session, TIME_LIMIT_S) as limited:
        embedder = OnnxEmbedder(limited, "the network", contract)
        checks += _behavior(limited, embedder, contract, crops_of(contract.geometry))
    return Admission(tuple(checks), contract)


def complete_contract(session: Any, draft: Mapping[str, Any]) -> EncoderContract:
    """Fill in what the network itself tells.

    Raises:
        ModelError: something is still missing, or cannot be.
    """
    keys = dict(draft)
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ModelError(f"It has {len(inputs)} inputs, not one.")
    given, shape = inputs[0], list(inputs[0].shape)
    keys.setdefault("input", str(given.name))
    by_type = {kind: dtype for dtype, kind in TENSOR_TYPES.items()}
    if given.type in by_type:
        keys.setdefault("dtype", by_type[given.type])
    if len(shape) == 4:
        if shape[3] == 3 or shape[1] == 3:
            keys.setdefault("layout", "nhwc" if shape[3] == 3 else "nchw")
        side = shape[2]  # of both layouts
        if isinstance(side, int):
            keys.setdefault("size", side)
    outputs = session.get_outputs()
    if len(outputs) == 1:
        keys.setdefault("output", str(outputs[0].name))
    elif "output" not in keys:
        names = ", ".join(str(one.name) for one in outputs)
        raise ModelError(f"It has {len(outputs)} outputs; the contract must name one: {names}.")
    if keys.get("dtype") == "uint8":
        keys.setdefault("mean", 0)
        keys.setdefault("scale", 1)
    keys.setdefault("template", "arcface")
    measured = not {"dim", "unit_length"} <= set(keys)
    if not measured:
        return read_contract(keys)
    trial = read_contract({"dim": 2, "unit_length": True, **keys})
    mismatch = interface_mismatch(session, trial) if "dim" in keys else ""
    if mismatch:
        raise ModelError(f"It does not fit its contract: {mismatch}.")
    output = _one_output(session, trial)
    keys.setdefault("dim", int(output.shape[-1]) if output.ndim else 0)
    length = float(np.linalg.norm(output.astype(np.float64)))
    keys.setdefault("unit_length", abs(length - 1) <= UNIT_LENGTH_TOLERANCE)
    return read_contract(keys)


def _one_output(session: Any, contract: EncoderContract) -> Any:
    """The raw output for a crop of noise, without the batch axis."""
    batch = session.get_inputs()[0].shape[0]
    count = batch if isinstance(batch, int) else 1
    noise = _noise(count, contract.size_px)
    try:
        feed = {contract.input_name: contract.prepare(noise)}
        output = np.asarray(session.run([contract.output_name], feed)[0])
    except Exception as error:  # onnxruntime's errors have no common base
        raise ModelError(f"It fails to run: {_first_line(error)}") from error
    if output.ndim < 2 or len(output) != count or not np.issubdtype(output.dtype, np.floating):
        raise ModelError(f"It gives {output.dtype} of shape {output.shape}, not embeddings.")
    return output[0].reshape(-1)


def _behavior(
    session: Any, embedder: OnnxEmbedder, contract: EncoderContract, faces: Mapping[str, ImageArray]
) -> list[Check]:
    """How the network behaves on noise and on real faces."""
    noise = _noise(5, contract.size_px)
    checks: list[Check] = []
    try:
        raw = _one_output(session, contract)
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
        checks.append(Check("runs on several faces", False, _short(error)))
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
        checks.append(Check("runs on real faces", False, _short(error)))
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


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0][:300]


def _short(error: Exception) -> str:
    return _first_line(error)


def draft_from_options(
    color_order: str | None, mean: str | None, scale: str | None, layout: str | None
) -> dict[str, Any]:
    """Turn command-line options into keys of a contract; numbers are `127.5` or `123,117,104`.

    Raises:
        ModelError: a number is none.
    """
    draft: dict[str, Any] = {}
    if color_order:
        draft["color_order"] = color_order
    if layout:
        draft["layout"] = layout
    for key, text in (("mean", mean), ("scale", scale)):
        if text:
            draft[key] = _numbers(key, text)
    return draft


def _numbers(key: str, text: str) -> float | list[float]:
    try:
        values = [_fraction(part) for part in text.split(",")]
    except (ValueError, ZeroDivisionError) as error:
        raise ModelError(
            f"--{key} must be a number or three with commas between, not {text!r}.",
            hint="Fractions such as 1/128 are understood.",
        ) from error
    return values[0] if len(values) == 1 else values


def _fraction(text: str) -> float:
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(above)

"""Checks an embedding network that somebody else made, before it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegate.domain.arrays import UNIT_LENGTH_TOLERANCE, ImageArray
from facegate.errors import ModelError
from facegate.models.behavior import Check, check_behavior, first_line, one_output
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

CropsOf = Callable[[CropGeometry], Mapping[str, ImageArray]]
"""Real faces cut for a geometry: `first`, `first_again` (the same person) and `second`."""


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
        checks.append(Check(name, False, first_line(error)))
        return Admission(tuple(checks), None)
    try:
        with time_limited(session, TIME_LIMIT_S) as limited:
            contract = complete_contract(limited, draft)
        mismatch = interface_mismatch(session, contract)
    except ModelError as error:
        checks.append(Check("fits its contract", False, first_line(error)))
        return Admission(tuple(checks), None)
    checks.append(Check("fits its contract", not mismatch, mismatch))
    if mismatch:
        return Admission(tuple(checks), None)
    with time_limited(session, TIME_LIMIT_S) as limited:
        embedder = OnnxEmbedder(limited, "the network", contract)
        checks += check_behavior(limited, embedder, contract, crops_of(contract.geometry))
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
    output = one_output(session, trial)
    keys.setdefault("dim", int(output.shape[-1]) if output.ndim else 0)
    length = float(np.linalg.norm(output.astype(np.float64)))
    keys.setdefault("unit_length", abs(length - 1) <= UNIT_LENGTH_TOLERANCE)
    return read_contract(keys)

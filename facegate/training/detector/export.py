"""Carries the detector between torch and ONNX, in both directions.

The ONNX file keeps torch's parameter names, so that the parity test can rebuild the torch network
from the file that ships.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

from facegate.errors import ModelError
from facegate.models.yolo import VALUES, ExportedYolo, YoloFace

INPUT_NAME, OUTPUT_NAME = "frames_bgr", "cells"
OPSET = 17


def export_onnx(network: YoloFace, path: Path) -> None:
    """Write the network: (n, h, w, 3) uint8 BGR in, (n, cells, 15) float32 raw values out."""
    exported = ExportedYolo(network.cpu().eval())
    with warnings.catch_warnings():
        # The older exporter writes the same graph without a further package (onnxscript).
        warnings.simplefilter("ignore")
        torch.onnx.export(
            exported,
            (torch.zeros(1, 64, 96, 3, dtype=torch.uint8),),
            str(path),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_axes={
                INPUT_NAME: {0: "frames", 1: "height", 2: "width"},
                OUTPUT_NAME: {0: "frames", 1: "cells"},
            },
            opset_version=OPSET,
            dynamo=False,
            # Batch normalization stays apart (onnxruntime folds it on load), which keeps names.
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
        )
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""  # holds source lines and paths of the machine
    # The exporter gives this one a made-up name.
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = VALUES
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def read_onnx(path: Path) -> YoloFace:
    """Rebuild the torch network from a file that `export_onnx` wrote. Raises ModelError."""
    arrays = {item.name: item for item in onnx.load(path).graph.initializer}
    network = YoloFace()
    state = network.state_dict()
    try:
        for name in state:
            if not name.endswith("num_batches_tracked"):
                array = numpy_helper.to_array(arrays[f"network.{name}"])
                state[name] = torch.from_numpy(array.copy())
        network.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{path} is not a detector that FaceGate exported.") from error
    return network.eval()

"""Carries the embedding network between torch and ONNX, in both directions.

The ONNX file keeps torch's parameter names, so the shipped file is also the checkpoint: training
goes on from it, and the parity test rebuilds the torch network from it.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

from facegate.errors import ModelError
from facegate.models.mobilefacenet import MobileFaceNet, network_from_weights
from facegate.vision.align import CROP_PX

INPUT_NAME, OUTPUT_NAME = "crops_rgb", "embeddings"
_MIRROR = "sees_mirrored"
OPSET = 17
"""ONNX opset 17 has all that is used and is read by every onnxruntime since 1.12."""


def export_onnx(network: MobileFaceNet, path: Path) -> None:
    """Write the network as ONNX: (n, 112, 112, 3) uint8 RGB in, (n, 128) float32 unit vectors out.

    The same weights give the same bytes, so a digest can be checked by exporting again.
    """
    network = network.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    example = torch.zeros(2, CROP_PX, CROP_PX, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        # The older exporter writes the same graph without a further package (onnxscript).
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (example,),
            str(path),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_axes={INPUT_NAME: {0: "faces"}, OUTPUT_NAME: {0: "faces"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {_MIRROR: str(network.sees_mirrored)})
    for node in model.graph.node:
        node.doc_string = ""  # holds source lines and paths of this machine
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def read_onnx(path: Path) -> MobileFaceNet:
    """Rebuild the torch network from an ONNX file that `export_onnx` wrote.

    Raises:
        ModelError: the file holds another network.
    """
    model = onnx.load(path)
    named = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    wanted = MobileFaceNet().state_dict()
    try:
        weights = {name: torch.from_numpy(named[name].copy()) for name in wanted}
        network = network_from_weights(weights)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{path} is not a MobileFaceNet that FaceGate exported.") from error
    properties = {item.key: item.value for item in model.metadata_props}
    network.sees_mirrored = properties.get(_MIRROR) == "True"
    return network


def blend(tuned: MobileFaceNet, start: MobileFaceNet, share: float) -> MobileFaceNet:
    """Average the weights of a fine-tuned network with those of the one it started from.

    What fine-tuning forgets of the start network's wide training comes back, while most of what it
    has learned stays.

    Args:
        tuned, start: networks of one line of training.
        share: of the tuned one, a fraction.

    Source:
        Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022 (WiSE-FT); its authors
        recommend one half where there is no data to choose by.
    """
    old = start.state_dict()
    mixed = {
        name: torch.lerp(old[name], value, share) if value.dtype.is_floating_point else value
        for name, value in tuned.state_dict().items()
    }
    return network_from_weights(mixed)


def read_start(path: Path) -> MobileFaceNet:
    """Build the network that training starts from: one of our own, or the first start weights.

    Those are foamliu/MobileFaceNet (Apache-2.0) as ONNX. That file has nameless parameters, but
    lists its convolutions in the order they run, which is also the order of ours.

    Raises:
        ModelError: the file holds another network.
    """
    model = onnx.load(path)
    arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    if "embedding.weight" in arrays:
        network = read_onnx(path)
        network.sees_mirrored = False
        return network
    try:
        found = [
            torch.from_numpy(arrays[name].copy())
            for node in model.graph.node
            if node.op_type == "Conv"
            for name in node.input[1:]
        ]
        network = MobileFaceNet()
        names = [name for name, _ in network.named_parameters()]
        weights = dict(zip(names, found, strict=True))
        return network_from_weights({**network.state_dict(), **weights})
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is not the MobileFaceNet that training starts from.") from error

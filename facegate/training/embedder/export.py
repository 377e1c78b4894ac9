"""Carries the embedding networks between torch and ONNX, in both directions.

The ONNX file keeps torch's parameter names, so the shipped file is also the checkpoint: training
goes on from it, and the parity test rebuilds the torch network from it.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from facegate.errors import ModelError
from facegate.training.embedder.networks import NETWORKS, EmbeddingNetwork, build_network, name_of
from facegate.vision.align import CROP_PX

INPUT_NAME, OUTPUT_NAME = "crops_rgb", "embeddings"
_NETWORK, _MIRROR = "network", "sees_mirrored"
OPSET = 17
"""ONNX opset 17 has all that is used and is read by every onnxruntime since 1.12."""

_HALF_FROM = 4096
"""Values from which on a parameter is stored in half precision: the small ones cost nothing."""


def export_onnx(network: EmbeddingNetwork, path: Path, half: bool = False) -> None:
    """Write a network as ONNX: (n, 112, 112, 3) uint8 RGB in, (n, d) float32 unit vectors out.

    The same weights give the same bytes, so a digest can be checked by exporting again.

    Args:
        network: what to write; left as it is, but in the layout that torch exports.
        path: the file.
        half: store weights in 16 bits. They become float32 again once, when a session opens, so
            the time for a face stays the same and the file is half as large.
    """
    network = network.eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    example = torch.zeros(2, CROP_PX, CROP_PX, 3, dtype=torch.uint8)
    slopes = [name for name, _ in network.named_parameters() if name.endswith("_slope")]
    with warnings.catch_warnings():
        # The older exporter writes the same graph without a further package (onnxscript).
        warnings.simplefilter("ignore", DeprecationWarning)
        # Sizes that never change may be written down as numbers.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        torch.onnx.export(
            network,
            (example,),
            str(path),
            input_names=[INPUT_NAME],
            output_names=[OUTPUT_NAME],
            dynamic_axes={INPUT_NAME: {0: "faces"}, OUTPUT_NAME: {0: "faces"}},
            opset_version=OPSET,
            # Folded, the matrices of full layers would be turned over and lose their names;
            # onnxruntime folds them when it loads. Slopes are reshaped, and get theirs back below.
            do_constant_folding=bool(slopes),
            dynamo=False,
        )
    model = onnx.load(path)
    properties = {_NETWORK: name_of(network), _MIRROR: str(network.sees_mirrored)}
    helper.set_model_props(model, properties)
    for node in model.graph.node:
        node.doc_string = ""  # holds source lines and paths of this machine
    _name_slopes(model.graph, slopes)
    if half:
        _store_in_half(model.graph)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _name_slopes(graph: onnx.GraphProto, names: list[str]) -> None:
    """Give PReLU's slopes their names back: the exporter reshapes them, and renames them so."""
    used = [node for node in graph.node if node.op_type == "PRelu"]
    items = {item.name: item for item in graph.initializer}
    # Equal constants are written once, and lent to the other layers by an Identity node.
    lent = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Identity"}
    slopes, replaced = {}, set()
    # A network that sees both views runs each layer twice.
    for node, name in zip(used, names * (len(used) // max(1, len(names))), strict=True):
        replaced.add(node.input[1])
        found = node.input[1]
        while found not in items:
            found = lent[found]
        slopes[name] = numpy_helper.from_array(numpy_helper.to_array(items[found]), name)
        node.input[1] = name
    nodes = [node for node in graph.node if not replaced.intersection(node.output)]
    still_used = {name for node in nodes for name in node.input}
    kept = [item for item in graph.initializer if item.name in still_used - set(slopes)]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend([*kept, *slopes.values()])
    graph.node.extend(nodes)


def _store_in_half(graph: onnx.GraphProto) -> None:
    """Replace large float32 constants by their 16-bit values and a cast back."""
    kept, casts = [], []
    for item in graph.initializer:
        values = numpy_helper.to_array(item)
        if values.dtype != np.float32 or values.size < _HALF_FROM:
            kept.append(item)
            continue
        stored = f"{item.name}.half"
        kept.append(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [item.name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


def read_onnx(path: Path) -> EmbeddingNetwork:
    """Rebuild the torch network from an ONNX file that `export_onnx` wrote.

    Raises:
        ModelError: the file holds another network.
    """
    model = onnx.load(path)
    properties = {item.key: item.value for item in model.metadata_props}
    named = {
        item.name.removesuffix(".half"): numpy_helper.to_array(item).astype(np.float32)
        for item in model.graph.initializer
        if item.data_type in {TensorProto.FLOAT, TensorProto.FLOAT16}
    }
    for node in model.graph.node:
        if node.op_type == "Identity" and node.input[0] in named:  # equal values are written once
            named[node.output[0]] = named[node.input[0]]
    name = properties.get(_NETWORK, "mobilefacenet")
    try:
        wanted = NETWORKS[name]().state_dict()
        weights = {
            key: torch.from_numpy(named[key].reshape(tuple(value.shape)).copy())
            for key, value in wanted.items()
        }
        network = build_network(name, weights).eval()
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is not an embedding network that FaceGate exported.") from error
    network.sees_mirrored = properties.get(_MIRROR) == "True"
    return network


def blend(tuned: EmbeddingNetwork, start: EmbeddingNetwork, share: float) -> EmbeddingNetwork:
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
    return build_network(name_of(tuned), mixed).eval()

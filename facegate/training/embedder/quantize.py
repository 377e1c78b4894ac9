"""Writes layers that compute with whole numbers, in ONNX.

Each becomes QuantizeLinear and DequantizeLinear around its input, and a matrix and bias that are
whole numbers with a step for each row: what onnxruntime turns into one multiplication of bytes, and
any other runtime at least computes rightly.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from facegate.models.quantized_linear import QuantizedLinear

_STEP, _ZERO = ".step", ".zero"
_WEIGHT, _BIAS = ".weight", ".bias"

QUANTIZED = ".quantized"
"""What the names of whole numbers end with; those of what one is worth end with `.step`."""

Arrays = dict[str, npt.NDArray[Any]]


def forget_steps(network: nn.Module) -> None:
    """Let all layers compute with fractions, as they did before they saw any face."""
    for layer in network.modules():
        if isinstance(layer, QuantizedLinear):
            layer.step.zero_()


def quantize(graph: onnx.GraphProto, network: nn.Module) -> None:
    """Turn the layers that a network computes with whole numbers into such; in place."""
    layers = {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, QuantizedLinear) and layer.step
    }
    if not layers:
        return
    made = {name + key for name in layers for key in (_WEIGHT, _BIAS)}
    kept = {item.name: item for item in graph.initializer}
    turned = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Transpose"}
    nodes: list[onnx.NodeProto] = []
    written: set[str] = set()
    for node in graph.node:
        matrix = node.input[1] if len(node.input) > 1 else ""
        name = turned.get(matrix, matrix).removesuffix(_WEIGHT)
        if node.op_type == "Identity" and node.input[0] in kept:
            # The exporter writes equal constants once; here they may become different ones.
            own = numpy_helper.to_array(kept[node.input[0]])
            kept[node.output[0]] = numpy_helper.from_array(own, node.output[0])
        elif name in layers:  # more than once in a network that sees the mirror image, too
            bias = [name + _BIAS] if layers[name].bias is not None else []
            parameters = [name + _WEIGHT, *bias]
            inside = f"{node.output[0] if name in written else name}.input"
            nodes += _rounded(name, node.input[0], inside)
            if name not in written:
                for key, values in _whole_numbers(layers[name]).items():
                    kept[name + key] = numpy_helper.from_array(values, name + key)
                nodes += [_as_fraction(parameter) for parameter in parameters]
                written.add(name)
            nodes.append(
                helper.make_node("Gemm", [inside, *parameters], [node.output[0]], transB=1)
            )
        elif turned.get(node.output[0]) not in made:
            nodes.append(node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(item for name, item in kept.items() if name not in made)
    graph.node.extend(nodes)


def _whole_numbers(layer: QuantizedLinear) -> Arrays:
    with torch.no_grad():
        rows = layer.row_steps()
        bias_steps = layer.step * rows
        found = {
            _STEP: layer.step,
            _ZERO: layer.zero.round().to(torch.uint8),
            _WEIGHT + QUANTIZED: (layer.weight / rows[:, None]).round().to(torch.int8),
            _WEIGHT + _STEP: rows,
            _WEIGHT + _ZERO: torch.zeros_like(rows, dtype=torch.int8),
        }
        if layer.bias is not None:
            found[_BIAS + QUANTIZED] = (layer.bias / bias_steps).round().to(torch.int32)
            found[_BIAS + _STEP] = bias_steps
            found[_BIAS + _ZERO] = torch.zeros_like(rows, dtype=torch.int32)
    return {key: value.numpy() for key, value in found.items()}


def _as_fraction(parameter: str) -> onnx.NodeProto:
    given = [parameter + part for part in (QUANTIZED, _STEP, _ZERO)]
    return helper.make_node("DequantizeLinear", given, [parameter], axis=0)


def _rounded(name: str, source: str, target: str) -> list[onnx.NodeProto]:
    steps = [name + _STEP, name + _ZERO]
    return [
        helper.make_node("QuantizeLinear", [source, *steps], [target + QUANTIZED]),
        helper.make_node("DequantizeLinear", [target + QUANTIZED, *steps], [target]),
    ]

"""Writes and reads layers that compute with whole numbers, in ONNX.

Each becomes QuantizeLinear and DequantizeLinear around its input, and a matrix and bias that are
whole numbers with a step for each row: what onnxruntime turns into one multiplication of bytes, and
any other runtime at least computes rightly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from facegate.models.quantized_linear import QuantizedLinear

_STEP, _ZERO, _BYTES = ".step", ".zero", ".quantized"
_WEIGHT, _BIAS = ".weight", ".bias"

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
    turned = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Transpose"}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        matrix = node.input[1] if len(node.input) > 1 else ""
        name = turned.get(matrix, matrix).removesuffix(_WEIGHT)
        if name not in layers:
            nodes.append(node)
            continue
        arrays = _whole_numbers(layers[name])
        graph.initializer.extend(
            numpy_helper.from_array(values, name + key) for key, values in arrays.items()
        )
        nodes += _as_bytes(name, node.input[0], node.output[0], bias=_BIAS + _BYTES in arrays)
    used = {name for node in nodes for name in node.input}
    nodes = [node for node in nodes if node.op_type != "Transpose" or node.output[0] in used]
    given = {name for node in nodes for name in node.input}
    given -= {name for node in nodes for name in node.output}
    kept = [item for item in graph.initializer if item.name in given]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


def _whole_numbers(layer: QuantizedLinear) -> Arrays:
    with torch.no_grad():
        rows = layer.row_steps()
        bias_steps = layer.step * rows
        found = {
            _STEP: layer.step,
            _ZERO: layer.zero.round().to(torch.uint8),
            _WEIGHT + _BYTES: (layer.weight / rows[:, None]).round().to(torch.int8),
            _WEIGHT + _STEP: rows,
            _WEIGHT + _ZERO: torch.zeros_like(rows, dtype=torch.int8),
        }
        if layer.bias is not None:
            found[_BIAS + _BYTES] = (layer.bias / bias_steps).round().to(torch.int32)
            found[_BIAS + _STEP] = bias_steps
            found[_BIAS + _ZERO] = torch.zeros_like(rows, dtype=torch.int32)
    return {key: value.numpy() for key, value in found.items()}


def _as_bytes(name: str, source: str, target: str, bias: bool) -> list[onnx.NodeProto]:
    to_bytes, back = f"{name}.input{_BYTES}", f"{name}.input"
    steps = [name + _STEP, name + _ZERO]
    nodes = [
        helper.make_node("QuantizeLinear", [source, *steps], [to_bytes]),
        helper.make_node("DequantizeLinear", [to_bytes, *steps], [back]),
    ]
    parts = [name + _WEIGHT, *([name + _BIAS] if bias else [])]
    for part in parts:
        given = [part + _BYTES, part + _STEP, part + _ZERO]
        nodes.append(helper.make_node("DequantizeLinear", given, [part], axis=0))
    nodes.append(helper.make_node("Gemm", [back, *parts], [target], transB=1))
    return nodes


def quantized(graph: onnx.GraphProto) -> dict[str, npt.NDArray[np.float32]]:
    """What `quantize` wrote: matrices, biases, steps and zeros, as float32, by their names."""
    items = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    found: dict[str, npt.NDArray[np.float32]] = {}
    for name, values in items.items():
        if name.endswith(_BYTES):
            own = name.removesuffix(_BYTES)
            steps = items[own + _STEP].reshape(-1, *[1] * (values.ndim - 1))
            found[own] = values.astype(np.float32) * steps
        elif name.endswith((_STEP, _ZERO)):
            found[name] = values.astype(np.float32)
    return found

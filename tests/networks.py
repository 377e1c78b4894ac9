"""Tiny ONNX embedding networks: average pooling and one random matrix, or something broken."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {
    "uint8": TensorProto.UINT8,
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
}
CELLS = 4


def tiny_network(  # noqa: PLR0912, PLR0915 - a list of nodes
    *,
    side: int = 32,
    dim: int = 8,
    layout: str = "nchw",
    dtype: str = "float32",
    unit: bool = False,
    batch: int | str = "n",
    seed: int = 0,
    twist: str = "",
    declared_dim: int | str | None = None,
    free_side: bool = False,
) -> bytes:
    """The bytes of a network from (batch, 3, side, side) or (batch, side, side, 3) to (n, dim).

    `twist` makes it misbehave: `nan`, `zero`, `constant`, `batch` (depends on the other faces),
    `random`, `gray` (blind to color), `endless`, `huge`, `two_inputs`, `two_outputs`.
    """
    random = np.random.default_rng(seed)
    weights = random.normal(size=(3 * CELLS * CELLS, dim)).astype(np.float32)
    if twist == "gray":
        weights = np.tile(weights[: CELLS * CELLS], (3, 1))
    if twist in {"zero", "constant"}:
        weights *= 0
    nodes = [helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT)]
    shape: list[Any] = [batch, 3, side, side]
    picture = "wide"
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", ["wide"], ["turned"], perm=[0, 3, 1, 2]))
        shape, picture = [batch, side, side, 3], "turned"
    if free_side:
        shape = [batch, *[one if one == 3 else "side" for one in shape[1:]]]
    step = side // CELLS
    nodes += [
        helper.make_node(
            "AveragePool", [picture], ["pool"], kernel_shape=[step] * 2, strides=[step] * 2
        ),
        helper.make_node("Flatten", ["pool"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["product"]),
    ]
    tensors = [numpy_helper.from_array(weights, "weights")]
    last = "product"

    def then(kind: str, inputs: list[str], **options: Any) -> None:
        nonlocal last
        last = f"t{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [last], **options))

    def constant(name: str, value: Any) -> str:
        tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    if twist == "constant":
        then("Add", [last, constant("ones", np.ones(dim, np.float32))])
    if twist == "nan":
        then("Add", [last, constant("nothing", np.full(dim, np.nan, np.float32))])
    if twist == "batch":
        before = last
        then("ReduceMean", [before], axes=[0], keepdims=1)
        then("Add", [before, last])
    if twist == "random":
        before = last
        then("RandomNormalLike", [before], scale=float(40 * side))
        then("Add", [before, last])
    if twist == "huge":
        before = last
        nodes.append(helper.make_node("Shape", ["x"], ["shape"]))
        times = constant("times", np.array([1, 1, 9999, 9999], np.int64))
        then("Mul", ["shape", times])
        then("ConstantOfShape", [last])
        then("ReduceSum", [last], keepdims=0)
        then("Add", [before, last])
    if twist == "endless":
        before = last
        nodes.append(_endless_loop(constant("yes", np.array(True)), constant("one", np.float32(1))))
        then("Add", [before, "never"])
    if unit:
        then("LpNormalization", [last], axis=1, p=2)
    nodes.append(helper.make_node("Identity", [last], ["e"]))
    inputs = [helper.make_tensor_value_info("x", TYPES[dtype], shape)]
    outputs = [helper.make_tensor_value_info("e", TensorProto.FLOAT, [batch, declared_dim or dim])]
    if twist == "two_inputs":
        inputs.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1]))
    if twist == "two_outputs":
        nodes.append(helper.make_node("Identity", ["flat"], ["other"]))
        outputs.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [batch, "m"]))
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, tensors)
    return model_bytes(graph)


def model_bytes(graph: Any, *, domains: tuple[str, ...] = ("",), functions: Any = ()) -> bytes:
    """A model of a graph, of an age that every onnxruntime knows."""
    imports = [helper.make_opsetid(domain, 13 if not domain else 1) for domain in domains]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8, functions=functions)
    return model.SerializeToString()


def one_node_graph(node: Any, tensors: Any = ()) -> Any:
    """A graph of one node from x to e."""
    value = helper.make_tensor_value_info
    return helper.make_graph(
        [node],
        "one",
        [value("x", TensorProto.FLOAT, ["n", 3, 32, 32])],
        [value("e", TensorProto.FLOAT, ["n", 8])],
        list(tensors),
    )


def external_tensor(name: str, location: str) -> Any:
    """A tensor whose numbers are in another file."""
    tensor = onnx.TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def _endless_loop(yes: str, one: str) -> Any:
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["on"], ["on2"]),
            helper.make_node("Add", ["s", one], ["s2"]),
        ],
        "body",
        [value("i", TensorProto.INT64, []), value("on", TensorProto.BOOL, []),
         value("s", TensorProto.FLOAT, [])],
        [value("on2", TensorProto.BOOL, []), value("s2", TensorProto.FLOAT, [])],
    )  # fmt: skip
    return helper.make_node("Loop", ["", yes, one], ["never"], body=body)

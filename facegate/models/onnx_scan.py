"""Looks into an ONNX file without running it, and without the onnx package.

An ONNX file can ask its runtime to read other files (external data) and to use operators from
elsewhere. Both are told here from the protobuf bytes, before onnxruntime sees them.

Source:
    Field numbers of onnx.proto (ONNX 1.x); the wire format of Protocol Buffers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from facegate.errors import ModelError

_ORT_MARK = b"ORTM"
"""At this place onnxruntime would take the bytes for its own format, whatever else they are."""

_MAX_DEPTH = 32
"""Graphs within graphs; real networks have at most two or three levels."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# Where messages hold what is looked for: field numbers.
_MODEL_GRAPH, _MODEL_OPSET, _MODEL_FUNCTION, _OPSET_DOMAIN = 7, 8, 25, 1
_GRAPH_NODE, _GRAPH_TENSOR, _GRAPH_SPARSE = 1, 5, 15
_NODE_TYPE, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_FUNCTION_NODE = 7
_ATTRIBUTE_GRAPHS, _ATTRIBUTE_TENSORS, _ATTRIBUTE_SPARSE = (6, 11), (5, 10), (22, 23)
_SPARSE_PARTS = (1, 2)
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14


@dataclass(slots=True)
class OnnxContents:
    """What a file holds.

    Attributes:
        operators: `domain:type` of all nodes; the standard domain is empty.
        domains: of all nodes and imports.
        external: whether it refers to other files.
        functions: whether it brings operators of its own.
        nodes: how many there are.
    """

    operators: set[str] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)
    external: bool = False
    functions: bool = False
    nodes: int = 0


def scan(weights: bytes) -> OnnxContents:
    """Read which operators and files a network wants.

    Raises:
        ModelError: the bytes are not an ONNX network.
    """
    if weights[4:8] == _ORT_MARK:
        raise ModelError("This is onnxruntime's own format, which cannot be checked; give ONNX.")
    found = OnnxContents()
    graphs = 0
    for number, value in _fields(memoryview(weights)):
        if number == _MODEL_GRAPH:
            graphs += 1
            _graph(_message(value), found, 0)
        elif number == _MODEL_OPSET:
            for key, part in _fields(_message(value)):
                if key == _OPSET_DOMAIN:
                    found.domains.add(_domain(part))
        elif number == _MODEL_FUNCTION:
            found.functions = True
            for key, part in _fields(_message(value)):
                if key == _FUNCTION_NODE:
                    _node(_message(part), found, 0)
    if graphs != 1 or not found.nodes:
        raise ModelError("This is not an ONNX network.")
    return found


def _graph(graph: memoryview, found: OnnxContents, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ModelError("This network has graphs within graphs without end.")
    for number, value in _fields(graph):
        if number == _GRAPH_NODE:
            _node(_message(value), found, depth)
        elif number == _GRAPH_TENSOR:
            _tensor(_message(value), found)
        elif number == _GRAPH_SPARSE:
            _sparse(_message(value), found)


def _node(node: memoryview, found: OnnxContents, depth: int) -> None:
    kind, domain = "", ""
    for number, value in _fields(node):
        if number == _NODE_TYPE:
            kind = _text(value)
        elif number == _NODE_DOMAIN:
            domain = _domain(value)
        elif number == _NODE_ATTRIBUTE:
            for key, part in _fields(_message(value)):
                if key in _ATTRIBUTE_GRAPHS:
                    _graph(_message(part), found, depth + 1)
                elif key in _ATTRIBUTE_TENSORS:
                    _tensor(_message(part), found)
                elif key in _ATTRIBUTE_SPARSE:
                    _sparse(_message(part), found)
    found.nodes += 1
    found.domains.add(domain)
    found.operators.add(f"{domain}:{kind}")


def _sparse(sparse: memoryview, found: OnnxContents) -> None:
    for number, value in _fields(sparse):
        if number in _SPARSE_PARTS:
            _tensor(_message(value), found)


def _tensor(tensor: memoryview, found: OnnxContents) -> None:
    for number, value in _fields(tensor):
        if number == _TENSOR_EXTERNAL or (number == _TENSOR_LOCATION and value):
            found.external = True


def _domain(value: memoryview | int) -> str:
    text = _text(value)
    return "" if text == "ai.onnx" else text


def _text(value: memoryview | int) -> str:
    return bytes(_message(value)).decode("utf-8", "replace")


def _message(value: memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise ModelError("This is not an ONNX network.")
    return value


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The numbered fields of one protobuf message: bytes as they are, numbers as int."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if kind == _BYTES:
            size, place = _varint(data, place)
        elif kind in {_FIXED64, _FIXED32}:
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ModelError("This is not an ONNX network.")
        if place + size > len(data):
            raise ModelError("This network's file is cut short, or not an ONNX network.")
        yield number, data[place : place + size]
        place += size


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ModelError("This network's file is cut short, or not an ONNX network.")

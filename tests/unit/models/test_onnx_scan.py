from __future__ import annotations

import numpy as np
import pytest
from networks import external_tensor, model_bytes, one_node_graph, tiny_network
from onnx import helper

from facegate.bootstrap import models_folder
from facegate.errors import ModelError
from facegate.models.onnx_scan import scan
from facegate.models.registry import read_cards


@pytest.mark.parametrize("card", read_cards(models_folder()), ids=lambda card: card.name)
def test_what_ships_is_standard_and_whole(card) -> None:
    import onnx

    found = scan(card.read_weights())
    graph = onnx.load(card.path).graph
    assert found.nodes == len(graph.node)
    assert found.operators == {f":{node.op_type}" for node in graph.node}
    assert not found.external
    assert not found.functions
    assert found.domains == {""}


def test_operators_from_elsewhere_are_seen() -> None:
    node = helper.make_node("Magic", ["x"], ["e"], domain="evil.example")
    found = scan(model_bytes(one_node_graph(node), domains=("", "evil.example")))
    assert "evil.example" in found.domains
    assert found.operators == {"evil.example:Magic"}


def test_functions_are_seen() -> None:
    inner = helper.make_node("Identity", ["a"], ["b"])
    function = helper.make_function(
        "own", "F", ["a"], ["b"], [inner], [helper.make_opsetid("", 13)]
    )
    node = helper.make_node("F", ["x"], ["e"], domain="own")
    found = scan(model_bytes(one_node_graph(node), domains=("", "own"), functions=[function]))
    assert found.functions
    assert found.nodes == 2


@pytest.mark.parametrize("place", ["initializer", "attribute", "subgraph", "sparse"])
def test_weights_in_other_files_are_seen_wherever_they_hide(place: str) -> None:
    import onnx

    tensor = external_tensor("w", "/etc/passwd")
    tensors = [tensor] if place == "initializer" else []
    node = helper.make_node("Add", ["x", "x"], ["e"])
    if place == "attribute":
        node = helper.make_node("Constant", [], ["e"], value=tensor)
    if place == "subgraph":
        inner = helper.make_node("Constant", [], ["z"], value=tensor)
        branch = helper.make_graph([inner], "b", [], [])
        node = helper.make_node("If", ["x"], ["e"], then_branch=branch, else_branch=branch)
    graph = one_node_graph(node, tensors)
    if place == "sparse":
        graph.sparse_initializer.append(onnx.SparseTensorProto(values=tensor, dims=[1]))
    assert scan(model_bytes(graph)).external


def test_what_is_no_network_is_refused_and_never_hangs() -> None:
    whole = tiny_network()
    random = np.random.default_rng(0)
    for data in (b"", b"\x00", b"text, not a network", bytes(1000), whole[: len(whole) // 2]):
        with pytest.raises(ModelError):
            scan(data)
    for _ in range(300):
        broken = bytearray(whole)
        for place in random.integers(0, len(broken), 5):
            broken[place] = random.integers(0, 256)
        try:
            scan(bytes(broken))
        except ModelError:
            continue


def test_graphs_within_graphs_come_to_an_end() -> None:
    def field(number: int, data: bytes) -> bytes:
        size, rest = b"", len(data)
        while rest > 0x7F:
            size, rest = size + bytes([rest & 0x7F | 0x80]), rest >> 7
        return bytes([number << 3 | 2]) + size + bytes([rest]) + data

    node = field(4, b"If")
    for _ in range(5000):  # a node with an attribute with a graph with a node ...
        node = field(5, field(6, field(1, node)))
    with pytest.raises(ModelError, match="without end"):
        scan(field(7, field(1, node)))


def test_the_runtimes_own_format_is_refused_even_in_disguise() -> None:
    weights = tiny_network()
    with pytest.raises(ModelError, match="own format"):
        scan(b"\x12\x06\x00\x00ORTM" + weights)

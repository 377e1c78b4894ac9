from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from networks import external_tensor, model_bytes, one_node_graph, tiny_network
from onnx import helper

from facegate.errors import ModelError
from facegate.models import admission
from facegate.models.admission import Admission, examine_encoder, read_onnx
from facegate.models.contract_file import draft_from_options
from facegate.models.onnx_embedder import OnnxEmbedder
from facegate.models.runtime import open_session
from facegate.vision.align import CropGeometry

DRAFT: dict[str, Any] = {"color_order": "RGB", "mean": 127.5, "scale": 1 / 128}


def faces(geometry: CropGeometry) -> dict[str, np.ndarray]:
    """Stand-ins for real faces: coarse noise, the second one other noise."""
    random = np.random.default_rng(1)
    side = geometry.size_px
    step = -(-side // 4)
    coarse = random.integers(40, 216, (2, 4, 4, 3)).astype(np.uint8)
    first, second = (one.repeat(step, 0).repeat(step, 1)[:side, :side] for one in coarse)
    return {"first": first, "first_again": first - 30, "second": second}


def examine(weights: bytes, **draft: object) -> Admission:
    return examine_encoder(weights, {**DRAFT, **draft}, faces)


def failed(found: Admission) -> list[str]:
    return [check.name for check in found.checks if not check.passed and check.required]


@pytest.mark.parametrize(
    ("layout", "dtype", "unit", "batch"),
    [
        *itertools.product(["nchw", "nhwc"], ["float32", "float16", "uint8"], [True, False], ["n"]),
        ("nchw", "float32", False, 1),
        ("nchw", "float32", True, 3),
    ],
)
def test_good_networks_are_taken_and_their_contract_completed(
    layout: str, dtype: str, unit: bool, batch: int | str
) -> None:
    weights = tiny_network(layout=layout, dtype=dtype, unit=unit, batch=batch)
    draft = {"mean": 0, "scale": 1} if dtype == "uint8" else {}
    found = examine(weights, **draft)
    assert failed(found) == []
    assert found.accepted
    contract = found.contract
    assert contract is not None
    assert (contract.layout, contract.dtype, contract.unit_length) == (layout, dtype, unit)
    assert (contract.size_px, contract.dim) == (32, 8)
    assert (contract.input_name, contract.output_name) == ("x", "e")
    embedder = OnnxEmbedder(open_session(weights, 1), "x@1", contract)
    crops = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3)).astype(np.uint8)
    together = embedder.embed(crops)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    singly = np.concatenate([embedder.embed(one[np.newaxis]) for one in crops])
    assert np.allclose(together, singly, atol=1e-3)
    assert embedder.embed(crops[:0]).shape == (0, 8)


@pytest.mark.parametrize(
    ("twist", "check"),
    [
        ("nan", "output is finite"),
        ("zero", "output has unit length or can be given it"),
        ("constant", "different crops give different embeddings"),
        ("batch", "several at once as one by one"),
        ("random", "the same crop gives the same"),
        ("two_inputs", "fits its contract"),
        ("two_outputs", "fits its contract"),
    ],
)
def test_networks_that_misbehave_are_refused_with_the_reason(twist: str, check: str) -> None:
    found = examine(tiny_network(twist=twist))
    assert check in failed(found)
    assert not found.accepted


def test_one_of_two_outputs_can_be_named() -> None:
    assert examine(tiny_network(twist="two_outputs"), output="e").accepted
    assert failed(examine(tiny_network(twist="two_outputs"), output="f")) == ["fits its contract"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"dim": 9}, {"size": 64}, {"layout": "nhwc"}, {"dtype": "float16"}, {"input": "y"},
        {"output": "y"}, {"color_order": "purple"}, {"scale": 0}, {"mean": "x"}, {"tempo": 3},
        {"template": [[1, 2]]}, {"unit_length": "no"},
    ],
)  # fmt: skip
def test_contracts_that_do_not_fit_are_refused(wrong: dict[str, object]) -> None:
    found = examine(tiny_network(), **wrong)
    assert failed(found) == ["fits its contract"]
    assert found.checks[-1].detail
    assert not found.accepted


def test_a_wrong_length_is_told_also_when_the_graph_leaves_it_open() -> None:
    found = examine(tiny_network(declared_dim="d"), dim=9, unit_length=False)
    assert not found.accepted
    assert examine(tiny_network(declared_dim="d")).accepted


def test_a_promise_of_unit_length_is_checked() -> None:
    found = examine(tiny_network(), unit_length=True)
    assert failed(found) == ["output has unit length or can be given it"]


@pytest.mark.parametrize("missing", ["color_order", "mean", "scale"])
def test_what_only_the_maker_knows_is_never_guessed(missing: str) -> None:
    draft = {key: value for key, value in DRAFT.items() if key != missing}
    found = examine_encoder(tiny_network(), draft, faces)
    assert missing in found.checks[-1].detail
    assert not found.accepted


def test_a_free_size_must_be_said() -> None:
    weights = tiny_network(free_side=True)
    assert "size" in examine(weights).checks[-1].detail
    assert examine(weights, size=32).accepted


def test_a_network_blind_to_color_is_pointed_out_but_taken() -> None:
    found = examine(tiny_network(twist="gray"))
    (check,) = [check for check in found.checks if check.name == "the color order matters"]
    assert (check.passed, check.required) == (False, False)
    assert found.accepted


def test_files_and_operators_from_elsewhere_never_reach_the_runtime(monkeypatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(admission, "open_session", never)
    node = helper.make_node("Add", ["x", "w"], ["e"])
    outside = model_bytes(one_node_graph(node, [external_tensor("w", "../../secret")]))
    assert failed(examine(outside)) == ["needs no other file and no connection"]
    magic = helper.make_node("Magic", ["x"], ["e"], domain="evil.example")
    own = model_bytes(one_node_graph(magic, []), domains=("", "evil.example"))
    assert failed(examine(own)) == ["only standard operators"]
    for data in (b"", b"no network", tiny_network()[:-100]):
        assert failed(examine(data)) == ["is an ONNX network"]


def test_what_the_runtime_cannot_load_is_refused() -> None:
    unknown = model_bytes(one_node_graph(helper.make_node("NoSuchThing", ["x"], ["e"])))
    assert failed(examine(unknown)) == ["loads in onnxruntime on the CPU"]


def test_a_network_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "TIME_LIMIT_S", 0.5)
    found = examine(tiny_network(twist="endless"))
    assert not found.accepted


def test_a_network_that_wants_all_memory_is_refused() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    found = examine(tiny_network(twist="huge"))
    assert not found.accepted
    assert "alloc" in found.checks[-1].detail
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_files_too_large_or_missing_are_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_onnx(tmp_path / "gone.onnx")
    with pytest.raises(ModelError, match="no such file"):
        read_onnx(tmp_path)
    (tmp_path / "x.onnx").write_bytes(bytes(100))
    monkeypatch.setattr(admission, "MAX_MODEL_BYTES", 99)
    with pytest.raises(ModelError, match="larger"):
        read_onnx(tmp_path / "x.onnx")


def test_numbers_of_options() -> None:
    assert draft_from_options("RGB", "127.5", "1/128", "nchw") == {
        "color_order": "RGB", "layout": "nchw", "mean": 127.5, "scale": 1 / 128
    }  # fmt: skip
    assert draft_from_options("", "1,2,3", "", "") == {"mean": [1, 2, 3]}
    for text in ("x", "1/0", "1,,2"):
        with pytest.raises(ModelError, match="--mean"):
            draft_from_options("", text, "", "")

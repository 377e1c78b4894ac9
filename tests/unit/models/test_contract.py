from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from facegate.errors import ModelError
from facegate.models.contract import clean_model_name, read_contract, read_tau
from facegate.vision.align import TEMPLATE_112, CropGeometry

WHOLE: dict[str, Any] = {
    "input": "x", "output": "e", "size": 32, "layout": "nchw", "dtype": "float32",
    "color_order": "BGR", "mean": [10, 20, 30], "scale": 0.5, "template": "arcface", "dim": 8,
    "unit_length": False,
}  # fmt: skip
POINTS = [[10, 10], [20, 10], [15, 15], [11, 22], [19, 22]]


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_pixels_are_prepared_as_a_plain_loop_does(layout: str, order: str) -> None:
    contract = read_contract({**WHOLE, "layout": layout, "color_order": order.lower()})
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    prepared = contract.prepare(crops)
    assert prepared.dtype == np.float32
    assert prepared.flags["C_CONTIGUOUS"]
    for n, y, x in ((0, 0, 0), (1, 31, 2), (1, 7, 30)):
        for channel in range(3):
            pixel = int(crops[n, y, x, channel if order == "RGB" else 2 - channel])
            expected = (pixel - (10, 20, 30)[channel]) * 0.5
            found = prepared[n, channel, y, x] if layout == "nchw" else prepared[n, y, x, channel]
            assert found == pytest.approx(expected)


def test_uint8_pixels_go_in_as_they_are() -> None:
    contract = read_contract({**WHOLE, "dtype": "uint8", "mean": 0, "scale": 1, "layout": "nhwc"})
    crops = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.uint8)
    assert np.array_equal(contract.prepare(crops), crops[..., ::-1])


@pytest.mark.parametrize("key", sorted(set(WHOLE) - {"template"}))
def test_what_is_missing_is_named(key: str) -> None:
    keys = {name: value for name, value in WHOLE.items() if name != key}
    with pytest.raises(ModelError, match=key):
        read_contract(keys)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", 31), ("size", 513), ("size", "32"), ("size", True), ("size", 32.0),
        ("layout", "hwcn"), ("dtype", "int8"), ("color_order", "GBR"), ("color_order", 3),
        ("mean", [1, 2]), ("mean", "127.5"), ("mean", float("nan")), ("mean", [1, 2, True]),
        ("scale", 0), ("scale", [1, 0, 1]), ("scale", float("inf")), ("scale", None),
        ("dim", 1), ("dim", 5000), ("dim", -8), ("unit_length", 1), ("unit_length", "yes"),
        ("input", ""), ("input", 4), ("output", "x" * 1000), ("sise", 32),
        ("template", "mtcnn"), ("template", POINTS[:4]), ("template", [[1, 2, 3]] * 5),
        ("template", [[float("nan"), 1], *POINTS[1:]]), ("template", [[9999, 1], *POINTS[1:]]),
        ("template", [POINTS[1], POINTS[0], *POINTS[2:]]), ("template", POINTS[::-1]),
        ("template", {"left": 1}),
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(key: str, value: object) -> None:
    with pytest.raises(ModelError, match="contract"):
        read_contract({**WHOLE, key: value})


def test_uint8_cannot_be_scaled() -> None:
    with pytest.raises(ModelError, match="uint8"):
        read_contract({**WHOLE, "dtype": "uint8"})


def test_the_template_grows_with_the_crop_or_is_given() -> None:
    assert np.allclose(CropGeometry.arcface(112).template_xy, TEMPLATE_112)
    double = np.array(read_contract({**WHOLE, "size": 224}).template_xy)
    assert np.allclose(double, (TEMPLATE_112 + 0.5) * 2 - 0.5)
    given = read_contract({**WHOLE, "template": POINTS})
    assert given.geometry == CropGeometry(32, tuple((float(x), float(y)) for x, y in POINTS))


@pytest.mark.parametrize(
    "change",
    [
        {"mean": 0}, {"scale": 0.25}, {"color_order": "RGB"}, {"template": POINTS},
        {"unit_length": True}, {"output": "f"}, {"dim": 9},
    ],
)  # fmt: skip
def test_whatever_changes_an_embedding_changes_the_digest(change: dict[str, Any]) -> None:
    first = read_contract(WHOLE)
    assert read_contract({**WHOLE, **change}).digest != first.digest
    assert read_contract({**WHOLE, "name": "other", "license": "x"}).digest == first.digest
    assert read_contract(first.as_dict()) == first


def test_outputs_are_brought_to_unit_length_and_held_to_their_size() -> None:
    contract = read_contract({**WHOLE, "dim": 2})
    assert np.allclose(contract.embeddings(np.float32([[3, 4], [0, 2]]), 2), [[0.6, 0.8], [0, 1]])
    assert contract.embeddings(np.ones((3, 2, 1, 1), np.float16), 3).shape == (3, 2)
    for output in (np.ones((2, 3)), np.ones((1, 4)), np.ones(4)):
        with pytest.raises(ModelError):
            contract.embeddings(output, 2)
    as_is = dataclasses.replace(contract, unit_length=True)
    assert np.array_equal(as_is.embeddings(np.float32([[3, 4]]), 1), [[3, 4]])


@pytest.mark.parametrize("tau", [0, 1, -0.3, 1.5, "0.4", True, float("nan")])
def test_a_tau_that_lets_everybody_in_is_refused(tau: object) -> None:
    with pytest.raises(ModelError, match="tau"):
        read_tau({"tau": tau})


def test_a_tau_may_be_missing() -> None:
    assert read_tau({}) is None
    assert read_tau({"tau": 0.4}) == 0.4


@pytest.mark.parametrize(
    "name",
    ["", "..", ".hidden", "../up", "a/b", "a\\b", "C:x", "a b", "x\0y", "-x", "_x", "x.", "x" * 65,
     "na\nme", "name@123", "\u202ename", "~", "*", "x\udcff"],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="cannot be the name"):
        clean_model_name(name)


def test_names_of_any_script_are_taken() -> None:
    for name in ("arcface-r50", "Gesichter_v1.2", "顔認識", "лица-1", "x"):
        assert clean_model_name(name) == name
    assert clean_model_name("e\u0301") == "\u00e9"

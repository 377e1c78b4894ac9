from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facegate.training.detector.teacher import CellTeacher, YuNetTeacher, mirrored_cells

CELLS = {8: 4 * 8, 16: 2 * 4, 32: 2}
"""Cells of each grid of an input of 32 by 64 pixels."""


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A network of YuNet's inputs and outputs that says always the same."""
    nodes, outputs = [], []
    said = {(kind, stride): np.zeros((1, cells, values), np.float32)
            for kind, values in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
            for stride, cells in CELLS.items()}  # fmt: skip
    # At stride 8, row 1, column 3: a face of 24 by 16 pixels centered at (30, 12).
    said["cls", 8][0, 8 + 3], said["obj", 8][0, 8 + 3] = 0.9, 0.4
    said["bbox", 8][0, 8 + 3] = [0.75, 0.5, np.log(3), np.log(2)]
    said["kps", 8][0, 8 + 3] = np.arange(10) / 8
    # A worse one of the same face, and one at stride 32 that is not sure.
    said["cls", 8][0, 8 + 4], said["obj", 8][0, 8 + 4] = 0.5, 0.5
    said["bbox", 8][0, 8 + 4] = [-0.25, 0.5, np.log(3), np.log(2)]
    said["cls", 32][0, 1], said["obj", 32][0, 1] = 0.3, 0.1
    for (kind, stride), value in said.items():
        name = f"{kind}_{stride}"
        # The input must be read: it is multiplied by nothing.
        nodes.append(helper.make_node("Constant", [], [f"{name}_c"],
                                      value=numpy_helper.from_array(value)))  # fmt: skip
        nodes.append(helper.make_node("Add", [f"{name}_c", "nothing"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(value.shape)))
    zero = numpy_helper.from_array(np.zeros(1, np.float32), "zero")
    first = [
        helper.make_node("ReduceMax", ["input"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "zero"], ["nothing"]),
    ]
    shape = ["n", 3, "h", "w"]
    graph = helper.make_graph(
        first + nodes, "yunet",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)], outputs, [zero],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "yunet.onnx")
    return tmp_path / "yunet.onnx"


def test_places_count_from_the_corner_of_the_cell(weights: Path) -> None:
    # 30 by 60 pixels become 32 by 64, with black below and to the right.
    found = YuNetTeacher(weights)(np.full((30, 60, 3), 200, np.uint8))
    assert len(found) == 1
    assert found.scores.tolist() == pytest.approx([0.6])
    assert found.bboxes_xyxy[0].tolist() == pytest.approx([18, 4, 42, 20], abs=1e-4)
    expected = np.arange(10).reshape(5, 2) + np.array([24, 8])
    assert np.allclose(found.landmarks_xy[0], expected, atol=1e-4)


def test_the_least_score_decides_who_is_told_of(weights: Path) -> None:
    frame = np.zeros((32, 64, 3), np.uint8)
    assert len(YuNetTeacher(weights, 0.7)(frame)) == 0
    assert YuNetTeacher(weights, 0.7)(frame).landmarks_xy.shape == (0, 5, 2)
    assert sorted(YuNetTeacher(weights, 0.1)(frame).scores) == pytest.approx([0.03**0.5, 0.6])


def test_chances_of_all_cells_come_in_our_order(weights: Path) -> None:
    chances = CellTeacher(weights)(np.zeros((1, 32, 64, 3), np.uint8))
    assert chances.shape == (1, sum(CELLS.values()), 2)
    assert chances[0, 8 + 3].tolist() == pytest.approx([0.4, 0.9], abs=1e-5)
    assert chances[0, -1].tolist() == pytest.approx([0.1, 0.3], abs=1e-5)


def test_a_mirrored_look_counts_as_much_as_the_other(weights: Path) -> None:
    frames = np.zeros((1, 32, 64, 3), np.uint8)
    plain, both = CellTeacher(weights)(frames), CellTeacher(weights, mirrored=True)(frames)
    # The fourth of eight cells in the second row lies where the fifth does in a mirror.
    assert both[0, 8 + 3] == pytest.approx((plain[0, 8 + 3] + plain[0, 8 + 4]) / 2)
    np.testing.assert_allclose(both, both[:, mirror_of(32, 64)], atol=1e-6)


def mirror_of(height: int, width: int) -> list[int]:
    """For each cell the number of the one in its place in a mirror, by plain loops."""
    numbers, first = [], 0
    for stride in (8, 16, 32):
        rows, columns = height // stride, width // stride
        for row in range(rows):
            numbers += [first + row * columns + columns - 1 - column for column in range(columns)]
        first += rows * columns
    return numbers


def test_mirrored_cells_equal_plain_loops() -> None:
    cells = np.random.default_rng(0).normal(size=(3, 48 + 12 + 3, 2)).astype(np.float32)
    np.testing.assert_array_equal(mirrored_cells(cells, 32, 96), cells[:, mirror_of(32, 96)])

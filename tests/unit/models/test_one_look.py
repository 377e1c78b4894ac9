"""A network alone: decoding against plain loops, and back to the picture's pixels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from facegate.errors import ModelError
from facegate.models.one_look import OneLook
from facegate.models.runtime import open_session
from facegate.models.yolo_cells import VALUES, YoloCells, faces_in_cells
from facegate.models.yunet import YuNetCells

SIDE = 64
CELLS = 8 * 8 + 4 * 4 + 2 * 2


class Scripted:
    """Sees one face in one cell, whatever the picture."""

    model_id = "scripted@000000000000"

    def __init__(self, cell: int, values: list[float], missing: int = 0) -> None:
        self._missing = missing
        self._cell, self._values = cell, values
        self.seen: list[tuple[int, ...]] = []

    def cells(self, canvas_bgr: np.ndarray) -> np.ndarray:
        self.seen.append(canvas_bgr.shape)
        height, width = canvas_bgr.shape[:2]
        raw = np.full((sum(height * width // s**2 for s in (8, 16, 32)), VALUES), -20, np.float32)
        raw[self._cell] = self._values
        return raw[self._missing :]


def test_decoding_is_what_plain_loops_give() -> None:
    raw = np.random.default_rng(0).normal(0, 1, (CELLS, VALUES)).astype(np.float32)
    expected = []
    number = 0
    for stride in (8, 16, 32):
        for row in range(SIDE // stride):
            for column in range(SIDE // stride):
                v = raw[number].astype(float)
                number += 1
                x, y = (column + 0.5) * stride, (row + 0.5) * stride
                score = math.sqrt(1 / (1 + math.exp(-v[0])) / (1 + math.exp(-v[15])))
                mx, my = x + v[1] * stride, y + v[2] * stride
                w, h = math.exp(v[3]) * stride / 2, math.exp(v[4]) * stride / 2
                points = [x + v[5] * stride, y + v[6] * stride, y + v[14] * stride]
                if score >= 0.4:
                    expected.append((score, [mx - w, my - h, mx + w, my + h], points))
    expected.sort(key=lambda one: -one[0])
    boxes, landmarks, scores = faces_in_cells(raw, SIDE, SIDE, 0.4)
    order = np.argsort(-scores)
    boxes, landmarks, scores = boxes[order], landmarks[order], scores[order]
    assert scores == pytest.approx([one[0] for one in expected], abs=1e-5)
    assert boxes == pytest.approx(np.array([one[1] for one in expected]), abs=1e-3)
    found = np.stack([landmarks[:, 0, 0], landmarks[:, 0, 1], landmarks[:, 4, 1]], axis=1)
    assert found == pytest.approx(np.array([one[2] for one in expected]), abs=1e-3)


def test_what_is_no_number_is_no_face() -> None:
    raw = np.full((CELLS, VALUES), np.nan, np.float32)
    assert len(faces_in_cells(raw, SIDE, SIDE, 0.02)[2]) == 0
    raw[:] = 5
    raw[3, 1], raw[4, 3] = np.inf, np.nan
    assert len(faces_in_cells(raw, SIDE, SIDE, 0.02)[2]) == CELLS - 2
    with pytest.raises(ModelError, match="cells"):
        OneLook(Scripted(5, [0.0] * VALUES, missing=1), SIDE).look(np.zeros((9, 9, 3), np.uint8))


def test_faces_come_back_in_the_pixels_of_the_picture() -> None:
    values = [9.0, 0, 0, math.log(4), math.log(4), *[0.0] * 10, 9.0]
    network = Scripted(2 * 8 + 3, values)  # third row, fourth column of the finest grid
    found, stages = OneLook(network, SIDE).look(np.zeros((128, 96, 3), np.uint8))
    assert network.seen == [(64, 64, 3)]  # half the size, put onto the grid
    assert found.bboxes_xyxy == pytest.approx(np.array([[24, 8, 88, 72]]), abs=1e-3)
    assert found.landmarks_xy[0] == pytest.approx(np.array([[56, 40]] * 5), abs=1e-3)
    assert found.scores[0] == pytest.approx(1, abs=1e-3)
    assert set(stages) == {"scaling", "network", "suppression"}
    one_pixel, _ = OneLook(network, SIDE).look(np.zeros((1, 1, 3), np.uint8))
    assert np.isfinite(one_pixel.bboxes_xyxy).all()


def yunet(path: Path, side: int | str = "side", leave_out: str = "") -> Path:
    """A network with YuNet's outputs: each a mean of the picture over its cells."""
    nodes, outputs = [], []
    for stride in (8, 16, 32):
        pool = {"kernel_shape": [stride] * 2, "strides": [stride] * 2}
        nodes.append(helper.make_node("AveragePool", ["input"], [f"p{stride}"], **pool))
        nodes.append(
            helper.make_node("Transpose", [f"p{stride}"], [f"t{stride}"], perm=[0, 2, 3, 1])
        )
        for part, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            name = f"{part}_{stride}"
            if name == leave_out:
                continue
            value = np.full((3, width), 1 / 3, np.float32)
            constant = onnx.numpy_helper.from_array(value, f"w_{name}")
            nodes += [
                helper.make_node("Constant", [], [f"w_{name}"], value=constant),
                helper.make_node("MatMul", [f"t{stride}", f"w_{name}"], [f"m_{name}"]),
                helper.make_node("Constant", [], [f"s_{name}"], value_ints=[0, -1, width]),
                helper.make_node("Reshape", [f"m_{name}", f"s_{name}"], [name]),
            ]
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    frame = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, side, side])
    graph = helper.make_graph(nodes, "yunet", [frame], outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def test_yunets_outputs_become_cells(tmp_path: Path) -> None:
    network = YuNetCells(yunet(tmp_path / "y.onnx"), 1)
    canvas = np.zeros((64, 96, 3), np.uint8)
    canvas[8:16, 24:32] = 1  # one cell of the finest grid, row 1, column 3 of 12
    cells = network.cells(canvas)
    assert cells.shape == (8 * 12 + 4 * 6 + 2 * 3, VALUES)
    # A sure chance; places count from the middle of the cell, not from its corner.
    assert cells[15] == pytest.approx([16.118, 0.5, 0.5, 1, 1, *[0.5] * 10, 16.118], abs=0.2)
    assert cells[16] == pytest.approx([-16.118, -0.5, -0.5, 0, 0, *[-0.5] * 10, -16.118], abs=0.2)
    assert np.array_equal(network.batch(np.stack([canvas, canvas]))[1], cells)
    assert network.model_id.startswith("y@")


def test_other_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        YuNetCells(tmp_path / "missing.onnx", 1)
    with pytest.raises(ModelError, match="not a YuNet"):
        YuNetCells(yunet(tmp_path / "a.onnx", leave_out="kps_32"), 1)
    with pytest.raises(ModelError, match="64 x 64"):
        YuNetCells(yunet(tmp_path / "b.onnx", side=64), 1)
    file = yunet(tmp_path / "c.onnx")
    with pytest.raises(ModelError, match="not a face detector"):
        YoloCells(open_session(file.read_bytes(), 1), "c")

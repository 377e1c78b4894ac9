from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facegate.errors import ModelError
from facegate.models.runtime import open_session
from facegate.models.yolo import FIT, VALUES, ExportedYolo, YoloFace, cell_grid, decode
from facegate.training.detector.export import INPUT_NAME, OUTPUT_NAME, export_onnx, read_onnx
from facegate.training.detector.loop import DetectorRecipe
from facegate.training.recipe import read_recipe
from facegate.vision.align import TEMPLATE_112


@pytest.fixture(scope="module")
def network() -> YoloFace:
    torch.manual_seed(0)
    network = YoloFace().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)  # type: ignore[union-attr]
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return network


@pytest.fixture(scope="module")
def exported(network: YoloFace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "x.onnx"
    export_onnx(network, path)
    return path


@pytest.mark.parametrize("size_hw", [(64, 96), (96, 32), (32, 32)])
def test_the_exported_network_says_the_same_of_any_size(
    network: YoloFace, exported: Path, size_hw: tuple[int, int]
) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, *size_hw, 3)).astype(np.uint8)
    session = open_session(exported.read_bytes(), threads=1)
    (said,) = session.run([OUTPUT_NAME], {INPUT_NAME: frames})
    tensor = torch.from_numpy(frames)
    with torch.no_grad():
        plain = network(tensor.permute(0, 3, 1, 2).float())
        seen_as_rows = ExportedYolo(network)(tensor)
    scale = float(plain.abs().max())
    assert np.allclose(said.transpose(0, 2, 1), plain.numpy(), atol=1e-4 * scale)
    assert torch.allclose(seen_as_rows.transpose(1, 2), plain, atol=1e-4 * scale)


def test_an_exported_network_comes_back(network: YoloFace, exported: Path) -> None:
    back = read_onnx(exported)
    image = torch.rand(1, 3, 64, 96) * 255
    with torch.no_grad():
        assert torch.equal(back(image), network(image))


def test_another_network_does_not_come_back(exported: Path, tmp_path: Path) -> None:
    import onnx

    model = onnx.load(exported)
    del model.graph.initializer[:3]
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="not a network that FaceGate exported"):
        read_onnx(tmp_path / "other.onnx")


def test_decoding_undoes_encoding() -> None:
    centers, strides = cell_grid(128, 192)
    cell = 37
    center, stride = centers[cell], strides[cell]
    raw = torch.zeros(len(centers), VALUES)
    raw[cell, 0], raw[cell, FIT] = 2.0, -1.0
    raw[cell, 1:3] = (torch.tensor([41.0, 22.0]) - center) / stride
    raw[cell, 3:5] = torch.log(torch.tensor([30.0, 44.0]) / stride)
    points = torch.tensor(TEMPLATE_112, dtype=torch.float32)
    raw[cell, 5:FIT] = ((points - center) / stride).flatten()
    logits, boxes, landmarks = decode(raw, centers, strides)
    assert logits[cell].tolist() == [2.0, -1.0]
    assert boxes[cell].tolist() == pytest.approx([26, 0, 56, 44], abs=1e-4)
    assert torch.allclose(landmarks[cell], points, atol=1e-4)


def test_the_shipped_recipe_can_be_read() -> None:
    recipe = read_recipe(DetectorRecipe, "detector_labels")
    assert all(side % 32 == 0 for side in recipe.sides_px)
    assert recipe.scene_share + recipe.background_share <= 1

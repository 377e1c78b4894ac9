"""`facegate train landmarks`: prepare, train, export, on tiny pictures with a teacher made up."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from facegate.cli.train.landmarks import app
from facegate.domain.arrays import ImageArray
from facegate.domain.detections import Detections
from facegate.training.detector.data import PreparedSamples, Sample, write_samples
from facegate.training.landmarks.export import read_onnx
from facegate.vision.align import TEMPLATE_112

BOX = np.array([[8, 13, 104, 119]], np.float32)

RECIPE = """seed = 1
images = 32
batch = 16
learning_rate = 1e-3
warm_up_images = 16
weight_decay = 0.01
ema = 0.9
rotation_deg = 5
shift = 0.02
zoom = 0.05
"""


class OneFace:
    """A teacher that sees a face in the middle of every picture."""

    def __init__(self, _: Path) -> None:
        pass

    def __call__(self, frame_bgr: ImageArray) -> Detections:
        height, width = frame_bgr.shape[:2]
        corner = np.float32([width / 2 - 56, height / 2 - 66])
        points = np.float32(TEMPLATE_112)[None] + corner
        return Detections(BOX + np.tile(corner, 2), points, np.ones(1, np.float32))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three single faces, and the detector's prepared data with a near and a far face."""
    monkeypatch.setattr("facegate.training.detector.teacher.YuNetTeacher", OneFace)
    (tmp_path / "teacher.onnx").touch()
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "single").mkdir()
    random = np.random.default_rng(0)
    for number in range(3):
        frame = random.integers(0, 256, (130, 120, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "single" / f"{number}.jpg"), frame)
    boxes = np.concatenate([BOX + 40, BOX / 8])
    points = np.float32([TEMPLATE_112 + 40, TEMPLATE_112 / 8])
    scene = Sample(random.integers(0, 256, (200, 300, 3)).astype(np.uint8), boxes, points, True)
    write_samples([scene], tmp_path / "scenes")
    return tmp_path


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_from_pictures_to_a_network(folder: Path) -> None:
    faces = folder / "faces"
    prepared = run(
        "prepare", "--output", faces, "--teacher", folder / "teacher.onnx",
        "--portraits", folder / "single", "--scenes", folder / "scenes",
    )  # fmt: skip
    assert prepared.exit_code == 0
    assert "4 faces prepared" in prepared.stdout, "the far face is left out"
    samples = PreparedSamples(faces)
    assert samples.source_names == ("portraits", "scenes")
    assert all(len(samples[number].landmarks_xy) == 1 for number in range(4))

    trained = run(
        "--faces", faces, "--run", folder / "run", "--recipe", folder / "recipe.toml",
        "--threads", 1,
    )  # fmt: skip
    assert trained.exit_code == 0
    assert "4 different faces" in trained.stdout
    exported = run("export", "--run", folder / "run", "--output", folder / "x.onnx")
    assert exported.exit_code == 0
    assert "after 32 images" in exported.stdout
    assert read_onnx(folder / "x.onnx").points.weight.isfinite().all()


def test_nothing_to_prepare_is_said(folder: Path) -> None:
    from facegate.errors import InputError

    with pytest.raises(InputError, match="No training pictures"):
        run("prepare", "--output", folder / "x", "--teacher", folder / "teacher.onnx")

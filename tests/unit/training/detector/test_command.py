from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from facegate.cli.train.detector import app
from facegate.domain.arrays import ImageArray
from facegate.domain.detections import Detections
from facegate.errors import ConfigError
from facegate.training.detector.data import PreparedSamples

VOC = """<annotation><object><bndbox><xmin>10</xmin><ymin>10</ymin><xmax>70</xmax><ymax>80</ymax>
</bndbox></object></annotation>"""


class OneFace:
    """A teacher that sees a face in the middle of every picture."""

    def __init__(self, _: Path) -> None:
        pass

    def __call__(self, frame_bgr: ImageArray) -> Detections:
        height, width = frame_bgr.shape[:2]
        box = np.array([[width / 4, height / 4, width * 3 / 4, height * 3 / 4]], np.float32)
        return Detections(box, np.full((1, 5, 2), width / 2, np.float32), np.ones(1, np.float32))


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of every kind; one picture of `drawn` is in `held_out`, too, at another size."""
    monkeypatch.setattr("facegate.training.detector.teacher.YuNetTeacher", OneFace)
    (tmp_path / "teacher.onnx").touch()
    for place, (name, count) in enumerate(
        {"drawn": 3, "plain": 2, "faces": 5, "others": 4, "empty": 1}.items()
    ):
        (tmp_path / name).mkdir()
        for number in range(count):
            random = np.random.default_rng([place, number])
            coarse = random.integers(0, 256, (9, 12, 3)).astype(np.uint8)
            frame = cv2.resize(coarse, (240, 180), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), frame)
            if name == "drawn":
                (tmp_path / name / f"{number}.xml").write_text(VOC)
    (tmp_path / "held_out").mkdir()
    copied = cv2.imread(str(tmp_path / "drawn" / "1.png"))
    cv2.imwrite(str(tmp_path / "held_out" / "x.jpg"), cv2.resize(copied, (120, 90)))
    return tmp_path


def prepare(sets: Path, *more: object) -> Result:
    options = ["prepare", "--output", sets / "out", "--teacher", sets / "teacher.onnx", *more]
    return CliRunner().invoke(app, [str(option) for option in options])


def test_all_sets_are_prepared_under_their_names(sets: Path) -> None:
    ran = prepare(
        sets, "--boxed", f"masks={sets / 'drawn'}", "--unboxed", sets / "plain",
        "--portraits", sets / "faces", "--portraits", sets / "others",
        "--portrait-count", 3, "--portrait-count", 2,
        "--background", sets / "empty", "--held-out", sets / "held_out", "--longest-px", 120,
    )  # fmt: skip
    assert ran.exception is None, ran.exception
    assert "10 pictures prepared" in ran.output
    prepared = PreparedSamples(sets / "out")
    assert prepared.source_names == ("masks", "plain", "faces", "others", "background")
    # One of the drawn pictures is held out.
    assert np.bincount(prepared.sources).tolist() == [2, 2, 3, 2, 1]
    assert len(prepared.scenes) == 4
    assert len(prepared.portraits) == 5
    assert len(prepared.backgrounds) == 1
    assert max(prepared[0].frame_bgr.shape) == 120
    assert prepared[0].bboxes_xyxy[0].tolist() == [5, 5, 35, 40]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--boxed", "masks=nowhere"], "nowhere is not a folder"),
        (["--boxed", "a/b=."], "cannot be named"),
        (["--unboxed", "x=.", "--boxed", "x=."], "Two sets are named x"),
        (["--wider-images", "."], "only work together"),
        (
            ["--portraits", "a=.", "--portraits", "b=.", *["--portrait-count", "1"] * 3],
            "once for each folder",
        ),
    ],
)
def test_unclear_options_are_told(
    sets: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(sets / "empty")
    error = prepare(sets, *options).exception
    assert isinstance(error, ConfigError)
    assert message in str(error)


RECIPE = """
seed = 1
images = 4
batch = 2
sides_px = [64]
learning_rate = 1e-3
warm_up_images = 0
weight_decay = 0.0
ema = 0.9
scene_share = 0.5
background_share = 0.0
weight_objectness = 1.0
weight_fit = 1.0
weight_box = 1.0
weight_landmarks = 1.0
"""


def train(recipe: Path, data: Path, run: Path, *more: object) -> Result:
    options = ["--recipe", recipe, "--data", data, "--run", run, *more]
    return CliRunner().invoke(app, [str(option) for option in options])


def test_a_run_is_trained_continued_by_another_and_exported(
    prepared: PreparedSamples, tmp_path: Path
) -> None:
    recipe, data = tmp_path / "recipe.toml", tmp_path / "prepared"
    recipe.write_text(RECIPE)
    ran = train(recipe, data, tmp_path / "one")
    assert ran.exception is None, ran.exception
    ran = train(recipe, data, tmp_path / "two", "--start", tmp_path / "one" / "last.pt")
    assert ran.exception is None, ran.exception
    output = tmp_path / "face.onnx"
    ran = CliRunner().invoke(
        app, ["export", "--run", str(tmp_path / "two"), "--output", str(output)]
    )
    assert ran.exception is None, ran.exception
    assert "after 4 images" in ran.output
    assert output.stat().st_size > 50_000


def test_training_says_what_it_lacks(prepared: PreparedSamples, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE + "weight_teacher = 1.0\n")
    error = train(recipe, tmp_path / "prepared", tmp_path / "run").exception
    assert isinstance(error, ConfigError)
    assert "learns from a teacher" in str(error)
    recipe.write_text(RECIPE + "mixed_share = 0.5\n")
    error = train(recipe, tmp_path / "prepared", tmp_path / "run").exception
    assert isinstance(error, ConfigError)
    assert "mixed_share wants a teacher" in str(error)
    recipe.write_text(RECIPE)
    error = train(recipe, tmp_path / "prepared", tmp_path / "run", "--teacher", recipe).exception
    assert isinstance(error, ConfigError)
    assert "learns from no teacher" in str(error)
    error = train(recipe, tmp_path, tmp_path / "run").exception
    assert isinstance(error, ConfigError)
    assert "no prepared pictures" in str(error)

"""`facegate eval detection` in this process: colored boxes in place of faces, and real scenes."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from pages import check_page
from PIL import Image
from typer.testing import CliRunner

from facegate.cli import evaluate_detection
from facegate.cli.main import app
from facegate.domain.detections import Detections
from facegate.errors import FacegateError
from facegate.services.measure_detection import Subject
from facegate.vision.align import TEMPLATE_112

SHARED = Path(__file__).resolve().parents[3] / "shared"

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
"""Faces that all find, that only the first finds, and that nobody finds."""


class ColorLooks:
    """Finds boxes of its colors."""

    def __init__(self, *colors: tuple[int, int, int], shift: float = 0.0) -> None:
        self._colors, self._shift = colors, shift

    def look(self, frame_bgr: np.ndarray) -> tuple[Detections, dict[str, float]]:
        boxes = []
        for color in self._colors:
            y, x = np.nonzero((frame_bgr == color[::-1]).all(axis=2))
            if len(x):
                boxes.append([x.min(), y.min(), x.max() + 1, y.max() + 1])
        array = np.array(boxes, np.float32).reshape(-1, 4)
        points = [TEMPLATE_112 * ((b[3] - b[1]) / 112) + b[:2] + self._shift for b in array]
        scores = np.linspace(0.9, 0.6, len(boxes)).astype(np.float32)
        landmarks = np.array(points, np.float32).reshape(-1, 5, 2)
        return Detections(array, landmarks, scores), {"network": 1.0, "suppression": 2.0}


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    subjects = [
        Subject("ours", "ours@1", 0.5, True, ColorLooks(RED, BLUE)),
        Subject("door", "ours@1", 0.5, False, ColorLooks(RED, BLUE)),
        Subject("peer", "peer@2", 0.5, True, ColorLooks(RED, shift=5.0)),
    ]
    monkeypatch.setattr(evaluate_detection, "_subjects", lambda *_, **__: subjects)


@pytest.fixture
def scenes(tmp_path: Path) -> tuple[Path, Path]:
    """Three scenes with 4 faces, one of which nobody finds, and a false alarm in the third."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    drawn = {
        "one.png": [(RED, 20, 100), (WHITE, 150, 140)],
        "two.png": [(RED, 20, 40), (BLUE, 150, 80)],
        "three.png": [(BLUE, 20, 90)],
    }
    lines = []
    for name, boxes in drawn.items():
        image = Image.new("RGB", (400, 300), (90, 90, 90))
        lines.append(f"# {name} 400 300")
        for color, x, side in boxes:
            image.paste(color, (x, 20, x + side, 20 + side))
            if name != "three.png":
                points = TEMPLATE_112 * (side / 112) + (x, 20)
                marks = " ".join(f"{px:.2f} {py:.2f} 1" for px, py in points)
                lines.append(f"{x} 20 {x + side} {20 + side} {marks}")
        image.save(folder / name)
    (folder / "four.png").write_bytes(b"no picture")
    lines += ["# four.png 9 9", "1 1 8 8", "# absent.png 9 9", "what is this"]
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(lines) + "\n")
    return folder, labels


def facegate(*arguments: object, code: int = 0) -> str:
    ran = CliRunner().invoke(
        app, ["eval", "detection", *map(str, arguments)], catch_exceptions=False
    )
    assert ran.exit_code == code, ran.output
    return ran.stdout


@pytest.mark.usefixtures("fakes")
def test_scenes_give_figures_for_all_detectors_and_a_page(
    scenes: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, labels = scenes
    page = tmp_path / "page.html"
    report = json.loads(
        facegate(
            "--scenes", folder, "--labels", labels, "--pictures", page, "--json", code=10
        )  # one picture could not be read
    )  # fmt: skip
    assert (report["scenes"], report["labeled_scenes"], report["without_picture"]) == (3, 5, 1)
    assert len(report["unreadable"]) == len(report["label_problems"]) == 1
    heights = {one["min_height_px"]: one for one in report["detection"]["ours"]["heights"]}
    assert list(heights) == [64, 32, 16]
    assert heights[64]["faces"] == 3
    assert heights[32]["faces"] == 4
    assert heights[32]["at_threshold"]["recall"]["count"] == 3
    assert heights[32]["at_threshold"]["false_alarms"] == 1
    assert report["detection"]["peer"]["heights"][1]["at_threshold"]["recall"]["count"] == 2
    assert report["detection"]["door"]["heights"][1]["average_precision"] is None
    assert report["difference"]["of"] == ["ours", "peer"]
    by_box, by_eyes = report["landmarks"]
    assert (by_box["faces"], by_box["found_by_all"]) == (4, 2)
    assert by_box["detectors"]["ours"]["nme_mean"] < 1e-3
    assert by_eyes["detectors"]["peer"]["nme_mean"] > 0.1
    assert report["stages"]["ours"]["suppression"]["median_ms"] == 2.0
    shown = check_page(page.read_text())
    assert "Tallest faces missed" in shown.text
    assert sum(tag == "img" for tag, _ in shown.tags) == 2  # the white face, the blue false alarm
    assert "140 px" in shown.text


@pytest.mark.usefixtures("fakes")
def test_people_read_tables(scenes: tuple[Path, Path]) -> None:
    folder, labels = scenes
    said = facegate("--scenes", folder, "--labels", labels, "--height", 32, "--limit", 3)
    for words in ("3 scenes", "32 px: 4 faces", "ours less peer", "between the eyes"):
        assert words in said


@pytest.mark.usefixtures("fakes")
def test_points_and_found_faces_need_no_scenes(scenes: tuple[Path, Path], tmp_path: Path) -> None:
    folder, _ = scenes
    points = TEMPLATE_112 * (40 / 112) + 20
    row = " ".join(f"{value:.2f}" for value in points.T.ravel())
    listed = tmp_path / "list.txt"
    listed.write_text(f"two.png {row}\nlfw_5590/x.png {row}\nbroken\n")
    report = json.loads(
        facegate(
            "--points", listed, "--points-root", folder, "--points-without", "lfw_5590/",
            "--faces-found", folder, "--json", code=10,
        )
    )  # fmt: skip
    assert report["points"]["faces"] == 1
    assert report["points"]["detectors"]["ours"]["nme_mean"] < 1e-3
    assert len(report["points"]["list_problems"]) == 1
    found = report["faces_found"]
    assert found["pictures"] == 3
    assert found["detectors"]["ours"]["without"] == []
    assert found["detectors"]["peer"]["without"] == [str(folder / "three.png")]
    said = facegate("--faces-found", folder, code=10)
    assert "peer finds no face" in said


@pytest.mark.parametrize(
    "options",
    [
        [], ["--scenes", "."], ["--points", "x"], ["--faces-found", "nowhere"],
        ["--scenes", ".", "--labels", "nowhere"], ["--faces-found", ".", "--pictures", "x.html"],
        ["--scenes", ".", "--labels", ".", "--pictures", "."],
    ],
)  # fmt: skip
@pytest.mark.usefixtures("fakes")
def test_what_does_not_belong_together_is_refused(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["eval", "detection", *options])
    assert isinstance(ran.exception, FacegateError), ran.output
    assert ran.exception.exit_code == 4


def test_most_large_faces_of_real_scenes_are_found(tmp_path: Path) -> None:
    pack = SHARED / "data" / "wider_mini.tar"
    if not pack.is_file():
        pytest.skip("needs wider_mini.tar, photographs that must not be shipped, in ../shared/data")
    with tarfile.open(pack) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "wider_mini"
    (labels,) = folder.rglob("labelv2.txt")
    report = json.loads(
        facegate(
            "--scenes", folder / "images", "--labels", labels, "--height", 64, "--no-door",
            "--json",
        )
    )  # fmt: skip
    assert (report["scenes"], report["unreadable"]) == (40, [])
    (ours,) = report["detection"].values()
    assert ours["heights"][0]["faces"] > 50
    assert ours["heights"][0]["average_precision"] > 0.85

"""What finding a face costs, step by step, and beside another network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from facegate.bootstrap import models_folder, start
from facegate.cli import bench_detector
from facegate.cli.detector_options import detector_settings
from facegate.cli.main import app
from facegate.domain.tiling import TileMode
from facegate.errors import ConfigError, InputError
from facegate.evaluation.timing import Timing
from facegate.models.registry import Task, choose_card, read_cards


def test_options_that_are_not_given_leave_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEGATE_DETECTOR__MAX_FACES", "7")
    monkeypatch.setenv("FACEGATE_DETECTOR__TILES", "auto")
    assert detector_settings(None, None, None) == {}
    kept = start(**detector_settings(None, 30.0, None)).settings.detector
    assert (kept.tiles, kept.min_face_px, kept.max_faces) == (TileMode.AUTO, 30.0, 7)
    changed = start(**detector_settings(TileMode.ON, None, 3)).settings.detector
    assert (changed.tiles, changed.min_face_px, changed.max_faces) == (TileMode.ON, 16.0, 3)
    monkeypatch.setenv("FACEGATE_DETECTOR__TILES", "sometimes")
    with pytest.raises(ConfigError, match="tiles"):
        start()


def test_what_the_options_ask_for_reaches_the_detector() -> None:
    settings = start(**detector_settings(TileMode.ON, 40.0, 2, 4)).detector.settings
    assert (settings.tiles, settings.min_face_px, settings.max_faces) == (TileMode.ON, 40.0, 2)
    assert settings.zoom_crops == 4


def test_every_step_is_timed_and_a_peer_beside_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_detector, "SIZES_WH", ((640, 640), (1280, 720)))
    # Any network with a picture as input will do; this one takes crops of one size only.
    peer = choose_card(read_cards(models_folder()), Task.LANDMARKS).path
    ran = CliRunner().invoke(
        app, ["bench", "detector", "--rounds", "3", "--peer", str(peer), "--json"]
    )
    assert ran.exit_code == 0, ran.output
    assert "left out" in ran.stderr
    result = json.loads(ran.stdout)
    assert result["machine"]["threads"] >= 1
    assert result["machine"]["processor"]
    assert [frame["size_wh"] for frame in result["frames"]] == [[640, 640], [1280, 720]]
    for frame in result["frames"]:
        assert frame["faces"] == 1
        assert frame["peers"] == {}
        steps = {name: one["median_ms"] for name, one in frame["steps"].items()}
        assert set(steps) == {"all of it", "scaling", "network", "boxes", "landmarks"}
        assert all(one["rounds"] == 3 for one in frame["steps"].values())
        assert all(value > 0 for value in steps.values())
    assert result["frames"][1]["seen_wh"] == [640, 384]


def test_a_peer_of_the_same_kind_has_a_ratio() -> None:
    timing = bench_detector._beside(Timing(4.0, 3.5, 4.5, 3), 3.0)
    assert timing["ratio"] == 0.75
    with pytest.raises(InputError, match="no such file"):
        bench_detector.peer_run(Path("nowhere.onnx"), (1, 3, 32, 32), 1)


def test_the_person_in_the_frame_is_near() -> None:
    detector = start().detector
    frame = bench_detector._frame(detector, (1280, 720))
    assert frame.shape == (720, 1280, 3)
    (face,) = detector.detect(frame)
    x1, y1, x2, y2 = face.bbox_xyxy
    assert (y2 - y1) / 720 == pytest.approx(bench_detector.FACE_SHARE, abs=0.08)
    assert abs((x1 + x2) / 2 - 640) < 40
    assert abs((y1 + y2) / 2 - 360) < 40

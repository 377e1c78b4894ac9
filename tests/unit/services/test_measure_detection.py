"""All detectors see the same pictures, and what cannot be read is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import FakeDetector, face_at, picture

from facegate.domain.detections import Detections
from facegate.errors import InputError
from facegate.evaluation.detection_labels import LabeledScene
from facegate.evaluation.landmark_lists import MarkedFace
from facegate.services.measure_detection import (
    DECODING,
    DoorLooks,
    Subject,
    find_faces,
    locate,
    measure_marked,
    measure_scenes,
)

DOOR = Subject("door", FakeDetector.model_id, 0.5, False, DoorLooks(FakeDetector()))


class Refiner:
    """Gives faces back as they are."""

    def refine(self, frame_bgr: np.ndarray, faces: list) -> list:
        return faces


def labeled(name: str, *boxes: tuple[float, ...]) -> LabeledScene:
    count = len(boxes)
    return LabeledScene(
        name,
        np.array(boxes, np.float32).reshape(-1, 4),
        np.zeros(count, bool),
        np.full((count, 5, 2), np.nan, np.float32),
    )


def test_pictures_are_found_by_name_and_never_by_a_guess(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a/1.png", "b/1.png", "b/2.png", "3.jpg", "deep/4.x.png")]
    names = ["a/1.png", "1.png", "2", "other/3.jpg", "b/1", "deep/4.x", "5.png", "a/1"]
    found = locate([labeled(name) for name in names], paths, tmp_path)
    assert [(path.relative_to(tmp_path).as_posix(), scene.name) for path, scene in found] == [
        ("a/1.png", "a/1.png"), ("b/2.png", "2"), ("3.jpg", "other/3.jpg"), ("b/1.png", "b/1"),
        ("deep/4.x.png", "deep/4.x"),
    ]  # fmt: skip


def test_scenes_are_looked_at_and_broken_ones_told(tmp_path: Path) -> None:
    two = picture(tmp_path / "two.png", 3, faces=2)
    none = picture(tmp_path / "none.png", 3, faces=0)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    face = (30, 30, 180, 180)
    scenes = [(path, labeled(path.name, face)) for path in (two, broken, none)]
    refined = Subject("refined", "m", 0.5, False, DoorLooks(FakeDetector(), Refiner()))
    measured = measure_scenes(scenes, [DOOR, refined])
    assert measured.paths == [two, none]
    assert [len(found.scores) for found in measured.found["door"]] == [2, 0]
    assert len(measured.unreadable) == 1
    assert "broken.png" in measured.unreadable[0]
    with_face, without = measured.landmarks_of("door", 0)
    assert with_face[0] == pytest.approx(face_at(30, 30, 150).landmarks_xy)
    assert np.isnan(without).all()
    assert np.isnan(measured.landmarks_of("door", 0, least_score=0.95)[0]).all()
    timings = measured.timings()
    assert timings[""][DECODING].rounds == 2
    assert set(timings["refined"]) == {"all", "of it landmarks"}


def test_the_surest_face_around_the_given_points_counts(tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png", 3, side=100)
    # With a border of 50 the picture is 200 wide: the fake's face begins at 20 and is 100 wide.
    given = MarkedFace("a.png", face_at(-30, -30, 100).landmarks_xy + np.float32(2))
    aside = MarkedFace("b.png", np.full((5, 2), 95, np.float32))
    picture(tmp_path / "b.png", 3, side=100)
    missing = MarkedFace("missing.png", given.landmarks_xy)
    readable, found, unreadable = measure_marked([given, missing, aside], tmp_path, [DOOR])
    assert file.exists()
    assert [face.name for face in readable] == ["a.png", "b.png"]
    assert found["door"][0] == pytest.approx(given.landmarks_xy - 2, abs=1e-3)
    assert np.isnan(found["door"][1]).all()
    assert len(unreadable) == 1


def test_pictures_without_a_face_are_named(tmp_path: Path) -> None:
    with_face = picture(tmp_path / "a.png", 3)
    without = picture(tmp_path / "b.png", 3, faces=0)
    found = find_faces([with_face, without, tmp_path / "missing.png"], [DOOR])
    assert found.without(DOOR) == [without]
    assert found.surest["door"] == [pytest.approx(0.9), 0.0]
    assert len(found.unreadable) == 1


def test_detections_are_checked_and_cut() -> None:
    found = Detections.of([face_at(0, 0, 50, 0.9), face_at(9, 9, 50, 0.3)])
    assert len(found.from_score(0.5).scores) == 1
    assert len(Detections.of([]).bboxes_xyxy) == 0
    with pytest.raises(InputError):
        Detections(found.bboxes_xyxy, found.landmarks_xy, found.scores[:1])
    with pytest.raises(InputError):
        Detections(found.bboxes_xyxy * np.nan, found.landmarks_xy, found.scores)

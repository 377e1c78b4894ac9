from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import face_at

from facegate.domain.arrays import ImageArray
from facegate.domain.faces import DetectedFace
from facegate.errors import ConfigError
from facegate.training.embedder.data import (
    GateLandmarks,
    SourceFace,
    celeba_faces,
    open_prepared,
    prepare,
    taught,
)


class Remembers:
    """A detector that gives the same faces for every frame."""

    model_id = "remembers@1"

    def __init__(self, *faces: DetectedFace) -> None:
        self.faces = list(faces)
        self.frame_hw = (0, 0)

    def detect(self, frame_bgr: ImageArray) -> list[DetectedFace]:
        """Note the frame's size."""
        self.frame_hw = frame_bgr.shape[:2]
        return self.faces


def test_the_gates_landmarks_are_those_of_the_middle_face_without_the_border() -> None:
    near, far = face_at(110, 80, 60), face_at(20, 20, 90)
    detector = Remembers(far, near)
    found = GateLandmarks(detector)(np.zeros((100, 160, 3), np.uint8))
    assert detector.frame_hw == (180, 240), "a quarter of the longer side all around"
    assert found == pytest.approx(near.landmarks_xy - 40)
    assert GateLandmarks(Remembers())(np.zeros((9, 9, 3), np.uint8)) is None


def pictures(folder: Path, names: list[str]) -> list[SourceFace]:
    landmarks = np.array([[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]], np.float32)
    folder.mkdir()
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((112, 112, 3), 10 * number, np.uint8))
    return [SourceFace(folder / name, name, 7, landmarks) for name in names]


def test_prepared_faces_keep_their_order_and_broken_ones_are_dropped(tmp_path: Path) -> None:
    faces = pictures(tmp_path / "in", ["a.png", "b.png", "c.png"])
    (tmp_path / "in" / "b.png").write_bytes(b"no picture")
    teachers = {"wise": np.eye(3, dtype=np.float32)}
    kept = prepare(faces, tmp_path / "out", lambda _: None, teachers)
    assert kept == 2
    opened = open_prepared(tmp_path / "out")
    assert opened.files.tolist() == ["a.png", "c.png"]
    assert opened.crops_rgb[:, 56, 56, 0].tolist() == [0, 20]
    assert opened.teachers["wise"].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert "unreadable" in (tmp_path / "out" / "dropped.json").read_text()
    with pytest.raises(ConfigError, match="no prepared faces"):
        open_prepared(tmp_path / "nowhere")


def test_what_teachers_said_is_found_by_name(tmp_path: Path) -> None:
    faces = pictures(tmp_path / "in", ["a.png", "b.png", "c.png"])
    prepare(faces, tmp_path / "out", lambda _: None, {"wise": np.eye(3, dtype=np.float32)})
    again = [faces[2], SourceFace(tmp_path / "x.png", "x.png"), faces[0]]
    kept, teachers = taught(again, open_prepared(tmp_path / "out"))
    assert [face.name for face in kept] == ["c.png", "a.png"]
    assert teachers["wise"].tolist() == [[0, 0, 1], [1, 0, 0]]


def test_celeba_lists_the_pictures_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "000002.jpg").touch()
    identities = tmp_path / "identity.txt"
    identities.write_text("000001.jpg 5\n000002.jpg 9\n")
    (face,) = celeba_faces(tmp_path, identities)
    assert (face.name, face.person) == ("000002.jpg", 9)

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from facegate.errors import ConfigError, InputError
from facegate.training.embedder.data import (
    NOBODY,
    SourceFace,
    celeba_faces,
    fairface_pictures,
    open_prepared,
    prepare,
)


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


def test_a_picture_that_is_cut_short_is_dropped_as_at_the_gate(tmp_path: Path) -> None:
    (face,) = pictures(tmp_path / "in", ["a.jpg"])
    whole = face.path.read_bytes()
    face.path.write_bytes(whole[: len(whole) * 2 // 3])
    assert prepare([face], tmp_path / "out", lambda _: None) == 0
    assert json.loads((tmp_path / "out" / "dropped.json").read_text()) == {
        "a.jpg": "unreadable: truncated"
    }


@pytest.mark.parametrize("first", ["", "img label\n"])
def test_celeba_lists_the_pictures_that_are_there(tmp_path: Path, first: str) -> None:
    (tmp_path / "000002.jpg").touch()
    identities = tmp_path / "identity.txt"
    identities.write_text(first + "000001.jpg 5\n000002.jpg 9\n")
    (face,) = celeba_faces(tmp_path, identities)
    assert (face.name, face.person) == ("000002.jpg", 9)


@pytest.mark.parametrize("text", ["000001.jpg x\n", "000002.jpg 9\nimg label\n", "img label 3\n"])
def test_other_lines_than_celebas_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "identity.txt").write_text(text)
    with pytest.raises(InputError, match="line"):
        list(celeba_faces(tmp_path, tmp_path / "identity.txt"))


def test_fairface_has_a_part_for_training_and_one_for_tests(tmp_path: Path) -> None:
    for name in ("train/1.jpg", "train/2.jpg", "val/1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [(face.name, face.person) for face in fairface_pictures(tmp_path)]
    assert found == [("train/1.jpg", NOBODY), ("train/2.jpg", NOBODY)]

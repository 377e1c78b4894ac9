from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeDetector, FakeEmbedder, picture

from facegate.domain.faces import FaceReading
from facegate.errors import StoreError
from facegate.services.reading import FaceReader
from facegate.store import face_cache
from facegate.store.face_cache import SqliteFaceCache
from facegate.vision.images import load_image

CHAIN = {"detector": "d1", "embedder": "e1", "detector_settings": {"min_face_px": 16.0}}


def reading(path: Path) -> FaceReading:
    found = FaceReader(FakeDetector(), FakeEmbedder()).read_main(load_image(path).frame_bgr)
    assert found is not None
    return found


def kept(folder: Path, path: Path, found: FaceReading | str) -> SqliteFaceCache:
    """A new cache over a folder in which one picture was kept."""
    cache = SqliteFaceCache(folder, CHAIN)
    assert cache.find(path) is None
    cache.keep(path, found)
    cache.flush()
    return SqliteFaceCache(folder, CHAIN)


def test_what_was_kept_comes_back_exactly(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", 3, 40)
    before = reading(path)
    after = kept(tmp_path / "cache", path, before).find(path)
    assert isinstance(after, FaceReading)
    assert after.quality == before.quality
    assert np.array_equal(after.embedding, before.embedding)
    assert np.array_equal(after.face.bbox_xyxy, before.face.bbox_xyxy)
    assert np.array_equal(after.face.landmarks_xy, before.face.landmarks_xy)
    assert after.face.score == before.face.score


def test_a_failure_is_kept_with_its_reason_but_not_one_that_may_pass(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", 3)
    assert kept(tmp_path / "cache", path, "no_face").find(path) == "no_face"
    assert kept(tmp_path / "other", path, "permission").find(path) is None
    assert kept(tmp_path / "third", tmp_path / "gone.png", "missing").find(path) is None


@pytest.mark.parametrize(
    "change",
    [{"detector": "d2"}, {"embedder": "e2"}, {"detector_settings": {"min_face_px": 20.0}}],
)
def test_another_chain_never_uses_old_values(tmp_path: Path, change: dict) -> None:
    path = picture(tmp_path / "a.png", 3)
    kept(tmp_path / "cache", path, "no_face")
    assert SqliteFaceCache(tmp_path / "cache", {**CHAIN, **change}).find(path) is None


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", 3)
    cache = kept(tmp_path / "cache", path, "no_face")
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert cache.find(path) is None
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert cache.find(path) == "no_face"
    path.write_bytes(path.read_bytes() + b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert cache.find(path) is None


def test_a_file_that_changes_while_it_is_read_is_read_again_next_time(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", 3)
    cache = SqliteFaceCache(tmp_path / "cache", CHAIN)
    assert cache.find(path) is None
    path.write_bytes(b"something else")
    cache.keep(path, "not_an_image")
    cache.flush()
    assert cache.find(path) is None


def test_batches_are_written_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_cache, "FLUSH_EVERY", 2)
    paths = [picture(tmp_path / f"{i}.png", 1, i) for i in range(3)]
    cache = SqliteFaceCache(tmp_path / "cache", CHAIN)
    for path in paths:
        assert cache.find(path) is None
        cache.keep(path, "no_face")
    found = [SqliteFaceCache(tmp_path / "cache", CHAIN).find(path) for path in paths]
    assert found == ["no_face", "no_face", None]


def test_it_is_private(tmp_path: Path) -> None:
    cache = SqliteFaceCache(tmp_path / "cache", CHAIN)
    assert stat.S_IMODE(cache.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE faces SET facts = x'00'",
        "UPDATE faces SET embedding = zeroblob(length(embedding))",
        "UPDATE faces SET embedding = 'text'",
        "UPDATE faces SET facts = NULL",
    ],
)
def test_a_damaged_row_is_read_anew(tmp_path: Path, damage: str) -> None:
    path = picture(tmp_path / "a.png", 3)
    cache = kept(tmp_path / "cache", path, reading(path))
    connection = sqlite3.connect(cache.path)
    connection.execute(damage)
    connection.commit()
    connection.close()
    assert cache.find(path) is None


def test_a_file_that_is_no_cache_is_refused_with_a_hint(tmp_path: Path) -> None:
    cache = SqliteFaceCache(tmp_path / "cache", CHAIN)
    cache.path.write_bytes(b"this is no database at all, whatever its name says")
    with pytest.raises(StoreError) as caught:
        SqliteFaceCache(tmp_path / "cache", CHAIN)
    assert "Delete" in caught.value.hint
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made"):
        SqliteFaceCache(tmp_path / "file", CHAIN)

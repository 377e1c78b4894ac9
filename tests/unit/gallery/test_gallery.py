from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import MODEL, NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.domain.people import Template
from facegate.errors import EmbeddingSpaceMismatch, ShapeError
from facegate.gallery.faiss_gallery import FaissGallery
from facegate.store.unit_of_work import SqlStore


def unit(vector: np.ndarray) -> np.ndarray:
    return (vector / np.linalg.norm(vector, axis=-1, keepdims=True)).astype(np.float32)


def enroll(store: SqlStore, name: str, vectors: np.ndarray, model: str = MODEL) -> int:
    with store.transaction() as work:
        subject = work.subjects.find(name) or work.subjects.add(name, NOW)
        for vector in vectors:
            digest = os.urandom(16).hex()
            one = Template(0, 0, vector, model, 0.5, "a", digest, NOW)
            work.templates.add(subject.subject_id, one)
        work.commit()
    return subject.subject_id


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    return SqlStore(f"sqlite:///{tmp_path / 'g.db'}")


@pytest.fixture
def people(store: SqlStore) -> dict[int, np.ndarray]:
    random = np.random.default_rng(0)
    sizes = {"Ana": 1, "Ben": 50, "Cem": 3, "Dov": 2}
    result = {}
    for name, count in sizes.items():
        center = random.normal(size=16)
        vectors = unit(center + 0.1 * random.normal(size=(count, 16)))
        result[enroll(store, name, vectors)] = vectors
    return result


def plain_search(people: dict[int, np.ndarray], probe: np.ndarray, top_k: int) -> list:
    best = [(max(float(v @ probe) for v in vectors), s) for s, vectors in people.items()]
    return sorted(best, key=lambda item: (-item[0], item[1]))[:top_k]


@pytest.mark.parametrize("top_k", [1, 2, 3, 10])
def test_search_equals_a_plain_loop_over_subjects(
    store: SqlStore, people: dict[int, np.ndarray], top_k: int
) -> None:
    gallery = FaissGallery(store, MODEL, None)
    gallery.refresh()
    probes = unit(np.random.default_rng(1).normal(size=(20, 16)))
    probes = np.concatenate([probes, *people.values()])
    for probe, found in zip(probes, gallery.search(probes, MODEL, top_k), strict=True):
        expected = plain_search(people, probe, top_k)
        assert [one.subject_id for one in found] == [subject for _, subject in expected]
        assert [one.similarity for one in found] == pytest.approx(
            [v for v, _ in expected], abs=1e-5
        )


def test_somebody_with_many_templates_does_not_hide_the_second_person(
    store: SqlStore, people: dict[int, np.ndarray]
) -> None:
    gallery = FaissGallery(store, MODEL, None)
    gallery.refresh()
    ben = next(subject for subject, vectors in people.items() if len(vectors) == 50)
    (found,) = gallery.search(people[ben][:1], MODEL, top_k=2)
    assert found[0].subject_id == ben
    assert len(found) == 2


def test_an_empty_gallery_finds_nobody(store: SqlStore) -> None:
    gallery = FaissGallery(store, MODEL, None)
    gallery.refresh()
    assert len(gallery) == 0
    assert gallery.search(np.eye(3, 16, dtype=np.float32), MODEL) == [(), (), ()]
    assert gallery.search(np.zeros((0, 16), np.float32), MODEL) == []


def test_templates_of_another_model_are_never_compared(store: SqlStore) -> None:
    vector = unit(np.ones((1, 16)))
    enroll(store, "Ana", vector, model="other@1")
    gallery = FaissGallery(store, MODEL, None)
    gallery.refresh()
    assert gallery.search(vector, MODEL) == [()]
    with pytest.raises(EmbeddingSpaceMismatch):
        gallery.search(vector, "other@1")


@pytest.mark.parametrize("bad", [np.full((1, 16), np.nan), np.ones((1, 8)), np.ones(16)])
def test_probes_that_are_none_are_refused(
    store: SqlStore, people: dict[int, np.ndarray], bad: np.ndarray
) -> None:
    gallery = FaissGallery(store, MODEL, None)
    gallery.refresh()
    with pytest.raises(ShapeError):
        gallery.search(bad.astype(np.float32), MODEL)


@settings(max_examples=12, deadline=None)
@given(st.lists(st.sampled_from(["add", "remove", "disable", "enable", "template"]), max_size=12))
def test_following_the_store_equals_building_anew(
    tmp_path_factory: pytest.TempPathFactory, changes: list[str]
) -> None:
    store = SqlStore(f"sqlite:///{tmp_path_factory.mktemp('g') / 'g.db'}")
    random = np.random.default_rng(len(changes))
    gallery = FaissGallery(store, MODEL, None)
    for number, change in enumerate(changes):
        with store.snapshot() as work:
            subjects = work.subjects.list()
        if change == "add" or not subjects:
            enroll(store, f"p{number}", unit(random.normal(size=(2, 8))))
        elif change == "template":
            enroll(store, subjects[0].name, unit(random.normal(size=(1, 8))))
        else:
            chosen = subjects[number % len(subjects)].subject_id
            with store.transaction() as work:
                if change == "remove":
                    work.subjects.remove(chosen)
                else:
                    work.subjects.set_enabled(chosen, change == "enable")
                work.commit()
        gallery.refresh()
    anew = FaissGallery(store, MODEL, None)
    anew.refresh()
    gallery.refresh()
    assert len(gallery) == len(anew)
    probes = unit(random.normal(size=(5, 8)))
    for ours, theirs in zip(
        gallery.search(probes, MODEL, 5), anew.search(probes, MODEL, 5), strict=True
    ):
        assert [one.subject_id for one in ours] == [one.subject_id for one in theirs]


def cached(store: SqlStore, folder: Path) -> FaissGallery:
    gallery = FaissGallery(store, MODEL, folder)
    gallery.refresh()
    return gallery


def test_the_cache_spares_reading_templates_again(
    store: SqlStore, people: dict[int, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cached(store, tmp_path / "index")
    from facegate.store.repositories import SqlTemplates

    monkeypatch.setattr(SqlTemplates, "load", None)
    after = cached(store, tmp_path / "index")
    assert len(after) == len(before) == 56
    probes = np.concatenate(list(people.values()))
    assert after.search(probes, MODEL) == before.search(probes, MODEL)


def flip(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:10],
        lambda data: data[: len(data) // 2],
        lambda data: b"junk" * 100,
        lambda data: flip(data, 3),
        lambda data: flip(data, 20),
        lambda data: flip(data, 60),
        lambda data: flip(data, len(data) - 5),
        lambda data: data + b"x",
    ],
)
def test_a_damaged_cache_is_noticed_and_built_again(
    store: SqlStore,
    people: dict[int, np.ndarray],
    tmp_path: Path,
    damage: Callable[[bytes], bytes],
) -> None:
    cached(store, tmp_path / "index")
    (file,) = (tmp_path / "index").iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    gallery = cached(store, tmp_path / "index")
    assert len(gallery) == 56
    probes = np.concatenate(list(people.values()))
    found = gallery.search(probes, MODEL, 1)
    owners = [subject for subject, vectors in people.items() for _ in vectors]
    assert [one[0].subject_id for one in found] == owners
    assert cached(store, tmp_path / "index").search(probes, MODEL, 1) == found


def test_a_stale_cache_follows_the_store(
    store: SqlStore, people: dict[int, np.ndarray], tmp_path: Path
) -> None:
    cached(store, tmp_path / "index")
    gone = next(iter(people))
    with store.transaction() as work:
        work.subjects.remove(gone)
        work.commit()
    gallery = cached(store, tmp_path / "index")
    assert len(gallery) == 55
    (found,) = gallery.search(people[gone][:1], MODEL, 5)
    assert gone not in [one.subject_id for one in found]


def test_the_cache_of_another_database_is_not_believed(
    store: SqlStore, people: dict[int, np.ndarray], tmp_path: Path
) -> None:
    cached(store, tmp_path / "index")
    other = SqlStore(f"sqlite:///{tmp_path / 'other.db'}")
    assert len(cached(other, tmp_path / "index")) == 0


def test_an_old_copy_of_the_database_put_back_is_noticed(
    store: SqlStore, people: dict[int, np.ndarray], tmp_path: Path
) -> None:
    store.close()
    source = tmp_path / "g.db"
    old = source.read_bytes()
    gallery = cached(store, tmp_path / "index")
    enroll(store, "Eve", unit(np.ones((1, 16))))
    gallery.refresh()
    assert len(gallery) == 57
    for stray in tmp_path.glob("g.db-*"):
        stray.unlink()
    source.write_bytes(old)
    gallery.refresh()
    assert len(gallery) == 56
    assert len(cached(store, tmp_path / "index")) == 56


def test_an_old_copy_that_went_another_way_brings_nobody_back(
    store: SqlStore, people: dict[int, np.ndarray], tmp_path: Path
) -> None:
    """Eve is enrolled, a backup from before is put back, and Ana's cousin gets Eve's place."""
    store.close()
    source = tmp_path / "g.db"
    backup = source.read_bytes()
    running = cached(store, tmp_path / "index")
    eve, cousin = unit(np.ones((1, 16))), unit(np.arange(-8.0, 8.0)[None])
    enroll(store, "Eve", eve)
    running.refresh()
    (before,) = running.search(eve, MODEL, 1)
    store.close()
    for stray in tmp_path.glob("g.db-*"):
        stray.unlink()
    source.write_bytes(backup)
    number = enroll(store, "Cousin", cousin)
    assert number == before[0].subject_id, "the database counts on where the backup stood"
    running.refresh()
    for gallery in (running, cached(store, tmp_path / "index")):
        assert len(gallery) == 57
        assert gallery.search(eve, MODEL, 1)[0][0].similarity < 0.99
        assert gallery.search(cousin, MODEL, 1)[0][0].subject_id == number


def test_a_cache_that_cannot_be_written_stops_nothing(
    store: SqlStore, people: dict[int, np.ndarray], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert len(cached(store, tmp_path / "file" / "index")) == 56

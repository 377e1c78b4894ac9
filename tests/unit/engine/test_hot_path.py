"""What one look costs: one search of one state of the gallery, motion judged once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import DIM, MODEL, NOW, embedding, face_at, threshold

from facegate.domain.frames import Frame
from facegate.domain.fusion import fuse
from facegate.domain.people import Template
from facegate.engine import attack_check
from facegate.engine.attack_check import AttackCheck
from facegate.engine.judge import judge
from facegate.engine.limits import GateLimits
from facegate.evaluation.operating_point import ThresholdPolicy
from facegate.gallery.faiss_gallery import FEW_PROBES, FaissGallery
from facegate.services.recognize import Recognizer
from facegate.store.unit_of_work import SqlStore


class Look:
    """A sample, as far as judging looks at it."""

    def __init__(self, vector: np.ndarray) -> None:
        self.reading = self
        self.embedding = vector


class Counted:
    """A store that counts its snapshots."""

    def __init__(self, store: SqlStore) -> None:
        self._store, self.snapshots = store, 0

    def snapshot(self) -> object:
        self.snapshots += 1
        return self._store.snapshot()


@pytest.fixture
def enrolled(tmp_path: Path) -> SqlStore:
    store = SqlStore(f"sqlite:///{tmp_path / 'a.db'}")
    with store.transaction() as work:
        for number in range(1, 8):
            subject = work.subjects.add(f"person {number}", NOW)
            template = Template(0, 0, embedding(number * 10), MODEL, 1, "", f"{number:064x}", NOW)
            work.templates.add(subject.subject_id, template)
        work.commit()
    return store


def test_a_look_is_one_search_and_names_are_read_only_of_who_matches(enrolled: SqlStore) -> None:
    store = Counted(enrolled)
    gallery = FaissGallery(store, MODEL, None)  # type: ignore[arg-type]
    recognizer = Recognizer(store, gallery, ThresholdPolicy(threshold(), None, []))  # type: ignore[arg-type]
    searches = []
    search = gallery.search
    gallery.search = lambda *a, **k: searches.append(1) or search(*a, **k)  # type: ignore[method-assign,func-returns-value]
    looks = [Look(embedding(20, change)) for change in range(5)]
    found = judge(recognizer, looks, agreeing=2)  # type: ignore[arg-type]
    assert found.name == "person 2"
    # The second is for the name, after the search: somebody removed meanwhile is unknown.
    assert (store.snapshots, len(searches)) == (2, 1)
    judge(recognizer, [Look(embedding(90, 0))] * 5, agreeing=2)  # type: ignore[arg-type]
    assert (store.snapshots, len(searches)) == (3, 2)


def test_probes_in_a_batch_have_the_bits_of_probes_alone(enrolled: SqlStore) -> None:
    gallery = FaissGallery(enrolled, MODEL, None)
    gallery.refresh()
    random = np.random.default_rng(5)
    most = GateLimits().samples_kept + 1
    assert most <= FEW_PROBES
    for count in (1, most, FEW_PROBES):
        vectors = random.normal(size=(count, DIM)).astype(np.float32)
        probes = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        probes[0] = fuse(probes)
        together = gallery.search(probes, MODEL)
        for probe, row in zip(probes, together, strict=True):
            (alone,) = gallery.search(probe[np.newaxis], MODEL)
            assert [(one.subject_id, one.similarity) for one in row] == [
                (one.subject_id, one.similarity) for one in alone
            ]


def test_motion_is_judged_once_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []
    evidence = attack_check.motion_evidence

    def counted(landmarks: np.ndarray) -> object:
        judged.append(len(landmarks))
        return evidence(landmarks)

    monkeypatch.setattr(attack_check, "motion_evidence", counted)
    check = AttackCheck(None)
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 255, (480, 640, 3), dtype=np.uint8)
        check.add(Frame(noise, NOW, number / 15, number), face_at(200 + number, 120, 160))
        first = check.verdict()
        assert check.verdict([number]).cues == check.verdict([number]).cues
        assert check.verdict() == first
    assert judged == [3, 4, 5, 6]

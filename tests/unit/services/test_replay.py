from __future__ import annotations

import dataclasses
import io
import math
from pathlib import Path

import numpy as np
import pytest
from fakes import MODEL, NOW, FakeDetector, FakeEmbedder, embedding
from PIL import Image

from facegate.domain.decisions import Outcome, decide
from facegate.domain.faces import DetectedFace
from facegate.domain.fusion import fuse
from facegate.domain.people import Template
from facegate.domain.pictures import frame_sha256
from facegate.domain.reasons import Reason
from facegate.domain.receipts import Evidence, Receipt, ReceiptDraft
from facegate.errors import ReceiptError
from facegate.gallery.compare import similarities
from facegate.gallery.faiss_gallery import FaissGallery
from facegate.services.audit import AuditRules, AuditTrail
from facegate.services.reading import FaceReader
from facegate.services.replay import Replay, ReplayChain, replay
from facegate.store.unit_of_work import SqlStore

MODELS = {"detector": FakeDetector.model_id, "embedder": MODEL}


class FakeAttacks:
    model_id = "fake-pad@0"

    def scores(self, frame_bgr: np.ndarray, faces: list[DetectedFace]) -> np.ndarray:
        return np.full(len(faces), frame_bgr.mean() / 255, np.float32)


class Gate:
    """Decides as the engine does: detect, embed one by one, fuse, search, decide."""

    def __init__(self, folder: Path) -> None:
        self.store = SqlStore(f"sqlite:///{folder / 'facegate.db'}")
        self.reader = FaceReader(FakeDetector(), FakeEmbedder())
        self.gallery = FaissGallery(self.store, MODEL, None)
        rules = AuditRules(folder / "anchors.jsonl", keep_pictures=True)
        self.trail = AuditTrail(self.store, lambda: NOW, rules)

    def enroll(self, name: str, person: int) -> int:
        with self.store.transaction() as work:
            subject = work.subjects.add(name, NOW)
            for change in (0, 40):
                vector = embedding(person * 10, change)
                one = Template(0, 0, vector, MODEL, 0.5, "x", f"{change}", NOW)
                work.templates.add(subject.subject_id, one)
            work.commit()
        return subject.subject_id

    def decide(self, person: int, tau: float = 0.6, **changes: object) -> Receipt:
        embeddings, evidence, pictures = [], [], []
        for change in (3, 17, 90):
            frame = np.full((200, 200, 3), (200, change, person * 10), np.uint8)
            frame[:4, :4] = change  # not all alike
            (face,) = FakeDetector().detect(frame)
            reading = self.reader.read_face(frame, face)
            assert reading is not None
            embeddings.append(reading.embedding)
            bbox = tuple(float(value) for value in face.bbox_xyxy)
            score = float(FakeAttacks().scores(frame, [face])[0])
            evidence.append(Evidence(frame_sha256(frame), bbox, None, {}, score))  # type: ignore[arg-type]
            buffer = io.BytesIO()
            Image.fromarray(frame[:, :, ::-1]).save(buffer, format="PNG")
            pictures.append(buffer.getvalue())
        self.gallery.refresh()
        (found,) = self.gallery.search(fuse(np.stack(embeddings))[None], MODEL)
        from fakes import threshold

        decision = decide(found, threshold(tau))
        reasons = {Outcome.MATCH: Reason.GRANTED, Outcome.AMBIGUOUS: Reason.AMBIGUOUS}
        best, second = (*found, None, None)[:2]
        fields: dict = {
            "at": NOW, "door": "lobby", "source": "test", "models": MODELS, "tau": tau,
            "reason": reasons.get(decision.outcome, Reason.UNKNOWN_FACE),
            "subject_id": decision.subject_id, "similarity": decision.similarity,
            "second_similarity": decision.second_similarity, "margin": 0.05,
            "best_template_id": best.template_id if best else None,
            "second_template_id": second.template_id if second else None,
            "evidence": tuple(evidence), "pictures": tuple(pictures),
        }  # fmt: skip
        return self.trail.append(ReceiptDraft(**{**fields, **changes}))

    def again(self, receipt: Receipt, **changes: object) -> Replay:
        def load(numbers: object) -> list[Template]:
            with self.store.snapshot() as work:
                return list(work.templates.load(numbers))  # type: ignore[arg-type]

        chain = ReplayChain(MODELS, FakeDetector(), self.reader, load, similarities, FakeAttacks())
        chain = dataclasses.replace(chain, **changes)  # type: ignore[arg-type]
        with self.store.snapshot() as work:
            return replay(receipt, work.receipts.pictures(receipt.sequence), chain)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    gate = Gate(tmp_path)
    gate.enroll("Ana", 3)
    gate.enroll("Ben", 5)
    return gate


@pytest.mark.parametrize(
    ("person", "tau", "reason"),
    [(3, 0.6, Reason.GRANTED), (8, 0.6, Reason.UNKNOWN_FACE), (8, -1.0, Reason.AMBIGUOUS)],
)
def test_the_same_decision_comes_out_bit_by_bit(
    gate: Gate, person: int, tau: float, reason: Reason
) -> None:
    receipt = gate.decide(person, tau)
    assert receipt.draft.reason is reason
    found = gate.again(receipt)
    assert found.same
    names = {finding.what for finding in found.findings}
    assert {"similarity", "second similarity", "attack score of frame 3"} <= names
    assert found.notes == ()


def test_people_who_came_later_do_not_matter(gate: Gate) -> None:
    receipt = gate.decide(3)
    gate.enroll("twin of Ana", 3)
    for number in range(30):
        gate.enroll(f"someone {number}", number % 20)
    assert gate.again(receipt).same


def test_an_empty_gallery_replays(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    receipt = gate.decide(3)
    assert receipt.draft.similarity is None
    assert gate.again(receipt).same


@pytest.mark.parametrize("reason", [Reason.OUTSIDE_SCHEDULE, Reason.PIN_NEEDED])
def test_denials_of_recognized_people_replay(gate: Gate, reason: Reason) -> None:
    assert gate.again(gate.decide(3, reason=reason)).same
    stranger = gate.decide(8, reason=reason, subject_id=1)
    assert not gate.again(stranger).same


def test_a_grant_by_pin_replays_by_what_was_seen_of_the_face(gate: Gate) -> None:
    by_pin = gate.decide(
        8, reason=Reason.GRANTED, subject_id=1, pad={"face_reason": "unknown_face"}
    )
    found = gate.again(by_pin)
    assert found.same
    assert any("PIN" in note for note in found.notes)
    lie = dataclasses.replace(by_pin.draft, similarity=0.2)
    assert not gate.again(dataclasses.replace(by_pin, draft=lie)).same


def test_other_reasons_are_not_of_the_search(gate: Gate) -> None:
    found = gate.again(gate.decide(3, reason=Reason.ATTACK_SUSPECTED))
    assert found.same
    assert "attack_suspected" in found.notes[0]


def test_the_last_bit_matters(gate: Gate) -> None:
    exact = gate.decide(3).draft
    assert exact.similarity is not None
    off = math.nextafter(exact.similarity, 0)
    found = gate.again(gate.decide(3, similarity=off))
    assert [one.what for one in found.findings if not one.same] == ["similarity"]


@pytest.mark.parametrize("lie", [{"tau": 0.999999}, {"reason": Reason.UNKNOWN_FACE}])
def test_a_decision_that_does_not_follow_is_found(gate: Gate, lie: dict) -> None:
    receipt = gate.decide(3)
    lying = dataclasses.replace(receipt, draft=dataclasses.replace(receipt.draft, **lie))
    assert not gate.again(lying).same


def test_a_face_elsewhere_and_another_frame_are_found(gate: Gate) -> None:
    receipt = gate.decide(3)
    first, *others = receipt.draft.evidence
    moved = dataclasses.replace(first, bbox_xyxy=(0.0, 1.0, 2.0, 3.0), frame_sha256="00")
    draft = dataclasses.replace(receipt.draft, evidence=(moved, *others))
    found = gate.again(dataclasses.replace(receipt, draft=draft))
    wrong = {one.what for one in found.findings if not one.same}
    assert wrong == {"digest of frame 1", "face of frame 1"}


def test_without_the_attack_network_its_scores_are_left_out(gate: Gate) -> None:
    found = gate.again(gate.decide(3), attacks=None)
    assert found.same
    assert "not computed again" in found.notes[0]


def test_a_removed_person_cannot_be_replayed(gate: Gate) -> None:
    receipt = gate.decide(3)
    with gate.store.transaction() as work:
        work.subjects.remove(work.subjects.by_name("Ben").subject_id)
        work.commit()
    with pytest.raises(ReceiptError, match="removed since"):
        gate.again(receipt)


def test_other_networks_are_named(gate: Gate) -> None:
    with pytest.raises(ReceiptError, match=r"embedder was fake.*this one is new@1"):
        gate.again(gate.decide(3), models={"embedder": "new@1"})


def test_dropped_pictures_and_erased_people_cannot_be_replayed(gate: Gate) -> None:
    receipt = gate.decide(3, subject_name="Ana")
    gate.trail.erase_person("Ana")
    with gate.store.snapshot() as work:
        erased = work.receipts.get(receipt.sequence)
    assert isinstance(erased, Receipt)
    with pytest.raises(ReceiptError, match="were not kept"):
        gate.again(erased)
    with pytest.raises(ReceiptError, match="no picture"):
        gate.again(gate.decide(3, evidence=(), pictures=()))
    with pytest.raises(ReceiptError, match="damaged"):
        gate.again(gate.decide(3, pictures=(b"x", b"y", b"z")))


def test_compare_gives_the_bits_of_a_search(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'x.db'}")
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(301, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with store.transaction() as work:
        for number, vector in enumerate(vectors[1:]):
            subject = work.subjects.add(str(number), NOW)
            one = Template(0, 0, vector, MODEL, 0.5, "x", "x", NOW)
            work.templates.add(subject.subject_id, one)
        work.commit()
    gallery = FaissGallery(store, MODEL, None)
    gallery.refresh()
    (found,) = gallery.search(vectors[:1], MODEL, top_k=40)
    numbers = [one.template_id for one in found]
    assert None not in numbers
    with store.snapshot() as work:
        known = {one.template_id: one for one in work.templates.load(numbers)}  # type: ignore[arg-type]
    for one in found:
        (again,) = similarities(vectors[0], [known[one.template_id]])
        assert again == one.similarity
        assert known[one.template_id].subject_id == one.subject_id
    assert similarities(vectors[0], []) == []

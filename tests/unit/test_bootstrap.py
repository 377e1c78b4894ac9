from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import NOW, threshold
from networks import tiny_network

from facegate.bootstrap import FaceGate, start
from facegate.domain.people import Template
from facegate.errors import ModelError
from facegate.models.contract import read_contract

KEYS = {
    "input": "x", "output": "e", "size": 32, "layout": "nchw", "dtype": "float32",
    "color_order": "RGB", "mean": 0, "scale": 1, "dim": 8, "unit_length": False,
}  # fmt: skip


@pytest.fixture
def gate() -> FaceGate:
    gate = start()
    gate.library.add(
        tiny_network(), read_contract(KEYS), name="tiny", license_text="", tau=0.5, margin=0.04,
        taken=[], source="", added_at=NOW,
    )  # fmt: skip
    return start()


def enroll(gate: FaceGate, name: str, model_id: str) -> None:
    vector = np.zeros(8, np.float32)
    vector[0] = 1
    with gate.store.transaction() as work:
        subject = work.subjects.find(name) or work.subjects.add(name, NOW)
        template = Template(0, 0, vector, model_id, 0.5, "", name, NOW)
        work.templates.add(subject.subject_id, template)
        work.commit()


def test_a_setting_goes_before_the_choice_and_that_before_the_default(gate: FaceGate) -> None:
    default = gate.embedder_card
    assert default.is_default
    gate.library.choose("door", "tiny")
    assert start().embedder_card.name == "tiny"
    assert start(default.name).embedder_card == default
    assert start(embedder_model=default.name).embedder_card == default
    gate.library.choose("door", "gone@123")
    with pytest.raises(ModelError, match="gone"):
        _ = start().embedder_card


def test_folders_use_their_own_network_once_everybody_is_ready(gate: FaceGate) -> None:
    door = gate.embedder_card.model_id
    gate.library.choose("folders", "tiny")
    gate = start()
    tiny = gate.batch_card.model_id
    assert gate.for_folders() is gate, "nobody is enrolled"
    enroll(gate, "Ana", door)
    enroll(gate, "Ben", door)
    enroll(gate, "Ana", tiny)
    assert gate.for_folders() is gate, "Ben would be unknown"
    enroll(gate, "Ben", tiny)
    assert gate.for_folders().embedder_card.model_id == tiny
    assert gate.embedder_card.model_id == door
    with gate.store.transaction() as work:
        work.subjects.set_enabled(work.subjects.by_name("Ben").subject_id, False)
        work.commit()
    assert gate.for_folders().embedder_card.model_id == tiny


def test_folders_never_use_a_network_without_a_threshold(gate: FaceGate) -> None:
    gate.library.add(
        tiny_network(seed=1), read_contract(KEYS), name="raw", license_text="", tau=None,
        margin=0.04, taken=[], source="", added_at=NOW,
    )  # fmt: skip
    gate = start(batch_embedder_model="raw")
    raw = gate.batch_card.model_id
    for model_id in (gate.embedder_card.model_id, raw):
        enroll(gate, "Ana", model_id)
    assert gate.for_folders() is gate
    with gate.store.transaction() as work:
        work.thresholds.add(threshold(0.5, model_id=raw))
        work.commit()
    assert gate.for_folders().embedder_card.model_id == raw


def test_an_added_network_cuts_its_own_crops(gate: FaceGate, portrait_paths: dict) -> None:
    from facegate.vision.images import load_image

    frame = load_image(portrait_paths["hopper"]).frame_bgr
    ours, theirs = gate.reader.read_main(frame), gate.with_model("tiny").reader.read_main(frame)
    assert ours is not None
    assert theirs is not None
    assert theirs.embedding.shape == (8,)
    assert theirs.quality == ours.quality


def test_a_measurement_apart_keeps_networks_and_leaves_people(
    gate: FaceGate, tmp_path: Path
) -> None:
    enroll(gate, "Ana", gate.embedder_card.model_id)
    apart = gate.with_model("tiny").apart(tmp_path / "apart")
    assert apart.embedder_card.name == "tiny"
    with apart.store.snapshot() as work:
        assert work.subjects.list() == []
    apart.store.close()


def test_aliases_of_networks_that_ship_are_names(gate: FaceGate) -> None:
    assert gate.embedder_card.alias == "accurate"
    assert gate.batch_card.alias == "fast"
    assert gate.with_model("fast").embedder_card == gate.batch_card
    assert gate.with_model("fast").shipped_threshold.is_set


def test_a_removed_persons_templates_leave_every_copy_of_an_index(tmp_path: Path) -> None:
    gate = start(data_dir=tmp_path)
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("door@1.index", "old_1.index"):
        (folder / name).write_bytes(b"somebody")
    gate.forget_indexes()
    gate.forget_indexes()
    assert list(folder.iterdir()) == []


def test_measurements_apart_keep_the_tuned_threshold(tmp_path: Path) -> None:
    gate = start(data_dir=tmp_path / "own")
    tuned = replace(gate.shipped_threshold, tau=0.3, created_at=gate.clock())
    with gate.store.transaction() as work:
        work.thresholds.add(tuned)
        work.commit()
    assert gate.baseline().tau == pytest.approx(0.3)
    assert gate.apart(tmp_path / "empty").baseline().tau == pytest.approx(0.3)


def test_the_cache_of_measurements_knows_the_contract(tmp_path: Path) -> None:
    """Two contracts over one ONNX file are two networks."""
    gate = start(data_dir=tmp_path)
    other = start(data_dir=tmp_path)
    card = gate.embedder_card
    other.__dict__["embedder_card"] = SimpleNamespace(
        **{name: getattr(card, name) for name in ("sha256", "content", "name")},
        model_id=f"{card.name}@another",
    )
    paths = set()
    for one in (gate, other):
        one.face_cache(tmp_path / "cache")
        paths |= set((tmp_path / "cache").iterdir())
    assert len(paths) == 2

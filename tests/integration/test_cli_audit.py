"""`facegate audit` as an operator uses it, with the networks that ship."""

from __future__ import annotations

import io
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest
from commands import facegate
from PIL import Image
from receipts_made import draft

from facegate.bootstrap import FaceGate, start
from facegate.cli import audit
from facegate.domain.decisions import Outcome, decide
from facegate.domain.fusion import fuse
from facegate.domain.pictures import frame_sha256
from facegate.domain.reasons import Reason
from facegate.domain.receipts import Evidence, Receipt, ReceiptDraft
from facegate.vision.images import load_image


@pytest.fixture
def gate() -> FaceGate:
    gate = start(picture_days=0)
    for number in range(6):
        gate.audit_trail().append(draft(number))
    return gate


def decided(gate: FaceGate, portrait: Path) -> Receipt:
    """What the engine does with two frames of one face."""
    embeddings, evidence, pictures = [], [], []
    frame = load_image(portrait).frame_bgr
    for change in (0, 9):
        frame_bgr = np.ascontiguousarray(np.clip(frame.astype(int) + change, 0, 255), np.uint8)
        face = gate.detector.detect(frame_bgr)[0]
        reading = gate.reader.read_face(frame_bgr, face)
        assert reading is not None
        embeddings.append(reading.embedding)
        x1, y1, x2, y2 = (float(value) for value in face.bbox_xyxy)
        evidence.append(Evidence(frame_sha256(frame_bgr), (x1, y1, x2, y2), None, {"score": 0.5}))
        buffer = io.BytesIO()
        Image.fromarray(frame_bgr[:, :, ::-1]).save(buffer, format="PNG")
        pictures.append(buffer.getvalue())
    gate.gallery.refresh()
    (found,) = gate.gallery.search(fuse(np.stack(embeddings))[None], gate.embedder_card.model_id)
    threshold = gate.threshold()
    decision = decide(found, threshold)
    assert decision.outcome is Outcome.MATCH
    chain = gate.replay_chain()
    return gate.audit_trail().append(
        ReceiptDraft(
            gate.clock(), "lobby", "test", Reason.GRANTED, decision.subject_id, "Collins",
            models=chain.models, tau=threshold.tau, margin=threshold.margin,
            operating_point=threshold.evidence(), similarity=decision.similarity,
            evidence=tuple(evidence), pictures=tuple(pictures),
            best_template_id=found[0].template_id,
        )
    )  # fmt: skip


def test_a_real_decision_replays_bit_by_bit_and_can_be_seen(
    portrait_paths: dict[str, Path], tmp_path: Path
) -> None:
    portrait = portrait_paths["collins"]
    assert facegate("enroll", "--name", "Collins", portrait).code == 0
    receipt = decided(start(keep_pictures=True), portrait)
    ran = facegate("audit", "replay", receipt.sequence, "--json")
    assert ran.code == 0, ran.err
    assert ran.json()["same"]
    assert len(ran.json()["findings"]) == 7
    assert "bit by bit" in facegate("audit", "replay", receipt.sequence).out
    seen = facegate("audit", "show", 1, "--picture", tmp_path / "seen.jpg")
    assert seen.code == 0
    assert "2 of 2 kept" in seen.out
    with Image.open(tmp_path / "seen.jpg") as image:
        assert image.format == "JPEG"
    assert facegate("audit", "drop-pictures", "--yes").code == 0
    gone = facegate("audit", "replay", receipt.sequence)
    assert gone.code == 15
    assert "not kept, or were dropped" in gone.err
    assert facegate("audit", "verify").code == 0


def test_the_log_filters_and_follows_names(gate: FaceGate) -> None:
    out = facegate("audit", "log").out
    assert "Zoë 李" in out
    assert "lobby" in out
    assert "0.71" not in out, "scores are in `show`"

    def found(*arguments: object) -> list[int]:
        return [row["sequence"] for row in facegate("audit", "log", "--json", *arguments).json()]

    assert found() == [1, 2, 3, 4, 5, 6]
    assert found("--limit", 2) == [5, 6]
    assert found("--person", "Zoë 李") == [1, 3, 5]
    assert found("--door", "Tür 2 \U0001f6aa") == [1, 4]
    assert found("--reason", "unknown_face", "--limit", 1) == [6]
    assert found("--since", "2026-01-02 03:07+00:00") == [4, 5, 6]
    assert facegate("audit", "log", "--reason", "bored").code == 4
    assert "There are no such" in facegate("audit", "log", "--since", "2027-01-01").out
    assert facegate("audit", "log", "--person", "Nobody").code == 5
    assert facegate("audit", "log", "--door", "nodoor").code == 14


def test_every_table_of_decisions_has_one_clock_that_it_names(gate: FaceGate) -> None:
    assert "time (UTC)" in facegate("audit", "log").out, "the doors of these receipts are gone"
    assert facegate("doors", "add", "lobby", "--zone", "Asia/Tokyo").code == 0
    ours = facegate("audit", "log", "--door", "lobby").out
    assert "time (Asia/Tokyo)" in ours
    assert "2026-01-02 12:05:05" in ours
    mixed = facegate("audit", "log").out
    assert "time at the door" in mixed
    assert "2026-01-02 12:05:05+09:00" in mixed
    assert "2026-01-02 03:04:05+00:00" in mixed
    assert "(Asia/Tokyo)" in facegate("audit", "show", 2).out


def test_a_file_that_is_not_there_is_no_broken_chain(tmp_path: Path) -> None:
    ran = facegate("audit", "verify", "--file", tmp_path / "none.jsonl")
    assert ran.code == 4
    assert "none.jsonl" in ran.err


def test_an_export_does_not_write_over_a_file_unasked(gate: FaceGate, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    assert facegate("audit", "export", file).code == 0
    before = file.read_bytes()
    assert facegate("audit", "export", file, "--after", 3).code == 4
    assert file.read_bytes() == before
    assert facegate("audit", "export", file, "--after", 3, "--force").code == 0
    assert file.read_bytes() != before


def test_show_tells_everything_and_no_missing_number(gate: FaceGate) -> None:
    shown = facegate("audit", "show", 1).out
    for text in (
        "granted",
        "Zoë 李",
        "0.7123",
        "staff at all doors",
        "net@0123456789ab",
        "f1",
    ):
        assert text in shown
    row = facegate("audit", "show", 1, "--json").json()
    assert row["similarity"] == draft().similarity
    assert row["granted"]
    assert facegate("audit", "show", 99).code == 4
    assert facegate("audit", "show", 1, "--picture", "x.jpg").code == 15


def test_verify_finds_a_change_and_export_verifies_alone(gate: FaceGate, tmp_path: Path) -> None:
    assert "intact" in facegate("audit", "verify").out
    assert facegate("audit", "anchor").code == 0
    export = tmp_path / "all.jsonl"
    assert facegate("audit", "export", export).code == 0
    assert facegate("audit", "export", tmp_path / "all.csv").code == 0
    assert facegate("audit", "export", tmp_path / "all.txt").code == 4
    assert export.stat().st_mode & 0o777 == 0o600
    anchors = gate.settings.anchors
    ran = facegate("audit", "verify", "--file", export, "--anchors", anchors, "--json")
    assert ran.code == 0, ran.out
    assert ran.json()["entries"] == 6
    connection = sqlite3.connect(gate.settings.data_dir / "facegate.db")
    connection.execute("DROP TRIGGER refuse_update_receipts")
    connection.execute("UPDATE receipts SET door = 'vault' WHERE sequence = 3")
    connection.commit()
    connection.close()
    ran = facegate("audit", "verify")
    assert ran.code == 15
    assert "Receipt 3: the column door is not what was hashed." in ran.out
    assert facegate("audit", "verify", "--json").json()["faults"][0]["kind"] == "column"
    export.write_text(export.read_text().replace("0.41", "0.14", 1))
    assert facegate("audit", "verify", "--file", export).code == 15
    assert facegate("audit", "verify", "--anchors", tmp_path / "none").code == 4


def test_an_erased_person_leaves_a_valid_chain(gate: FaceGate) -> None:
    ran = facegate("audit", "erase", "Zoë 李", "--yes", "--json")
    assert ran.json() == {"sequence": 7, "erased": {"person": 3, "words": 3}}
    assert "(erased)" in facegate("audit", "log").out
    assert "an erasure" in facegate("audit", "show", 7).out
    assert facegate("audit", "verify").code == 0
    assert facegate("audit", "replay", 7).code == 15
    assert facegate("audit", "erase", "Nobody", "--yes").code == 5


def test_following_shows_what_comes(
    gate: FaceGate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits = iter(range(2))

    def wait(_: float) -> None:
        if next(waits, None) is None:
            raise KeyboardInterrupt
        gate.audit_trail().append(draft(9, door="new door"))

    monkeypatch.setattr(time, "sleep", wait)
    with pytest.raises(KeyboardInterrupt):
        audit.log(limit=1, follow=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["6", "7", "8"]
    assert "new door" in lines[2]

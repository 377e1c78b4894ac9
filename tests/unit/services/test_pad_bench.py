"""Tests with props: what is counted, what is kept, and what `doctor` says about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from facegate.bootstrap import FaceGate, start
from facegate.cli import doctor
from facegate.cli import pad as cli
from facegate.domain.attacks import AttackVerdict, Presentation
from facegate.domain.frames import CameraState, CameraStatus, Frame
from facegate.domain.pad_limits import PadLimits
from facegate.engine.attack_check import AttackCheck
from facegate.engine.presentation import watch_presentation
from facegate.errors import StoreError
from facegate.services.health import Health
from facegate.services.pad_bench import (
    BONA_FIDE,
    FILE_NAME,
    Outcome,
    PadBench,
    Presented,
    benches_text,
    outcome_of,
    read_benches,
)
from tests.fakes import NOW, FakeDetector


class ScriptedCamera:
    """Pictures of one gray or of none; every second request finds the buffer empty."""

    address = "test:scripted"
    dropped = 0

    def __init__(self, blue: int = 200, state: CameraState = CameraState.LIVE) -> None:
        self.blue, self.state, self.number, self.closed = blue, state, 0, 0
        self.time_s = 0.0

    def start(self) -> None:
        """Nothing to open."""

    def next_frame(self, timeout_s: float) -> Frame | None:
        """A new one, after a fifteenth of a second."""
        if timeout_s == 0:
            return None
        self.time_s += 1 / 15
        self.number += 1
        pixels = np.random.default_rng(self.number).integers(0, 255, (120, 160, 3), dtype=np.uint8)
        pixels[40:90, 60:110] = (self.blue, 0, 100)
        return Frame(pixels, NOW, self.time_s, self.number)

    def status(self) -> CameraStatus:
        """As told."""
        return CameraStatus(self.state, "", NOW)

    def close(self) -> None:
        """Counted."""
        self.closed += 1


class FixedScore:
    """The same for all."""

    model_id = "fixed@000000000000"

    def __init__(self, score: float) -> None:
        self._score = score

    def scores(self, frame_bgr: np.ndarray, faces: Sequence[object]) -> np.ndarray:
        """(n,)."""
        return np.full(len(faces), self._score, np.float32)


def check(score: float = 0.9) -> AttackCheck:
    return AttackCheck(FixedScore(score), PadLimits(0.3, 0.7))


def watched(camera: ScriptedCamera, score: float = 0.9) -> Outcome:
    seen = watch_presentation(camera, FakeDetector(), check(score), 1.0, lambda: camera.time_s)
    return outcome_of(seen.verdict, seen.frames)


def test_a_presentation_ends_in_what_the_check_says() -> None:
    assert watched(ScriptedCamera(), 0.9) is Outcome.BONA_FIDE
    assert watched(ScriptedCamera(), 0.5) is Outcome.UNSURE
    assert watched(ScriptedCamera(), 0.1) is Outcome.ATTACK


def test_no_face_and_no_camera_are_told_apart_and_neither_passes() -> None:
    assert watched(ScriptedCamera(blue=0)) is Outcome.NO_FACE
    assert watched(ScriptedCamera(state=CameraState.FROZEN)) is Outcome.CAMERA_FAULT
    assert watched(ScriptedCamera(state=CameraState.VIRTUAL)) is Outcome.CAMERA_FAULT


def made(*outcomes: tuple[str, Outcome], model: str = "m@1", camera: str = "usb:1") -> PadBench:
    return PadBench(camera, model, NOW, tuple(Presented(*one) for one in outcomes))


def test_what_was_not_seen_is_in_no_rate() -> None:
    one = made(
        ("print", Outcome.ATTACK), ("print", Outcome.BONA_FIDE), ("print", Outcome.UNSURE),
        ("print", Outcome.NO_FACE), ("print", Outcome.CAMERA_FAULT),
        (BONA_FIDE, Outcome.BONA_FIDE), (BONA_FIDE, Outcome.UNSURE),
    )  # fmt: skip
    assert (one.error("print").errors, one.error("print").trials) == (1, 3)
    assert (one.error(BONA_FIDE).errors, one.error(BONA_FIDE).trials) == (1, 2)
    assert (one.passed, one.attacks) == (1, 3)
    assert one.count("print", Outcome.NO_FACE) == 1


def test_tests_are_kept_and_read_again(tmp_path: Path) -> None:
    both = [made(("print", Outcome.ATTACK)), made((BONA_FIDE, Outcome.UNSURE), camera="ü:2")]
    (tmp_path / FILE_NAME).write_text(benches_text(both), encoding="utf-8")
    assert read_benches(tmp_path) == both
    assert read_benches(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"benches": [{}]}', '{"benches": 3}', '{"benches": [{"at": 5}]}']
)
def test_a_damaged_file_is_a_store_error(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(StoreError):
        read_benches(tmp_path)


def gate_with(tmp_path: Path, score: float) -> FaceGate:
    gate = start(data_dir=tmp_path / "data")
    gate.detector = FakeDetector()
    gate.attack_check = lambda: check(score)
    return gate


def test_an_operator_is_led_through_everything_and_may_break_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = ScriptedCamera()
    monkeypatch.setattr(
        "facegate.engine.presentation.watch_presentation.__defaults__", (lambda: camera.time_s,)
    )
    gate = gate_with(tmp_path, 0.1)
    told: list[str] = []
    result = cli.run_bench(gate, camera, [BONA_FIDE, "print"], 2, 0.5, told.append)
    assert [one.outcome for one in result.presented] == [Outcome.ATTACK] * 4
    assert result.finished
    assert any("photograph" in text for text in told)
    cli.keep(gate, result)

    def breaks_off(text: str) -> None:
        if "2 of 2" in text:
            raise KeyboardInterrupt

    broken = cli.run_bench(gate, camera, ["print"], 2, 0.5, breaks_off)
    assert not broken.finished
    assert len(broken.presented) == 1
    cli.keep(gate, broken)
    assert [one.finished for one in read_benches(gate.settings.data_dir)] == [True, False]


def test_doctor_warns_until_attacks_were_tried_with_this_network_and_none_passed(
    tmp_path: Path,
) -> None:
    gate = start(data_dir=tmp_path)
    model = gate.pad_card.model_id

    def health(*benches: PadBench) -> Health:
        (tmp_path / FILE_NAME).write_text(benches_text(benches), encoding="utf-8")
        return doctor._attack_tests(gate)[0]

    assert doctor._attack_tests(gate)[0] is Health.WARNING
    assert health(made(("print", Outcome.ATTACK), model="old@1")) is Health.WARNING
    assert health(made((BONA_FIDE, Outcome.BONA_FIDE), model=model)) is Health.WARNING
    assert health(made(("print", Outcome.BONA_FIDE), model=model)) is Health.WARNING
    assert health(made(("print", Outcome.ATTACK), model=model)) is Health.OK


def test_a_verdict_without_frames_is_a_camera_fault() -> None:
    assert outcome_of(None, 0) is Outcome.CAMERA_FAULT
    assert outcome_of(AttackVerdict(Presentation.UNSURE, None), 0) is Outcome.UNSURE

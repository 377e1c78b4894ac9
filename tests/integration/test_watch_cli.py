"""A whole door, run as people run it, on films made from public-domain portraits."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import facegate

from facegate.bootstrap import start
from facegate.domain.keypad import KeypadEntry
from facegate.doorway import Doorway
from facegate.engine.states import GateEvent, GateState
from facegate.vision.film import empty_scene, visit_film, with_noise
from facegate.vision.images import load_image

SIZE_WH = (640, 480)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Somebody comes, stands there and is gone: Collins, who gets enrolled, and Hopper."""
    from facegate.services.demo import COLLINS, HOPPER

    folder = tmp_path_factory.mktemp("films")
    reader, made = start(data_dir=folder / "data").reader, {}
    random, empty = np.random.default_rng(0), empty_scene(SIZE_WH)
    for name, portrait in (("collins", COLLINS), ("hopper", HOPPER)):
        photo = load_image(portrait.path()).frame_bgr
        reading = reader.read_main(photo)
        assert reading is not None
        made[name] = folder / f"{name}.avi"
        kind = cv2.VideoWriter.fourcc(*"MJPG")
        writer = cv2.VideoWriter(str(made[name]), kind, 15, SIZE_WH)
        visit = visit_film(photo, reading.face.landmarks_xy, 40, SIZE_WH, (40, 50))
        for frame in [*[with_noise(empty, random)] * 3, *visit, *[with_noise(empty, random)] * 15]:
            writer.write(frame)
        writer.release()
    return made


@pytest.fixture
def door(portrait_paths: dict[str, Path]) -> None:
    assert facegate("enroll", portrait_paths["collins"], "--name", "Eileen Collins").code == 0
    assert facegate("doors", "add", "lobby", "--everyone", "--pad", "off").code == 0


def watch(film: Path, *more: object) -> list[dict]:
    ran = facegate("watch", "--door", "lobby", "--source", film, "--pace", "fast", "--json", *more)
    assert ran.code == 0, ran.err
    return ran.lines()


def decisions(events: list[dict]) -> list[tuple[str, str | None]]:
    return [(one["reason"], one["subject"]) for one in events if one["kind"] == "decision"]


def test_a_day_at_a_door(
    door: None, films: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEGATE_KEEP_PICTURES", "true")
    events = watch(films["collins"])
    assert decisions(events) == [("granted", "Eileen Collins")]
    (granted,) = (one for one in events if one["kind"] == "decision")
    assert 0.1 < granted["elapsed_s"] < 1.5, "seconds of the recording"
    assert [one["state"] for one in events if one["kind"] == "state"][:3] == [
        "looking", "checking", "welcome"
    ]  # fmt: skip
    strangers = watch(films["hopper"])
    assert decisions(strangers) == [("unknown_face", None)]
    assert not any("similarity" in one or "tau" in one for one in events + strangers)

    log = facegate("audit", "log", "--json").json()
    assert sorted(one["reason"] for one in log) == ["granted", "unknown_face"]
    assert facegate("audit", "verify").code == 0
    again = facegate("audit", "replay", 1, "--json")
    assert again.code == 0, again.err
    assert again.json()["same"] is True
    stricter = facegate("policy", "replay", "--since", "1d", "--tau", "0.999", "--json").json()
    assert [(one["then"], one["now"]) for one in stricter["rows"]] == [("granted", "unknown_face")]

    assert facegate("doors", "disable", "lobby").code == 0
    assert decisions(watch(films["collins"])) == [("door_disabled", None)]


def test_an_attack_check_that_is_not_convinced_keeps_the_door_shut(
    door: None, films: dict[str, Path], tmp_path: Path
) -> None:
    """A clip that plays the same moment again and again is what a replay attack looks like."""
    assert facegate("doors", "set", "lobby", "--pad", "passive").code == 0
    capture, frames = cv2.VideoCapture(str(films["collins"])), []
    while True:
        read, frame = capture.read()
        if not read:
            break
        frames.append(frame)
    loop = tmp_path / "loop.avi"
    writer = cv2.VideoWriter(str(loop), cv2.VideoWriter.fourcc(*"MJPG"), 15, SIZE_WH)
    for _ in range(12):
        for frame in frames[20:24]:
            writer.write(frame)
    writer.release()
    events = watch(loop)
    assert [reason for reason, _ in decisions(events)] == ["attack_suspected"]
    receipt = facegate("audit", "log", "--json").json()[0]
    assert "repeating_frames" in receipt["pad"]["cues"]


def test_the_time_of_a_film_that_is_read_fast_runs_ahead_of_the_clock(
    door: None, films: dict[str, Path]
) -> None:
    """And goes on from one film to the next: a door's time never goes back."""
    slow = f"{films['collins']}?fps=2"
    assert decisions(watch(slow)) == decisions(watch(slow)) == [("granted", "Eileen Collins")]
    first, last = facegate("audit", "log", "--json").json()
    passed = datetime.fromisoformat(last["at"]) - datetime.fromisoformat(first["at"])
    assert passed.total_seconds() > 1.5, "three looks, half a second of the film apart"


def test_several_doors_run_at_once_each_with_its_own_camera(
    door: None, films: dict[str, Path]
) -> None:
    assert facegate("doors", "set", "lobby", "--source", films["collins"]).code == 0
    more = ("--everyone", "--pad", "off", "--source", films["hopper"])
    assert facegate("doors", "add", "back", *more).code == 0
    ran = facegate("watch", "--door", "lobby", "--door", "back", "--pace", "fast", "--json")
    assert ran.code == 0, ran.err
    told = [one for one in ran.lines() if one["kind"] == "decision"]
    assert {one["door"]: one["reason"] for one in told} == {
        "lobby": "granted", "back": "unknown_face"
    }  # fmt: skip
    assert facegate("audit", "verify").code == 0
    both = facegate("watch", "--door", "lobby", "--door", "back", "--source", films["hopper"])
    assert both.code == 2
    assert "one door" in both.err


def test_a_door_is_run_by_one_program(door: None, films: dict[str, Path]) -> None:
    running = Doorway(start(), "lobby", str(films["hopper"]))
    try:
        second = facegate("watch", "--door", "lobby", "--source", films["hopper"])
        assert second.code == 13
        assert f"process {os.getpid()}" in second.err
    finally:
        running.close()
    assert decisions(watch(films["collins"])) == [("granted", "Eileen Collins")]


def test_a_door_whose_output_does_not_answer_is_not_called_locked(
    door: None, films: dict[str, Path], tmp_path: Path
) -> None:
    script = tmp_path / "lock.sh"
    script.write_text('#!/bin/sh\nrm "$0.works"\n')  # works once, when it starts
    script.chmod(0o700)
    (tmp_path / "lock.sh.works").touch()
    assert facegate("doors", "set", "lobby", "--output", f"command:{script}").code == 0
    ran = facegate("watch", "--door", "lobby", "--source", "http://127.0.0.1:9/", "--seconds", 1)
    assert ran.code == 13
    assert "did not say that it locked" in ran.err
    assert "is locked" not in ran.err + ran.out


def test_the_pace_of_an_address_counts(door: None, films: dict[str, Path]) -> None:
    ran = facegate("watch", "--door", "lobby", "--source", f"{films['collins']}?pace=fast")
    assert ran.code == 0, ran.err
    assert "58 frames" in ran.out
    assert " 0 dropped" in ran.out


def test_pictures_that_cannot_be_read_are_no_camera(door: None, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.jpg").write_bytes(b"no picture")
    ran = facegate("watch", "--door", "lobby", "--source", tmp_path / "broken")
    assert ran.code == 12
    assert "no picture could be read" in ran.err


def test_what_cannot_be_run_is_said_and_locks(films: dict[str, Path], tmp_path: Path) -> None:
    unknown = facegate("watch", "--door", "lobby", "--source", films["hopper"])
    assert unknown.code == 14
    assert "lobby" in unknown.err
    assert facegate("doors", "add", "lobby", "--everyone").code == 0
    nowhere = facegate("watch", "--door", "lobby")
    assert nowhere.code == 3
    assert "--source" in nowhere.err
    assert facegate("watch", "--door", "lobby", "--source", tmp_path / "none.avi").code == 12
    assert facegate("watch", "--door", "lobby", "--source", "test:?size=x").code == 4


def test_a_signal_ends_it_in_order(door: None) -> None:
    command = [sys.executable, "-m", "facegate", "watch", "--door", "lobby", "--json"]
    with subprocess.Popen(
        [*command, "--source", "test:?size=320x240&fps=15"], stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert b'"looking"' in program.stdout.readline()
        program.send_signal(signal.SIGTERM)
        assert program.wait(20) == 0


def _minds_sigterm(pid: int) -> bool:
    """Whether a program has asked for the signal; before, it would just die of it."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_a_reader_that_stops_reading_stops_neither_the_door_nor_its_end(door: None) -> None:
    command = [sys.executable, "-m", "facegate", "watch", "--door", "lobby", "--json"]
    read, write = os.pipe()
    filled = os.write(write, b"x" * select.PIPE_BUF)  # and then as much as fits
    os.set_blocking(write, False)
    while True:
        try:
            filled += os.write(write, b"x" * select.PIPE_BUF)
        except BlockingIOError:
            break
    os.set_blocking(write, True)
    with subprocess.Popen(
        [*command, "--source", "test:?size=320x240&fps=15"], stdout=write, stderr=write
    ) as program:
        try:
            while not _minds_sigterm(program.pid):
                assert program.poll() is None
                time.sleep(0.1)
            time.sleep(1)
            assert program.poll() is None
            program.send_signal(signal.SIGTERM)
            assert program.wait(30) == 0
        finally:
            program.kill()
            os.close(write)
            os.close(read)
    assert filled


def test_a_number_and_a_pin_open_for_a_face_that_is_not_recognized(
    door: None, films: dict[str, Path]
) -> None:
    assert facegate("doors", "set", "lobby", "--pin", "fallback").code == 0
    told = facegate("people", "pin", "Eileen Collins", "--stdin", typed="482915\n").out
    with start().store.snapshot() as work:
        number = work.subjects.by_name("Eileen Collins").subject_id
    assert f"number {number} at keypads" in told
    assert f"number {number} at keypads" in facegate("people", "show", "Eileen Collins").out
    early = facegate(
        "watch", "--door", "lobby", "--source", films["hopper"], "--json", "--keypad",
        typed=f"{number}*482915\n",  # read fast, the recording would soon be ahead of the clock
    ).lines()  # fmt: skip
    assert decisions(early) == [("unknown_face", None)], "typed before it was asked for"
    assert "Not recognized; enter your number and your PIN" in [one["message"] for one in early]

    def visit(line: str) -> list[GateEvent]:
        events: list[GateEvent] = []

        def on_event(event: GateEvent) -> None:
            events.append(event)
            if event.state is GateState.ENTER_PIN:
                doorway.enter(KeypadEntry(*reversed(line.split("*"))))

        with Doorway(
            start(), "lobby", str(films["hopper"]), on_event, pace="fast", has_keypad=True
        ) as doorway:
            doorway.run(threading.Event())
        return [event for event in events if event.kind == "decision"]

    (wrong,) = visit(f"{number}*111222")
    (nobody,) = visit("99*482915")
    assert wrong.message == nobody.message == "Wrong PIN"
    assert wrong.state is nobody.state
    (granted,) = visit(f"{number}*482915")
    assert granted.subject == "Eileen Collins"
    receipt = facegate("audit", "log", "--reason", "granted", "--json").json()[-1]
    assert receipt["subject_name"] == "Eileen Collins"
    assert "granted by PIN" in receipt["explanation"]
    assert receipt["similarity"] < receipt["tau"]
    assert facegate("audit", "verify").code == 0


def test_a_lost_anchor_file_is_begun_anew_knowingly(door: None, films: dict[str, Path]) -> None:
    watch(films["collins"])
    file = Path(facegate("audit", "anchor", "--json").json()["anchor_file"])
    assert facegate("audit", "anchor", "--renew", "--yes").code == 4, "nothing is wrong with it"
    file.write_text("damaged\n")
    assert facegate("audit", "verify").code == 15
    renewed = facegate("audit", "anchor", "--renew", "--yes", "--json").json()
    assert Path(renewed["old_file"]).read_text() == "damaged\n"
    verified = facegate("audit", "verify")
    assert verified.code == 0
    assert "begun anew by hand" in verified.err
    assert facegate("audit", "verify", "--json").json()["renewals"][0]["lost_anchors"] == 1


def test_the_kiosk_runs_the_same_door_with_a_window(
    films: dict[str, Path], door: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    asked = ("kiosk", "--door", "lobby", "--source", films["collins"])
    ran = facegate(*asked)
    assert ran.code == 3
    assert "display" in ran.err
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    pytest.importorskip(
        "PyQt6.QtWidgets", exc_type=ImportError, reason="the window needs PyQt6 (extra kiosk)"
    )
    ran = facegate(*asked)
    assert ran.code == 0, ran.err
    (receipt,) = facegate("audit", "log", "--json").json()
    assert receipt["reason"] == "granted"

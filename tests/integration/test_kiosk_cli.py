"""`facegate kiosk`: however its window ends, the door ends locked, and it is said why."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from commands import facegate

pytest.importorskip(
    "PyQt6.QtWidgets", exc_type=ImportError, reason="the window needs PyQt6 (extra kiosk)"
)

from facegate.bootstrap import start
from facegate.camera.opening import open_camera
from facegate.doors.events import DoorEvent, DoorEventKind
from facegate.doors.simulator import SimulatedDoor
from facegate.doorway import Doorway
from facegate.engine.looks import Look
from facegate.engine.states import GateState
from facegate.errors import DoorError
from facegate.kiosk import run, window
from facegate.kiosk.board import Board, Shown

RUN = ("kiosk", "--door", "lobby", "--source", "test:", "--seconds", "0.3")


@pytest.fixture
def outputs(monkeypatch: pytest.MonkeyPatch) -> list[SimulatedDoor]:
    """The outputs of all doors that were opened."""
    made: list[SimulatedDoor] = []
    begin = SimulatedDoor.__init__

    def kept(self: SimulatedDoor, *arguments: Any) -> None:
        made.append(self)
        begin(self, *arguments)

    monkeypatch.setattr(SimulatedDoor, "__init__", kept)
    return made


@pytest.fixture(autouse=True)
def lobby(enrolled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert facegate("doors", "add", "lobby", "--everyone", "--pad", "off").code == 0


def is_locked(outputs: list[SimulatedDoor]) -> bool:
    (output,) = outputs
    return not output.unlocked and output.history[-1].action == "lock"


@pytest.mark.parametrize("more", [(), ("--full-screen",), ("--fullscreen", "--greet-by-name")])
def test_it_ends_when_its_time_is_over(outputs: list[SimulatedDoor], more: tuple[str, ...]) -> None:
    ran = facegate(*RUN, *more)
    assert ran.code == 0, ran.err
    assert "lobby is locked; its time is over." in ran.err
    assert is_locked(outputs)


@pytest.mark.parametrize("broken", ["draw_mirror", "draw_words"])
def test_drawing_that_fails_ends_it_locked_with_the_reason(
    broken: str, outputs: list[SimulatedDoor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no pen")

    monkeypatch.setattr(window, broken, fails)
    ran = facegate(*RUN[:-2], "--seconds", "20")
    assert ran.code == 70
    assert "lobby is locked; the window failed." in ran.err
    assert "ZeroDivisionError: no pen" in ran.err
    assert is_locked(outputs)


@pytest.mark.parametrize(
    "last_words",
    ["QtCore.qFatal('no memory')", "QtCore.qWarning('The X11 connection broke (error 1).')"],
)
def test_when_qt_ends_the_process_the_door_is_locked_first(last_words: str, tmp_path: Path) -> None:
    """In a process of its own: Qt does not ask whether Python has something to do yet."""
    moved, program = tmp_path / "moved.txt", tmp_path / "door.sh"
    program.write_text(f'#!/bin/sh\necho "$1" >> {moved}\n')
    program.chmod(0o755)
    output = f"command:{program}"
    assert facegate("doors", "add", "side", "--everyone", "--output", output).code == 0
    script = f"""
import sys
from PyQt6 import QtCore
from facegate.camera.capture import CaptureCamera
from facegate.cli.main import main
from facegate.kiosk.window import KioskWindow
CaptureCamera.is_live = True
looks = []
def look(self):
    looks.append(1)
    if len(looks) > 5:
        open({str(moved)!r}, "a").write("lost\\n")
        {last_words}
KioskWindow.look = look
sys.argv = ["facegate", "kiosk", "--door", "side", "--source", "test:", "--seconds", "20"]
main()
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1, ran.stderr
    assert "The display is lost" in ran.stderr
    assert "side is locked" in ran.stderr
    said = moved.read_text().split()
    assert said[-1] == "lock"
    assert "lost" in said


def test_without_a_display_nothing_of_the_door_is_touched(
    outputs: list[SimulatedDoor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "nonsense")
    ran = facegate(*RUN)
    assert ran.code == 3
    assert "nonsense" in ran.err
    assert "facegate watch" in ran.err
    assert not outputs


def test_a_camera_that_nobody_named_is_asked_for_once_and_in_the_same_words() -> None:
    told = [facegate(command, "--door", "lobby") for command in ("kiosk", "watch")]
    assert [one.code for one in told] == [3, 3]
    assert told[0].err == told[1].err
    assert told[0].err.count("camera") == 1


def test_an_unknown_door_is_said_to_be_one() -> None:
    ran = facegate("kiosk", "--door", "cellar", "--source", "test:")
    assert ran.code == facegate("watch", "--door", "cellar", "--source", "test:").code
    assert "cellar" in ran.err


def test_a_door_that_does_not_lock_is_not_said_to_be_locked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stuck(_self: SimulatedDoor) -> None:
        raise DoorError("the bolt is stuck")

    monkeypatch.setattr(SimulatedDoor, "close", stuck)
    ran = facegate(*RUN)
    assert ran.code == 13
    assert "Nobody knows whether lobby is locked" in ran.err
    assert "lobby is locked;" not in ran.err


def test_a_camera_that_hangs_leaves_the_door_locked(
    outputs: list[SimulatedDoor], monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = threading.Event()

    def hanging(*arguments: Any, **options: Any) -> Any:
        camera = open_camera(*arguments, **options)
        camera.next_frame = lambda _s: hangs.wait(30) and None
        return camera

    monkeypatch.setattr("facegate.doorway.open_camera", hanging)
    monkeypatch.setitem(run.run_window.__kwdefaults__, "join_s", 0.2)
    try:
        ran = facegate(*RUN)
    finally:
        hangs.set()
    assert ran.code == 1
    assert "did not end" in ran.err
    assert is_locked(outputs)


def test_the_window_gets_the_pictures_that_the_gate_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[Shown] = []
    shown = Board.shown

    def kept(self: Board) -> Shown:
        drawn.append(shown(self))
        return drawn[-1]

    monkeypatch.setattr(Board, "shown", kept)
    assert facegate(*RUN[:-2], "--seconds", "1.5").code == 0
    pictures = [one for one in drawn if one.bgr is not None]
    assert len({one.stamp for one in pictures}) > 3
    assert {one.view.state for one in pictures} == {GateState.LOOKING}


def test_a_watcher_that_fails_stops_nothing() -> None:
    looks: list[Look] = []
    stop = threading.Event()

    def fails(look: Look) -> None:
        looks.append(look)
        if len(looks) == 5:
            stop.set()
        raise ValueError("a watcher's own fault")

    with Doorway(start(), "lobby", "test:", pace="fast", on_look=fails) as doorway:
        doorway.run(stop)
    assert len(looks) == 5
    assert doorway.figures.frames >= 4
    assert not doorway.lock_fails


def test_a_door_that_stands_open_is_shown_until_it_is_shut() -> None:
    looks: list[Look] = []
    stop = threading.Event()

    def watches(look: Look) -> None:
        looks.append(look)
        for number, kind in ((3, DoorEventKind.HELD_OPEN), (9, DoorEventKind.CLOSED)):
            if len(looks) == number:
                doorway._door_said(DoorEvent(kind, datetime.now(timezone.utc)))
        if len(looks) == 15:
            stop.set()

    with Doorway(start(), "lobby", "test:", pace="fast", on_look=watches) as doorway:
        doorway.run(stop)
    states = [one.view.state for one in looks if one.frame is not None]
    assert states[-1] is GateState.LOOKING
    assert GateState.DOOR_OPEN in states
    assert GateState.OUT_OF_ORDER not in states

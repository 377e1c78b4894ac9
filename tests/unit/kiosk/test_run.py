"""The window ends with the work and the work with the window, whatever fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip(
    "PyQt6.QtWidgets", exc_type=ImportError, reason="the window needs PyQt6 (extra kiosk)"
)

from PyQt6.QtCore import QTimer

from facegate.engine.states import GateState, GateView
from facegate.kiosk import display, window
from facegate.kiosk.board import Shown
from facegate.kiosk.run import CLOSED, ENDED, OVER, TOLD, GateHangs, run_window
from facegate.kiosk.window import KioskWindow

VIEW = GateView(GateState.LOOKING, GateState.LOOKING.words)


def shown() -> Shown:
    return Shown(VIEW, np.zeros((12, 16, 3), np.uint8), (0, ""))


def make(closed: object) -> KioskWindow:
    return KioskWindow("lobby", shown, closed=closed)  # type: ignore[arg-type]


def make_guarded(closed: object) -> KioskWindow:
    return KioskWindow("lobby", shown, closed=closed, is_guarded=True)  # type: ignore[arg-type]


def until_told(stop: threading.Event) -> None:
    assert stop.wait(10)


def test_it_ends_with_the_work() -> None:
    assert run_window(make, lambda _stop: None, full_screen=False) == ENDED

    def fails(_stop: threading.Event) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run_window(make, fails, full_screen=True)


def test_it_ends_in_time_and_the_work_with_it() -> None:
    assert run_window(make, until_told, full_screen=False, seconds=0.2) == OVER


def test_a_guarded_window_ends_with_its_time_the_work_and_signals() -> None:
    assert run_window(make_guarded, until_told, full_screen=True, seconds=0.2) == OVER
    assert run_window(make_guarded, lambda _stop: None, full_screen=True) == ENDED
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    assert run_window(make_guarded, until_told, full_screen=True) == TOLD


def test_a_guarded_window_is_not_ended_by_who_closes_it() -> None:
    def closes(closed: object) -> KioskWindow:
        made = make_guarded(closed)
        QTimer.singleShot(50, made.close)
        return made

    assert run_window(closes, until_told, full_screen=True, seconds=0.4) == OVER


def test_it_ends_when_the_window_is_closed() -> None:
    def closes(closed: object) -> KioskWindow:
        made = make(closed)
        QTimer.singleShot(100, made.close)
        return made

    assert run_window(closes, until_told, full_screen=False) == CLOSED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_a_signal_and_gives_handlers_back(number: signal.Signals) -> None:
    before = signal.getsignal(number), sys.excepthook
    timer = threading.Timer(0.2, os.kill, (os.getpid(), number))
    timer.start()
    assert run_window(make, until_told, full_screen=False) == TOLD
    assert (signal.getsignal(number), sys.excepthook) == before


@pytest.mark.parametrize("broken", ["draw_words", "draw_mirror"])
def test_drawing_that_fails_ends_it_with_the_error(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no pen")

    monkeypatch.setattr(window, broken, fails)
    stopped = threading.Event()

    def work(stop: threading.Event) -> None:
        until_told(stop)
        stopped.set()

    with pytest.raises(ZeroDivisionError, match="no pen"):
        run_window(make, work, full_screen=False)
    assert stopped.is_set()


def test_a_question_that_fails_ends_it_too() -> None:
    calls: list[int] = []

    def fails_later() -> Shown:
        calls.append(1)
        if len(calls) > 2:
            raise ValueError("asked too often")
        return shown()

    with pytest.raises(ValueError, match="asked too often"):
        run_window(lambda closed: KioskWindow("x", fails_later), until_told, full_screen=False)


def test_a_window_that_cannot_be_made_begins_nothing() -> None:
    def fails(_closed: object) -> KioskWindow:
        raise ValueError("no window")

    begun: list[int] = []
    with pytest.raises(ValueError, match="no window"):
        run_window(fails, lambda _stop: begun.append(1), full_screen=False)
    assert not begun


def test_a_gate_that_hangs_neither_freezes_nor_keeps_the_window() -> None:
    looks: list[float] = []
    hung, windows = threading.Event(), []

    def counts() -> Shown:
        looks.append(time.monotonic())
        return shown()

    def made(closed: object) -> KioskWindow:
        windows.append(KioskWindow("lobby", counts, closed=closed))  # type: ignore[arg-type]
        return windows[0]

    try:
        with pytest.raises(GateHangs):
            run_window(
                made, lambda _stop: hung.wait(30), full_screen=False, seconds=1.0, join_s=0.1
            )
    finally:
        hung.set()
    assert len(looks) >= 8  # some twenty a second, where nothing else computes
    assert not windows[0].isVisible()


def test_paths_of_another_qt_are_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM_PLUGIN_PATH", "/x/cv2/qt/plugins")
    monkeypatch.setenv("QT_QPA_FONTDIR", "/own/fonts")
    display.application()
    assert "QT_QPA_PLATFORM_PLUGIN_PATH" not in os.environ
    assert os.environ["QT_QPA_FONTDIR"] == "/own/fonts"


def test_a_display_is_tried_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert display.why_no_display() == ""
    monkeypatch.setenv("QT_QPA_PLATFORM", "nonsense")
    assert "nonsense" in display.why_no_display()

    def hangs(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("qt", 1)

    monkeypatch.setattr(subprocess, "run", hangs)
    assert "TimeoutExpired" in display.why_no_display()

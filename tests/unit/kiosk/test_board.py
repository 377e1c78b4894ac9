"""What was said holds only until the gate says more, or for a short while."""

from __future__ import annotations

import threading

import numpy as np
from fakes import NOW

from facegate.domain.frames import Frame
from facegate.engine.looks import Look
from facegate.engine.states import GateState, GateView
from facegate.kiosk.board import DEAD_S, QUIET_S, Board

WELCOME = GateView(GateState.WELCOME, "Welcome", (), 1.0, "Ana")
LOOKING = GateView(GateState.LOOKING, "Please look at the camera")


class Clock:
    time_s = 100.0

    def __call__(self) -> float:
        return self.time_s


def frame(number: int = 0) -> Frame:
    return Frame(np.full((4, 6, 3), number, np.uint8), NOW, float(number), number)


def test_the_newest_look_is_shown_and_each_has_a_stamp_of_its_own() -> None:
    board = Board(Clock())
    stamps = {board.shown().stamp}
    for number in range(5):
        board.tell(Look(frame(number), LOOKING))
        shown = board.shown()
        assert shown.view is LOOKING
        assert shown.bgr is not None
        assert shown.bgr[0, 0, 0] == number
        stamps.add(shown.stamp)
    assert len(stamps) == 6
    assert board.shown().stamp == board.shown().stamp


def test_a_welcome_runs_out_when_the_gate_hangs_and_then_the_picture_goes() -> None:
    clock = Clock()
    board = Board(clock)
    board.tell(Look(frame(), WELCOME))
    assert board.shown().view is WELCOME
    first = board.shown().stamp
    clock.time_s += QUIET_S + 0.01
    quiet = board.shown()
    assert quiet.view.state is GateState.CHECKING
    assert not quiet.view.subject
    assert quiet.stamp != first  # else nothing would be drawn
    clock.time_s += DEAD_S
    dead = board.shown()
    assert dead.view.state is GateState.OUT_OF_ORDER
    assert dead.bgr is None
    assert dead.stamp != quiet.stamp
    board.tell(Look(frame(), LOOKING))
    assert board.shown().view is LOOKING


def test_a_gate_that_never_says_anything_is_out_of_order_too() -> None:
    clock = Clock()
    board = Board(clock)
    assert board.shown().view.state is GateState.CHECKING
    clock.time_s += DEAD_S
    assert board.shown().view.state is GateState.OUT_OF_ORDER


def test_nobody_is_asked_to_look_at_a_camera_that_opens_only_now() -> None:
    board = Board(Clock())
    board.tell(Look(None, LOOKING))
    assert board.shown().view.state is GateState.CHECKING
    gone = GateView(GateState.OUT_OF_ORDER, "The camera does not work")
    board.tell(Look(None, gone))
    assert board.shown().view is gone
    assert board.shown().bgr is None


def test_the_same_fault_told_again_is_not_drawn_again() -> None:
    board, gone = Board(Clock()), GateView(GateState.OUT_OF_ORDER, "The camera does not work")
    board.tell(Look(None, gone))
    stamp = board.shown().stamp
    board.tell(Look(None, gone))
    assert board.shown().stamp == stamp


def test_the_picture_is_let_go_of() -> None:
    board = Board(Clock())
    board.tell(Look(frame(), WELCOME))
    board.clear()
    assert board.shown().bgr is None
    assert not board.shown().view.subject


def test_words_always_belong_to_their_picture() -> None:
    board, stop, wrong = Board(), threading.Event(), []

    def gate() -> None:
        for number in range(2000):
            board.tell(Look(frame(number % 200), GateView(GateState.LOOKING, str(number % 200))))
        stop.set()

    thread = threading.Thread(target=gate)
    thread.start()
    while not stop.is_set():
        shown = board.shown()
        if shown.bgr is not None and str(shown.bgr[0, 0, 0]) != shown.view.message:
            wrong.append(shown)
    thread.join()
    assert not wrong

"""Runs a window beside a gate: the gate on a thread of its own, the window on the first.

Whatever becomes of the window, the gate is told to stop and this returns or raises, so that whoever
holds the door locks it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from PyQt6.QtCore import QMessageLogContext, QTimer, QtMsgType, qInstallMessageHandler

from facegate.kiosk.display import application
from facegate.kiosk.window import KioskWindow

JOIN_S = 5.0
"""A gate ends within a frame, or two seconds when it waits for its door."""

LAST_WAIT_S = 1.0
"""Without a display the gate gets less time: the lock cannot wait."""

LOST = 1
"""Exit code when the display is lost: the system took something away."""

BROKEN_DISPLAY = "connection broke"
"""In what Qt says of X11 and of Wayland, right before it ends the process."""

CLOSED, TOLD, OVER, ENDED = (
    "the window was closed",
    "it was told to end",
    "its time is over",
    "the recording is over",
)


class GateHangs(Exception):
    """The gate's thread did not end; what it holds is let go of without it."""

    def __init__(self) -> None:
        super().__init__("The gate did not end: a camera, a database or a door does not answer.")


class _Ending:
    """Why it ends; the first cause counts."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.why = ""
        self.error: BaseException | None = None
        self._guard = threading.Lock()

    def now(self, why: str, error: BaseException | None = None) -> None:
        with self._guard:
            if not self.stop.is_set():
                self.why, self.error = why, error
            elif error is not None and self.error is None:
                self.error = error
            self.stop.set()


def run_window(
    make: Callable[[Callable[[], None]], KioskWindow],
    work: Callable[[threading.Event], object],
    *,
    full_screen: bool,
    seconds: float = 0.0,
    join_s: float = JOIN_S,
    lost: Callable[[str], None] = lambda _: None,
) -> str:
    """Show a window until it is closed, the work ends, or a signal comes.

    Args:
        make: makes the window; gets what it shall call when it is closed.
        work: runs the gate until the event is set; gets a thread of its own.
        full_screen: cover the screen.
        seconds: end after so long; 0: never.
        join_s: how long the work may take to end.
        lost: called when Qt is about to end the whole process, with Qt's words: the display is
            gone. It must lock the door; the process then ends with LOST.

    Returns:
        Why it ended: CLOSED, TOLD, OVER or ENDED.

    Raises:
        GateHangs: the work goes on, on a thread that nobody waits for.
        Exception: whatever the work or the drawing ended with.
    """
    app, ending = application(), _Ending()

    def run() -> None:
        try:
            work(ending.stop)
        except BaseException as error:  # told on the first thread
            ending.now("", error)
        else:
            ending.now(ENDED)

    thread = threading.Thread(target=run, name="gate", daemon=True)

    def last_words(words: str) -> None:
        ending.now("")
        if thread.ident is not None:
            thread.join(min(join_s, LAST_WAIT_S))
        try:
            lost(words)
        finally:
            os._exit(LOST)

    with _errors_and_signals_to(ending), _last_words_to(last_words):
        window = make(lambda: ending.now(CLOSED))
        if seconds:
            QTimer.singleShot(round(1000 * seconds), lambda: ending.now(OVER))
        watching = QTimer()  # it also lets Python see signals, which Qt's loop does not
        # Not quit(): that asks the windows, and a guarded one says no.
        watching.timeout.connect(lambda: app.exit() if ending.stop.is_set() else None)
        watching.start(50)
        thread.start()
        try:
            window.showFullScreen() if full_screen else window.show()
            app.exec()
        finally:
            ending.now(CLOSED)
            watching.stop()
            window.end()  # nobody shall look at words that no longer hold
            thread.join(join_s)
    if ending.error is not None:
        raise ending.error
    if thread.is_alive():
        raise GateHangs
    return ending.why


@contextmanager
def _errors_and_signals_to(ending: _Ending) -> Iterator[None]:
    """Make signals, and exceptions in what Qt calls, end the window in order.

    Qt aborts the process for an exception that nobody took, and the door would be left to itself.
    """

    def take(_kind: type[BaseException], error: BaseException, _at: TracebackType | None) -> None:
        ending.now("", error)

    hook, sys.excepthook = sys.excepthook, take
    names = (signal.SIGTERM, signal.SIGINT)
    old = {one: signal.signal(one, lambda *_: ending.now(TOLD)) for one in names}
    try:
        yield
    finally:
        sys.excepthook = hook
        for one, handler in old.items():
            signal.signal(one, handler)


@contextmanager
def _last_words_to(take: Callable[[str], None]) -> Iterator[None]:
    """Hear what Qt says before it ends the process; all else it says goes where it went."""

    def hear(kind: QtMsgType, context: QMessageLogContext, words: str | None) -> None:
        if kind is QtMsgType.QtFatalMsg or BROKEN_DISPLAY in (words or ""):
            take(words or "")
        elif before is not None:
            before(kind, context, words)
        elif kind is not QtMsgType.QtDebugMsg:
            sys.stderr.write(f"{words}\n")

    before = qInstallMessageHandler(hear)
    try:
        yield
    finally:
        qInstallMessageHandler(before)

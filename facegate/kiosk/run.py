"""Runs a window beside a gate: the gate on a thread of its own, the window on the first."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from facegate.kiosk.window import KioskWindow

QT_PATHS = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
"""Builds of opencv with windows set these to their own Qt, which PyQt6 cannot load."""

JOIN_S = 5.0

_kept: list[QApplication] = []
"""Qt ends the process when a window has no application, and nobody else keeps it."""


def application() -> QApplication:
    """The one application of this process."""
    for name in QT_PATHS:
        if "cv2" in os.environ.get(name, ""):
            del os.environ[name]
    found = QApplication.instance()
    if not isinstance(found, QApplication):
        found = QApplication(sys.argv[:1])
        _kept.append(found)
    return found


def run_window(
    make: Callable[[Callable[[], None]], KioskWindow],
    work: Callable[[threading.Event], object],
    *,
    full_screen: bool,
    seconds: float = 0.0,
) -> None:
    """Show a window until it is closed, the work ends, or a signal comes.

    Args:
        make: makes the window; gets what it shall call when it is closed.
        work: runs the gate until the event is set; gets a thread of its own.
        full_screen: cover the screen.
        seconds: end after so long; 0: never.

    Raises:
        Exception: whatever the work ended with.
    """
    app, stop = application(), threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work(stop)
        except BaseException as error:  # told on the first thread
            failed.append(error)
        finally:
            stop.set()

    window = make(stop.set)
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), lambda *_: stop.set())
    if seconds:
        QTimer.singleShot(round(1000 * seconds), stop.set)
    watching = QTimer()
    watching.timeout.connect(lambda: app.quit() if stop.is_set() else None)
    watching.start(100)
    thread = threading.Thread(target=run, name="gate", daemon=True)
    thread.start()
    window.showFullScreen() if full_screen else window.show()
    app.exec()
    stop.set()
    thread.join(JOIN_S)
    window.close()
    if failed:
        raise failed[0]

"""Whether there is a display that a window can be shown on.

Qt ends the whole process, without a word to Python, when it finds none. A door must not end like
that, so it is tried in another process before anything of the door is touched.
"""

from __future__ import annotations

import os
import subprocess
import sys

from PyQt6.QtWidgets import QApplication

OTHER_QT = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")
"""Builds of opencv with windows set these to their own Qt, which PyQt6 cannot load."""

TRY = "from PyQt6.QtWidgets import QApplication; QApplication(['facegate'])"
TRY_S = 30.0

_kept: list[QApplication] = []
"""Qt ends the process when a window has no application, and nobody else keeps it."""


def application() -> QApplication:
    """The one application of this process; `why_no_display` must have found none."""
    forget_other_qt()
    found = QApplication.instance()
    if not isinstance(found, QApplication):
        found = QApplication(sys.argv[:1])
        _kept.append(found)
    return found


def why_no_display() -> str:
    """Why no window can be shown, in Qt's words; empty when one can."""
    forget_other_qt()
    try:
        tried = subprocess.run(  # noqa: S603 - ourselves
            [sys.executable, "-c", TRY],
            env={**os.environ, "PYTHONSAFEPATH": "1"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=TRY_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it could not be tried: {type(error).__name__}"
    if tried.returncode == 0:
        return ""
    lines = [line.strip() for line in tried.stderr.splitlines() if line.strip()]
    return lines[0] if lines else f"Qt ended with {tried.returncode}"


def forget_other_qt() -> None:
    """Clear the paths that opencv set when it was loaded."""
    for name in OTHER_QT:
        if "cv2" in os.environ.get(name, ""):
            del os.environ[name]

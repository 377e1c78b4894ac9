"""Windows are drawn where nobody sees them, and Qt's warnings are errors."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(autouse=True)
def _qt_warns_of_nothing() -> Iterator[None]:
    try:
        from PyQt6.QtCore import QtMsgType, qInstallMessageHandler
    except ImportError:
        yield
        return
    told: list[str] = []

    def take(kind: QtMsgType, _context: object, message: str | None) -> None:
        if kind is not QtMsgType.QtDebugMsg and kind is not QtMsgType.QtInfoMsg:
            told.append(message or "")

    before = qInstallMessageHandler(take)
    yield
    qInstallMessageHandler(before)
    # This platform draws into memory and has no windows that could be moved or raised.
    assert [one for one in told if "This plugin does not support" not in one] == []

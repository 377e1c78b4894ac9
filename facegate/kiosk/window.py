"""What a visitor sees: the camera's picture as in a mirror, and below it what the gate says.

The window only asks the gate how it is, some fifteen times a second. It decides nothing, and a
window that hangs or is closed neither opens a door nor keeps one from being locked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, Qt, QTimer
from PyQt6.QtGui import (
    QBrush,
    QCloseEvent,
    QColor,
    QFont,
    QImage,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PyQt6.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from facegate.domain.arrays import ImageArray
from facegate.domain.keypad import KeypadEntry
from facegate.engine.gate import GateView
from facegate.engine.states import GateState

EVERY_MS = 66

GREEN, AMBER, RED, GRAY = "#1f8a4c", "#b7791f", "#b3261e", "#30363d"

COLORS = {
    GateState.WELCOME: GREEN,
    GateState.SECOND_PERSON: AMBER,
    GateState.TRY_AGAIN: AMBER,
    GateState.NOT_RECOGNIZED: RED,
    GateState.DENIED: RED,
    GateState.LOCKED_OUT: RED,
    GateState.OUT_OF_ORDER: RED,
}
"""Of the band; every other state is GRAY. Words say the same: color alone tells nothing."""

BAND = 0.2
"""Share of the window's height that the words take."""

KEYS = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#")
CLEAR = "Clear"


class Shown(Protocol):
    """What the window looks at."""

    @property
    def view(self) -> GateView:
        """How the gate is right now."""

    def enter(self, entry: KeypadEntry) -> None:
        """Take what a visitor typed."""


class Keypad(QWidget):
    """Digits, `*` behind a number, `#` at the end; what is typed is shown as dots only.

    Args:
        enter: takes an entry.
    """

    def __init__(self, enter: Callable[[KeypadEntry], None]) -> None:
        super().__init__()
        self._enter, self._typed = enter, ""
        self._dots = QPushButton("")
        self._dots.setEnabled(False)
        grid = QGridLayout()
        for place, key in enumerate(KEYS):
            grid.addWidget(self._button(key), place // 3, place % 3)
        column = QVBoxLayout(self)
        column.addWidget(self._dots)
        column.addLayout(grid)
        column.addWidget(self._button(CLEAR))
        self.setStyleSheet(
            "QPushButton { font-size: 22px; min-width: 72px; min-height: 52px; color: white;"
            " background: rgba(30, 34, 40, 220); border: 1px solid #6e7681; border-radius: 8px; }"
            "QPushButton:pressed { background: #1f6feb; }"
        )

    def press(self, key: str) -> None:
        """One key, of the screen or of a keyboard."""
        if key == "#":
            entry = KeypadEntry.from_line(self._typed)
            self.clear()
            if entry is not None:
                self._enter(entry)
        elif key == CLEAR:
            self.clear()
        elif key in KEYS and len(self._typed) < 40:
            self._typed += key
            self._show()

    def clear(self) -> None:
        """Forget what was typed."""
        self._typed = ""
        self._show()

    def _show(self) -> None:
        self._dots.setText("•" * len(self._typed))

    def _button(self, key: str) -> QPushButton:
        button = QPushButton(key)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(lambda: self.press(key))
        return button


class KioskWindow(QWidget):
    """The window of one door.

    Args:
        door: its name.
        shown: the gate.
        newest: gives the picture that the gate saw last, (h, w, 3) uint8 BGR, or None.
        closed: called once, when somebody closes the window.
    """

    def __init__(
        self,
        door: str,
        shown: Shown,
        newest: Callable[[], ImageArray | None],
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._shown, self._newest, self._closed = shown, newest, closed
        self._view = shown.view
        self.setWindowTitle(f"FaceGate: {door}")
        self.setMinimumSize(480, 360)
        self.keypad = Keypad(shown.enter)
        self.keypad.setParent(self)
        self.keypad.hide()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(EVERY_MS)

    def look(self) -> None:
        """Ask the gate how it is, and show it."""
        self._view = self._shown.view
        asks = self._view.state is GateState.ENTER_PIN
        if asks != self.keypad.isVisibleTo(self):
            self.keypad.clear()
            self.keypad.setVisible(asks)
            self._place_keypad()
        self.update()

    def paintEvent(self, _event: QPaintEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Draw the picture, the faces in view, and the band with the words."""
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        painter.fillRect(self.rect(), QColor("#0d1117"))
        band = QRectF(0, self.height() * (1 - BAND), self.width(), self.height() * BAND)
        self._paint_picture(painter, QRectF(0, 0, self.width(), band.top()))
        self._paint_words(painter, band)
        painter.end()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 (Qt's name)
        """A keyboard's digits type at the keypad while a PIN is asked for."""
        if event is not None and self.keypad.isVisible():
            enter = event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
            self.keypad.press("#" if enter else event.text())

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Let whoever runs the door know."""
        self._timer.stop()
        self._closed()
        super().closeEvent(event)

    def resizeEvent(self, _event: object) -> None:  # noqa: N802 (Qt's name)
        """Keep the keypad in its corner."""
        self._place_keypad()

    def _place_keypad(self) -> None:
        self.keypad.adjustSize()
        top = int(self.height() * (1 - BAND)) - self.keypad.height() - 12
        self.keypad.move(self.width() - self.keypad.width() - 12, max(0, top))

    def _paint_picture(self, painter: QPainter, area: QRectF) -> None:
        frame = self._newest()
        if frame is None:
            return
        rgb = np.ascontiguousarray(frame[:, ::-1, ::-1]).tobytes()  # a mirror, as people expect
        height, width = frame.shape[:2]
        image = QImage(rgb, width, height, 3 * width, QImage.Format.Format_RGB888)
        scale = min(area.width() / width, area.height() / height)
        place = QRectF(0, 0, width * scale, height * scale)
        place.moveCenter(area.center())
        painter.drawImage(place, image)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for number, box in enumerate(self._view.faces):
            x1, y1, x2, y2 = (float(value) for value in box)
            painter.setPen(QPen(QColor("#58a6ff" if number == 0 else "#8b949e"), 3))
            left = place.left() + (width - x2) * scale
            drawn = QRectF(left, place.top() + y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale)
            painter.drawRoundedRect(drawn, 10, 10)

    def _paint_words(self, painter: QPainter, band: QRectF) -> None:
        painter.fillRect(band, QColor(COLORS.get(self._view.state, GRAY)))
        share = min(1.0, max(0.0, self._view.progress))
        if share and self._view.state not in COLORS:
            line = QRectF(
                band.topLeft(), QPointF(band.left() + band.width() * share, band.top() + 6)
            )
            painter.fillRect(line, QBrush(QColor("#58a6ff")))
        font = QFont(self.font())
        font.setPixelSize(max(14, int(band.height() * 0.34)))
        painter.setFont(font)
        painter.setPen(QColor("white"))
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.drawText(band.adjusted(16, 6, -16, 0), int(flags), self._view.message)

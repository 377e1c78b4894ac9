"""What a visitor sees: the camera's picture as in a mirror, and what the gate says.

The window only asks a board what holds right now, some twenty times a second. It decides nothing,
waits for nobody, and a window that is closed neither opens a door nor keeps one from being locked.
"""

from __future__ import annotations

from collections.abc import Callable

from PyQt6.QtCore import QRectF, Qt, QTimer
from PyQt6.QtGui import (
    QCloseEvent,
    QColor,
    QGuiApplication,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PyQt6.QtWidgets import QWidget

from facegate.domain.keypad import KeypadEntry
from facegate.engine.states import GateState
from facegate.kiosk.board import Shown
from facegate.kiosk.keypad import DELETE, ENTER, Keypad
from facegate.kiosk.layout import Places, arrange
from facegate.kiosk.painting import draw_mirror, draw_text, draw_words
from facegate.kiosk.style import BACKGROUND, words_of

EVERY_MS = 50

NOTICE = "Only the operator can end this program"
NOTICE_MS = 4000


class KioskWindow(QWidget):
    """The window of one door.

    Args:
        door: its name.
        shown: gives what to draw; must answer at once.
        enter: takes what a visitor typed; must return at once.
        closed: called once, when somebody closes the window.
        is_guarded: visitors reach it with a keyboard: neither Escape nor the window system's own
            key closes it, and what lies behind it stays hidden; see `end`.
        greets_by_name: say the person's name with a welcome.
    """

    def __init__(
        self,
        door: str,
        shown: Callable[[], Shown],
        enter: Callable[[KeypadEntry], None] = lambda _: None,
        closed: Callable[[], None] = lambda: None,
        *,
        is_guarded: bool = False,
        greets_by_name: bool = False,
    ) -> None:
        super().__init__()
        self._ask, self._closed = shown, closed
        self._is_guarded, self._greets_by_name = is_guarded, greets_by_name
        self._shown = shown()
        self.setWindowTitle(f"FaceGate: {door}")
        self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint, is_guarded)
        self.setMinimumSize(480, 360)
        self.resize(1280, 800)
        self.keypad = Keypad(enter)
        self.keypad.setParent(self)
        self.keypad.hide()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(EVERY_MS)
        self._notice = QTimer(self)
        self._notice.setSingleShot(True)
        self._notice.timeout.connect(self.update)

    def look(self) -> None:
        """Ask what holds, and show it."""
        before, self._shown = self._shown, self._ask()
        if before.stamp == self._shown.stamp:
            return
        view = self._shown.view
        asks = view.state is GateState.ENTER_PIN
        self.keypad.ask(view.visit if asks else "", asks_number=asks and view.asks_number)
        if asks != self.keypad.isVisibleTo(self):
            self.keypad.clear()
            self._place_keypad(asks=asks)
            self.keypad.setVisible(asks)
            self._choose_cursor(asks=asks)
        self.setAccessibleName(self._words())
        self.update()

    def end(self) -> None:
        """Close it, guarded or not."""
        self._is_guarded = False
        self.close()

    def paintEvent(self, _event: QPaintEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Draw the picture, the faces in view, and the band with the words."""
        painter = QPainter(self)
        try:  # a painter that is left open takes the whole process with it
            self._paint(painter)
        finally:
            painter.end()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 (Qt's name)
        """A keyboard's digits type at the keypad while a PIN is asked for; Escape closes."""
        if event is None:
            return
        key = event.key()
        if key == Qt.Key.Key_Escape:
            if not self.keypad.is_empty:
                self.keypad.clear()
            else:
                self.close()
        elif self.keypad.isVisible():
            named = {
                Qt.Key.Key_Return: ENTER, Qt.Key.Key_Enter: ENTER,
                Qt.Key.Key_Backspace: DELETE, Qt.Key.Key_Delete: DELETE,
            }  # fmt: skip
            self.keypad.press(named.get(Qt.Key(key), event.text()))

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Let whoever runs the door know; a guarded window stays, and says so."""
        is_logout = isinstance(app := QGuiApplication.instance(), QGuiApplication) and (
            app.isSavingSession()
        )
        if self._is_guarded and event is not None and not is_logout:
            event.ignore()
            self._notice.start(NOTICE_MS)
            self.update()
            return
        self._timer.stop()
        self._closed()
        super().closeEvent(event)

    def resizeEvent(self, _event: QResizeEvent | None) -> None:  # noqa: N802 (Qt's name)
        """Keep the keypad in its place."""
        self._place_keypad(asks=self.keypad.isVisibleTo(self))

    def _places(self, *, asks: bool) -> Places:
        bgr = self._shown.bgr
        aspect = None if bgr is None else bgr.shape[1] / bgr.shape[0]
        return arrange(self.width(), self.height(), aspect, has_keypad=asks)

    def _place_keypad(self, *, asks: bool) -> None:
        if asks:
            self.keypad.fit(self._places(asks=True).keypad)

    def _choose_cursor(self, *, asks: bool) -> None:
        """At a screen that is touched, an arrow in the middle of the face is in the way."""
        hidden = self._is_guarded and not asks
        self.setCursor(Qt.CursorShape.BlankCursor if hidden else Qt.CursorShape.ArrowCursor)

    def _words(self) -> str:
        return words_of(self._shown.view, greets_by_name=self._greets_by_name)

    def _paint(self, painter: QPainter) -> None:
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        painter.fillRect(self.rect(), QColor(BACKGROUND))
        shown, asks = self._shown, self.keypad.isVisibleTo(self)
        places = self._places(asks=asks)
        if shown.bgr is not None:
            draw_mirror(painter, shown.view, shown.bgr, places.mirror)
        draw_words(painter, shown.view, self._words(), places.words, sign_on_top=places.sign_on_top)
        if self._notice.isActive():
            self._paint_notice(painter, places.mirror.width() or self.width())

    def _paint_notice(self, painter: QPainter, width: float) -> None:
        strip = QRectF(0, 0, width, max(40, self.height() * 0.1))
        painter.fillRect(strip, QColor(BACKGROUND))
        draw_text(painter, NOTICE, strip, round(strip.height() * 0.5))

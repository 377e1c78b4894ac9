"""The window shows what the gate says, and a PIN only as dots; it decides nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip(
    "PyQt6.QtWidgets", exc_type=ImportError, reason="the window needs PyQt6 (extra kiosk)"
)

from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtGui import QFontMetricsF, QImage
from PyQt6.QtTest import QTest
from PyQt6.QtWidgets import QPushButton

from facegate.domain.keypad import KeypadEntry
from facegate.domain.reasons import Reason
from facegate.engine.claims import PROMPT
from facegate.engine.prompts import REQUESTS
from facegate.engine.states import GateState, GateView
from facegate.kiosk.board import Shown
from facegate.kiosk.display import application
from facegate.kiosk.layout import arrange, fitted
from facegate.kiosk.painting import LEAST_PX, fit_text
from facegate.kiosk.style import COLORS, GRAY
from facegate.kiosk.window import KioskWindow

SIZES = ((1280, 800), (1024, 600), (800, 1280))
PIN = GateView(GateState.ENTER_PIN, "Please enter your PIN", (), 1.0, visit="a1")
CLAIM = GateView(GateState.ENTER_PIN, PROMPT, (), 1.0, visit="b2", asks_number=True)


class FakeGate:
    """Says what it was told to."""

    def __init__(self) -> None:
        self.bgr: np.ndarray | None = np.zeros((120, 160, 3), np.uint8)
        self.bgr[:, :80, 2] = 255  # red on the camera's left
        self.bgr[:, 80:, 0] = 255  # blue on its right
        self.entries: list[KeypadEntry] = []
        self._count = 0
        self.say(GateView(GateState.LOOKING, GateState.LOOKING.words))

    def say(self, view: GateView) -> None:
        self._count += 1
        self._view = view

    def shown(self) -> Shown:
        return Shown(self._view, self.bgr, (self._count, ""))


@pytest.fixture
def gate() -> FakeGate:
    return FakeGate()


@pytest.fixture
def window(gate: FakeGate) -> Iterator[KioskWindow]:
    application()
    made = KioskWindow("lobby", gate.shown, gate.entries.append)
    made.resize(800, 600)
    made.show()
    yield made
    made.end()


def picture(window: KioskWindow) -> np.ndarray:
    """What is seen, (h, w, 3) RGB."""
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    assert bits is not None
    bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bytes(bits), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)


def show(window: KioskWindow, gate: FakeGate, view: GateView) -> np.ndarray:
    gate.say(view)
    window.look()
    return picture(window)


def key_button(window: KioskWindow, key: str) -> QPushButton:
    return next(one for one in window.keypad.findChildren(QPushButton) if one.text() == key)


def touch(window: KioskWindow, *keys: str) -> None:
    for key in keys:
        QTest.mouseClick(key_button(window, key), Qt.MouseButton.LeftButton)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", list(GateState))
def test_every_state_has_its_band_its_sign_and_its_words(
    window: KioskWindow, gate: FakeGate, state: GateState, size: tuple[int, int]
) -> None:
    window.resize(*size)
    seen = show(window, gate, GateView(state, state.words, visit="a"))
    asks = state is GateState.ENTER_PIN
    place = arrange(*size, 160 / 120, has_keypad=asks).words.toRect()
    band = seen[place.top() + 30 : place.bottom() - 1, place.left() : place.right()]
    color = COLORS.get(state, GRAY)
    wanted = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
    assert np.abs(band[1, 2].astype(int) - wanted).max() <= 2
    white = (band.min(axis=2) > 230).sum()
    assert white > 1500  # letters and a sign
    assert window.accessibleName() == state.words
    # Nothing reaches the edges of the band, where it would be cut off.
    for edge in (band[:, :4], band[:, -4:], band[-4:]):
        assert not (edge.min(axis=2) > 230).any()


@pytest.mark.parametrize("size", [*SIZES, (480, 360), (3840, 2160)])
def test_the_longest_words_fit_whole(window: KioskWindow, size: tuple[int, int]) -> None:
    words = [one.sentence for one in Reason] + [*REQUESTS.values(), PROMPT]
    place = arrange(*size, 16 / 9, has_keypad=False).words
    width, height = place.width() * 0.75, place.height() * 0.8
    font = window.font()
    font.setBold(True)
    for one in words:
        px, lines = fit_text(window.font().family(), one, width, height, round(height))
        assert px > LEAST_PX or size[0] < 500
        font.setPixelSize(px)
        flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
        place.setRect(0, 0, lines, 1e6)
        taken = QFontMetricsF(font).boundingRect(place, flags, one)
        assert taken.height() <= height
        assert taken.width() <= width


def test_the_picture_is_a_mirror_with_the_faces_in_it(window: KioskWindow, gate: FakeGate) -> None:
    seen = picture(window)
    middle = seen[200]
    assert middle[200, 2] > 200  # the camera's right, blue, is on the visitor's left
    assert middle[600, 0] > 200
    box = np.array([10, 20, 60, 90], np.float32)
    with_face = show(window, gate, GateView(GateState.LOOKING, GateState.LOOKING.words, (box,)))
    changed = np.argwhere((with_face != seen).any(axis=2))
    area = arrange(800, 600, 160 / 120, has_keypad=False).mirror
    place = fitted(160, 120, area)
    scale = place.width() / 160
    corners = changed[:, 1].min(), changed[:, 1].max(), changed[:, 0].min(), changed[:, 0].max()
    wanted = (
        place.left() + 100 * scale, place.left() + 150 * scale,
        place.top() + 20 * scale, place.top() + 90 * scale,
    )  # fmt: skip
    assert np.abs(np.subtract(corners, wanted)).max() <= 6


def test_without_a_picture_the_words_have_the_window(window: KioskWindow, gate: FakeGate) -> None:
    gate.bgr = None
    seen = show(window, gate, GateView(GateState.OUT_OF_ORDER, "The camera does not work"))
    red = [int(COLORS[GateState.OUT_OF_ORDER][place : place + 2], 16) for place in (1, 3, 5)]
    assert seen[2, 2].tolist() == red
    assert not ((seen[..., 2] > 200) & (seen[..., 0] < 50)).any()  # nothing of the picture


def test_a_pin_is_typed_by_touch_or_keyboard_and_never_shown(
    window: KioskWindow, gate: FakeGate
) -> None:
    assert not window.keypad.isVisible()
    show(window, gate, PIN)
    assert window.keypad.isVisible()
    touch(window, "4", "8", "3", "Delete", "2")
    QTest.keyClicks(window, "91")
    QTest.keyClick(window, Qt.Key.Key_Backspace)
    QTest.keyClick(window, Qt.Key.Key_1)
    assert window.keypad.dots.text() == "•" * 5
    QTest.keyClick(window, Qt.Key.Key_Return)
    assert [(one.claimed, one.pin) for one in gate.entries] == [("", "48291")]
    assert not window.keypad.dots.text()


def test_a_number_is_asked_for_before_its_pin(window: KioskWindow, gate: FakeGate) -> None:
    show(window, gate, CLAIM)
    assert window.keypad.heading.text() == "Your number"
    touch(window, "Next", "1", "7", "Next")
    assert window.keypad.heading.text() == "Your PIN"
    touch(window, "4", "8", "2", "9", "Enter")
    QTest.keyClicks(window, "18*4829#")
    assert [(one.claimed, one.pin) for one in gate.entries] == [("17", "4829"), ("18", "4829")]
    touch(window, "1", "7", "Next", "Delete")
    assert window.keypad.heading.text() == "Your number"
    assert window.keypad.dots.text() == "••"


def test_what_one_visitor_typed_is_not_left_for_the_next(
    window: KioskWindow, gate: FakeGate
) -> None:
    show(window, gate, PIN)
    touch(window, "4", "8")
    show(window, gate, GateView(GateState.ENTER_PIN, "Please enter your PIN", visit="another"))
    assert window.keypad.is_empty
    touch(window, "4", "8")
    show(window, gate, GateView(GateState.TRY_AGAIN, "Please try again"))
    assert not window.keypad.isVisible()
    QTest.keyClicks(window, "123")
    show(window, gate, PIN)
    assert window.keypad.is_empty
    QTest.keyClick(window, Qt.Key.Key_Return)
    assert not gate.entries


@pytest.mark.parametrize("size", SIZES)
def test_the_keypad_scales_with_the_window(
    window: KioskWindow, gate: FakeGate, size: tuple[int, int]
) -> None:
    show(window, gate, CLAIM)
    window.resize(*size)
    picture(window)
    inside = window.keypad.geometry()
    assert window.rect().contains(inside)
    for key in ("1", "Delete", "0", "Next"):
        button = key_button(window, key)
        assert button.height() > 60
        text = QFontMetricsF(button.font()).horizontalAdvance(button.text())
        assert text < button.width() - 8
        assert inside.contains(button.geometry().translated(QPoint(inside.topLeft())))


def test_a_window_is_closed_without_a_question(gate: FakeGate) -> None:
    application()
    closed: list[int] = []
    window = KioskWindow("lobby", gate.shown, closed=lambda: closed.append(1))
    window.show()
    show(window, gate, PIN)
    QTest.keyClicks(window, "12")
    QTest.keyClick(window, Qt.Key.Key_Escape)  # takes back what was typed
    assert window.isVisible()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isVisible()
    assert closed == [1]


def test_a_guarded_window_stays_and_says_so(gate: FakeGate) -> None:
    application()
    closed: list[int] = []
    window = KioskWindow("lobby", gate.shown, closed=lambda: closed.append(1), is_guarded=True)
    window.resize(800, 600)
    window.show()
    before = picture(window)
    QTest.keyClick(window, Qt.Key.Key_Escape)
    window.close()  # as Alt+F4 does
    assert window.isVisible()
    assert not closed
    assert (picture(window)[:50] != before[:50]).any()
    window.end()
    assert not window.isVisible()
    assert closed == [1]


def test_a_name_is_shown_only_where_it_is_wanted(gate: FakeGate) -> None:
    application()
    for wanted, said in ((False, "Welcome"), (True, "Welcome, Ana")):
        window = KioskWindow("lobby", gate.shown, greets_by_name=wanted)
        show(window, gate, GateView(GateState.WELCOME, "Welcome", subject="Ana"))
        assert window.accessibleName() == said
        window.end()


def test_only_news_are_drawn(window: KioskWindow, gate: FakeGate) -> None:
    drawn: list[int] = []
    window.update = lambda: drawn.append(1)  # type: ignore[method-assign]
    for _ in range(10):
        window.look()
    assert not drawn
    gate.say(GateView(GateState.CHECKING, "Checking …"))
    window.look()
    window.look()
    assert drawn == [1]

"""The window shows what the gate says, and a PIN only as dots; it decides nothing."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("PyQt6.QtWidgets", exc_type=ImportError)

from PyQt6.QtCore import QEvent, Qt
from PyQt6.QtGui import QImage, QKeyEvent

from facegate.domain.keypad import KeypadEntry
from facegate.engine.gate import GateView
from facegate.engine.states import GateState
from facegate.kiosk import run
from facegate.kiosk.tap import TappedCamera
from facegate.kiosk.window import BAND, COLORS, GRAY, KioskWindow


class FakeGate:
    """Says what it was told to."""

    def __init__(self) -> None:
        self.view = GateView(GateState.LOOKING, GateState.LOOKING.words)
        self.entries: list[KeypadEntry] = []

    def enter(self, entry: KeypadEntry) -> None:
        self.entries.append(entry)


@pytest.fixture
def gate() -> FakeGate:
    return FakeGate()


@pytest.fixture
def window(gate: FakeGate) -> Iterator[KioskWindow]:
    run.application()
    frame = np.zeros((120, 160, 3), np.uint8)
    frame[:, :80, 2] = 255  # red on the camera's left
    frame[:, 80:, 0] = 255  # blue on its right
    made = KioskWindow("lobby", gate, lambda: frame)
    made.resize(800, 600)
    made.show()
    yield made
    made.close()


def picture(window: KioskWindow) -> np.ndarray:
    """What is seen, (h, w, 3) RGB."""
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    assert bits is not None
    bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bytes(bits), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)


@pytest.mark.parametrize("state", list(GateState))
def test_every_state_has_its_band_and_its_words(
    window: KioskWindow, gate: FakeGate, state: GateState
) -> None:
    gate.view = GateView(state, state.words)
    window.look()
    seen = picture(window)
    band = seen[round(len(seen) * (1 - BAND)) + 12 :]
    color = COLORS.get(state, GRAY)
    wanted = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
    assert np.abs(band[2, 2].astype(int) - wanted).max() <= 2
    assert (band.min(axis=2) > 230).sum() > 100  # white letters


def test_the_picture_is_a_mirror_with_the_faces_in_it(window: KioskWindow, gate: FakeGate) -> None:
    seen = picture(window)
    middle = seen[200]
    assert middle[150, 2] > 200  # the camera's right, blue, is on the visitor's left
    assert middle[650, 0] > 200
    before = seen.copy()
    box = np.array([10, 20, 60, 90], np.float32)
    gate.view = GateView(GateState.CHECKING, "Checking …", (box,), 0.5)
    window.look()
    changed = np.argwhere((picture(window) != before).any(axis=2)[:470])
    assert changed[:, 1].min() > 400  # a face on the camera's left is on the right of a mirror


def test_a_pin_is_typed_on_the_screen_or_a_keyboard_and_never_shown(
    window: KioskWindow, gate: FakeGate
) -> None:
    assert not window.keypad.isVisible()
    gate.view = GateView(GateState.ENTER_PIN, "Please enter your PIN")
    window.look()
    assert window.keypad.isVisible()
    for key in "17*4829":
        window.keypad.press(key)
    for key in (Qt.Key.Key_1, Qt.Key.Key_5):
        text = str(key.value - Qt.Key.Key_0.value)
        none = Qt.KeyboardModifier.NoModifier
        window.keyPressEvent(QKeyEvent(QEvent.Type.KeyPress, key, none, text))
    assert "4" not in window.keypad._dots.text()
    assert len(window.keypad._dots.text()) == 9
    window.keypad.press("#")
    assert [(one.claimed, one.pin) for one in gate.entries] == [("17", "482915")]
    window.keypad.press("3")
    gate.view = GateView(GateState.TRY_AGAIN, "Please try again")
    window.look()
    assert not window.keypad.isVisible()
    gate.view = GateView(GateState.ENTER_PIN, "Please enter your PIN")
    window.look()
    assert not window.keypad._dots.text()  # nothing is left for the next visitor


def test_the_window_ends_with_the_work_and_the_work_with_the_window(gate: FakeGate) -> None:
    def window(closed: object) -> KioskWindow:
        return KioskWindow("lobby", gate, lambda: None, closed)  # type: ignore[arg-type]

    run.run_window(window, lambda _stop: None, full_screen=False)
    waited = threading.Event()

    def works(stop: threading.Event) -> None:
        assert stop.wait(10)
        waited.set()

    run.run_window(window, works, full_screen=False, seconds=0.2)
    assert waited.is_set()

    def fails(_stop: threading.Event) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run.run_window(window, fails, full_screen=True)


def test_paths_of_another_qt_are_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM_PLUGIN_PATH", "/x/cv2/qt/plugins")
    monkeypatch.setenv("QT_QPA_FONTDIR", "/own/fonts")
    run.application()
    assert "QT_QPA_PLATFORM_PLUGIN_PATH" not in os.environ
    assert os.environ["QT_QPA_FONTDIR"] == "/own/fonts"


def test_a_tapped_camera_gives_every_frame_to_the_gate() -> None:
    from types import SimpleNamespace

    frame = SimpleNamespace(bgr=np.zeros((2, 2, 3), np.uint8))
    frames = [frame, None]
    told: list[str] = []
    camera = SimpleNamespace(
        address="usb:1", dropped=3, start=lambda: told.append("start"),
        next_frame=lambda _s: frames.pop(0), status=lambda: "live",
        close=lambda: told.append("close"),
    )  # fmt: skip
    tapped = TappedCamera(camera, is_live=True)
    tapped.start()
    assert tapped.newest is None
    assert tapped.next_frame(0.1) is frame
    assert tapped.next_frame(0.1) is None
    assert tapped.newest is frame.bgr
    assert (tapped.address, tapped.dropped, tapped.status()) == ("usb:1", 3, "live")
    tapped.close()
    assert tapped.newest is None
    assert told == ["start", "close"]

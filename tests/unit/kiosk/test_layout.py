from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip(
    "PyQt6.QtWidgets", exc_type=ImportError, reason="the window needs PyQt6 (extra kiosk)"
)

from PyQt6.QtCore import QRectF

from facegate.kiosk.layout import arrange, fitted, mirrored

SIDES = st.integers(360, 3840)
ASPECTS = st.none() | st.floats(0.4, 2.5)


@given(SIDES, SIDES, ASPECTS, st.booleans())
def test_the_parts_lie_in_the_window_and_beside_each_other(
    width: int, height: int, aspect: float | None, has_keypad: bool
) -> None:
    places = arrange(width, height, aspect, has_keypad=has_keypad)
    window = QRectF(-0.01, -0.01, width + 0.02, height + 0.02)
    parts = [one for one in (places.mirror, places.words, places.keypad) if not one.isEmpty()]
    assert places.words in parts
    assert (places.keypad in parts) is has_keypad
    if aspect is not None:
        assert places.mirror.height() >= min(0.3 * height, width / aspect) - 0.01
    assert places.words.height() >= 0.19 * height
    for one in parts:
        assert window.contains(one)
        for other in parts:
            both = one.intersected(other)
            assert one is other or both.width() < 0.01 or both.height() < 0.01


def test_keys_are_large_enough_for_fingers() -> None:
    """20 mm of a 10-inch screen of 1280 by 800 are 117 pixels; 9 mm are the least (WCAG 2.5.5)."""
    for size in ((1280, 800), (1024, 600), (800, 1280)):
        keypad = arrange(*size, 16 / 9, has_keypad=True).keypad
        assert keypad.width() / 3 > 100
        assert keypad.height() * 2 / 10 > 60


@given(SIDES, SIDES, st.integers(160, 1920), st.integers(120, 1080))
def test_a_picture_keeps_its_aspect(width: int, height: int, columns: int, rows: int) -> None:
    area = QRectF(3, 5, width, height)
    place = fitted(columns, rows, area)
    assert place.width() / place.height() == pytest.approx(columns / rows)
    assert area.adjusted(-0.01, -0.01, 0.01, 0.01).contains(place)
    filled = place.width() / area.width(), place.height() / area.height()
    assert max(filled) == pytest.approx(1)


def test_a_box_is_mirrored_within_its_picture() -> None:
    place = QRectF(100, 50, 400, 300)  # a picture of 200 by 150
    assert mirrored((0, 0, 20, 30), 200, place) == QRectF(460, 50, 40, 60)
    assert mirrored((190, 100, 260, 200), 200, place) == QRectF(100, 250, 20, 100)

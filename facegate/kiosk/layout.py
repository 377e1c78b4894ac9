"""Where things are in a window of any size: the mirror, the words, the keypad."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QRectF

BAND = 0.3
"""Share of a wide window's height that the words take: two lines of letters that can be read from
1.5 m away on a 7-inch screen (capitals of 7 mm, 16 minutes of arc, ISO 9241-303's least)."""

UPRIGHT_MIRROR, UPRIGHT_KEYED_MIRROR = 0.5, 0.32
"""Of an upright window at most this share of the height is the mirror's; with a keypad, less."""

UPRIGHT_WORDS = 0.2
"""The words' share of an upright window with a keypad under them."""

KEYPAD_WIDTH = 0.42
"""The keypad's share of a wide window's width, at most; keys need no more than this of height."""

WIDEST_KEYS = 0.95


@dataclass(frozen=True, slots=True)
class Places:
    """Parts of the window, in its pixels; empty where there is nothing to show.

    Attributes:
        mirror, words, keypad: the parts.
        sign_on_top: the sign goes above the words, not beside them.
    """

    mirror: QRectF
    words: QRectF
    keypad: QRectF
    sign_on_top: bool


def arrange(width: float, height: float, aspect: float | None, *, has_keypad: bool) -> Places:
    """Share out a window; wide ones have the keypad beside the mirror, upright ones below it.

    Args:
        width, height: of the window, pixels.
        aspect: width by height of the picture; None: there is none, and words may take its place.
        has_keypad: something is to be typed.
    """
    if aspect is None and not has_keypad:
        whole = QRectF(0, 0, width, height)
        return Places(QRectF(), whole, QRectF(), sign_on_top=True)
    if width >= height:
        top = height * (1 - BAND)
        keys = min(width * KEYPAD_WIDTH, top * WIDEST_KEYS) if has_keypad else 0.0
        return Places(
            QRectF(0, 0, width - keys, top),
            QRectF(0, top, width, height - top),
            QRectF(width - keys, 0, keys, top) if has_keypad else QRectF(),
            sign_on_top=False,
        )
    most = height * (UPRIGHT_KEYED_MIRROR if has_keypad else UPRIGHT_MIRROR)
    mirror = min(most, width / aspect) if aspect else 0.0
    end = mirror + height * UPRIGHT_WORDS if has_keypad else height
    return Places(
        QRectF(0, 0, width, mirror),
        QRectF(0, mirror, width, end - mirror),
        QRectF(0, end, width, height - end) if has_keypad else QRectF(),
        sign_on_top=not has_keypad,
    )


def fitted(width: int, height: int, area: QRectF) -> QRectF:
    """The largest place in an area for a picture that keeps its aspect."""
    scale = min(area.width() / width, area.height() / height)
    place = QRectF(0, 0, width * scale, height * scale)
    place.moveCenter(area.center())
    return place


def mirrored(box: tuple[float, float, float, float], width: int, place: QRectF) -> QRectF:
    """Where a box of the picture lies in its mirror.

    Args:
        box: x1, y1, x2, y2 in pixels of the picture.
        width: of the picture, pixels.
        place: of the mirror in the window.
    """
    x1, y1, x2, y2 = box
    scale = place.width() / width
    left = place.left() + (width - x2) * scale
    drawn = QRectF(left, place.top() + y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale)
    return drawn.intersected(place)

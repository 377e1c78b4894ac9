"""Draws the parts of the window: the mirror with the faces in it, and the band with the words."""

from __future__ import annotations

from functools import lru_cache

from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from facegate.domain.arrays import ImageArray
from facegate.engine.states import GateView
from facegate.kiosk.layout import fitted, mirrored
from facegate.kiosk.signs import draw_sign
from facegate.kiosk.style import (
    FRAME,
    INK,
    OTHER_FRAME,
    OUTLINE,
    color_of,
    sign_of,
)

LEAST_PX, MOST = 16, 0.36
"""Height of the letters: never below so many pixels, at most this share of the band."""

WRAPPED = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)


def draw_mirror(painter: QPainter, view: GateView, bgr: ImageArray, area: QRectF) -> None:
    """Draw the picture as a mirror shows it, and a frame around each face.

    Args:
        painter: of the window.
        view: has the faces, nearest first.
        bgr: (h, w, 3) uint8.
        area: as much of it is used as the picture's aspect allows.
    """
    height, width = bgr.shape[:2]
    pixels = bgr.tobytes()  # must outlive the image, which only refers to them
    image = QImage(pixels, width, height, 3 * width, QImage.Format.Format_BGR888)
    place = fitted(width, height, area)
    painter.save()
    painter.translate(place.left() + place.width(), place.top())
    painter.scale(-1, 1)
    painter.drawImage(QRectF(0, 0, place.width(), place.height()), image)
    painter.restore()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    line = max(3.0, place.height() / 120)
    for number, box in reversed(list(enumerate(view.faces))):
        x1, y1, x2, y2 = (float(value) for value in box)
        drawn = mirrored((x1, y1, x2, y2), width, place)
        for color, wide in ((OUTLINE, 2 * line), (OTHER_FRAME if number else FRAME, line)):
            painter.setPen(QPen(QColor(color), wide))
            painter.drawRoundedRect(drawn, 4 * line, 4 * line)


def draw_words(
    painter: QPainter, view: GateView, words: str, band: QRectF, *, sign_on_top: bool
) -> None:
    """Draw the band: its color, how far the check is, a sign, and the words as large as they fit.

    Args:
        painter: of the window.
        view: state and progress.
        words: to be read.
        band: place.
        sign_on_top: the sign goes above the words, not beside them.
    """
    painter.fillRect(band, QColor(color_of(view)))
    edge = min(band.width(), band.height()) * 0.08
    inner = band.adjusted(edge, edge, -edge, -edge)
    if sign_on_top:
        side = min(inner.height() * 0.32, inner.width() * 0.5)
        sign = QRectF(inner.center().x() - side / 2, inner.top() + edge, side, side)
        inner.setTop(sign.bottom() + edge)
    else:
        side = inner.height() * 0.6
        sign = QRectF(inner.left() + edge, inner.center().y() - side / 2, side, side)
        inner.setLeft(sign.right() + edge)
    draw_sign(painter, sign_of(view), sign)
    share = min(1.0, max(0.0, view.progress))
    if 0 < share < 1:
        line = max(6.0, min(band.height() * 0.05, 16.0))
        painter.fillRect(QRectF(band.left(), band.top(), band.width() * share, line), QColor(FRAME))
    most = min(round(band.height() * MOST), round(band.width() * 0.12))
    draw_text(painter, words, inner, most)


def draw_text(painter: QPainter, words: str, area: QRectF, most_px: int) -> None:
    """Write words into the middle of a place, as large as they fit, in lines of like length."""
    words = words.replace(" …", "\u00a0…")
    font = QFont(painter.font())
    font.setBold(True)
    px, width = fit_text(font.family(), words, area.width(), area.height(), most_px)
    font.setPixelSize(px)
    painter.setFont(font)
    painter.setPen(QColor(INK))
    lines = QRectF(0, 0, width, area.height())
    lines.moveCenter(area.center())
    painter.drawText(lines, WRAPPED, words)


@lru_cache(maxsize=64)
def fit_text(
    family: str, words: str, width: float, height: float, most_px: int
) -> tuple[int, float]:
    """Choose letters and lines for words in a place; whole words only.

    Returns:
        Height of the letters, pixels, and the least width that takes no more lines: without it a
        single word would be left for the last one.
    """
    font = QFont(family)
    font.setBold(True)

    def needed(px: int, within: float) -> QRectF:
        font.setPixelSize(px)
        return QFontMetricsF(font).boundingRect(QRectF(0, 0, within, 1e6), WRAPPED, words)

    px, too_large = LEAST_PX, max(LEAST_PX, most_px) + 1
    while too_large - px > 1:
        middle_px = (px + too_large) // 2
        place = needed(middle_px, width)
        if place.width() <= width and place.height() <= height:
            px = middle_px
        else:
            too_large = middle_px
    tall = needed(px, width).height()
    low, high = 0.0, width
    while high - low > 2:
        middle = (low + high) / 2
        place = needed(px, middle)
        fits = place.width() <= middle and place.height() <= tall
        low, high = (low, middle) if fits else (middle, high)
    return px, min(width, high + 2)

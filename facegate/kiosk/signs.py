"""Draws the signs, from lines: no font has all of them, and no file is needed."""

from __future__ import annotations

import math
from collections.abc import Callable

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPainterPath, QPen

from facegate.kiosk.style import INK, Sign

STROKE = 0.09
"""Width of the lines, in sides of the sign."""


def draw_sign(painter: QPainter, sign: Sign, area: QRectF) -> None:
    """Draw a sign into a square."""
    draw = _DRAWN.get(sign)
    if draw is None:
        return
    painter.save()
    painter.translate(area.topLeft())
    painter.scale(area.width(), area.height())
    pen = QPen(QColor(INK), STROKE)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    draw(painter)
    painter.restore()


def _lines(painter: QPainter, *points: tuple[float, float]) -> None:
    path = QPainterPath(QPointF(*points[0]))
    for point in points[1:]:
        path.lineTo(QPointF(*point))
    painter.drawPath(path)


def _dot(painter: QPainter, x: float, y: float, radius: float = 0.055) -> None:
    painter.setBrush(QColor(INK))
    painter.save()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawEllipse(QPointF(x, y), radius, radius)
    painter.restore()
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _circle(painter: QPainter) -> None:
    painter.drawEllipse(QPointF(0.5, 0.5), 0.44, 0.44)


def _yes(painter: QPainter) -> None:
    _circle(painter)
    _lines(painter, (0.3, 0.52), (0.45, 0.67), (0.71, 0.36))


def _no(painter: QPainter) -> None:
    _circle(painter)
    _lines(painter, (0.34, 0.34), (0.66, 0.66))
    _lines(painter, (0.66, 0.34), (0.34, 0.66))


def _warning(painter: QPainter) -> None:
    _lines(painter, (0.5, 0.08), (0.95, 0.9), (0.05, 0.9), (0.5, 0.08))
    _lines(painter, (0.5, 0.38), (0.5, 0.6))
    _dot(painter, 0.5, 0.76)


def _door(painter: QPainter) -> None:
    _lines(painter, (0.05, 0.92), (0.2, 0.92), (0.2, 0.08), (0.8, 0.08), (0.8, 0.92), (0.95, 0.92))
    _lines(painter, (0.2, 0.08), (0.55, 0.2), (0.55, 0.98), (0.2, 0.92))
    _dot(painter, 0.44, 0.58, 0.045)


def _again(painter: QPainter) -> None:
    painter.drawArc(QRectF(0.12, 0.12, 0.76, 0.76), 60 * 16, 300 * 16)
    end = 0.5 + 0.38 * math.cos(math.radians(60)), 0.5 - 0.38 * math.sin(math.radians(60))
    _lines(painter, (end[0] - 0.02, end[1] - 0.15), end, (end[0] - 0.16, end[1] + 0.06))


def _lock(painter: QPainter) -> None:
    painter.drawRoundedRect(QRectF(0.18, 0.45, 0.64, 0.47), 0.06, 0.06)
    painter.drawArc(QRectF(0.3, 0.08, 0.4, 0.5), 0, 180 * 16)
    _lines(painter, (0.3, 0.33), (0.3, 0.45))
    _lines(painter, (0.7, 0.33), (0.7, 0.45))
    _dot(painter, 0.5, 0.68, 0.07)


def _wait(painter: QPainter) -> None:
    for x in (0.18, 0.5, 0.82):
        _dot(painter, x, 0.5, 0.1)


def _face(painter: QPainter) -> None:
    for x, y in ((0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94)):
        inward = (0.2 if x < 0.5 else -0.2, 0.2 if y < 0.5 else -0.2)
        _lines(painter, (x + inward[0], y), (x, y), (x, y + inward[1]))
    painter.drawEllipse(QPointF(0.5, 0.5), 0.24, 0.3)
    _dot(painter, 0.41, 0.45, 0.035)
    _dot(painter, 0.59, 0.45, 0.035)
    _lines(painter, (0.43, 0.63), (0.57, 0.63))


def _keys(painter: QPainter) -> None:
    for y in (0.14, 0.38, 0.62):
        for x in (0.22, 0.5, 0.78):
            _dot(painter, x, y, 0.085)
    _dot(painter, 0.5, 0.86, 0.085)


def _person(painter: QPainter, x: float) -> None:
    painter.drawEllipse(QPointF(x, 0.3), 0.13, 0.15)
    painter.drawArc(QRectF(x - 0.22, 0.55, 0.44, 0.7), 0, 180 * 16)


def _people(painter: QPainter) -> None:
    _person(painter, 0.27)
    _person(painter, 0.73)


def _closer(painter: QPainter) -> None:
    painter.drawEllipse(QPointF(0.5, 0.5), 0.14, 0.18)
    for x, y in ((0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95)):
        right, down = (1 if x < 0.5 else -1), (1 if y < 0.5 else -1)
        inner = (x + 0.24 * right, y + 0.24 * down)
        _lines(painter, inner, (x, y))
        _lines(painter, (x + 0.17 * right, y), (x, y), (x, y + 0.17 * down))


def _left(painter: QPainter) -> None:
    _lines(painter, (0.93, 0.5), (0.08, 0.5))
    _lines(painter, (0.38, 0.2), (0.08, 0.5), (0.38, 0.8))


def _right(painter: QPainter) -> None:
    _lines(painter, (0.07, 0.5), (0.92, 0.5))
    _lines(painter, (0.62, 0.2), (0.92, 0.5), (0.62, 0.8))


def _nod(painter: QPainter) -> None:
    _lines(painter, (0.3, 0.1), (0.3, 0.9))
    _lines(painter, (0.12, 0.7), (0.3, 0.9), (0.48, 0.7))
    _lines(painter, (0.72, 0.9), (0.72, 0.1))
    _lines(painter, (0.54, 0.3), (0.72, 0.1), (0.9, 0.3))


_DRAWN: dict[Sign, Callable[[QPainter], None]] = {
    Sign.YES: _yes,
    Sign.NO: _no,
    Sign.WARNING: _warning,
    Sign.DOOR: _door,
    Sign.AGAIN: _again,
    Sign.LOCK: _lock,
    Sign.WAIT: _wait,
    Sign.FACE: _face,
    Sign.KEYS: _keys,
    Sign.PEOPLE: _people,
    Sign.CLOSER: _closer,
    Sign.LEFT: _left,
    Sign.RIGHT: _right,
    Sign.NOD: _nod,
}

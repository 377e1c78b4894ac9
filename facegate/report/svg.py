"""Draws curves as SVG that follows the page's colors, light or dark.

Colors are classes of the page's style sheet, text is text, and nothing is loaded from anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from facegate.report.content import Drawing

WIDTH, HEIGHT = 480, 340
"""Of the drawing's own space; it scales with the page. Small: text stays large on a phone."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 24, 14, 50


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a chart.

    Attributes:
        low, high: ends; low < high, and both above 0 when logarithmic.
        label: what it shows, with its unit.
        ticks: (place, text).
        logarithmic: whether equal steps are equal factors.
    """

    low: float
    high: float
    label: str
    ticks: tuple[tuple[float, str], ...]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where a value stands between the ends, 0 to 1; values beyond an end stand on it."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def linear_axis(
    low: float, high: float, label: str, *, percent: bool = False, steps: int = 8
) -> Axis:
    """An even axis with round ticks."""
    if not high > low:
        low, high = low - 0.5, high + 0.5
    step = _round_step((high - low) / steps)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    decimals = max(0, -math.floor(math.log10(step * (100 if percent else 1)) + 1e-9))
    ticks = []
    for number in range(first, last + 1):
        value = number * step
        shown = f"{value * 100:.{decimals}f} %" if percent else f"{value:.{decimals}f}"
        ticks.append((value, shown))
    return Axis(low, high, label, tuple(ticks))


def log_axis(low: float, high: float, label: str) -> Axis:
    """A logarithmic axis of fractions, with ticks in percent at powers of ten."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    every = 1 if last - first <= 5 else 2
    ticks = tuple((10.0**n, f"{10.0**n * 100:.10g} %") for n in range(last, first - 1, -every))
    return Axis(low, high, label, ticks, logarithmic=True)


def _round_step(wanted: float) -> float:
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= wanted * 0.999)


@dataclass(slots=True)
class Chart:
    """Collects marks and gives the drawing.

    Classes are those of `facegate.report.style`: `mated`, `non-mated`, `tau`, `soft`.
    """

    x: Axis
    y: Axis
    summary: str
    _parts: list[str] = field(default_factory=list)

    def line(self, xs: Sequence[float], ys: Sequence[float], kind: str, *, steps: str = "") -> None:
        """Draw a curve.

        Args:
            xs, ys: its points in data units.
            kind: class.
            steps: `h` goes across first and then up or down, `v` the other way; else straight.
        """
        points = [(self._px(x), self._py(y)) for x, y in zip(xs, ys, strict=True)]
        if not points:
            return
        words = [f"M{points[0][0]} {points[0][1]}"]
        for x, y in points[1:]:
            if steps == "h":
                words.append(f"H{x}V{y}")
            elif steps == "v":
                words.append(f"V{y}H{x}")
            else:
                words.append(f"L{x} {y}")
        self._parts.append(f'<path class="line {escape(kind)}" d="{"".join(words)}"/>')

    def bars(self, edges: Sequence[float], heights: Sequence[float], kind: str) -> None:
        """Draw a filled histogram: n + 1 edges and n heights."""
        floor = self._py(self.y.low)
        words = [f"M{self._px(edges[0])} {floor}"]
        for right, height in zip(edges[1:], heights, strict=True):
            words.append(f"V{self._py(height)}H{self._px(right)}")
        outline = "".join(words) + f"V{floor}Z"
        self._parts.append(f'<path class="area {escape(kind)}" d="{outline}"/>')

    def rug(self, values: Sequence[float], kind: str, row: int) -> None:
        """Draw a short stroke for every value, in one of the rows just above the lower axis."""
        top = HEIGHT - _BOTTOM - 8 * (row + 1)
        places = sorted({self._px(value) for value in values}, key=float)
        strokes = "".join(f"M{place} {top}v6" for place in places)
        if strokes:
            self._parts.append(f'<path class="rug {escape(kind)}" d="{strokes}"/>')

    def upright(self, value: float, kind: str, label: str) -> None:
        """Draw a line from bottom to top at a value of the lower axis, with a label at its top."""
        x = self._px(value)
        self._parts.append(
            f'<path class="line {escape(kind)}" d="M{x} {_TOP}V{HEIGHT - _BOTTOM}"/>'
        )
        side, shift = ("end", -6.0) if self.x.share(value) > 0.6 else ("start", 6.0)
        self._text(float(x) + shift, _TOP + 13, label, kind, side)

    def zone(self, low: float, high: float, kind: str, label: str) -> None:
        """Shade a part of the lower axis, with a label running up it."""
        left, right = float(self._px(low)), float(self._px(high))
        if right - left < 1:
            return
        self._parts.append(
            f'<rect class="{escape(kind)}" x="{left:.1f}" y="{_TOP}" '
            f'width="{right - left:.1f}" height="{HEIGHT - _TOP - _BOTTOM}"/>'
        )
        if label and right - left > 18:
            x, y = (left + right) / 2 + 4, HEIGHT - _BOTTOM - 8
            self._parts.append(
                f'<text class="soft" transform="translate({x:.1f} {y}) rotate(-90)">'
                f"{escape(label)}</text>"
            )

    def cross(
        self,
        x: float,
        y: float,
        x_range: tuple[float, float],
        y_range: tuple[float, float],
        label: str,
        kind: str,
    ) -> None:
        """Mark a measured point, with its intervals as strokes."""
        cx, cy = self._px(x), self._py(y)
        left, right = (self._px(value) for value in x_range)
        bottom, top = (self._py(value) for value in y_range)
        self._parts.append(
            f'<path class="line bar {kind}" d="M{left} {cy}H{right}M{cx} {bottom}V{top}"/>'
        )
        self._parts.append(f'<circle class="dot {kind}" cx="{cx}" cy="{cy}" r="4.5"/>')
        if not label:
            return
        far = self.x.share(x) > 0.55
        below = float(cy) + 20 if float(cy) < HEIGHT - _BOTTOM - 30 else float(cy) - 12
        self._text(float(cx) + (-9 if far else 9), below, label, "tau", "end" if far else "start")

    def legend(self, entries: Sequence[tuple[str, str]], corner: str) -> None:
        """Name curves in a corner that they leave empty.

        Args:
            entries: (class, words).
            corner: `bottom left`, `bottom right` or `top right`.
        """
        widest = max(len(words) for _, words in entries) * 7.6 + 34
        x = _LEFT + 10.0 if corner.endswith("left") else WIDTH - _RIGHT - widest
        y = _TOP + 16 if corner.startswith("top") else HEIGHT - _BOTTOM - 17 * len(entries) + 4
        for number, (kind, words) in enumerate(entries):
            line_y = y + 17 * number
            self._parts.append(f'<path class="line {escape(kind)}" d="M{x:.1f} {line_y - 4}h26"/>')
            self._text(x + 32, line_y, words, kind, "start")

    def label(self, x: float, y: float, text: str, kind: str, anchor: str = "start") -> None:
        """Write words at a place given in data units."""
        self._text(float(self._px(x)), float(self._py(y)), text, kind, anchor)

    def drawing(self) -> Drawing:
        """The finished chart."""
        head = (
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(self.summary)}">'
        )
        return Drawing(head + self._frame() + "".join(self._parts) + "</svg>")

    def _frame(self) -> str:
        bottom, right = HEIGHT - _BOTTOM, WIDTH - _RIGHT
        parts = []
        for value, text in self.x.ticks:
            x = self._px(value)
            parts.append(f'<path class="grid" d="M{x} {_TOP}V{bottom}"/>')
            parts.append(
                f'<text class="tick middle" x="{x}" y="{bottom + 17}">{escape(text)}</text>'
            )
        for value, text in self.y.ticks:
            y = self._py(value)
            parts.append(f'<path class="grid" d="M{_LEFT} {y}H{right}"/>')
            parts.append(
                f'<text class="tick end" x="{_LEFT - 7}" y="{float(y) + 4:.1f}">'
                f"{escape(text)}</text>"
            )
        parts.append(f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>')
        middle_x, middle_y = (_LEFT + right) / 2, (_TOP + bottom) / 2
        parts.append(
            f'<text class="middle" x="{middle_x}" y="{HEIGHT - 10}">{escape(self.x.label)}</text>'
        )
        parts.append(
            f'<text class="middle" transform="translate(13 {middle_y}) rotate(-90)">'
            f"{escape(self.y.label)}</text>"
        )
        return "".join(parts)

    def _text(self, x: float, y: float, text: str, kind: str, anchor: str) -> None:
        self._parts.append(
            f'<text class="mark {escape(kind)} {anchor}" x="{x:.1f}" y="{y:.1f}">'
            f"{escape(text)}</text>"
        )

    def _px(self, value: float) -> str:
        return f"{_LEFT + self.x.share(value) * (WIDTH - _LEFT - _RIGHT):.1f}"

    def _py(self, value: float) -> str:
        bottom = HEIGHT - _BOTTOM
        return f"{bottom - self.y.share(value) * (bottom - _TOP):.1f}"

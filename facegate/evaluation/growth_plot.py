"""FNIR and FPIR against the number of people enrolled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from facegate.evaluation.growth import GrowthReport, SpreadRate
from facegate.evaluation.plots import (
    BLUE,
    MATED,
    NON_MATED,
    ORANGE,
    PURPLE,
    new_figure,
    png_bytes,
    without_frame,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_AT_FPIR = (BLUE, PURPLE, ORANGE)

CLOSE = 1.8
"""Sizes within this factor have no room for two numbers below the axis."""


def growth_png(report: GrowthReport, title: str, *, width_px: int = 1300) -> bytes:
    """Draw FNIR at wanted FPIRs and at τ, and FPIR at τ, with 95 % intervals.

    Args:
        report: of at least one gallery.
        title: what was measured.
        width_px: of the picture; it is less than half as high.

    Returns:
        The bytes of a PNG.
    """
    figure = new_figure(11, 5.0, title, width_px)
    panels = figure.subplots(1, 2 if report.stranger_searches else 1, squeeze=False)[0]
    misses = panels[0]
    sizes = [float(row.size) for row in report.rows]
    for place, point in enumerate(report.rows[0].at_fpir):
        told = [row.at_fpir[place].fnir for row in report.rows]
        kept = [(size, one) for size, one in zip(sizes, told, strict=True) if one is not None]
        label = f"FNIR at FPIR {point.target:.1%}"
        color = _AT_FPIR[place % len(_AT_FPIR)]
        if kept:
            _curve(misses, [s for s, _ in kept], [one for _, one in kept], color, label, place)
        else:
            misses.plot([], [], color=color, linestyle=":", label=f"{label}: cannot be told")
    fnir = [row.fnir for row in report.rows]
    _curve(misses, sizes, fnir, MATED, f"FNIR at {_tau(report)}", -1)
    titles = [(report.mated_searches, "missed (FNIR)")]
    if report.stranger_searches:
        fpir = [row.fpir for row in report.rows]
        _curve(panels[1], sizes, fpir, NON_MATED, f"FPIR at {_tau(report)}", 0)
        titles.append((report.stranger_searches, "strangers let in (FPIR)"))
    for axes, (searches, name) in zip(panels, titles, strict=True):
        axes.set(xscale="log", xlabel="people enrolled", ylabel=name)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.set_xticks(sizes, _labels(sizes))
        axes.minorticks_off()
        axes.set_title(f"{searches:,} searches, 95 % intervals", fontsize=10)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    without_frame(*panels)
    return png_bytes(figure)


def _curve(
    axes: Axes, sizes: list[float], rates: list[SpreadRate], color: str, label: str, place: int
) -> None:
    values = [one.value for one in rates]
    lows = [max(0.0, value - one.low) for value, one in zip(values, rates, strict=True)]
    highs = [max(0.0, one.high - value) for value, one in zip(values, rates, strict=True)]
    shifted = [size * 1.06**place for size in sizes]  # so that intervals do not cover each other
    axes.errorbar(
        shifted,
        values,
        yerr=[lows, highs],
        color=color,
        marker="o",
        markersize=5,
        linewidth=1.8,
        elinewidth=1.1,
        capsize=3,
        label=label,
    )


def _labels(sizes: list[float]) -> list[str]:
    """Sizes as text; where two are close together only the larger is written."""
    following = [*sizes[1:], math.inf]
    return [
        f"{size:,.0f}" if larger > CLOSE * size else ""
        for size, larger in zip(sizes, following, strict=True)
    ]


def _tau(report: GrowthReport) -> str:
    low, high = report.rows[0].tau, report.rows[-1].tau
    return f"τ = {low:.3f}" if low == high else f"τ = {low:.3f} to {high:.3f}"

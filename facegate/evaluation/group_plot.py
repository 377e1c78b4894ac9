"""Error rates of groups as bars with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from facegate.evaluation.fairness import GroupComparison
from facegate.evaluation.plots import BLUE, GRAY, ORANGE, TAU, new_figure, png_bytes, without_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOG_FROM = 30
"""Rates that differ by more than this factor are drawn on a logarithmic axis."""


def groups_png(
    comparisons: Sequence[GroupComparison], title: str, *, width_px: int = 1300
) -> bytes:
    """Draw one panel for each division and threshold, a bar for each group.

    The whiskers reach as far as the wider of the exact interval and the one over people. Groups too
    small to be compared are gray. The dashed line is the rate without regard to groups.

    Args:
        comparisons: at least one; those of one division side by side.
        title: what was measured.
        width_px: of the picture.

    Returns:
        The bytes of a PNG.
    """
    rows: dict[tuple[str, str], list[GroupComparison]] = {}
    for one in comparisons:
        rows.setdefault((one.measure, one.division), []).append(one)
    columns = max(len(row) for row in rows.values())
    heights = [0.9 + 0.34 * len(row[0].groups) for row in rows.values()]
    figure = new_figure(5.6 * columns + 1.4, sum(heights) + 0.6, title, width_px)
    grid = figure.subplots(len(rows), columns, squeeze=False, height_ratios=heights)
    for line, row in zip(grid, rows.values(), strict=True):
        for axes, one in zip(line, row, strict=False):
            _panel(axes, one)
        for axes in line[len(row) :]:
            axes.set_visible(False)
    figure.supxlabel(
        "Errors / comparisons on the right. Lines: 95 % intervals, the wider of exact and over "
        "people. Dashed: without regard to groups. Gray: too few to compare.",
        fontsize=8,
        color=TAU,
    )
    return png_bytes(figure)


def _panel(axes: Axes, one: GroupComparison) -> None:
    groups = one.groups[::-1]  # the first one on top
    values = [group.errors.value if group.errors.trials else 0.0 for group in groups]
    # Small groups may run out of the picture with their intervals, not with their rates.
    ends = [group.bounds[1] for group in groups if group.compared]
    most = max([*ends, *values, one.overall.value if one.overall.trials else 0.0]) or 1.0
    shown = [value for value in [*values, *ends] if value > 0]
    wide = bool(shown) and most > LOG_FROM * min(shown)
    least = 10 ** math.floor(math.log10(min(shown))) if wide else 0.0
    places = list(range(len(groups)))
    colors = [BLUE if group.compared else GRAY for group in groups]
    axes.barh(places, values, color=colors, alpha=0.85, height=0.62)
    for place, group in enumerate(groups):
        low, high = max(least, group.bounds[0]), min(group.bounds[1], 2 * most)
        clear = 1.0 if group.compared else 0.5
        axes.plot([low, high], [place, place], color=TAU, alpha=clear, linewidth=1.5)
        axes.annotate(
            f"{group.errors.errors:,} / {group.errors.trials:,}",
            (1.0, place),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=TAU,
        )
    if one.overall.errors:
        axes.axvline(one.overall.value, color=ORANGE, linestyle="--", linewidth=1.4)
    axes.set_xlabel(one.measure, fontsize=9)
    axes.set_yticks(places, [group.name for group in groups])
    axes.set_title(f"{one.division}: {one.measure} at τ = {one.tau:.3f} ({one.title})", fontsize=10)
    if wide:
        axes.set_xscale("log")
        axes.set_xlim(least, 1.5 * most)
    else:
        axes.set_xlim(0, 1.08 * most)
        axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    without_frame(axes)

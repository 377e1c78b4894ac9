"""Error rates of groups as bars with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from facegate.evaluation.fairness import GroupComparison, GroupRate
from facegate.evaluation.plots import BLUE, GRAY, ORANGE, TAU, new_figure, png_bytes, without_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    return png_bytes(figure)


def _panel(axes: Axes, one: GroupComparison) -> None:
    groups = sorted(one.groups, key=lambda group: group.name, reverse=True)
    values = [group.errors.value if group.errors.trials else 0.0 for group in groups]
    bounds = [_bounds(group) for group in groups]
    places = list(range(len(groups)))
    # Small groups may run out of the picture with their intervals, not with their rates.
    ends = [bounds[i][1] for i in places if groups[i].compared]
    most = max([*ends, *values, one.overall.value if one.overall.trials else 0.0]) or 1.0
    axes.barh(
        places,
        values,
        color=[BLUE if group.compared else GRAY for group in groups],
        alpha=0.85,
        height=0.62,
    )
    for place, (low, high) in enumerate(bounds):
        clear = 1.0 if groups[place].compared else 0.5
        axes.plot([low, min(high, 2 * most)], [place, place], color=TAU, alpha=clear, linewidth=1.5)
    if one.overall.errors:
        axes.axvline(one.overall.value, color=ORANGE, linestyle="--", linewidth=1.4)
    for place, group in enumerate(groups):
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
    axes.set_xlabel(one.measure, fontsize=9)
    axes.set_yticks(places, [group.name for group in groups])
    axes.set_xlim(0, 1.08 * most)
    axes.set_title(f"{one.division}: {one.measure} at τ = {one.tau:.3f} ({one.title})", fontsize=10)
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    without_frame(axes)


def _bounds(group: GroupRate) -> tuple[float, float]:
    low, high = group.errors.low, group.errors.high
    if group.people is not None:
        low, high = min(low, group.people[0]), max(high, group.people[1])
    return low, high

"""Error rates of groups as bars with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from facegate.evaluation.fairness import GroupComparison
from facegate.evaluation.plots import BLUE, GRAY, TAU, new_figure, png_bytes, without_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def groups_png(
    comparisons: Sequence[GroupComparison], title: str, *, width_px: int = 1300
) -> bytes:
    """Draw one panel for each division and threshold, a bar for each group.

    The whiskers are the intervals over people where there are any, else the exact ones. Groups too
    small to be compared are gray.

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
    bounds = [group.people or (group.errors.low, group.errors.high) for group in groups]
    places = list(range(len(groups)))
    shown = [place for place, group in enumerate(groups) if group.compared or group.errors.errors]
    most = max((max(bounds[i][1], values[i]) for i in places if groups[i].compared), default=0.0)
    most = most or max((values[i] for i in places), default=0.0) or 1.0
    axes.barh(
        places,
        values,
        color=[BLUE if group.compared else GRAY for group in groups],
        alpha=0.85,
        height=0.62,
    )
    for place in shown:
        low, high = bounds[place]
        axes.plot([low, min(high, 10 * most)], [place, place], color=TAU, linewidth=1.6)
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
    axes.set_yticks(places, [group.name for group in groups])
    axes.set_xlim(0, 1.08 * most)
    axes.set_title(f"{one.division}: {one.measure} at τ = {one.tau:.3f} ({one.title})", fontsize=10)
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    without_frame(axes)

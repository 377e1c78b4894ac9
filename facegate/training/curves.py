"""Pictures of how a training went."""

from __future__ import annotations

import io
from collections.abc import Sequence

_CHECKS = {
    "tmr_strangers": "true match rate, strangers' FMR",
    "tmr_same_source": "true match rate, own set's FMR",
}
_LAST_LAYER = "last_layer_step"
_RATES = ("strangers", "worst_group", "same_source", "missed")
_LEFT_OUT = {"seen", "images_per_s", "score", "mated", "non_mated"}
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito, 2008


def curves_png(log: Sequence[dict[str, float]], title: str) -> bytes:
    """Draw each loss over the images seen, and what validation found.

    Args:
        log: reports in order; each has `seen` and any numbers.
        title: what was trained.

    Returns:
        The bytes of a PNG.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    last = list({one[_LAST_LAYER]: one for one in log if _LAST_LAYER in one}.values())
    log = [report for report in log if _LAST_LAYER not in report]
    names = {name: None for report in log for name in report if name not in _LEFT_OUT}
    losses = [name for name in names if name not in _CHECKS]
    columns = 3
    used = len(losses) + (3 if last else 1)
    rows = -(-used // columns)
    figure = Figure(figsize=(12, 2.9 * rows), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name, color in zip(panels[1:], losses, _COLORS * rows, strict=False):
        points = [(report["seen"], report[name]) for report in log if name in report]
        axes.plot(*zip(*points, strict=True), color=color, linewidth=1.2)
        axes.set_title(name.replace("_", " "), fontsize=10, loc="left")
    for (name, label), color in zip(_CHECKS.items(), _COLORS, strict=False):
        points = [(report["seen"], report[name]) for report in log if name in report]
        if points:
            panels[0].plot(*zip(*points, strict=True), "o-", color=color, markersize=4, label=label)
    if last:
        steps = [report[_LAST_LAYER] for report in last]
        drawn = {_RATES: panels[used - 2], tuple(_CHECKS): panels[used - 1]}
        for series, axes in drawn.items():
            for name, color in zip(series, _COLORS, strict=False):
                label = _CHECKS.get(name, name.replace("_", " "))
                axes.plot(steps, [report[name] for report in last], color=color, label=label)
            axes.legend(
                frameon=False, fontsize=7, ncols=2, loc="lower center", bbox_to_anchor=(0.5, -0.45)
            )
        panels[used - 2].set_title("last layer, log of soft rates", fontsize=10, loc="left")
        panels[used - 1].set_title("last layer, held-out people", fontsize=10, loc="left")
    panels[0].set_title("validation, held-out people", fontsize=10, loc="left")
    if panels[0].lines:
        panels[0].legend(frameon=False, fontsize=8)
    for axes in panels[:used]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.set_xlabel("images seen", fontsize=8)
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.tick_params(labelsize=8)
    for axes in panels[len(losses) + 1 : used]:
        axes.set_xlabel("steps", fontsize=8)
    for axes in panels[used:]:
        axes.set_visible(False)
    buffer = io.BytesIO()
    canvas.print_png(buffer)
    return buffer.getvalue()

"""Pictures of error rates."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.evaluation.rates import roc_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MATED, NON_MATED, TAU = "#009e73", "#d55e00", "#444444"  # Okabe and Ito, 2008
BLUE, ORANGE, PURPLE, GRAY = "#0072b2", "#e69f00", "#cc79a7", "#999999"  # the same palette


def new_figure(width: float, height: float, title: str, width_px: int) -> Figure:
    """An empty picture, `width` by `height` inches, that many pixels wide."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=width_px / width, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    return figure


def without_frame(*several: Axes) -> None:
    """Leave the upper and right edge of the axes open."""
    for axes in several:
        axes.spines[["top", "right"]].set_visible(False)


def png_bytes(figure: Figure) -> bytes:
    """The finished picture as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def roc_png(
    mated: FloatArray, non_mated: FloatArray, tau: float, title: str, *, width_px: int = 1200
) -> bytes:
    """Draw the ROC (FMR on a logarithmic axis) beside the histograms of both kinds of scores.

    Args:
        mated, non_mated: similarities.
        tau: marked in both.
        title: what was measured.
        width_px: of the picture; it is half as high.

    Returns:
        The bytes of a PNG.
    """
    figure = new_figure(10, 4.6, title, width_px)
    roc, scores = figure.subplots(1, 2)
    fmr, tmr = roc_points(mated, non_mated)
    floor = 1 / max(10, len(non_mated))
    roc.plot(np.maximum(fmr, floor), tmr, color=MATED, linewidth=2)
    at_tau = max(floor, float(np.mean(non_mated >= tau))), float(np.mean(mated >= tau))
    roc.plot(*at_tau, "o", color=TAU, markersize=7, zorder=3)
    roc.annotate(f"τ = {tau:.3f}", at_tau, xytext=(10, -16), textcoords="offset points", color=TAU)
    roc.set(
        xscale="log",
        xlim=(floor, 1),
        ylim=(max(0.0, float(tmr[np.searchsorted(fmr, floor)]) - 0.02), 1.002),
        xlabel="false match rate (FMR)",
        ylabel="true match rate (1 − FNMR)",
    )
    roc.grid(alpha=0.3, which="both")
    bins = np.linspace(
        min(mated.min(), non_mated.min()), max(mated.max(), non_mated.max()), 70
    ).tolist()
    scores.hist(non_mated, bins, density=True, color=NON_MATED, alpha=0.6, label="non-mated")
    scores.hist(mated, bins, density=True, color=MATED, alpha=0.6, label="mated")
    scores.axvline(tau, color=TAU, linestyle="--", label=f"τ = {tau:.3f}")
    scores.set(xlabel="similarity (cosine)", ylabel="density")
    scores.legend(frameon=False)
    without_frame(roc, scores)
    return png_bytes(figure)

"""Pictures of error rates."""

from __future__ import annotations

import io

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.evaluation.rates import roc_points

_MATED, _NON_MATED, _TAU = "#009e73", "#d55e00", "#444444"  # Okabe and Ito, 2008


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
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6), dpi=width_px / 10, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12, fontweight="bold")
    roc, scores = figure.subplots(1, 2)
    fmr, tmr = roc_points(mated, non_mated)
    floor = 1 / max(10, len(non_mated))
    roc.plot(np.maximum(fmr, floor), tmr, color=_MATED, linewidth=2)
    at_tau = max(floor, float(np.mean(non_mated >= tau))), float(np.mean(mated >= tau))
    roc.plot(*at_tau, "o", color=_TAU, markersize=7, zorder=3)
    roc.annotate(f"τ = {tau:.3f}", at_tau, xytext=(10, -16), textcoords="offset points", color=_TAU)
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
    scores.hist(non_mated, bins, density=True, color=_NON_MATED, alpha=0.6, label="non-mated")
    scores.hist(mated, bins, density=True, color=_MATED, alpha=0.6, label="mated")
    scores.axvline(tau, color=_TAU, linestyle="--", label=f"τ = {tau:.3f}")
    scores.set(xlabel="similarity (cosine)", ylabel="density")
    scores.legend(frameon=False)
    for axes in (roc, scores):
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.BytesIO()
    canvas.print_png(buffer)
    return buffer.getvalue()

"""The DET curve, as far down as the data carries, beside both kinds of scores."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray
from facegate.evaluation.non_mated import BINS, PairScan, no_pairs
from facegate.evaluation.operating_points import MIN_ERRORS
from facegate.evaluation.plots import (
    BLUE,
    GRAY,
    MATED,
    NON_MATED,
    TAU,
    new_figure,
    png_bytes,
    without_frame,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DoubleArray = npt.NDArray[np.float64]

_TICKS = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99)
_EDGES = np.linspace(-1, 1, BINS + 1)


def whole_scan(non_mated: FloatArray) -> PairScan:
    """Similarities (m,) of any non-mated pairs in the form of a scan, without their faces."""
    bins = ((non_mated + np.float32(1)) * np.float32(BINS / 2)).astype(np.int32)
    return PairScan(
        faces=0,
        pairs=len(non_mated),
        top=np.sort(non_mated)[::-1],
        top_faces=np.zeros((0, 2), np.int64),
        histogram=np.bincount(np.clip(bins, 0, BINS - 1), minlength=BINS),
        counts={},
        left_out=no_pairs(),
    )


def det_points(
    scan: PairScan, mated: FloatArray, count: int = 400
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """The curve of false non-match over false match rate.

    Exact at the similarities that the scan keeps, which are the high ones; below them the
    thresholds are the edges of its histogram.

    Args:
        scan: non-mated pairs.
        mated: (n,) similarities.
        count: about so many points are left of the exact part.

    Returns:
        Thresholds (falling), FMR (rising) and FNMR (falling), each (k,).
    """
    places = np.unique(np.geomspace(1, len(scan.top), count).astype(int)) - 1
    cuts = scan.top[places].astype(np.float64)
    above = np.searchsorted(-scan.top, -scan.top[places], side="right").astype(np.float64)
    if not scan.complete:
        edges = _EDGES[:-1]
        counts = np.cumsum(scan.histogram[::-1])[::-1].astype(np.float64)
        below = edges < cuts[-1]
        cuts = np.append(cuts, edges[below][::-1])
        above = np.append(above, counts[below][::-1])
    fnmr = np.searchsorted(np.sort(mated), cuts.astype(np.float32), side="left") / len(mated)
    return cuts, above / scan.pairs, fnmr


def det_png(
    scan: PairScan, mated: FloatArray, tau: float, title: str, *, width_px: int = 1300
) -> bytes:
    """Draw the DET curve on normal-deviate axes, and the histograms of both kinds of scores.

    The part that rests on fewer than MIN_ERRORS non-mated pairs is dotted.

    Args:
        scan: non-mated pairs.
        mated: (n,) similarities.
        tau: marked in both.
        title: what was measured.
        width_px: of the picture; it is less than half as high.

    Returns:
        The bytes of a PNG.

    Source:
        Martin et al., The DET curve in assessment of detection task performance, Eurospeech 1997.
    """
    figure = new_figure(11, 4.8, title, width_px)
    det, scores = figure.subplots(1, 2)
    _draw_det(det, scan, mated, tau)
    _draw_scores(scores, scan, mated, tau)
    without_frame(det, scores)
    return png_bytes(figure)


def _draw_det(axes: Axes, scan: PairScan, mated: FloatArray, tau: float) -> None:
    from scipy.special import ndtr, ndtri

    cuts, fmr, fnmr = det_points(scan, mated)
    # A rate of 0 or 1 has no place on this axis; half an error stands for none.
    low_x, low_y = 0.5 / scan.pairs, 0.5 / len(mated)
    x, y = np.clip(fmr, low_x, 1 - low_x), np.clip(fnmr, low_y, 1 - low_y)
    thin = fmr * scan.pairs < MIN_ERRORS
    solid = ~thin
    solid[max(0, int(thin.sum()) - 1)] = True  # no gap between the parts
    axes.plot(x[solid], y[solid], color=BLUE, linewidth=2.2)
    axes.plot(
        x[thin], y[thin], ":", color=BLUE, linewidth=1.6, label=f"fewer than {MIN_ERRORS} pairs"
    )
    place = min(int(np.searchsorted(-cuts, -tau, side="right")), len(cuts)) - 1
    at_tau = (x[place] if place >= 0 else low_x, np.clip(np.mean(mated < tau), low_y, 1 - low_y))
    axes.plot(*at_tau, "o", color=TAU, markersize=8, zorder=4, label=f"τ = {tau:.3f}")
    for place_of_axis in ("x", "y"):
        getattr(axes, f"set_{place_of_axis}scale")("function", functions=(ndtri, ndtr))
    _ticks(axes, "x", min(0.01, _decade(1 / scan.pairs)), 0.6)
    _ticks(axes, "y", min(0.01, max(1e-4, _decade(low_y))), max(0.4, _upper(y)))
    axes.set(xlabel="false match rate (FMR)", ylabel="false non-match rate (FNMR)")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="upper right")


def _decade(value: float) -> float:
    """The power of ten at or below a value."""
    return float(10 ** math.floor(math.log10(value)))


def _upper(values: DoubleArray) -> float:
    return next((tick for tick in _TICKS if tick >= float(values.max())), 0.99)


def _ticks(axes: Axes, name: str, low: float, high: float) -> None:
    shown = [tick for tick in _TICKS if low * 0.99 <= tick <= high * 1.01]
    axis = getattr(axes, f"{name}axis")
    axis.set_ticks(shown, labels=[_label(tick) for tick in shown])
    axis.set_minor_locator(_no_ticks())
    getattr(axes, f"set_{name}lim")(low, high)


def _no_ticks() -> object:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _label(value: float) -> str:
    if value >= 0.01:
        return f"{value:.0%}"
    return f"$10^{{{round(math.log10(value))}}}$"


def _draw_scores(axes: Axes, scan: PairScan, mated: FloatArray, tau: float) -> None:
    """Shares of each kind on a logarithmic axis: the tails matter, not the hills."""
    width = 20  # histogram bins to a step of 0.02
    steps = _EDGES[::width]
    non_mated = scan.histogram.reshape(-1, width).sum(axis=1) / scan.pairs
    same = np.histogram(mated, steps)[0] / len(mated)
    for values, color, label in ((non_mated, NON_MATED, "non-mated"), (same, MATED, "mated")):
        axes.stairs(values, steps, fill=True, color=color, alpha=0.45, label=label)
        axes.stairs(values, steps, color=color, linewidth=1.4)
    seen = np.flatnonzero((non_mated > 0) | (same > 0))
    axes.axvline(tau, color=TAU, linestyle="--", label=f"τ = {tau:.3f}")
    axes.axhline(1 / scan.pairs, color=GRAY, linewidth=0.8)
    axes.annotate(
        "one non-mated pair",
        (steps[seen[0]], 1 / scan.pairs),
        xytext=(2, 3),
        textcoords="offset points",
        color=GRAY,
        fontsize=8,
    )
    axes.set(
        yscale="log",
        xlim=(steps[seen[0]] - 0.02, steps[seen[-1] + 1] + 0.02),
        ylim=(0.5 / max(scan.pairs, len(mated)), 3.0),
        xlabel="similarity (cosine)",
        ylabel="share of pairs, in steps of 0.02",
    )
    axes.legend(frameon=False, loc="upper right")

"""The curves of a verification: scores, errors against the threshold, DET and ROC."""

from __future__ import annotations

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.evaluation.rates import fmr_at, fnmr_at, roc_points
from facegate.report.content import Figure, Figures, Section
from facegate.report.svg import Chart, linear_axis, log_axis
from facegate.report.words import count, count_of, share

BINS = 48
CURVE_POINTS = 300
_FMR, _FNMR = "false match rate (FMR)", "false non-match rate (FNMR)"


def curves_section(mated: FloatArray, non_mated: FloatArray, tau: float) -> Section:
    """Draw all curves.

    Args:
        mated, non_mated: (n,) and (m,) similarities, at least one each.
        tau: the threshold in force, marked in all.
    """
    figures = (
        histogram(mated, non_mated, tau),
        errors_by_threshold(mated, non_mated, tau),
        det(mated, non_mated, tau),
        roc(mated, non_mated, tau),
    )
    lead = (
        "Blue is mated (one person), orange and dashed is non-mated (two people). Shaded parts are "
        "rates that this sample is too small to show."
    )
    return Section("Curves", lead, (Figures(figures),))


def histogram(mated: FloatArray, non_mated: FloatArray, tau: float) -> Figure:
    """How alike pairs of one person and of two people are."""
    low, high = _span(mated, non_mated, tau)
    edges = np.linspace(low, high, BINS + 1)
    parts = [np.histogram(one, edges)[0] / len(one) for one in (mated, non_mated)]
    top = float(max(part.max() for part in parts)) * 1.16
    x = linear_axis(low, high, "similarity (cosine)")
    chart = Chart(
        x,
        linear_axis(0, top, "share of pairs", percent=True),
        f"Histograms of the similarities of {count(len(mated))} mated and "
        f"{count(len(non_mated))} non-mated pairs; threshold {tau:.3f}.",
    )
    for part, kind in zip(parts, ("mated", "non-mated"), strict=True):
        chart.bars(edges.tolist(), part.tolist(), kind)
    chart.rug(mated.tolist(), "mated", 1)
    chart.rug(non_mated.tolist(), "non-mated", 0)
    chart.upright(tau, "tau", f"τ = {tau:.3f}")
    middles = (edges[:-1] + edges[1:]) / 2
    for part, kind in zip(parts, ("mated", "non-mated"), strict=True):
        peak = int(part.argmax())
        anchor = "start" if x.share(middles[peak]) < 0.5 else "end"
        place = x.low if anchor == "start" else x.high
        chart.label(
            place, min(float(part[peak]) + top * 0.02, top * 0.93), f" {kind} ", kind, anchor
        )
    apart = (
        "All pairs of one person are more alike than all of two."
        if (mated.min() > non_mated.max())
        else "Where the two overlap, no threshold is right for both."
    )
    caption = (
        f"Right of τ counts as one person. {apart} Every pair is also a stroke at the lower edge, "
        "so that single pairs far from the others are seen."
    )
    return Figure("Similarities", chart.drawing(), caption)


def errors_by_threshold(mated: FloatArray, non_mated: FloatArray, tau: float) -> Figure:
    """FMR and FNMR against the threshold."""
    low, high = _span(mated, non_mated, tau)
    floor = _floor(mated, non_mated)
    chart = Chart(
        linear_axis(low, high, "threshold (similarity)"),
        log_axis(floor, 1, "error rate"),
        f"FMR falls and FNMR rises with the threshold; at {tau:.3f}: FMR "
        f"{share(fmr_at(non_mated, tau).value)}, FNMR {share(fnmr_at(mated, tau).value)}.",
    )
    grid = np.unique(np.concatenate([np.linspace(low, high, CURVE_POINTS), [tau]]))
    different, same = np.sort(non_mated), np.sort(mated)
    fmr = 1 - np.searchsorted(different, grid, side="left") / len(different)
    fnmr = np.searchsorted(same, grid, side="left") / len(same)
    for rates, kind in ((fmr, "non-mated"), (fnmr, "mated")):
        shown = rates > 0
        chart.line(grid[shown].tolist(), rates[shown].tolist(), kind)
    chart.upright(tau, "tau", f"τ = {tau:.3f}")
    for rates, kind, name in ((fmr, "non-mated", "FMR"), (fnmr, "mated", "FNMR")):
        place = int(np.argmin(np.abs(rates - 0.2)))
        at_left = kind == "non-mated"
        chart.label(
            float(grid[place]) + (0.02 if at_left else -0.02) * (high - low),
            float(rates[place]),
            name,
            kind,
            "start" if at_left else "end",
        )
    caption = (
        "Moving τ to the right lets fewer strangers through and turns more of the right people "
        "away. A curve ends where no error is left in the sample, which is not a rate of zero."
    )
    return Figure("Errors against the threshold", chart.drawing(), caption)


def det(mated: FloatArray, non_mated: FloatArray, tau: float) -> Figure:
    """Detection error tradeoff: FNMR over FMR, both logarithmic.

    Source:
        ISO/IEC 19795-1; Martin et al., The DET Curve in Assessment of Detection Task Performance,
        1997 (there on normal deviate scales).
    """
    fmr, tmr = _curve(mated, non_mated)
    left, bottom = 0.3 / len(non_mated), 0.3 / len(mated)
    x = log_axis(min(left, 1e-2), 1, _FMR)
    y = log_axis(min(bottom, 1e-2), 1, _FNMR)
    chart = Chart(x, y, _summary("DET curve", mated, non_mated, tau))
    _too_few(chart, len(non_mated))
    fnmr = 1 - tmr.astype(np.float64)
    fnmr[fnmr < 1e-9] = 0
    chart.line(
        np.maximum(fmr, x.low).tolist(), np.maximum(fnmr, y.low).tolist(), "mated", steps="h"
    )
    at, not_at = fmr_at(non_mated, tau), fnmr_at(mated, tau)
    chart.cross(
        max(at.value, x.low), max(not_at.value, y.low),
        (max(at.low, x.low), at.high), (max(not_at.low, y.low), not_at.high),
        f"τ = {tau:.3f}",
    )  # fmt: skip
    caption = (
        "Each point is a threshold; nearer to the lower left is better. The ring is τ, its strokes "
        "are the 95 % intervals."
        + (" It stands at the left edge, for no false match was seen." if at.errors == 0 else "")
    )
    return Figure("DET: one error against the other", chart.drawing(), caption)


def roc(mated: FloatArray, non_mated: FloatArray, tau: float) -> Figure:
    """True match rate over FMR, the latter logarithmic."""
    fmr, tmr = _curve(mated, non_mated)
    x = log_axis(min(0.3 / len(non_mated), 1e-2), 1, _FMR)
    at, not_at = fmr_at(non_mated, tau), fnmr_at(mated, tau)
    lowest = min(float(tmr[0]), 1 - not_at.high)
    low = max(0.0, lowest - 0.08 * (1 - lowest) - 0.002)
    chart = Chart(
        x,
        linear_axis(low, 1.0, "true match rate (1 − FNMR)", percent=True),
        _summary("ROC curve", mated, non_mated, tau),
    )
    _too_few(chart, len(non_mated))
    chart.line(np.maximum(fmr, x.low).tolist(), tmr.tolist(), "mated", steps="v")
    chart.cross(
        max(at.value, x.low), 1 - not_at.value,
        (max(at.low, x.low), at.high), (1 - not_at.high, 1 - not_at.low),
        f"τ = {tau:.3f}",
    )  # fmt: skip
    caption = (
        "The same trade the other way up: how many of the right people match, at how many "
        f"strangers. The axis begins at {share(low)}, so small differences look large."
    )
    return Figure("ROC: recognized people against false matches", chart.drawing(), caption)


def _curve(mated: FloatArray, non_mated: FloatArray) -> tuple[np.ndarray, np.ndarray]:
    """FMR and TMR, from the best point without a false match on; float64, exact at 1."""
    fmr, tmr = roc_points(mated, non_mated, CURVE_POINTS)
    first = int(np.searchsorted(fmr, 0, side="right")) - 1
    return fmr[first:].astype(np.float64), np.minimum(tmr[first:].astype(np.float64), 1.0)


def _summary(name: str, mated: FloatArray, non_mated: FloatArray, tau: float) -> str:
    at, not_at = fmr_at(non_mated, tau), fnmr_at(mated, tau)
    return (
        f"{name} of {count(len(mated))} mated and {count(len(non_mated))} non-mated pairs; at τ = "
        f"{tau:.3f} FMR is {count_of(at)} and FNMR {count_of(not_at)}."
    )


def _too_few(chart: Chart, trials: int) -> None:
    chart.zone(chart.x.low, min(3 / trials, 1.0), "shade", "too few pairs")


def _span(mated: FloatArray, non_mated: FloatArray, tau: float) -> tuple[float, float]:
    low = min(float(mated.min()), float(non_mated.min()), tau)
    high = max(float(mated.max()), float(non_mated.max()), tau)
    edge = max(0.02 * (high - low), 1e-3)
    return low - edge, high + edge


def _floor(mated: FloatArray, non_mated: FloatArray) -> float:
    return min(1e-2, 0.6 / max(len(mated), len(non_mated)))

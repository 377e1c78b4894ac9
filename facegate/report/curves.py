"""The curves of a verification: scores, errors against the threshold, DET and ROC."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Rate
from facegate.evaluation.det_plot import det_points, whole_scan
from facegate.evaluation.non_mated import PairScan
from facegate.evaluation.rates import fmr_at, fnmr_at, rate
from facegate.report.content import Figure, Figures, Section
from facegate.report.svg import Axis, Chart, linear_axis, log_axis
from facegate.report.words import count, count_of, share

BINS = 48
CURVE_POINTS = 300
SUPPORTED = 3
"""Errors below which a rate is shaded: without any, 3 / n is what 95 % confidence rules out."""

_FMR, _FNMR = "false match rate (FMR)", "false non-match rate (FNMR)"


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """FNMR over FMR of the same mated and one sort of non-mated pairs.

    Attributes:
        name: of the non-mated pairs, in words.
        kind: class of the style sheet.
        tau, fmr, fnmr: (k,) thresholds falling, FMR rising, FNMR falling.
        pairs: non-mated ones.
        at_tau: FMR at the threshold in force.
    """

    name: str
    kind: str
    tau: np.ndarray
    fmr: np.ndarray
    fnmr: np.ndarray
    pairs: int
    at_tau: Rate


def _curve(name: str, kind: str, scan: PairScan, mated: FloatArray, at_tau: Rate) -> Curve:
    taus, fmr, fnmr = det_points(scan, mated, CURVE_POINTS)
    # The best point without a false match: just above the most alike non-mated pair.
    most = float(taus[0])
    beyond = float(np.mean(mated <= np.float32(most)))
    return Curve(
        name,
        kind,
        np.append(most, taus),
        np.append(0.0, fmr),
        np.append(beyond, fnmr),
        scan.pairs,
        at_tau,
    )


def curves_section(
    mated: FloatArray, non_mated: FloatArray, tau: float, scan: PairScan | None = None
) -> Section:
    """Draw all curves.

    Args:
        mated, non_mated: (n,) and (m,) similarities, at least one each.
        tau: the threshold in force, marked in all; among the scan's counts.
        scan: of a list of people seen once, drawn as a second curve.
    """
    curves = [_curve("pairs", "curve", whole_scan(non_mated), mated, fmr_at(non_mated, tau))]
    if scan is not None:
        of_list = rate(scan.counts[tau], scan.pairs)
        curves.append(_curve("people seen once", "second", scan, mated, of_list))
    missed = fnmr_at(mated, tau)
    figures = (
        histogram(mated, non_mated, tau),
        errors_by_threshold(mated, non_mated, tau, curves),
        det(curves, missed, tau),
        roc(curves, missed, tau),
    )
    lead = (
        "In the first two, blue is mated (one person), and orange and dashed is non-mated (two "
        "people). Shaded parts are rates that this sample is too small to show."
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


def errors_by_threshold(
    mated: FloatArray, non_mated: FloatArray, tau: float, curves: Sequence[Curve]
) -> Figure:
    """FMR and FNMR against the threshold."""
    low, high = _span(mated, non_mated, tau)
    floor = min(1e-2, 0.6 / max(len(mated), *(curve.pairs for curve in curves)))
    at, not_at = fmr_at(non_mated, tau), fnmr_at(mated, tau)
    chart = Chart(
        linear_axis(low, high, "threshold (similarity)"),
        log_axis(floor, 1, "error rate"),
        f"FMR falls and FNMR rises with the threshold; at {tau:.3f}: FMR {share(at.value)}, FNMR "
        f"{share(not_at.value)}.",
    )
    grid = np.unique(np.append(np.linspace(low, high, CURVE_POINTS), tau))
    different, same = np.sort(non_mated), np.sort(mated)
    fmr = 1 - np.searchsorted(different, grid, side="left") / len(different)
    fnmr = np.searchsorted(same, grid, side="left") / len(same)
    for rates, kind in ((fmr, "non-mated"), (fnmr, "mated")):
        shown = rates > 0
        chart.line(grid[shown].tolist(), rates[shown].tolist(), kind)
    for curve in curves[1:]:
        inside = (curve.tau >= low) & (curve.fmr > 0)
        chart.line(curve.tau[inside].tolist(), curve.fmr[inside].tolist(), curve.kind)
    chart.upright(tau, "tau", f"τ = {tau:.3f}")
    named = [("non-mated", "FMR"), ("mated", "FNMR")]
    named += [(curve.kind, f"FMR, {curve.name}") for curve in curves[1:]]
    chart.legend(named, "bottom left")
    caption = (
        "Moving τ to the right lets fewer strangers through and turns more of the right people "
        "away. A curve ends where no error is left in the sample, which is not a rate of zero."
    )
    return Figure("Errors against the threshold", chart.drawing(), caption)


def det(curves: Sequence[Curve], missed: Rate, tau: float) -> Figure:
    """Detection error tradeoff: FNMR over FMR, both logarithmic.

    Args:
        curves: one for each sort of non-mated pairs.
        missed: FNMR at the threshold in force.
        tau: that threshold.

    Source:
        ISO/IEC 19795-1; Martin et al., The DET Curve in Assessment of Detection Task Performance,
        1997 (there on normal deviate scales).
    """
    x = _fmr_axis(curves)
    y = log_axis(min(0.3 / max(1, missed.trials), 1e-2), 1, _FNMR)
    chart = Chart(x, y, _summary("DET curve", curves, missed, tau))
    _too_few(chart, curves)
    for curve in curves:
        # Beyond the first zero there is nothing to see.
        shown = slice(int(np.argmax(curve.fnmr <= 0)) + 1 if (curve.fnmr <= 0).any() else None)
        chart.line(
            np.maximum(curve.fmr, x.low)[shown].tolist(),
            np.maximum(curve.fnmr, y.low)[shown].tolist(),
            curve.kind,
            steps="h",
        )
    _rings(chart, curves, missed, tau, lambda value: value)
    if len(curves) > 1:
        chart.legend([(curve.kind, curve.name) for curve in curves], "top right")
    caption = (
        "Each point is a threshold; nearer to the lower left is better. The ring is τ, its strokes "
        "are the 95 % intervals." + _at_edge(curves)
    )
    if all(curve.fnmr[0] <= 0 for curve in curves):
        caption += " The two kinds do not overlap in this sample, so there is no curve to see."
    return Figure("DET: one error against the other", chart.drawing(), caption)


def roc(curves: Sequence[Curve], missed: Rate, tau: float) -> Figure:
    """True match rate over FMR, the latter logarithmic. Arguments as for `det`."""
    x = _fmr_axis(curves)
    lowest = min(1 - missed.high, *(1 - _first_supported(curve) for curve in curves))
    low = max(0.0, lowest - 0.08 * (1 - lowest) - 0.002)
    y = linear_axis(low, 1.0, "true match rate (1 − FNMR)", percent=True)
    chart = Chart(x, y, _summary("ROC curve", curves, missed, tau))
    _too_few(chart, curves)
    for curve in curves:
        xs, ys = np.maximum(curve.fmr, x.low).tolist(), (1 - curve.fnmr).tolist()
        chart.line([*xs, 1.0], [*ys, 1.0], curve.kind, steps="h")
    _rings(chart, curves, missed, tau, lambda value: 1 - value)
    if len(curves) > 1:
        chart.legend([(curve.kind, curve.name) for curve in curves], "bottom right")
    caption = (
        "The same trade the other way up: how many of the right people match, at how many "
        f"strangers. The axis begins at {share(low)}, so small differences look large."
    )
    return Figure("ROC: recognized people against false matches", chart.drawing(), caption)


def _first_supported(curve: Curve) -> float:
    """FNMR at the smallest FMR that the pairs support; a curve may start below that."""
    place = int(np.searchsorted(curve.fmr, SUPPORTED / curve.pairs))
    return float(curve.fnmr[min(place, len(curve.fnmr) - 1)])


def _rings(
    chart: Chart,
    curves: Sequence[Curve],
    missed: Rate,
    tau: float,
    shown: Callable[[float], float],
) -> None:
    for curve in curves:
        at = curve.at_tau
        words = f"τ = {tau:.3f}" if curve is curves[0] else ""
        chart.cross(
            at.value, shown(missed.value), (at.low, at.high),
            (shown(missed.low), shown(missed.high)), words, curve.kind,
        )  # fmt: skip


def _at_edge(curves: Sequence[Curve]) -> str:
    if any(curve.at_tau.errors == 0 for curve in curves):
        return " It stands at the left edge where no false match was seen."
    return ""


def _fmr_axis(curves: Sequence[Curve]) -> Axis:
    return log_axis(min(1e-2, 0.3 / max(curve.pairs for curve in curves)), 1, _FMR)


def _summary(name: str, curves: Sequence[Curve], missed: Rate, tau: float) -> str:
    matches = "; ".join(f"FMR of {curve.name} {count_of(curve.at_tau)}" for curve in curves)
    return f"{name}. At τ = {tau:.3f}: {matches}; FNMR {count_of(missed)}."


def _too_few(chart: Chart, curves: Sequence[Curve]) -> None:
    trials = max(curve.pairs for curve in curves)
    chart.zone(chart.x.low, min(SUPPORTED / trials, 1.0), "shade", "too few pairs")


def _span(mated: FloatArray, non_mated: FloatArray, tau: float) -> tuple[float, float]:
    low = min(float(mated.min()), float(non_mated.min()), tau)
    high = max(float(mated.max()), float(non_mated.max()), tau)
    edge = max(0.02 * (high - low), 1e-3)
    return low - edge, high + edge

"""Error rates of comparisons, in the terms of ISO/IEC 19795-1.

All scores are similarities: higher is more alike, and `similarity >= threshold` accepts.
"""

from __future__ import annotations

import math

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Rate
from facegate.errors import EvaluationError, TooFewComparisons


def rate(errors: int, trials: int, confidence: float = 0.95) -> Rate:
    """A rate with its exact two-sided interval.

    Args:
        errors: how many went wrong.
        trials: of how many; 0 gives the interval from 0 to 1, for nothing is known.
        confidence: of the interval, a fraction.

    Source:
        Clopper and Pearson, The Use of Confidence or Fiducial Limits, Biometrika 26, 1934. It
        takes trials for independent; pairs that share a person are not quite, so the true interval
        is somewhat wider.
    """
    if not 0 <= errors <= trials:
        raise EvaluationError(f"{errors} errors in {trials} trials is not possible.")
    return Rate(errors, trials, *exact_interval(errors, trials, confidence))


def exact_interval(errors: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of `rate`; also for means of several counts, which need not be whole."""
    if trials == 0:
        return 0.0, 1.0
    from scipy.special import betaincinv  # much lighter than scipy.stats

    tail = (1 - confidence) / 2
    low = 0.0 if errors == 0 else float(betaincinv(errors, trials - errors + 1, tail))
    high = 1.0 if errors == trials else float(betaincinv(errors + 1, trials - errors, 1 - tail))
    return low, high


def fmr_at(non_mated: FloatArray, threshold: float) -> Rate:
    """False match rate: different people who are accepted. Input (n,) similarities."""
    return rate(int(np.count_nonzero(non_mated >= threshold)), len(non_mated))


def fnmr_at(mated: FloatArray, threshold: float) -> Rate:
    """False non-match rate: the same person, not accepted. Input (n,) similarities.

    Pictures without a face are no comparisons; they are counted apart, as failures to acquire.
    """
    return rate(int(np.count_nonzero(~(mated >= threshold))), len(mated))


def threshold_at_fmr(non_mated: FloatArray, max_fmr: float) -> float:
    """Find the lowest threshold whose false match rate stays within a limit.

    Args:
        non_mated: (n,) similarities of different-person pairs.
        max_fmr: allowed rate as a fraction in (0, 1); 1e-4 is one in ten thousand.

    Returns:
        t such that accepting `similarity >= t` gives FMR <= max_fmr on this sample.

    Raises:
        TooFewComparisons: n < 1 / max_fmr; the sample cannot even express that rate.
    """
    needed = math.ceil(1 / max_fmr - 1e-9)
    if len(non_mated) < needed:
        raise TooFewComparisons(have=len(non_mated), need=needed)
    descending = np.sort(non_mated)[::-1]
    allowed = math.floor(max_fmr * len(descending) + 1e-9)
    # The next number of the sample's own kind: a finer one would be rounded back in a comparison.
    above = np.asarray(np.inf, dtype=descending.dtype)
    return float(np.nextafter(descending[allowed], above))


def tmr_at_fmr(mated: FloatArray, non_mated: FloatArray, max_fmr: float) -> Rate:
    """True match rate, 1 - FNMR, at the threshold that keeps an FMR; `errors` counts the matches.

    Raises:
        TooFewComparisons: too few non-mated pairs for that rate.
    """
    threshold = threshold_at_fmr(non_mated, max_fmr)
    return rate(int(np.count_nonzero(mated >= threshold)), len(mated))


def roc_points(
    mated: FloatArray, non_mated: FloatArray, count: int = 400
) -> tuple[FloatArray, FloatArray]:
    """The curve of true over false match rate.

    Returns:
        FMR and TMR, each (m,), rising, from (0, .) to (1, 1); thinned to about `count` points.
    """
    scores = np.concatenate([mated, non_mated])
    is_mated = np.concatenate([np.ones(len(mated), bool), np.zeros(len(non_mated), bool)])
    order = np.argsort(-scores, kind="stable")
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    tmr = np.cumsum(is_mated[order])[last_of_tie] / max(1, len(mated))
    fmr = np.cumsum(~is_mated[order])[last_of_tie] / max(1, len(non_mated))
    fmr, tmr = np.append(0.0, fmr), np.append(0.0, tmr)
    if len(fmr) > count:  # dense where the FMR is small, which is where doors work
        spaced = np.geomspace(1 / max(2, len(non_mated)), 1, count // 2)
        picks = np.unique(
            np.concatenate(
                [
                    np.searchsorted(fmr, spaced, side="right") - 1,
                    np.linspace(0, len(fmr) - 1, count // 2).astype(int),
                ]
            )
        )
        fmr, tmr = fmr[picks], tmr[picks]
    return fmr.astype(np.float32), tmr.astype(np.float32)


def auc(mated: FloatArray, non_mated: FloatArray) -> float:
    """Chance that a mated pair is more alike than a non-mated one; ties count half.

    Source:
        Mann-Whitney U, by ranks.
    """
    if not len(mated) or not len(non_mated):
        return float("nan")
    ordered = np.sort(non_mated)
    below = np.searchsorted(ordered, mated, side="left")
    not_above = np.searchsorted(ordered, mated, side="right")
    return float((below + not_above).sum() / (2.0 * len(mated) * len(non_mated)))


def equal_error_rate(mated: FloatArray, non_mated: FloatArray) -> float:
    """The rate at the threshold where FMR and FNMR are closest; their mean there."""
    if not len(mated) or not len(non_mated):
        return float("nan")
    cuts = np.unique(np.concatenate([mated, non_mated]))
    fnmr = np.searchsorted(np.sort(mated), cuts, side="left") / len(mated)
    fmr = 1 - np.searchsorted(np.sort(non_mated), cuts, side="left") / len(non_mated)
    best = int(np.argmin(np.abs(fnmr - fmr)))
    return float((fnmr[best] + fmr[best]) / 2)

"""Intervals for rates whose comparisons share faces: people are drawn anew, not pairs.

The exact interval of `facegate.evaluation.rates` takes comparisons for independent. All pairs of n
faces are not: one face that many resemble makes many errors at once, so that interval is too
narrow. Here the people are drawn with replacement, and all their comparisons come along.

Source:
    Bolle, Ratha and Pankanti, Error analysis of pattern recognition systems: the subsets
    bootstrap, Computer Vision and Image Understanding 93, 2004 (draws people, not comparisons).
    Snijders and Borgatti, Non-parametric standard errors and tests for network statistics,
    Connections 22, 1999 (draws the vertices when all pairs are compared). Poh, Martin and Bengio,
    Performance generalization in biometric authentication, IEEE PAMI 29, 2007 (draws on both
    levels). Intervals are the percentiles of the draws. With few errors they are too narrow, and
    with none they cannot be made; then only the exact interval is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray
from facegate.evaluation.non_mated import IntArray, PairScan

REPLICATES = 1000
Interval = tuple[float, float]
DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PairReplicates:
    """What other draws of the same number of faces would have given.

    Attributes:
        fmr: (draws, taus) false match rate at each given threshold; NaN where the scan does not
            hold all pairs above it.
        thresholds: (draws, targets) the threshold that each draw would have chosen for an FMR.
    """

    fmr: DoubleArray
    thresholds: FloatArray


def draw_faces(random: np.random.Generator, faces: int) -> DoubleArray:
    """How often each of n faces comes in a draw of n with replacement: (n,) whole numbers."""
    drawn = np.bincount(random.integers(0, faces, faces), minlength=faces)
    return drawn.astype(np.float64)


def weighted_pairs(weights: DoubleArray, left_out: IntArray) -> float:
    """The sum of w_i w_j over all pairs of two different faces, less (m, 2) pairs left out."""
    every = (float(weights.sum()) ** 2 - float(weights @ weights)) / 2
    return every - float(weights[left_out[:, 0]] @ weights[left_out[:, 1]])


def pair_replicates(
    scan: PairScan,
    taus: Sequence[float],
    targets: Sequence[float],
    replicates: int = REPLICATES,
    seed: int = 0,
) -> PairReplicates:
    """Draw the faces of a scan again and again.

    A face that is drawn twice makes no pair with itself: of weights w the rate is the sum of
    w_i w_j over the pairs above tau, by the same sum over all pairs of two different faces.

    Args:
        scan: all pairs of the faces.
        taus: fixed thresholds.
        targets: FMRs for which each draw chooses its own threshold. Where a draw would go below the
            pairs that are kept, the lowest kept one is taken.
        replicates: number of draws.
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    counts = [scan.above(tau) if scan.reaches(tau) else -1 for tau in taus]
    fmr = np.full((replicates, len(taus)), np.nan)
    thresholds = np.zeros((replicates, len(targets)), np.float32)
    first, second = scan.top_faces[:, 0], scan.top_faces[:, 1]
    for draw in range(replicates):
        weights = draw_faces(random, scan.faces)
        total = weighted_pairs(weights, scan.left_out)
        if total == 0:  # the same face every time
            fmr[draw], thresholds[draw] = np.nan, scan.top[0]
            continue
        weight_above = np.cumsum(weights[first] * weights[second])
        for place, count in enumerate(counts):
            if count >= 0:
                fmr[draw, place] = weight_above[count - 1] / total if count else 0.0
        for place, target in enumerate(targets):
            allowed = target * total * (1 + 1e-12)
            edge = min(int(np.searchsorted(weight_above, allowed, side="right")), len(first) - 1)
            thresholds[draw, place] = np.nextafter(scan.top[edge], np.float32(np.inf))
    return PairReplicates(fmr, thresholds)


def tmr_replicates(
    mated: FloatArray, people: IntArray, thresholds: FloatArray, seed: int = 1
) -> DoubleArray:
    """True match rates of other draws of the people, each at its own threshold.

    Args:
        mated: (n,) similarities of mated pairs.
        people: (n,) from 0: whom each pair shows.
        thresholds: (draws, targets); the same row for every draw leaves the thresholds fixed.

    Returns:
        (draws, targets); NaN for a draw without a pair.
    """
    random = np.random.default_rng(seed)
    count = int(people.max(initial=-1)) + 1
    tmr = np.full(thresholds.shape, np.nan)
    if not count:
        return tmr
    order = np.argsort(mated, kind="stable")
    rising, owners = mated[order], people[order]
    for draw, cuts in enumerate(thresholds):
        weight_below = np.append(0.0, np.cumsum(draw_faces(random, count)[owners]))
        if weight_below[-1]:
            places = np.searchsorted(rising, cuts, side="left")
            tmr[draw] = 1 - weight_below[places] / weight_below[-1]
    return tmr


def interval_of(values: DoubleArray, confidence: float = 0.95) -> Interval | None:
    """The percentile interval of replicates (n,); None when they are missing or all the same."""
    known = values[np.isfinite(values)]
    if not len(known) or known.min() == known.max():
        return None
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(known, [tail, 100 - tail])
    return float(low), float(high)

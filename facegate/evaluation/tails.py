"""Counts the ends of two score distributions, for every threshold that may be wanted later."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.tails import ScoreTails, TailPoint
from facegate.errors import EvaluationError

LARGEST_FMR = 0.01
"""Where the table ends; no door works at a higher rate."""

POINTS = 200
EVERY_COUNT_TO = 40
"""Each of the first counts has its point; from there on they are spaced evenly in the logarithm,
about 4 % apart for a million pairs, far closer than such counts are certain."""

_STEPS = 1_000_000
"""Thresholds are whole millionths, so that a table can be read, printed and kept exactly."""


def measure_tails(
    mated: FloatArray,
    non_mated: FloatArray,
    *,
    model_id: str,
    data: str,
    faces: int,
    now: datetime,
    also_at: Iterable[float] = (),
) -> ScoreTails:
    """Count false matches and false non-matches at about 200 thresholds.

    Args:
        mated: (m,) similarities of pairs of one person.
        non_mated: (n,) similarities of pairs of different people, at least one.
        model_id: the network that made them.
        data: what the pairs are, in words.
        faces: different faces that the pairs were made of. Pairs that share a face are not
            independent; the intervals, which count pairs, are somewhat too narrow therefore.
        now: time zone aware.
        also_at: further thresholds to count at, such as that of the best F1.

    Raises:
        EvaluationError: no non-mated pair, or a similarity that is not a cosine.
    """
    rising = np.sort(np.asarray(non_mated, np.float64))
    rising_mated = np.sort(np.asarray(mated, np.float64))
    if not len(rising):
        raise EvaluationError("Without pairs of different people there is nothing to count.")
    for scores in (rising, rising_mated):
        # Rounding may carry the cosine of equal vectors a little past 1.
        if len(scores) and not (scores[0] >= -1.001 and scores[-1] <= 1.001):
            raise EvaluationError("A similarity is not a cosine between -1 and 1.")
    taus = {min(1.0, _first_step_above(rising[-1 - count])) for count in _counts(len(rising))}
    taus |= {float(tau) for tau in also_at}
    points = [
        TailPoint(
            similarity=tau,
            non_mated=len(rising) - int(np.searchsorted(rising, tau, side="left")),
            mated=int(np.searchsorted(rising_mated, tau, side="left")),
        )
        for tau in sorted(taus, reverse=True)
    ]
    return ScoreTails(model_id, data, faces, len(rising), len(rising_mated), tuple(points), now)


def _counts(pairs: int) -> list[int]:
    """How many false matches the points shall have, from none to an FMR of 1 %."""
    most = min(pairs - 1, math.floor(LARGEST_FMR * pairs))
    counts = set(range(min(most, EVERY_COUNT_TO) + 1))
    if most > EVERY_COUNT_TO:
        spaced = np.geomspace(EVERY_COUNT_TO, most, POINTS - EVERY_COUNT_TO)
        counts |= {min(most, round(float(one))) for one in spaced}
    return sorted(counts)


def _first_step_above(similarity: float) -> float:
    step = math.floor(similarity * _STEPS)
    while step / _STEPS <= similarity:
        step += 1
    return step / _STEPS

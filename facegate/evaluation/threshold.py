"""Chooses τ and the margin."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Threshold
from facegate.errors import EvaluationError
from facegate.evaluation.rates import fmr_at, fnmr_at

DEFAULT_MARGIN = 0.04
"""Least lead over the second person: a cautious choice, not a measured one. Strangers who reach τ
usually do so with one person only, so the margin is for twins and for people enrolled twice."""

MIN_PAIRS = 10
"""Mated and non-mated pairs each, below which no threshold is chosen."""


@dataclass(frozen=True, slots=True)
class F1Choice:
    """The threshold with the best F1, and that F1."""

    tau: float
    f1: float


def f1_threshold(mated: FloatArray, non_mated: FloatArray) -> F1Choice:
    """Find the threshold with the highest F1 over all comparisons.

    Every cut between two neighboring scores is tried, exactly. Of cuts that are equally good the
    highest is taken: a door should rather ask again than let a stranger in. The threshold lies in
    the middle between the scores above and below the cut.

    F1 depends on how many non-mated pairs stand against a mated one. With all pairs of a folder per
    person, that is what searching such a gallery meets; with a balanced list, it is milder.

    Args:
        mated: (n,) similarities of pairs of one person.
        non_mated: (m,) similarities of pairs of different people.

    Raises:
        EvaluationError: fewer than MIN_PAIRS of either kind.
    """
    if min(len(mated), len(non_mated)) < MIN_PAIRS:
        raise EvaluationError(
            f"{len(mated)} mated and {len(non_mated)} non-mated pairs are too few to choose a "
            f"threshold; at least {MIN_PAIRS} of each are needed.",
            hint="Add people with two or more pictures each.",
        )
    scores = np.concatenate([mated, non_mated]).astype(np.float64)
    is_mated = np.concatenate([np.ones(len(mated), bool), np.zeros(len(non_mated), bool)])
    order = np.argsort(-scores, kind="stable")
    scores, is_mated = scores[order], is_mated[order]
    cut_ends = np.flatnonzero(np.append(np.diff(scores) != 0, True))
    true_matches = np.cumsum(is_mated)[cut_ends]
    accepted = cut_ends + 1
    # F1 = 2 TP / (2 TP + FP + FN), and TP + FP are the accepted, TP + FN the mated.
    f1 = 2 * true_matches / (accepted + len(mated))
    best = int(np.argmax(f1))  # the first of equals has the highest threshold
    lowest_accepted = scores[cut_ends[best]]
    if best + 1 < len(cut_ends):
        tau = float((lowest_accepted + scores[cut_ends[best] + 1]) / 2)
    else:
        tau = float(lowest_accepted)
    return F1Choice(tau, float(f1[best]))


def tune_f1(
    mated: FloatArray, non_mated: FloatArray, model_id: str, data: str, now: datetime
) -> Threshold:
    """Choose τ by F1 and measure the error rates there.

    Args:
        mated, non_mated: similarities.
        model_id: the network that made them.
        data: what the pairs are, in words.
        now: time zone aware.
    """
    choice = f1_threshold(mated, non_mated)
    return Threshold(
        tau=choice.tau,
        margin=DEFAULT_MARGIN,
        model_id=model_id,
        method="f1",
        f1=choice.f1,
        fmr=fmr_at(non_mated, choice.tau),
        fnmr=fnmr_at(mated, choice.tau),
        data=data,
        created_at=now,
    )

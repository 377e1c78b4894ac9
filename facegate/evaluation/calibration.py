"""Fits the probability that a comparison is mated."""

from __future__ import annotations

from typing import Any

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.calibration import Calibration
from facegate.errors import EvaluationError

FOLDS = 5
MIN_PAIRS = 50
"""Mated and non-mated pairs each, below which no curve is fitted."""

MOST_PAIRS = 200_000
"""Of either kind; a curve of one variable needs no more, and so it takes seconds."""


def calibrate(
    mated: FloatArray, non_mated: FloatArray, prior: float = 0.5, seed: int = 0
) -> Calibration:
    """Fit a logistic and an isotonic curve; keep the one with the smaller log loss.

    Pairs are weighted so that mated ones make up the prior; their numbers in the sample say nothing
    about a door. The log loss is that of five folds, each judged by a curve of the other four. The
    folds are of pairs, and pairs share people, so it is a little favorable.

    Args:
        mated: (n,) similarities of pairs of one person.
        non_mated: (m,) similarities of pairs of different people.
        prior: share of mated comparisons assumed before looking, in (0, 1).
        seed: deals the pairs to folds, and draws from more than MOST_PAIRS.

    Raises:
        EvaluationError: too few pairs, or a prior outside (0, 1).

    Source:
        Platt, Probabilistic Outputs for Support Vector Machines, 1999; Zadrozny and Elkan,
        Transforming Classifier Scores into Accurate Multiclass Probability Estimates, KDD 2002.
    """
    if not 0 < prior < 1:
        raise EvaluationError(f"A prior of {prior:g} is not a share between 0 and 1.")
    if min(len(mated), len(non_mated)) < MIN_PAIRS:
        raise EvaluationError(
            f"{len(mated)} mated and {len(non_mated)} non-mated pairs are too few to calibrate; at "
            f"least {MIN_PAIRS} of each are needed.",
            hint="Add people with two or more pictures each.",
        )
    random = np.random.default_rng(seed)
    kinds = [_drawn(np.asarray(scores, np.float64), random) for scores in (non_mated, mated)]
    scores = np.concatenate(kinds)
    is_mated = np.repeat([0, 1], [len(kind) for kind in kinds])
    weights = np.where(is_mated == 1, prior / len(kinds[1]), (1 - prior) / len(kinds[0]))
    weights *= len(scores)
    folds = np.concatenate([random.permutation(np.arange(len(kind)) % FOLDS) for kind in kinds])
    best: Calibration | None = None
    for fit in (_platt, _isotonic):
        losses = 0.0
        for fold in range(FOLDS):
            kept, judged = folds != fold, folds == fold
            curve = fit(scores[kept], is_mated[kept], weights[kept])
            losses += _loss(curve, scores[judged], is_mated[judged], weights[judged])
        log_loss = losses / float(weights.sum())
        if best is None or log_loss < best.log_loss:
            whole = fit(scores, is_mated, weights)
            best = Calibration(
                prior=prior,
                mated=len(kinds[1]),
                non_mated=len(kinds[0]),
                log_loss=log_loss,
                **whole,
            )
    assert best is not None  # noqa: S101 -- one of two fits was kept
    return best


def _drawn(scores: FloatArray, random: np.random.Generator) -> FloatArray:
    if len(scores) <= MOST_PAIRS:
        return scores
    return random.choice(scores, MOST_PAIRS, replace=False)


def _platt(scores: FloatArray, is_mated: Any, weights: FloatArray) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1e4).fit(scores[:, np.newaxis], is_mated, sample_weight=weights)
    return {
        "method": "platt",
        "slope": float(model.coef_[0, 0]),
        "intercept": float(model.intercept_[0]),
    }


def _isotonic(scores: FloatArray, is_mated: Any, weights: FloatArray) -> dict[str, Any]:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0, y_max=1).fit(scores, is_mated, sample_weight=weights)
    # No finite sample shows a chance of exactly 0 or 1: as if one more pair had gone the other way.
    least = weights[is_mated == 1].max() / weights.sum()
    most = 1 - weights[is_mated == 0].max() / weights.sum()
    heights = np.clip(model.y_thresholds_, least, most)
    knots = zip(model.X_thresholds_.tolist(), heights.tolist(), strict=True)
    return {"method": "isotonic", "knots": tuple(knots)}


def _loss(curve: dict[str, Any], scores: FloatArray, is_mated: Any, weights: FloatArray) -> float:
    if curve["method"] == "platt":
        z = curve["slope"] * scores + curve["intercept"]
        return float(np.sum(weights * np.logaddexp(0, np.where(is_mated == 1, -z, z))))
    x, y = np.array(curve["knots"]).T
    chance = np.interp(scores, x, y)
    right = np.where(is_mated == 1, chance, 1 - chance)
    return float(-np.sum(weights * np.log(right)))

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from facegate.domain.calibration import Calibration
from facegate.errors import EvaluationError
from facegate.evaluation.calibration import calibrate

RANDOM = np.random.default_rng(5)
NON_MATED = RANDOM.normal(0.0, 0.15, 4_000).astype(np.float32)
MATED = RANDOM.normal(0.6, 0.15, 800).astype(np.float32)


def truth(similarity: float, prior: float) -> float:
    """Bayes' rule for the two normals above."""
    log_ratio = (similarity**2 - (similarity - 0.6) ** 2) / (2 * 0.15**2)
    return 1 / (1 + math.exp(-log_ratio) * (1 - prior) / prior)


@pytest.mark.parametrize("prior", [0.5, 0.01])
def test_two_normals_of_one_width_get_their_logistic_curve(prior: float) -> None:
    curve = calibrate(MATED, NON_MATED, prior)
    assert (curve.method, curve.prior) == ("platt", prior)
    assert (curve.mated, curve.non_mated) == (800, 4_000)
    for similarity in (0.1, 0.25, 0.3, 0.4):
        assert curve.probability(similarity) == pytest.approx(truth(similarity, prior), abs=0.04)


def test_steps_that_no_logistic_curve_follows_are_fitted_by_steps() -> None:
    mated = np.concatenate([np.full(300, 0.0), np.full(300, 0.5), np.full(400, 1.0)])
    non_mated = np.concatenate([np.full(300, 0.0), np.full(300, 0.5), np.full(1, 1.0)])
    mated = mated + RANDOM.normal(0, 1e-3, len(mated))
    curve = calibrate(mated.clip(-1, 1), non_mated + RANDOM.normal(0, 1e-3, len(non_mated)))
    assert curve.method == "isotonic"
    values = [curve.probability(x) for x in np.linspace(-1, 1, 101)]
    assert all(a <= b for a, b in itertools.pairwise(values))
    assert 0 < values[0] < values[-1] < 1


def test_the_same_pairs_give_the_same_curve_and_it_survives_json() -> None:
    first, second = calibrate(MATED, NON_MATED), calibrate(MATED, NON_MATED)
    assert first == second
    assert Calibration.from_dict(json.loads(json.dumps(first.as_dict()))) == first


def test_knots_are_joined_by_straight_lines() -> None:
    curve = Calibration("isotonic", 0.5, 60, 60, 0.1, knots=((0.0, 0.1), (0.5, 0.3), (1.0, 0.9)))
    expected = {-1.0: 0.1, 0.0: 0.1, 0.25: 0.2, 0.5: 0.3, 0.75: 0.6, 1.0: 0.9, 1.1: 0.9}
    for similarity, chance in expected.items():
        assert curve.probability(similarity) == pytest.approx(chance)


def test_too_few_pairs_and_impossible_priors_are_refused() -> None:
    with pytest.raises(EvaluationError, match="too few"):
        calibrate(MATED[:49], NON_MATED)
    for prior in (0.0, 1.0, float("nan")):
        with pytest.raises(EvaluationError, match="prior"):
            calibrate(MATED, NON_MATED, prior)

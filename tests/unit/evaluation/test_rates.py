from __future__ import annotations

import math

import numpy as np
import pytest
from fakes import MODEL, NOW
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facegate.errors import EvaluationError, TooFewComparisons
from facegate.evaluation.rates import (
    auc,
    equal_error_rate,
    fmr_at,
    fnmr_at,
    rate,
    roc_points,
    threshold_at_fmr,
    tmr_at_fmr,
)
from facegate.evaluation.threshold import f1_threshold, tune_f1

# Few different values, so that ties are common.
scores = arrays(
    np.float32, st.integers(10, 60), elements=st.integers(-20, 20).map(lambda v: v / 20)
)


@pytest.mark.parametrize(
    ("errors", "trials", "low", "high"),
    [
        (0, 360, 0.0, 0.0102),  # 0 of 360 attacks; the figures of published test letters
        (0, 60, 0.0, 0.0596),
        (69, 70, 0.923, 0.9996),
        (5, 10, 0.1871, 0.8129),  # Clopper and Pearson's tables
        (10, 10, 0.6915, 1.0),
    ],
)
def test_intervals_are_the_published_ones(
    errors: int, trials: int, low: float, high: float
) -> None:
    measured = rate(errors, trials)
    assert (measured.low, measured.high) == pytest.approx((low, high), abs=5e-4)
    assert measured.low <= measured.value <= measured.high


def test_nothing_tried_is_nothing_known() -> None:
    nothing = rate(0, 0)
    assert (nothing.low, nothing.high) == (0, 1)
    assert math.isnan(nothing.value)
    with pytest.raises(EvaluationError):
        rate(3, 2)


@given(scores, scores)
def test_rates_equal_counting(mated: np.ndarray, non_mated: np.ndarray) -> None:
    for threshold in (-1.0, -0.3, 0.0, 0.25, 1.0):
        assert fmr_at(non_mated, threshold).errors == sum(s >= threshold for s in non_mated)
        assert fnmr_at(mated, threshold).errors == sum(not s >= threshold for s in mated)


@given(scores, st.lists(st.floats(-1, 1), min_size=2, max_size=6))
def test_fmr_never_rises_with_the_threshold(non_mated: np.ndarray, thresholds: list[float]) -> None:
    values = [fmr_at(non_mated, threshold).value for threshold in sorted(thresholds)]
    assert values == sorted(values, reverse=True)


@given(arrays(np.float32, 200, elements=st.floats(-1, 1, width=32)))
def test_threshold_keeps_its_promise_and_is_the_lowest(non_mated: np.ndarray) -> None:
    threshold = threshold_at_fmr(non_mated, max_fmr=0.01)
    assert np.mean(non_mated >= threshold) <= 0.01
    lower = non_mated[non_mated < threshold]
    if len(lower):
        assert np.mean(non_mated >= lower.max()) > 0.01


def test_a_rate_that_the_sample_cannot_express_is_refused() -> None:
    with pytest.raises(TooFewComparisons) as caught:
        threshold_at_fmr(np.zeros(99, np.float32), 0.01)
    assert (caught.value.have, caught.value.need) == (99, 100)


def test_tmr_at_fmr_counts_mated_pairs_above_the_threshold() -> None:
    mated, non_mated = np.array([0.9, 0.5, 0.1]), np.linspace(-0.5, 0.4, 100)
    measured = tmr_at_fmr(mated, non_mated, 0.01)
    assert (measured.errors, measured.trials) == (2, 3)


@given(scores, scores)
def test_auc_equals_plain_loops(mated: np.ndarray, non_mated: np.ndarray) -> None:
    plain = np.mean([[(a > b) + 0.5 * (a == b) for b in non_mated] for a in mated])
    assert auc(mated, non_mated) == pytest.approx(plain)


@given(scores, scores)
def test_roc_rises_from_corner_to_corner(mated: np.ndarray, non_mated: np.ndarray) -> None:
    fmr, tmr = roc_points(mated, non_mated)
    assert (np.diff(fmr) >= 0).all()
    assert (np.diff(tmr) >= 0).all()
    assert (fmr[0], fmr[-1], tmr[-1]) == (0, 1, 1)


def test_thinned_roc_keeps_the_small_rates() -> None:
    random = np.random.default_rng(0)
    fmr, tmr = roc_points(random.normal(2, 1, 5000), random.normal(0, 1, 50_000), count=100)
    assert len(fmr) <= 110
    assert np.sum(fmr < 1e-3) > 10
    assert (np.diff(tmr) >= 0).all()


def test_equal_error_rate_of_two_normals() -> None:
    random = np.random.default_rng(0)
    mated, non_mated = random.normal(2, 1, 40_000), random.normal(0, 1, 40_000)
    assert equal_error_rate(mated, non_mated) == pytest.approx(0.1587, abs=0.005)  # Phi(-1)
    assert equal_error_rate(np.ones(5), np.zeros(5)) == 0


def plain_f1(mated: np.ndarray, non_mated: np.ndarray, tau: float) -> float:
    hits = sum(s >= tau for s in mated)
    false = sum(s >= tau for s in non_mated)
    return 2 * hits / (2 * hits + false + len(mated) - hits)


@given(scores, scores)
def test_no_cut_has_a_better_f1(mated: np.ndarray, non_mated: np.ndarray) -> None:
    choice = f1_threshold(mated, non_mated)
    cuts = np.unique(np.concatenate([mated, non_mated]))
    best = max(plain_f1(mated, non_mated, cut) for cut in cuts)
    assert choice.f1 == pytest.approx(best)
    assert plain_f1(mated, non_mated, choice.tau) == pytest.approx(best)


def test_of_equal_cuts_the_safer_one_is_taken() -> None:
    mated = np.array([0.9] * 10 + [0.1] * 10)
    non_mated = np.array([0.5] * 10 + [0.0] * 10)
    # Accepting from 0.9: F1 = 20 / 30; from 0.1: 40 / 50. From 0.5: 20 / 40.
    assert f1_threshold(mated, non_mated).tau == pytest.approx(0.05)
    apart = f1_threshold(np.full(10, 0.8), np.full(10, 0.2))
    assert (apart.tau, apart.f1) == (pytest.approx(0.5), 1.0)


def test_too_few_pairs_choose_nothing() -> None:
    with pytest.raises(EvaluationError, match="too few"):
        f1_threshold(np.ones(9), np.zeros(100))


def test_a_tuned_threshold_carries_its_evidence() -> None:
    found = tune_f1(np.full(20, 0.8), np.full(500, 0.2), MODEL, "made up", NOW)
    assert (found.fmr.trials, found.fnmr.trials, found.fmr.errors) == (500, 20, 0)
    assert found.fmr.high == pytest.approx(0.0074, abs=1e-4)
    assert (found.model_id, found.method) == (MODEL, "f1")

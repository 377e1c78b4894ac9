from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pytest
from fakes import MODEL, NOW
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facegate.domain.tails import ScoreTails, TailPoint
from facegate.errors import EvaluationError
from facegate.evaluation.rates import upper_limit
from facegate.evaluation.tails import measure_tails

# Few different values, so that ties are common, and some at the very ends.
scores = arrays(
    np.float32, st.integers(1, 120), elements=st.integers(-20, 20).map(lambda v: v / 20)
)


def tails_of(mated: np.ndarray, non_mated: np.ndarray, *also_at: float) -> ScoreTails:
    return measure_tails(
        mated, non_mated, model_id=MODEL, data="made up", faces=9, now=NOW, also_at=also_at
    )


@given(scores, scores, st.floats(-1, 1))
def test_every_point_equals_plain_counting(
    mated: np.ndarray, non_mated: np.ndarray, also: float
) -> None:
    tails = tails_of(mated, non_mated, also)
    assert also in [point.similarity for point in tails.points]
    for point in tails.points:
        assert point.non_mated == sum(float(score) >= point.similarity for score in non_mated)
        assert point.mated == sum(float(score) < point.similarity for score in mated)


@given(scores, scores, st.floats(-1, 1))
def test_between_points_the_counts_err_on_the_careful_side(
    mated: np.ndarray, non_mated: np.ndarray, tau: float
) -> None:
    tails = tails_of(mated, non_mated)
    assert tails.false_matches(tau) >= sum(float(score) >= tau for score in non_mated)
    assert tails.false_non_matches(tau) >= sum(float(score) < tau for score in mated)


def test_the_table_is_dense_from_no_false_match_to_one_percent() -> None:
    random = np.random.default_rng(0)
    non_mated = (random.normal(0, 0.1, 500_000)).astype(np.float32)
    tails = tails_of(random.normal(0.6, 0.1, 900).clip(-1, 1), non_mated)
    counts = [point.non_mated for point in tails.points]
    assert counts[:30] == list(range(30))
    assert 4_990 <= counts[-1] <= 5_000
    assert 150 < len(counts) <= 202
    assert all(later <= 1.05 * earlier + 1 for earlier, later in itertools.pairwise(counts))
    assert len(json.dumps(tails.as_dict())) < 6_000


def test_what_is_written_is_read() -> None:
    tails = tails_of(np.array([0.5, 0.7]), np.array([0.1, 1 / 3, 0.2]), 0.123456789)
    text = json.dumps(tails.as_dict())
    assert ScoreTails.from_dict(MODEL, json.loads(text)) == tails


def test_the_same_picture_under_two_names_leaves_no_careful_end() -> None:
    tails = tails_of(np.ones(1), np.array([1.0, 0.5, 0.2]))
    assert (tails.points[0].similarity, tails.points[0].non_mated) == (1.0, 1)


@pytest.mark.parametrize("bad", [np.zeros(0), np.array([np.nan]), np.array([7.0])])
def test_scores_that_are_none_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(EvaluationError):
        tails_of(np.ones(3), bad)


@pytest.mark.parametrize(
    "points",
    [
        (),
        (TailPoint(0.5, 0, 2), TailPoint(0.5, 1, 1)),
        (TailPoint(0.5, 2, 2), TailPoint(0.4, 1, 1)),
        (TailPoint(0.5, 0, 1), TailPoint(0.4, 1, 2)),
        (TailPoint(0.5, 0, 1), TailPoint(0.4, 4, 0)),
        (TailPoint(0.5, 0, 3),),
        (TailPoint(float("nan"), 0, 1),),
        (TailPoint(1.5, 0, 1),),
    ],
)
def test_counts_that_contradict_each_other_are_refused(points: tuple[TailPoint, ...]) -> None:
    good = ScoreTails(MODEL, "made up", 2, 3, 2, (TailPoint(0.5, 0, 1),), NOW)
    with pytest.raises(ValueError, match=r"\w"):
        dataclasses.replace(good, points=points)


def test_upper_limits_are_the_published_ones() -> None:
    assert upper_limit(0, 300) == pytest.approx(3 / 300, rel=0.01)
    assert upper_limit(0, 1_000_000) == pytest.approx(2.9957e-6, rel=1e-4)
    assert upper_limit(1, 20) == pytest.approx(0.2161, abs=1e-4)  # Clopper and Pearson's tables
    assert upper_limit(5, 5) == upper_limit(0, 0) == 1
    with pytest.raises(EvaluationError):
        upper_limit(2, 1)

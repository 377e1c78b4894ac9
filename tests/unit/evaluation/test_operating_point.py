from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from fakes import MODEL, NOW, threshold
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.decisions import Candidate, decide
from facegate.domain.tails import ScoreTails
from facegate.domain.targets import ThresholdTarget
from facegate.errors import EmbeddingSpaceMismatch, EvaluationError
from facegate.evaluation.operating_point import ThresholdPolicy, fmr_for, fpir_of
from facegate.evaluation.rates import upper_limit
from facegate.evaluation.tails import measure_tails

RANDOM = np.random.default_rng(3)
NON_MATED = RANDOM.normal(0.0, 0.12, 200_000).astype(np.float32)
MATED = RANDOM.normal(0.65, 0.1, 2_000).clip(-1, 1).astype(np.float32)


def measured(mated: np.ndarray = MATED, non_mated: np.ndarray = NON_MATED) -> ScoreTails:
    return measure_tails(mated, non_mated, model_id=MODEL, data="made up", faces=700, now=NOW)


TAILS = measured()
SMALL = measured(MATED[:50], NON_MATED[:500])
BASELINE = threshold(0.2)


def policy(target: str, *tails: ScoreTails, baseline: float = 0.2) -> ThresholdPolicy:
    return ThresholdPolicy(threshold(baseline), ThresholdTarget.parse(target), tails or (TAILS,))


@given(st.floats(1e-9, 0.05), st.integers(1, 400))
def test_fpir_is_the_chance_of_any_of_n_comparisons(fmr: float, templates: int) -> None:
    nobody = 1.0
    for _ in range(templates):
        nobody *= 1 - fmr
    assert fpir_of(fmr, templates) == pytest.approx(1 - nobody, rel=1e-6, abs=1e-12)
    assert fpir_of(fmr, templates) <= templates * fmr * (1 + 1e-12)


@given(st.floats(1e-9, 0.5), st.integers(1, 1_000_000))
def test_the_fmr_for_an_fpir_gives_that_fpir(fpir: float, templates: int) -> None:
    assert fpir_of(fmr_for(fpir, templates), templates) == pytest.approx(fpir, rel=1e-9)


def test_fpir_at_the_ends() -> None:
    assert fpir_of(0.5, 0) == 0
    assert fpir_of(1.0, 3) == 1
    assert fpir_of(1e-17, 1_000) == pytest.approx(1e-14)
    assert fmr_for(0.01, 0) == pytest.approx(0.01)


def test_f1_is_the_baseline_for_every_gallery() -> None:
    for templates in (0, 1, 9_999):
        found = ThresholdPolicy(BASELINE).for_gallery(templates)
        assert found == dataclasses.replace(BASELINE, gallery_size=templates)


@pytest.mark.parametrize("fmr", [1e-2, 1e-3, 1e-4, 3e-5])
def test_the_data_rule_out_more_than_the_target_and_no_lower_point_would_do(fmr: float) -> None:
    found = policy(f"fmr:{fmr}", baseline=-1).for_gallery(50)
    errors = int(np.count_nonzero(found.tau <= NON_MATED))
    assert (found.fmr.errors, found.fmr.trials) == (errors, len(NON_MATED))
    assert found.fnmr.errors == int(np.count_nonzero(found.tau > MATED))
    assert found.supported
    assert upper_limit(errors, len(NON_MATED)) <= fmr
    place = [point.similarity for point in TAILS.points].index(found.tau)
    if place + 1 < len(TAILS.points):
        next_lower = TAILS.points[place + 1]
        assert upper_limit(next_lower.non_mated, len(NON_MATED)) > fmr


@given(
    st.sampled_from(["fpir:0.2", "fpir:0.01", "fpir:0.001:below-f1", "fmr:1e-4", "f1"]),
    st.lists(st.integers(0, 3_000_000), min_size=2, max_size=6),
    st.sampled_from([(TAILS,), (SMALL,), (SMALL, TAILS), (TAILS, SMALL)]),
)
def test_tau_never_falls_while_the_gallery_grows(
    target: str, sizes: list[int], tails: tuple[ScoreTails, ...]
) -> None:
    given = policy(target, *tails)
    taus = [given.for_gallery(size).tau for size in sorted(sizes)]
    assert all(smaller <= larger for smaller, larger in itertools.pairwise(taus))
    assert [policy(target, *tails).for_gallery(size).tau for size in sorted(sizes)] == taus


def test_a_larger_gallery_gets_a_higher_tau() -> None:
    given = policy("fpir:0.01")
    assert given.for_gallery(1).tau < given.for_gallery(10).tau < given.for_gallery(500).tau


def test_strangers_who_were_not_measured_get_in_as_rarely_as_asked() -> None:
    found = policy("fpir:0.05").for_gallery(50)
    strangers = np.random.default_rng(11).normal(0.0, 0.12, (20_000, 50)).astype(np.float32)
    let_in = float(np.mean(strangers.max(axis=1) >= found.tau))
    assert 0.03 < let_in < 0.055
    assert fpir_of(found.fmr.low, 50) < let_in < fpir_of(found.fmr.high, 50)


def test_a_verification_keeps_an_fpir_as_one_comparison() -> None:
    assert policy("fpir:0.001").for_gallery(1).tau == policy("fmr:0.001").for_gallery(1).tau


def test_what_the_sample_cannot_support_is_answered_with_the_most_careful_tau() -> None:
    found = policy("fpir:0.001").for_gallery(1_000)  # needs an FMR of 1e-6 of 200,000 pairs
    assert not found.supported
    assert found.tau == TAILS.points[0].similarity > NON_MATED.max()
    assert found.fmr.errors == 0
    assert found.note == (
        "The target fpir:0.001 needs an FMR of 1 in 1,000,000 or less among 1,000 templates; "
        "200,000 measured pairs support 1 in 67,000 at best. τ is the most careful one known."
    )


def test_a_baseline_above_all_that_was_measured_does_not_hide_that_a_target_is_unsupported() -> (
    None
):
    found = policy("fpir:0.001", baseline=0.95).for_gallery(1_000)
    assert (found.tau, found.supported) == (0.95, False)
    assert "at best" in found.note


def test_the_rule_of_three_is_the_border() -> None:
    limit = upper_limit(0, TAILS.non_mated)
    assert policy(f"fmr:{limit * 1.001}").for_gallery(1).supported
    assert not policy(f"fmr:{limit * 0.999}").for_gallery(1).supported


def test_below_the_baseline_only_when_the_operator_says_so() -> None:
    kept = policy("fmr:1e-2", baseline=0.5).for_gallery(1)
    assert (kept.tau, kept.method, kept.supported) == (0.5, "f1", True)
    assert "best F1 is kept" in kept.note
    assert kept.fmr.errors == TAILS.false_matches(0.5)
    lowered = policy("fmr:1e-2:below-f1", baseline=0.5).for_gallery(1)
    assert lowered.tau < 0.5
    assert lowered.method == "tails"


def test_own_pairs_that_are_too_few_never_lower_what_the_shipped_ones_ask() -> None:
    both = policy("fmr:1e-4", SMALL, TAILS).for_gallery(1)
    assert both.tau == max(policy("fmr:1e-4", one).for_gallery(1).tau for one in (SMALL, TAILS))
    assert both.supported
    assert both.fmr.trials == TAILS.non_mated


def test_a_target_without_measured_tails_is_refused() -> None:
    with pytest.raises(EvaluationError, match="score tails"):
        ThresholdPolicy(BASELINE, ThresholdTarget.parse("fmr:1e-3"))


def test_tails_of_another_network_are_refused() -> None:
    other = dataclasses.replace(TAILS, model_id="other@1")
    with pytest.raises(EmbeddingSpaceMismatch):
        ThresholdPolicy(BASELINE, None, [other])


def test_the_decision_carries_the_evidence() -> None:
    found = policy("fpir:0.01").for_gallery(40)
    decision = decide([Candidate(1, 0.99)], found)
    assert decision.threshold == found
    assert found.evidence() == {
        "target": "fpir:0.01",
        "method": "tails",
        "gallery_size": 40,
        "supported": True,
        "fmr": {
            "value": found.fmr.errors / 200_000,
            "count": found.fmr.errors,
            "of": 200_000,
            "interval_95": [found.fmr.low, found.fmr.high],
        },
        "note": "",
    }

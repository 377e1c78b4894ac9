"""Attack error rates by definition, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facegate.errors import EvaluationError, TooFewComparisons
from facegate.evaluation.pad import (
    MAX_APCER_GENERATED,
    PadSample,
    choose_limits,
    error_curve,
    judge,
)
from facegate.evaluation.pad_plot import pad_png

SCORES = arrays(np.float32, st.integers(1, 60), elements=st.floats(0, 1, width=32))


@given(SCORES, SCORES, st.floats(0.1, 0.5), st.floats(0.5, 0.9))
@settings(deadline=None)  # the first call loads scipy
def test_rates_are_counts(
    live: np.ndarray, attacks: np.ndarray, below: float, upper: float
) -> None:
    report = judge("m", [PadSample("l", live)], [PadSample("a", attacks, 3)], below, upper)
    assert report.apcer[0].error.errors == sum(float(s) >= upper for s in attacks)
    assert report.bpcer[0].error.errors == sum(not float(s) >= upper for s in live)
    assert report.apcer[0].unsure == sum(below <= float(s) < upper for s in attacks)
    assert report.apcer[0].failed_to_acquire == 3
    assert report.apcer[0].error.trials == len(attacks)  # failures are in no rate


def test_a_score_that_is_no_number_is_never_bona_fide() -> None:
    odd = np.array([np.nan, 0.9], np.float32)
    report = judge("m", [PadSample("l", odd)], [PadSample("a", odd)], 0.3, 0.6)
    assert report.bpcer[0].error.errors == 1
    assert report.apcer[0].error.errors == 1


def test_the_worst_kind_is_the_headline_and_empty_kinds_are_none() -> None:
    few = PadSample("few", np.array([0.9], np.float32))
    many = PadSample("many", np.zeros(100, np.float32))
    report = judge("m", [], [many, few, PadSample("none", np.zeros(0, np.float32), 9)], 0.3, 0.6)
    assert report.worst is not None
    assert report.worst.name == "few"
    assert report.as_dict()["worst_apcer"] == 1.0
    assert judge("m", [], [], 0.3, 0.6).worst is None


def test_limits_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(EvaluationError):
        judge("m", [], [], 0.7, 0.6)


@given(
    arrays(np.float32, 300, elements=st.floats(0, 1, width=32)),
    arrays(np.float32, 200, elements=st.floats(0, 1, width=32)),
)
def test_chosen_limits_keep_their_promises(live: np.ndarray, attacks: np.ndarray) -> None:
    below, upper = choose_limits(live, {"a": attacks, "generated_b": attacks[::-1]})
    assert below <= upper
    assert np.mean(attacks >= upper) <= 0.005
    assert np.mean(live < below) <= 0.005
    upper_generated = choose_limits(live, {"generated_b": attacks})[1]
    assert np.mean(attacks >= upper_generated) <= MAX_APCER_GENERATED
    assert upper_generated <= upper


def test_too_few_pictures_choose_no_limits() -> None:
    with pytest.raises(TooFewComparisons):
        choose_limits(np.ones(500, np.float32), {"a": np.zeros(20, np.float32)})
    with pytest.raises(TooFewComparisons):
        choose_limits(np.ones(20, np.float32), {"a": np.zeros(500, np.float32)})


@given(SCORES, SCORES)
def test_the_curve_goes_from_all_pass_to_none(live: np.ndarray, attacks: np.ndarray) -> None:
    apcer, bpcer = error_curve(attacks, live)
    assert (np.diff(apcer) <= 0).all()
    assert (np.diff(bpcer) >= 0).all()
    assert apcer[-1] == 0
    assert bpcer[-1] == 1


def test_the_plot_is_a_picture_also_of_perfect_separation() -> None:
    attacks = [
        PadSample("print", np.zeros(30, np.float32)),
        PadSample("x", np.zeros(0, np.float32)),
    ]
    assert pad_png(np.ones(30, np.float32), attacks, (0.4, 0.6), "t").startswith(b"\x89PNG")

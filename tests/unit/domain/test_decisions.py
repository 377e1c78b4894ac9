from __future__ import annotations

import math

from fakes import threshold
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.decisions import Candidate, Outcome, decide
from facegate.domain.quality import Flaw


def candidates(*similarities: float) -> list[Candidate]:
    return [Candidate(number, value) for number, value in enumerate(similarities, start=1)]


def test_best_candidate_that_reaches_tau_and_leads_is_a_match() -> None:
    decision = decide(candidates(0.7, 0.2), threshold(tau=0.6, margin=0.05))
    assert (decision.outcome, decision.subject_id) == (Outcome.MATCH, 1)
    assert (decision.similarity, decision.second_similarity) == (0.7, 0.2)


def test_tau_itself_is_enough() -> None:
    assert decide(candidates(0.6), threshold(tau=0.6)).outcome is Outcome.MATCH


def test_below_tau_is_unknown_and_names_nobody() -> None:
    decision = decide(candidates(0.59, 0.1), threshold(tau=0.6))
    assert (decision.outcome, decision.subject_id) == (Outcome.UNKNOWN, None)
    assert decision.similarity == 0.59


def test_too_small_a_lead_is_ambiguous_and_names_nobody() -> None:
    decision = decide(candidates(0.70, 0.66), threshold(tau=0.6, margin=0.05))
    assert (decision.outcome, decision.subject_id) == (Outcome.AMBIGUOUS, None)


def test_the_only_person_enrolled_needs_no_lead() -> None:
    assert decide(candidates(0.61), threshold(tau=0.6, margin=0.5)).outcome is Outcome.MATCH


def test_empty_gallery_knows_nobody() -> None:
    decision = decide([], threshold())
    assert (decision.outcome, decision.similarity) == (Outcome.UNKNOWN, None)


def test_poor_face_is_not_named_however_alike_it_is() -> None:
    decision = decide(candidates(0.99), threshold(), (Flaw.BLURRED,))
    assert (decision.outcome, decision.subject_id) == (Outcome.LOW_QUALITY, None)
    assert decision.flaws == (Flaw.BLURRED,)


def test_nan_never_matches() -> None:
    assert decide(candidates(math.nan), threshold(tau=-1.0)).outcome is Outcome.UNKNOWN
    assert decide(candidates(0.9, math.nan), threshold()).outcome is not Outcome.MATCH


@given(st.lists(st.floats(-1, 1), max_size=4), st.floats(-1, 1), st.floats(0, 0.5))
def test_a_name_is_given_only_above_tau_and_with_a_lead(
    similarities: list[float], tau: float, margin: float
) -> None:
    ranked = sorted(similarities, reverse=True)
    decision = decide(candidates(*ranked), threshold(tau, margin))
    if decision.subject_id is not None:
        assert ranked[0] >= tau
        assert len(ranked) == 1 or ranked[0] - ranked[1] >= margin
    assert (decision.subject_id is not None) == (decision.outcome is Outcome.MATCH)

"""One-to-many, open-set identification: who is found, who is missed, which stranger is let in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from facegate.domain.decisions import Outcome, Rate
from facegate.evaluation.rates import rate
from facegate.evaluation.verification import rate_dict


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One probe's way through the system.

    Attributes:
        true_name: who it is; None for a stranger.
        best_name: the most alike enrolled person, whatever the threshold; None without a face.
        outcome: the decision; None without a face.
        found_name: the person named by the decision; None unless a match.
    """

    true_name: str | None
    best_name: str | None
    outcome: Outcome | None
    found_name: str | None


@dataclass(frozen=True, slots=True)
class IdentificationReport:
    """What a list of searches says, in the terms of ISO/IEC 19795-1.

    Attributes:
        rank_1: probes of people to enroll whose best candidate is right, whatever the threshold
            (`errors` counts the right ones).
        fnir: probes of people to enroll that were not answered with the right name, for whatever
            reason: not found, ambiguous, poor, or no face at all.
        misidentified: probes of people to enroll answered with a wrong name; part of fnir.
        fpir: probes of strangers that were answered with any name.
        outcomes: how often each outcome was, for enrolled people and for strangers.
        no_face: probes without a face.
        enrolled, not_enrolled: people whose enrollment picture was accepted or refused; the probes
            of both count in all rates, so a failure to enroll is a miss.
    """

    rank_1: Rate
    fnir: Rate
    misidentified: Rate
    fpir: Rate
    outcomes: dict[str, dict[str, int]]
    no_face: int
    enrolled: int
    not_enrolled: int
    tau: float
    model_id: str

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "rank_1": rate_dict(self.rank_1),
            "fnir": rate_dict(self.fnir),
            "misidentified": rate_dict(self.misidentified),
            "fpir": rate_dict(self.fpir),
            "outcomes": self.outcomes,
            "no_face": self.no_face,
            "enrolled": self.enrolled,
            "not_enrolled": self.not_enrolled,
            "threshold": self.tau,
            "model": self.model_id,
        }


def identification_report(
    results: Sequence[SearchResult],
    *,
    enrolled: int,
    not_enrolled: int,
    tau: float,
    model_id: str,
) -> IdentificationReport:
    """Count what became of every probe."""
    mated = [one for one in results if one.true_name is not None]
    strangers = [one for one in results if one.true_name is None]
    outcomes: dict[str, dict[str, int]] = {}
    for title, group in (("enrolled", mated), ("strangers", strangers)):
        counts = outcomes.setdefault(title, {})
        for one in group:
            word = "no_face" if one.outcome is None else one.outcome.value
            counts[word] = counts.get(word, 0) + 1
    missed = sum(one.found_name != one.true_name for one in mated)
    wrong = sum(one.found_name not in {None, one.true_name} for one in mated)
    return IdentificationReport(
        rank_1=rate(sum(one.best_name == one.true_name for one in mated), len(mated)),
        fnir=rate(missed, len(mated)),
        misidentified=rate(wrong, len(mated)),
        fpir=rate(sum(one.found_name is not None for one in strangers), len(strangers)),
        outcomes=outcomes,
        no_face=sum(one.outcome is None for one in results),
        enrolled=enrolled,
        not_enrolled=not_enrolled,
        tau=tau,
        model_id=model_id,
    )

"""τ for a target and a gallery: from measured score tails to the threshold of one search.

A stranger who is searched among N templates has N chances to be taken for somebody:

    FPIR = 1 - (1 - FMR)^N

This takes the N comparisons of one probe for independent. They are not quite: templates of one
person are alike, and so are the chances of one stranger with all of them. Such dependence makes the
true FPIR smaller, never larger than N x FMR, so every template counts here, also the second and
third of one person. What it cannot know is a gallery whose people resemble the visitors more than
the measured pairs resemble each other: relatives, one narrow group, or the luck of a few people.
For 700 strangers of LFW (FMR from their own 244,650 pairs), at four thresholds from 0.30 to 0.40,
the FPIR seen was 0.96 to 1.26 of the computed one with 300 people enrolled, but 1.3 to 2.0 with 50.

Source:
    Wayman, Error Rate Equations for the General Biometric System, IEEE Robotics & Automation
    Magazine 6(1), 1999; Daugman, The importance of being random, Pattern Recognition 36, 2003;
    terms of ISO/IEC 19795-1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from facegate.domain.decisions import Threshold
from facegate.domain.tails import ScoreTails
from facegate.domain.targets import TargetKind, ThresholdTarget
from facegate.errors import EmbeddingSpaceMismatch, EvaluationError
from facegate.evaluation.rates import rate, upper_limit
from facegate.evaluation.words import counted, odds


def fpir_of(fmr: float, templates: int) -> float:
    """Chance that a search among so many templates lets a stranger in; see above."""
    if templates <= 0:
        return 0.0
    return 1.0 if fmr >= 1 else -math.expm1(templates * math.log1p(-fmr))


def fmr_for(fpir: float, templates: int) -> float:
    """The FMR at which a search among so many templates keeps an FPIR: the inverse of `fpir_of`.

    Args:
        fpir: a fraction in (0, 1).
        templates: at least 1; an empty gallery lets nobody in at any rate.
    """
    return -math.expm1(math.log1p(-fpir) / max(1, templates))


@dataclass(frozen=True, slots=True)
class _Reading:
    """τ as one table has it, and whether the table supports the rate."""

    tau: float
    supported: bool


class ThresholdPolicy:
    """Gives the threshold for a gallery of any size; the same size gives the same threshold.

    A target is a promise, not a point estimate: τ is the lowest tabulated similarity at which the
    measured pairs rule out, at 95 %, a larger FMR than the target needs. Where even τ without any
    false match cannot rule it out (fewer than about 3 / FMR pairs, the rule of three), τ is that
    most careful similarity and `supported` is False. With several tables the highest τ counts. So
    τ never falls while a gallery grows.

    Args:
        baseline: the F1 threshold; τ is never below it unless the target says so explicitly.
        target: what to keep; the default gives the baseline for every gallery.
        tails: measured on the same network, the operator's own before those that ship.

    Raises:
        EvaluationError: a target without any table to read it off.
        EmbeddingSpaceMismatch: a table of another network.
    """

    def __init__(
        self,
        baseline: Threshold,
        target: ThresholdTarget | None = None,
        tails: Sequence[ScoreTails] = (),
    ) -> None:
        self.baseline = baseline
        self.target = target or ThresholdTarget()
        self._tails = tuple(tails)
        self._known: dict[int, Threshold] = {}
        for table in self._tails:
            if table.model_id != baseline.model_id:
                raise EmbeddingSpaceMismatch(have=table.model_id, need=baseline.model_id)
        if self.target.kind is not TargetKind.F1 and not self._tails:
            raise EvaluationError(
                f"The target {self.target} needs measured score tails, and there are none for "
                f"{baseline.model_id}.",
                hint="Run `facegate tune` on your pictures, or `facegate threshold set f1`.",
            )
        self._limits = [
            [upper_limit(point.non_mated, table.non_mated) for point in table.points]
            if self.target.kind is not TargetKind.F1
            else []
            for table in self._tails
        ]

    @property
    def model_id(self) -> str:
        """The network whose similarities are judged."""
        return self.baseline.model_id

    def needed_fmr(self, templates: int) -> float | None:
        """The FMR that the target asks of each comparison; None for `f1`."""
        if self.target.kind is TargetKind.F1:
            return None
        if self.target.kind is TargetKind.FMR:
            return self.target.rate
        return fmr_for(self.target.rate, templates)

    def for_gallery(self, templates: int) -> Threshold:
        """The threshold for one search among so many templates; 1 for a verification."""
        known = self._known.get(templates)
        if known is None:
            known = self._known[templates] = self._chosen(templates)
        return known

    def _chosen(self, templates: int) -> Threshold:
        needed = self.needed_fmr(templates)
        if needed is None:
            return replace(self.baseline, gallery_size=templates)
        readings = [
            _read_off(table, limits, needed)
            for table, limits in zip(self._tails, self._limits, strict=True)
        ]
        tau = max(reading.tau for reading in readings)
        supported = any(reading.supported for reading in readings)
        method, note = "tails", ""
        # A table that supports the claim is its evidence; else the largest speaks.
        table = next(
            (one for one, reading in zip(self._tails, readings, strict=True) if reading.supported),
            max(self._tails, key=lambda one: one.non_mated),
        )
        if tau < self.baseline.tau and not self.target.below_f1:
            note = f"The target would allow τ = {tau:.3f}; the higher τ of the best F1 is kept."
            method, tau = "f1", self.baseline.tau
        if not supported:
            gallery = counted(templates, "template", "templates")
            among = f" among {gallery}" if self.target.kind is TargetKind.FPIR else ""
            best = odds(upper_limit(0, table.non_mated))
            note = (
                f"The target {self.target} needs an FMR of {odds(needed)} or less{among}; "
                f"{table.non_mated:,} measured pairs support {best} at best. "
                "τ is the most careful one known."
            )
        return replace(
            self.baseline,
            tau=tau,
            method=method,
            f1=self.baseline.f1 if tau == self.baseline.tau else math.nan,
            fmr=rate(table.false_matches(tau), table.non_mated),
            fnmr=rate(table.false_non_matches(tau), table.mated),
            data=table.data,
            target=str(self.target),
            gallery_size=templates,
            supported=supported,
            note=note,
        )


def _read_off(table: ScoreTails, limits: list[float], needed: float) -> _Reading:
    """The lowest similarity whose limit keeps the rate; the most careful one when none does."""
    reading = _Reading(table.points[0].similarity, False)
    for point, limit in zip(table.points, limits, strict=True):
        if limit > needed:
            break
        reading = _Reading(point.similarity, True)
    return reading

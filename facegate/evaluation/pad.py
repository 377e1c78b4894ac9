"""How often attacks pass and people are refused, in the terms of ISO/IEC 30107-3.

APCER is given for each kind of attack and never averaged over kinds: an attacker chooses the kind
that works. A picture in which no face is found is a failure to acquire, counted beside the rates
and in none of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Rate
from facegate.errors import EvaluationError, TooFewComparisons
from facegate.evaluation.rates import rate

MAX_APCER = 0.005
MAX_APCER_GENERATED = 0.10
MAX_BPCER = 0.005
"""What `choose_limits` keeps on validation pictures. Some generated attacks are seen through a
camera so bad that nobody could tell them; their kinds get more room than photographed ones."""

GENERATED = "generated_"
"""The names of generated kinds begin so."""


@dataclass(frozen=True, slots=True, eq=False)
class PadSample:
    """The pictures of one kind of presentation.

    Attributes:
        name: kind of attack, or name of a bona fide set.
        scores: (n,) PAD scores of the pictures with a face, higher is more bona fide.
        failed_to_acquire: pictures without a face or that cannot be read.
    """

    name: str
    scores: FloatArray
    failed_to_acquire: int = 0


@dataclass(frozen=True, slots=True)
class PadResult:
    """What became of one kind of presentation.

    Attributes:
        name: kind of attack, or name of a bona fide set.
        error: APCER of an attack, the share taken for bona fide; BPCER of a bona fide set, the
            share not taken for bona fide.
        unsure: how many lay between the two limits: no attack among them passes without a
            challenge, and nobody bona fide either.
        failed_to_acquire: in neither count.
    """

    name: str
    error: Rate
    unsure: int
    failed_to_acquire: int

    def as_dict(self) -> dict[str, Any]:
        """The result as JSON has it."""
        return {
            "name": self.name,
            "value": self.error.value,
            "errors": self.error.errors,
            "presentations": self.error.trials,
            "interval": [self.error.low, self.error.high],
            "unsure": self.unsure,
            "failed_to_acquire": self.failed_to_acquire,
        }


@dataclass(frozen=True, slots=True)
class PadReport:
    """One detector on all kinds.

    Attributes:
        model_id: the detector.
        attack_below, bona_fide_from: its limits.
        apcer: of each kind of attack.
        bpcer: of each bona fide set.
    """

    model_id: str
    attack_below: float
    bona_fide_from: float
    apcer: tuple[PadResult, ...]
    bpcer: tuple[PadResult, ...]

    @property
    def worst(self) -> PadResult | None:
        """The kind of attack that passes most often; None when none was tried."""
        tried = [one for one in self.apcer if one.error.trials]
        return max(tried, key=lambda one: (one.error.value, one.error.high), default=None)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "model": self.model_id,
            "attack_below": self.attack_below,
            "bona_fide_from": self.bona_fide_from,
            "worst_kind": self.worst.name if self.worst else None,
            "worst_apcer": self.worst.error.value if self.worst else None,
            "apcer": [one.as_dict() for one in self.apcer],
            "bpcer": [one.as_dict() for one in self.bpcer],
        }


def judge(
    model_id: str,
    live: list[PadSample],
    attacks: list[PadSample],
    attack_below: float,
    bona_fide_from: float,
) -> PadReport:
    """Hold scores to the limits; a score that is no number never counts as bona fide."""
    if not attack_below <= bona_fide_from:
        raise EvaluationError("The limit of attacks lies above that of bona fide faces.")

    def result(sample: PadSample, *, is_attack: bool) -> PadResult:
        # As at the door: numpy would round the limits to the scores' shorter kind of number.
        scores = sample.scores.astype(np.float64)
        accepted = scores >= bona_fide_from
        unsure = (scores >= attack_below) & ~accepted
        wrong = accepted if is_attack else ~accepted
        return PadResult(
            sample.name,
            rate(int(np.count_nonzero(wrong)), len(sample.scores)),
            int(np.count_nonzero(unsure)),
            sample.failed_to_acquire,
        )

    return PadReport(
        model_id,
        attack_below,
        bona_fide_from,
        tuple(result(one, is_attack=True) for one in attacks),
        tuple(result(one, is_attack=False) for one in live),
    )


def choose_limits(
    live: FloatArray,
    attacks: Mapping[str, FloatArray],
    max_apcer: float = MAX_APCER,
    max_apcer_generated: float = MAX_APCER_GENERATED,
    max_bpcer: float = MAX_BPCER,
) -> tuple[float, float]:
    """Choose both limits on validation pictures, which no test may share.

    Args:
        live: (n,) scores of bona fide faces.
        attacks: scores of each kind.
        max_apcer: of every photographed kind, at the upper limit.
        max_apcer_generated: of every kind whose name begins with GENERATED.
        max_bpcer: share of the bona fide that may fall below the lower limit.

    Returns:
        The highest lower limit that keeps max_bpcer, but at most the upper one; and the lowest
        upper limit at which every kind keeps its rate.

    Raises:
        TooFewComparisons: a sample cannot express the rate asked of it.
    """
    upper = 0.0
    for kind, scores in attacks.items():
        limit = max_apcer_generated if kind.startswith(GENERATED) else max_apcer
        needed = math.ceil(1 / limit - 1e-9)
        if len(scores) < needed:
            raise TooFewComparisons(have=len(scores), need=needed)
        descending = np.sort(scores)[::-1]
        allowed = math.floor(limit * len(descending) + 1e-9)
        upper = max(upper, float(np.nextafter(descending[allowed], np.float32(np.inf))))
    needed = math.ceil(1 / max_bpcer - 1e-9)
    if len(live) < needed:
        raise TooFewComparisons(have=len(live), need=needed)
    lower = float(np.sort(live)[math.floor(max_bpcer * len(live) + 1e-9)])
    return min(lower, upper), upper


def error_curve(attacks: FloatArray, live: FloatArray) -> tuple[FloatArray, FloatArray]:
    """APCER of one kind and BPCER at every threshold that changes either.

    Returns:
        APCER (falling) and BPCER (rising), each (k,).
    """
    cuts = np.append(np.unique(np.concatenate([attacks, live])), np.float32(np.inf))
    apcer = 1 - np.searchsorted(np.sort(attacks), cuts, side="left") / max(1, len(attacks))
    bpcer = np.searchsorted(np.sort(live), cuts, side="left") / max(1, len(live))
    return apcer.astype(np.float32), bpcer.astype(np.float32)

"""Open-set identification: who is it, if anyone enrolled at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import Any

from facegate.domain.quality import Flaw


class Outcome(str, Enum):
    """What a search of the gallery ended in. Values are part of the JSON contract."""

    MATCH = "match"
    UNKNOWN = "unknown"
    AMBIGUOUS = "ambiguous"
    LOW_QUALITY = "low_quality"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An enrolled person and how alike the probe is.

    Attributes:
        subject_id: the person's number in the store.
        similarity: cosine in [-1, 1] to the person's most alike template, higher is more alike.
        template_id: that template's number in the store, for receipts; None when unknown.
    """

    subject_id: int
    similarity: float
    template_id: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Rate:
    """A measured error rate.

    Attributes:
        errors, trials: counts; value is errors / trials.
        low, high: 95 % Clopper-Pearson interval of the rate, fractions.
    """

    errors: int
    trials: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The rate as a fraction; NaN when there were no trials."""
        return self.errors / self.trials if self.trials else float("nan")


@dataclass(frozen=True, slots=True)
class Threshold:
    """The similarity from which on two faces count as one person, and where it comes from.

    Attributes:
        tau: accept at `similarity >= tau`.
        margin: least lead over the second person; a smaller one makes the outcome ambiguous.
        model_id: the network whose similarities it judges.
        method: how tau was chosen: `f1`, or `tails` for one read off measured score tails.
        f1: the F1 score at tau on the tuning pairs, NaN when unknown.
        fmr, fnmr: one-to-one error rates at tau on the measured pairs, with sample sizes.
        data: the data it was tuned on, in words.
        created_at: time zone aware, UTC.
        target: what tau was asked to keep, see `facegate.domain.targets`.
        gallery_size: templates that one search compares with, for which tau was chosen.
        supported: False when the measured pairs are too few for the target; tau is then the most
            careful one they know.
        note: what else a person should know about this tau, in words; may be empty.
    """

    tau: float
    margin: float
    model_id: str
    method: str
    f1: float
    fmr: Rate
    fnmr: Rate
    data: str
    created_at: datetime
    target: str = "f1"
    gallery_size: int = 1
    supported: bool = True
    note: str = ""

    def evidence(self) -> dict[str, Any]:
        """Where tau comes from, as receipts and JSON have it."""
        return {
            "target": self.target,
            "method": self.method,
            "gallery_size": self.gallery_size,
            "supported": self.supported,
            "fmr": {
                "value": self.fmr.value if self.fmr.trials else None,
                "count": self.fmr.errors,
                "of": self.fmr.trials,
                "interval_95": [self.fmr.low, self.fmr.high],
            },
            "note": self.note,
        }

    @property
    def is_set(self) -> bool:
        """Whether there is a threshold at all; without one nobody matches."""
        return math.isfinite(self.tau)

    @classmethod
    def unset(cls, model_id: str) -> Threshold:
        """Stands where a network has no threshold: no similarity reaches it."""
        nothing = Rate(0, 0, 0.0, 1.0)
        never = datetime.fromtimestamp(0, timezone.utc)
        nan = float("nan")
        return cls(math.inf, 0.0, model_id, "none", nan, nothing, nothing, "none", never)


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome for one probe, with all that led to it.

    Attributes:
        outcome: see Outcome.
        subject_id: the person, only for a match.
        similarity: to the best candidate, None when nobody was searched.
        second_similarity: to the second person, None when there is none.
        tau: the threshold that was applied; infinite when the network has none.
        flaws: why the quality was too low; empty otherwise.
        threshold: tau with its evidence; `decide` always gives it.
    """

    outcome: Outcome
    subject_id: int | None
    similarity: float | None
    second_similarity: float | None
    tau: float
    flaws: tuple[Flaw, ...] = ()
    threshold: Threshold | None = None


def decide(
    candidates: Sequence[Candidate], threshold: Threshold, flaws: tuple[Flaw, ...] = ()
) -> Decision:
    """Apply the open-set rule: tau first, then the lead over the second person.

    Args:
        candidates: different subjects, best first; empty for an empty gallery.
        threshold: of the same model as the similarities.
        flaws: what makes the probe too poor to trust; any flaw withholds the identity.

    Returns:
        `match` only when the best candidate reaches tau, leads by the margin and the probe has
        no flaw. A poor probe is `low_quality` whatever its similarity: a blurred face is alike
        to many, and a person who is refused should be told what to change. NaN never matches,
        and nothing matches without a threshold.
    """
    best = candidates[0].similarity if candidates else None
    second = candidates[1].similarity if len(candidates) > 1 else None
    outcome = Outcome.UNKNOWN
    if flaws:
        outcome = Outcome.LOW_QUALITY
    elif best is not None and threshold.is_set and best >= threshold.tau:
        leads = second is None or best - second >= threshold.margin
        outcome = Outcome.MATCH if leads else Outcome.AMBIGUOUS
    subject_id = candidates[0].subject_id if outcome is Outcome.MATCH else None
    return Decision(outcome, subject_id, best, second, threshold.tau, flaws, threshold)

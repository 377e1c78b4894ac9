"""One-to-one verification: the ten-fold protocol of LFW, and rates at given FMRs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Rate
from facegate.errors import EvaluationError
from facegate.evaluation.rates import auc, equal_error_rate, fmr_at, fnmr_at, rate, tmr_at_fmr

FMR_TARGETS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What a list of compared pairs says.

    Attributes:
        accuracy_mean, accuracy_std: over the folds, fractions.
        folds: how many there were.
        tmr_at_fmr: for each FMR that the sample can express.
        auc, eer: see `facegate.evaluation.rates`.
        mated, non_mated: pairs compared.
        failed_pairs: pairs that could not be compared, for a picture without a face.
        failed_to_acquire: pictures in which no face was found, or that could not be read.
        pictures: different pictures named by the pairs.
        tau, fmr, fnmr: the threshold in force and its error rates here.
        model_id: the embedding network.
        warnings: what the sample cannot support, in words.
    """

    accuracy_mean: float
    accuracy_std: float
    folds: int
    tmr_at_fmr: dict[float, Rate]
    auc: float
    eer: float
    mated: int
    non_mated: int
    failed_pairs: int
    failed_to_acquire: int
    pictures: int
    tau: float
    fmr: Rate
    fnmr: Rate
    model_id: str
    warnings: tuple[str, ...] = field(default=())

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "accuracy": {
                "mean": self.accuracy_mean,
                "std": self.accuracy_std,
                "folds": self.folds,
            },
            "tmr_at_fmr": {f"{fmr:.0e}": rate_dict(tmr) for fmr, tmr in self.tmr_at_fmr.items()},
            "auc": self.auc,
            "eer": self.eer,
            "pairs": self.mated + self.non_mated,
            "mated": self.mated,
            "non_mated": self.non_mated,
            "failed_pairs": self.failed_pairs,
            "failed_to_acquire": self.failed_to_acquire,
            "pictures": self.pictures,
            "at_threshold": {
                "threshold": self.tau,
                "fmr": rate_dict(self.fmr),
                "fnmr": rate_dict(self.fnmr),
            },
            "model": self.model_id,
            "warnings": list(self.warnings),
        }


def rate_dict(measured: Rate) -> dict[str, Any]:
    """A rate as JSON has it: value, counts and 95 % interval."""
    return {
        "value": measured.value,
        "count": measured.errors,
        "of": measured.trials,
        "interval_95": [measured.low, measured.high],
    }


def verification_report(
    similarities: FloatArray,
    mated: np.ndarray,
    folds: np.ndarray,
    *,
    tau: float,
    model_id: str,
    failed_pairs: int,
    failed_to_acquire: int,
    pictures: int,
) -> VerificationReport:
    """Judge compared pairs.

    Args:
        similarities: (n,).
        mated: (n,) bool.
        folds: (n,) fold of each pair, from 0.
        tau: the threshold in force.
        model_id: the embedding network.
        failed_pairs, failed_to_acquire, pictures: see VerificationReport.

    Raises:
        EvaluationError: no mated or no non-mated pair could be compared.
    """
    same, different = similarities[mated], similarities[~mated]
    if not len(same) or not len(different):
        raise EvaluationError(
            f"{len(same)} mated and {len(different)} non-mated pairs could be compared; "
            "both kinds are needed."
        )
    accuracies = fold_accuracies(similarities, mated, folds)
    reachable = [fmr for fmr in FMR_TARGETS if len(different) * fmr >= 1]
    warnings = []
    if len(reachable) < len(FMR_TARGETS):
        best = rate(0, len(different)).high
        warnings.append(
            f"{len(different)} non-mated pairs cannot show an FMR below {best:.1e}, "
            "even if none were accepted."
        )
    if len(accuracies) < 2:
        warnings.append(
            "There is a single fold: the accuracy's threshold was chosen on the pairs it is "
            "measured on, which is favorable."
        )
    if failed_pairs:
        warnings.append(f"{failed_pairs} pairs were left out for want of a face; not in the rates.")
    return VerificationReport(
        accuracy_mean=float(np.mean(accuracies)),
        accuracy_std=float(np.std(accuracies)),
        folds=len(accuracies),
        tmr_at_fmr={fmr: tmr_at_fmr(same, different, fmr) for fmr in reachable},
        auc=auc(same, different),
        eer=equal_error_rate(same, different),
        mated=len(same),
        non_mated=len(different),
        failed_pairs=failed_pairs,
        failed_to_acquire=failed_to_acquire,
        pictures=pictures,
        tau=tau,
        fmr=fmr_at(different, tau),
        fnmr=fnmr_at(same, tau),
        model_id=model_id,
        warnings=tuple(warnings),
    )


def fold_accuracies(
    similarities: FloatArray, mated: np.ndarray, folds: np.ndarray
) -> Sequence[float]:
    """Accuracy on each fold, at the threshold that is best on all the others.

    Source:
        Huang et al., Labeled Faces in the Wild, 2007: view 2, ten folds.
    """
    accuracies = []
    numbers = np.unique(folds)
    for number in numbers:
        test = folds == number
        train = ~test if len(numbers) > 1 else test
        tau = best_accuracy_threshold(similarities[train], mated[train])
        accuracies.append(float(np.mean((similarities[test] >= tau) == mated[test])))
    return accuracies


def best_accuracy_threshold(similarities: FloatArray, mated: np.ndarray) -> float:
    """The threshold with the most right answers; in the middle of the gap between scores."""
    order = np.argsort(similarities, kind="stable")
    scores, is_mated = similarities[order].astype(np.float64), mated[order]
    # A cut before place i rejects the first i: right are the non-mated below, the mated above.
    below = np.append(0, np.cumsum(~is_mated))
    above = is_mated.sum() - np.append(0, np.cumsum(is_mated))
    usable = np.append(np.append(True, np.diff(scores) != 0), True)
    best = int(np.argmax(np.where(usable, below + above, -1)))
    if best == 0:
        return float(scores[0])
    if best == len(scores):
        return float(np.nextafter(scores[-1], np.inf))
    return float((scores[best - 1] + scores[best]) / 2)

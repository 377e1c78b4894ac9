"""What a list of people seen once says about small false match rates, and what it cannot say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Rate
from facegate.errors import EvaluationError
from facegate.evaluation.bootstrap import (
    REPLICATES,
    Interval,
    interval_of,
    pair_replicates,
    tmr_replicates,
)
from facegate.evaluation.non_mated import IntArray, PairScan, threshold_in_top
from facegate.evaluation.pairs import ComparisonPair
from facegate.evaluation.rates import fnmr_at, rate
from facegate.evaluation.verification import rate_dict

FMR_TARGETS = (1e-3, 1e-4, 1e-5, 1e-6)

MIN_ERRORS = 10
"""Fewer non-mated pairs above a threshold support no rate: of 10, the exact interval reaches from
half to almost twice the rate; of 3, from a fifth to three times. Doddington's rule of 30 asks for
more (Doddington et al., The NIST speaker recognition evaluation, Speech Communication 31, 2000)."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One threshold on the list.

    Attributes:
        target: the FMR that chose the threshold; None for the one in force.
        tau: None when the list cannot express the target.
        fmr: of all pairs of the list.
        fmr_people: 95 % interval of the FMR when people are drawn anew; None: cannot be made.
        tmr: mated pairs with `similarity >= tau` (`errors` counts these matches).
        tmr_people: the same interval for the TMR. With a target, every draw chooses its own
            threshold from its own people, so it also holds the doubt about the threshold.
        reason: why the figure is not supported, in words; empty when it is.
    """

    target: float | None
    tau: float | None
    fmr: Rate | None
    fmr_people: Interval | None
    tmr: Rate | None
    tmr_people: Interval | None
    reason: str

    @property
    def supported(self) -> bool:
        """Whether enough non-mated pairs are above the threshold."""
        return not self.reason

    def as_dict(self) -> dict[str, Any]:
        """The point as JSON has it."""
        return {
            "fmr_target": self.target,
            "threshold": self.tau,
            "fmr": None if self.fmr is None else rate_dict(self.fmr),
            "fmr_interval_95_people": self.fmr_people,
            "tmr": None if self.tmr is None else rate_dict(self.tmr),
            "tmr_interval_95_people": self.tmr_people,
            "supported": self.supported,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class NonMatedReport:
    """All pairs of a list of people seen once, against the mated pairs of another list.

    Attributes:
        faces, pairs: of the list; pairs said to show one person are not counted.
        one_person: how many those are.
        failed: its pictures without a face, or that could not be read, by reason.
        mated, mated_people: the mated pairs and the people they show.
        points: thresholds for FMR_TARGETS, and the one in force.
        most_alike: similarities and pictures of the list's most alike pairs, falling. The first
            ones may well show one person twice; then the rates are too high.
        replicates: draws behind the intervals over people.
        warnings: in words.
    """

    faces: int
    pairs: int
    one_person: int
    failed: Mapping[str, int]
    mated: int
    mated_people: int
    points: tuple[OperatingPoint, ...]
    most_alike: tuple[tuple[float, Path, Path], ...]
    replicates: int
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "faces": self.faces,
            "pairs": self.pairs,
            "pairs_of_one_person_left_out": self.one_person,
            "failed_to_acquire": dict(self.failed),
            "mated": self.mated,
            "mated_people": self.mated_people,
            "points": [point.as_dict() for point in self.points],
            "most_alike": [
                {"similarity": similarity, "path_a": str(a), "path_b": str(b)}
                for similarity, a, b in self.most_alike
            ],
            "bootstrap": {"draws": self.replicates, "unit": "people"},
            "warnings": list(self.warnings),
        }


def non_mated_report(
    scan: PairScan,
    paths: Sequence[Path],
    mated: FloatArray,
    people: IntArray,
    *,
    tau: float,
    failed: Mapping[str, int],
    targets: Sequence[float] = FMR_TARGETS,
    replicates: int = REPLICATES,
    show: int = 200,
) -> NonMatedReport:
    """Judge a scan.

    Args:
        scan: all pairs of the list, with tau among its counts.
        paths: the list's pictures, as the scan numbers its faces.
        mated: (n,) similarities of mated pairs.
        people: (n,) from 0, whom each mated pair shows; see `people_of_pairs`.
        tau: the threshold in force.
        failed: pictures of the list that have no face, by reason.
        targets: FMRs, falling.
        replicates: draws for the intervals over people.
        show: how many of the most alike pairs are named.

    Raises:
        EvaluationError: there are no mated pairs.
    """
    if not len(mated):
        raise EvaluationError("No mated pair could be compared, so there is no true match rate.")
    cuts = [threshold_in_top(scan, target) for target in targets]
    reached = [target for target, cut in zip(targets, cuts, strict=True) if cut is not None]
    taus = [*(cut for cut in cuts if cut is not None), tau]
    drawn = pair_replicates(scan, taus, reached, replicates)
    fixed = np.full((replicates, 1), tau, np.float32)
    tmr_drawn = tmr_replicates(mated, people, np.hstack([drawn.thresholds, fixed]))
    points = []
    place = 0
    for target, cut in [*zip(targets, cuts, strict=True), (None, tau)]:
        if cut is None:
            words = (
                f"{scan.pairs:,} non-mated pairs cannot express an FMR of {target:.0e}: less than "
                "one pair would be let in."
            )
            points.append(OperatingPoint(target, None, None, None, None, None, words))
            continue
        count = scan.counts[tau] if target is None else scan.above(cut)
        missed = fnmr_at(mated, cut)
        points.append(
            OperatingPoint(
                target=target,
                tau=cut,
                fmr=rate(count, scan.pairs),
                fmr_people=interval_of(drawn.fmr[:, place]),
                tmr=rate(missed.trials - missed.errors, missed.trials),
                tmr_people=interval_of(tmr_drawn[:, place]),
                reason=_reason(count, scan.pairs),
            )
        )
        place += 1
    return NonMatedReport(
        faces=scan.faces,
        pairs=scan.pairs,
        one_person=len(scan.left_out),
        failed=failed,
        mated=len(mated),
        mated_people=int(people.max()) + 1,
        points=tuple(points),
        most_alike=tuple(
            (float(scan.top[i]), paths[a], paths[b])
            for i, (a, b) in enumerate(scan.top_faces[:show].tolist())
        ),
        replicates=replicates,
        warnings=_warnings(scan, failed, mated),
    )


def _reason(count: int, pairs: int) -> str:
    if count >= MIN_ERRORS:
        return ""
    if count == 0:
        return (
            f"None of {pairs:,} non-mated pairs is above τ: the FMR is below {3 / pairs:.1e} "
            "with 95 % confidence (rule of three), if pairs were independent; they share faces."
        )
    is_above = "is" if count == 1 else "are"
    return (
        f"Only {count} of {pairs:,} non-mated pairs {is_above} above τ; fewer than {MIN_ERRORS} "
        "do not carry a rate."
    )


def _warnings(scan: PairScan, failed: Mapping[str, int], mated: FloatArray) -> tuple[str, ...]:
    lost = sum(failed.values())
    warnings = [
        f"The {scan.pairs:,} non-mated pairs come from {scan.faces:,} faces and share them, so "
        "they are not independent: the exact intervals are too narrow, those over people fairer."
    ]
    if lost:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(failed.items()))
        warnings.append(f"{lost} pictures of the list were left out ({reasons}).")
    suspects = scan.above(float(np.median(mated)))
    if suspects:
        warnings.append(
            f"{suspects:,} non-mated pairs are more alike than half of the mated ones: look "
            "whether they show one person (--most-alike), and name those that do (--one-person). "
            "If they do, the rates are too high."
        )
    return tuple(warnings)


def people_of_pairs(pairs: Sequence[ComparisonPair]) -> IntArray:
    """Tell whom each mated pair shows, as numbers from 0.

    Pictures that a chain of mated pairs connects show one person. When every mated pair lies in one
    folder and no non-mated pair does, a folder is a person.

    Args:
        pairs: a whole list; mated and non-mated ones.

    Returns:
        (n,) int64 for the n mated pairs, in order.
    """
    mated = [pair for pair in pairs if pair.mated]
    by_folder = all(pair.path_a.parent == pair.path_b.parent for pair in mated) and not any(
        pair.path_a.parent == pair.path_b.parent for pair in pairs if not pair.mated
    )
    leader: dict[Path, Path] = {}

    def find(path: Path) -> Path:
        while leader.setdefault(path, path) != path:
            leader[path] = leader[leader[path]]
            path = leader[path]
        return path

    for pair in mated:
        leader[find(pair.path_a)] = find(pair.path_b)
        if by_folder:
            leader[find(pair.path_a)] = find(pair.path_a.parent)
    numbers: dict[Path, int] = {}
    return np.array(
        [numbers.setdefault(find(pair.path_a), len(numbers)) for pair in mated], np.int64
    )

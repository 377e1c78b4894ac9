"""Error rates by group: are some people let in wrongly, or turned away, more often than others?

Within a group both faces of a non-mated pair belong to it, as when somebody tries to pass for
another person of the same kind. Terms of ISO/IEC 19795-10.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Rate
from facegate.evaluation.bootstrap import (
    REPLICATES,
    Interval,
    draw_faces,
    interval_of,
    weighted_pairs,
)
from facegate.evaluation.non_mated import TILE, IntArray, no_pairs
from facegate.evaluation.operating_points import MIN_ERRORS
from facegate.evaluation.rates import rate
from facegate.evaluation.verification import rate_dict
from facegate.evaluation.words import counted

MIN_FACES = 100
"""Fewer faces (or mated comparisons) keep a group out of the comparison of groups: 100 faces make
4950 pairs."""

DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GroupRate:
    """One group's error rate.

    Attributes:
        name: of the group.
        pictures: with that label.
        acquired: of these, pictures with a face.
        errors: the rate.
        people: 95 % interval when people are drawn anew; None when it cannot be made.
        compared: whether the group is large enough for worst over best.
        drawn: (draws,) the rate of each draw, for ratios.
    """

    name: str
    pictures: int
    acquired: int
    errors: Rate
    people: Interval | None
    compared: bool
    drawn: DoubleArray

    @property
    def failed(self) -> Rate:
        """Failures to acquire: pictures without a face, or that could not be read."""
        return rate(self.pictures - self.acquired, self.pictures)

    @property
    def bounds(self) -> Interval:
        """The wider of both intervals: where errors are few, draws of people show too little."""
        low, high = self.errors.low, self.errors.high
        if self.people is not None:
            low, high = min(low, self.people[0]), max(high, self.people[1])
        return low, high

    def as_dict(self) -> dict[str, Any]:
        """The group as JSON has it."""
        return {
            "group": self.name,
            "pictures": self.pictures,
            "failed_to_acquire": rate_dict(self.failed),
            "rate": rate_dict(self.errors),
            "interval_95_people": self.people,
            "in_ratio": self.compared,
        }


@dataclass(frozen=True, slots=True)
class WorstOverBest:
    """How far groups are apart.

    Attributes:
        worst, best: names of the groups with the highest and the lowest rate.
        ratio: of these rates; None when it cannot be told.
        people: its 95 % interval when people are drawn anew, these two groups being given. Who is
            worst and best was chosen by the same data, so the ratio is somewhat too large.
        at_least: what the intervals leave for certain: the worst rate's lower bound by the best
            rate's upper one (see `GroupRate.bounds`), at least 1.
        left_out: groups that are too small.
        reason: why there is no ratio, or why it is not to be relied on, in words; else empty.
    """

    worst: str
    best: str
    ratio: float | None
    people: Interval | None
    at_least: float
    left_out: tuple[str, ...]
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """The comparison as JSON has it."""
        return {
            "worst": self.worst,
            "best": self.best,
            "ratio": self.ratio,
            "interval_95_people": self.people,
            "at_least": self.at_least,
            "left_out": list(self.left_out),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class GroupComparison:
    """All groups of one division at one threshold.

    Attributes:
        division: for example `race`, or `race x gender`.
        measure: `FMR` or `FNMR`.
        tau: the threshold.
        title: where it comes from, in words.
        overall: the rate without regard to groups: for FMR of all pairs, also across groups.
        groups: by name.
        spread: worst over best.
    """

    division: str
    measure: str
    tau: float
    title: str
    overall: Rate
    groups: tuple[GroupRate, ...]
    spread: WorstOverBest

    def as_dict(self) -> dict[str, Any]:
        """The comparison as JSON has it."""
        return {
            "division": self.division,
            "measure": self.measure,
            "threshold": self.tau,
            "threshold_from": self.title,
            "overall": rate_dict(self.overall),
            "groups": [group.as_dict() for group in self.groups],
            "worst_over_best": self.spread.as_dict(),
        }


def in_order(names: Iterable[str]) -> list[str]:
    """Sort groups by name, or by the first number in it when all have one, as ages do."""
    rising = sorted(names)
    numbers = [re.search(r"\d+", name) for name in rising]
    if not all(numbers):
        return rising
    return sorted(rising, key=lambda name: int(re.findall(r"\d+", name)[0]))


def pairs_above(embeddings: FloatArray, tau: float) -> IntArray:
    """All pairs (m, 2) of (n, d) faces with `similarity >= tau`, first < second."""
    found: list[IntArray] = [np.zeros((0, 2), np.int64)]
    for first in range(0, len(embeddings), TILE):
        rows = embeddings[first : first + TILE]
        for second in range(first, len(embeddings), TILE):
            a, b = np.nonzero(rows @ embeddings[second : second + TILE].T >= np.float32(tau))
            if first == second:
                a, b = a[a < b], b[a < b]
            found.append(np.stack([first + a, second + b], axis=1))
    return np.concatenate(found)


def _without(edges: IntArray, left_out: IntArray, faces: int) -> IntArray:
    """Those of the pairs (m, 2) of n faces that are not left out."""
    return edges[~np.isin(edges @ (faces, 1), left_out @ (faces, 1))]


def fmr_by_group(
    embeddings: FloatArray,
    groups: Sequence[str],
    pictures: Mapping[str, int],
    tau: float,
    *,
    left_out: IntArray | None = None,
    min_faces: int = MIN_FACES,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> tuple[GroupRate, ...]:
    """False match rate within each group, of all pairs of its faces.

    Args:
        embeddings: (n, d) unit vectors, each of another person.
        groups: (n,) names.
        pictures: by group, how many pictures there were, also those without a face.
        tau: accepts at `similarity >= tau`.
        left_out: (m, 2) pairs of faces that are not to be counted, each once, first < second.
        min_faces: see MIN_FACES.
        replicates, seed: draws of faces within the group, see `facegate.evaluation.bootstrap`.
    """
    names = np.array(groups, dtype=object)
    left_out = no_pairs() if left_out is None else left_out
    random = np.random.default_rng(seed)
    rows = []
    for name in in_order(pictures):
        of_group = names == name
        faces = embeddings[of_group]
        n = len(faces)
        place = np.cumsum(of_group) - 1
        skipped = place[left_out[of_group[left_out].all(axis=1)]]
        edges = _without(pairs_above(faces, tau), skipped, n)
        drawn = np.full(replicates, np.nan)
        for draw in range(replicates if n > 1 else 0):
            weights = draw_faces(random, n)
            total = weighted_pairs(weights, skipped)
            if total:
                drawn[draw] = float(weights[edges[:, 0]] @ weights[edges[:, 1]]) / total
        rows.append(
            GroupRate(
                name=name,
                pictures=pictures[name],
                acquired=n,
                errors=rate(len(edges), n * (n - 1) // 2 - len(skipped)),
                people=interval_of(drawn),
                compared=n >= min_faces,
                drawn=drawn,
            )
        )
    return tuple(rows)


def fnmr_by_group(
    similarities: FloatArray,
    groups: Sequence[str],
    people: IntArray,
    pictures: Mapping[str, int],
    tau: float,
    *,
    min_comparisons: int = MIN_FACES,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> tuple[GroupRate, ...]:
    """False non-match rate of mated comparisons in each group.

    Args:
        similarities: (n,) of mated comparisons.
        groups: (n,) names.
        people: (n,) from 0, whom each shows.
        pictures: by group, probes, also those without a face (which are no comparisons).
        tau: accepts at `similarity >= tau`.
        min_comparisons: see MIN_FACES.
        replicates, seed: draws of people; the same draws in every group, because the same people
            may be in several.
    """
    names = np.array(groups, dtype=object)
    missed = ~(similarities >= np.float32(tau))
    count = int(people.max(initial=-1)) + 1
    random = np.random.default_rng(seed)
    weights = [draw_faces(random, count) for _ in range(replicates)] if count else []
    rows = []
    for name in in_order(pictures):
        of_group = names == name
        trials = np.bincount(people[of_group], minlength=count).astype(np.float64)
        errors = np.bincount(people[of_group & missed], minlength=count).astype(np.float64)
        drawn = np.full(replicates, np.nan)
        for draw, weight in enumerate(weights):
            if weight @ trials:
                drawn[draw] = float(weight @ errors) / float(weight @ trials)
        compared = int(of_group.sum())
        rows.append(
            GroupRate(
                name=name,
                pictures=pictures[name],
                acquired=compared,
                errors=rate(int((of_group & missed).sum()), compared),
                people=interval_of(drawn),
                compared=compared >= min_comparisons,
                drawn=drawn,
            )
        )
    return tuple(rows)


def worst_over_best(groups: Sequence[GroupRate]) -> WorstOverBest:
    """Compare the group with the highest rate to the one with the lowest."""
    left_out = tuple(group.name for group in groups if not group.compared)
    usable = [group for group in groups if group.compared and group.errors.trials]
    if len(usable) < 2:
        words = "fewer than two groups are large enough"
        return WorstOverBest("", "", None, None, 1.0, left_out, words)
    worst = max(usable, key=lambda group: group.errors.value)
    # Of groups without any error, the largest has shown most.
    best = min(usable, key=lambda group: (group.errors.value, -group.errors.trials))
    at_least = max(1.0, worst.bounds[0] / best.bounds[1])
    if worst.errors.errors == 0:
        words = "no group has a single error"
        return WorstOverBest(worst.name, best.name, None, None, at_least, left_out, words)
    if best.errors.errors == 0:
        words = f"{best.name} has no error in {best.errors.trials:,} comparisons"
        return WorstOverBest(worst.name, best.name, None, None, at_least, left_out, words)
    few = min(worst.errors.errors, best.errors.errors)
    errors = counted(few, "error", "errors")
    words = f"a group has only {errors}; fewer than {MIN_ERRORS} do not carry a rate"
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = worst.drawn / best.drawn
    return WorstOverBest(
        worst=worst.name,
        best=best.name,
        ratio=worst.errors.value / best.errors.value,
        people=_ratio_interval(ratios),
        at_least=at_least,
        left_out=left_out,
        reason=words if few < MIN_ERRORS else "",
    )


def _ratio_interval(ratios: DoubleArray) -> Interval | None:
    """Percentiles of draws, some of which may be infinite; the upper bound then may be, too."""
    known = np.sort(ratios[~np.isnan(ratios)])
    if len(known) < 2 or known[0] == known[-1]:
        return None
    low, high = (known[round(share * (len(known) - 1))] for share in (0.025, 0.975))
    return float(low), float(high)

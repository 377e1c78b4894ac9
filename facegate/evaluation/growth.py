"""How open-set search errs as more people are enrolled.

A stranger meets everybody enrolled, so the highest of ever more similarities decides: at one
threshold the FPIR grows with the gallery, and at one FPIR the threshold and with it the FNIR. Terms
of ISO/IEC 19795-1: a search fails (FNIR) unless the right person comes first and reaches the
threshold; it errs on a stranger (FPIR) when anybody reaches it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray
from facegate.errors import EvaluationError
from facegate.evaluation.rates import exact_interval, threshold_at_fmr

SIZES = (10, 100, 1_000, 10_000, 40_000)
FPIR_TARGETS = (0.01, 0.003)
DRAWS = 5
"""Random galleries of each size below the largest."""

BLOCK = 256
"""Searches compared at once."""

UNSURE = 2.0
"""An FPIR whose interval reaches so many times the wanted one is told with a warning."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SearchSet:
    """Searches and the faces they are made against. All embeddings are float32 unit vectors.

    Attributes:
        enrolled: (e, d) one template of each enrolled person.
        mated: (m, d) searches of people meant to be enrolled.
        mates: (m,) which enrolled person each shows; -1 when the enrollment was refused.
        mated_usable: (m,) bool; False for a face too poor to be named. Searches without a face are
            zeros and not usable; with any of these the search fails.
        strangers: (s, d) searches of people who are not enrolled.
        strangers_usable: (s,) bool; an unusable one is never named.
        distractors: (k, d) people enrolled besides, who never come.
    """

    enrolled: FloatArray
    mated: FloatArray
    mates: IntArray
    mated_usable: npt.NDArray[np.bool_]
    strangers: FloatArray
    strangers_usable: npt.NDArray[np.bool_]
    distractors: FloatArray


@dataclass(frozen=True, slots=True)
class SpreadRate:
    """A rate over several random galleries of one size.

    Attributes:
        errors, trials: means of the draws, so they need not be whole.
        low, high: 95 % Clopper-Pearson interval of one draw with these errors. The draws share
            their searches, so they add no certainty about people; that is why the interval counts
            the searches once.
        low_draw, high_draw: lowest and highest rate of the draws.
    """

    errors: float
    trials: float
    low: float
    high: float
    low_draw: float
    high_draw: float

    @property
    def value(self) -> float:
        """The rate as a fraction; NaN without trials."""
        return self.errors / self.trials if self.trials else math.nan

    def as_dict(self) -> dict[str, Any]:
        """The rate as JSON has it."""
        return {
            "value": self.value,
            "count": self.errors,
            "of": self.trials,
            "interval_95": [self.low, self.high],
            "range_of_draws": [self.low_draw, self.high_draw],
        }


@dataclass(frozen=True, slots=True)
class AtFpir:
    """FNIR at a wanted FPIR.

    Attributes:
        target: wanted FPIR.
        tau: mean over the draws of the threshold that the strangers' searches give; None when they
            are too few.
        fnir: None with tau.
        fpir: of the strangers, at these thresholds; its interval says how well so few of them pin
            the rate down. None with tau.
        reason: why it cannot be told, in words; else empty.
    """

    target: float
    tau: float | None
    fnir: SpreadRate | None
    fpir: SpreadRate | None
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """The point as JSON has it."""
        return {
            "fpir_target": self.target,
            "threshold": self.tau,
            "fnir": None if self.fnir is None else self.fnir.as_dict(),
            "fpir": None if self.fpir is None else self.fpir.as_dict(),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class GallerySize:
    """What searches of galleries of one size gave.

    Attributes:
        size: people enrolled.
        draws: random galleries.
        rank_1: the right person comes first, at any threshold (`errors` counts the right ones).
        tau: the threshold in force for such a gallery.
        fnir, fpir: at it.
        at_fpir: at wanted rates.
    """

    size: int
    draws: int
    tau: float
    rank_1: SpreadRate
    fnir: SpreadRate
    fpir: SpreadRate
    at_fpir: tuple[AtFpir, ...]

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return {
            "size": self.size,
            "draws": self.draws,
            "threshold": self.tau,
            "rank_1": self.rank_1.as_dict(),
            "fnir": self.fnir.as_dict(),
            "fpir": self.fpir.as_dict(),
            "at_fpir": [point.as_dict() for point in self.at_fpir],
        }


@dataclass(frozen=True, slots=True)
class GrowthReport:
    """Rows by rising gallery size.

    Attributes:
        rows: see GallerySize.
        enrolled, distractors: people in the largest gallery.
        mated_searches, stranger_searches: all there are.
        warnings: in words.
    """

    rows: tuple[GallerySize, ...]
    enrolled: int
    distractors: int
    mated_searches: int
    stranger_searches: int
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "galleries": [row.as_dict() for row in self.rows],
            "enrolled": self.enrolled,
            "distractors": self.distractors,
            "mated_searches": self.mated_searches,
            "stranger_searches": self.stranger_searches,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """The scores of all searches of one gallery; minus infinity where a search can give no name.

    Attributes:
        first: (m,) bool, the right person comes first, whatever the threshold and the quality.
        mate: (m,) the right person's similarity when it comes first, else minus infinity.
        stranger: (s,) the highest similarity of each stranger.
    """

    first: npt.NDArray[np.bool_]
    mate: FloatArray
    stranger: FloatArray


def measure_growth(
    searches: SearchSet,
    *,
    tau_of: Callable[[int], float],
    sizes: Sequence[int] = SIZES,
    targets: Sequence[float] = FPIR_TARGETS,
    draws: int = DRAWS,
    seed: int = 0,
) -> GrowthReport:
    """Search galleries of growing size.

    A gallery larger than the enrolled people holds all of them and random distractors. A smaller
    one holds some of them, and only these people's searches count as mated. Sizes beyond all there
    is are left out, and the gallery of everybody is always the last.

    Args:
        searches: see SearchSet.
        tau_of: the threshold in force for a gallery of so many. The gate's margin to the second
            person is not applied.
        sizes: numbers of people enrolled.
        targets: FPIRs.
        draws: random galleries of each size; the largest exists only once.
        seed: of the draws.

    Raises:
        EvaluationError: nobody is enrolled, or there is nobody to search for.
    """
    count = len(searches.enrolled)
    if not count or not len(searches.mates):
        raise EvaluationError("Nobody was enrolled who is searched for; nothing can be measured.")
    everybody = count + len(searches.distractors)
    wanted = [*sorted({size for size in sizes if 0 < size < everybody}), everybody]
    found: dict[int, list[Searched]] = {size: [] for size in wanted}
    random = np.random.default_rng(seed)
    for number in range(max(1, draws)):
        smaller = wanted if number == 0 else wanted[:-1]
        for size, one in search_galleries(searches, smaller, random).items():
            found[size].append(one)
    rows = tuple(_row(size, several, tau_of(size), targets) for size, several in found.items())
    return GrowthReport(
        rows=rows,
        enrolled=count,
        distractors=len(searches.distractors),
        mated_searches=len(searches.mates),
        stranger_searches=len(searches.strangers),
        warnings=_warnings(searches, rows),
    )


def search_galleries(
    searches: SearchSet, sizes: Sequence[int], random: np.random.Generator
) -> dict[int, Searched]:
    """Search one random gallery of each size; the larger ones hold the distractors of the smaller.

    Every search is compared with everybody, block by block.
    """
    count = len(searches.enrolled)
    chosen = {size: np.sort(random.permutation(count)[: min(size, count)]) for size in sizes}
    order = random.permutation(len(searches.distractors))
    extras = {size: max(0, size - count) for size in sizes}
    most = max(extras.values(), default=0)
    distractors = searches.distractors[order[:most]]
    parts: dict[int, list[tuple[npt.NDArray[np.bool_], FloatArray]]] = {size: [] for size in sizes}
    strangers: dict[int, list[FloatArray]] = {size: [] for size in sizes}
    low = np.float32(-np.inf)
    for begin in range(0, len(searches.mates), BLOCK):
        block = slice(begin, begin + BLOCK)
        known = searches.mated[block] @ searches.enrolled.T
        others = np.maximum.accumulate(_padded(searches.mated[block] @ distractors.T), axis=1)
        mates, usable = searches.mates[block], searches.mated_usable[block]
        has_face = searches.mated[block].any(axis=1)
        rows = np.arange(len(mates))
        own = np.where(mates >= 0, known[rows, mates], low)
        known[rows[mates >= 0], mates[mates >= 0]] = low
        for size in sizes:
            rivals = np.maximum(known[:, chosen[size]].max(axis=1), others[:, extras[size]])
            first = (own > rivals) & has_face
            named = np.where(first & usable, own, low).astype(np.float32)
            # People left out of a small gallery are not searched for; refused ones always are.
            counts = (mates < 0) | np.isin(mates, chosen[size])
            parts[size].append((first[counts], named[counts]))
    for begin in range(0, len(searches.strangers), BLOCK):
        block = slice(begin, begin + BLOCK)
        known = searches.strangers[block] @ searches.enrolled.T
        others = np.maximum.accumulate(_padded(searches.strangers[block] @ distractors.T), axis=1)
        usable = searches.strangers_usable[block]
        for size in sizes:
            best = np.maximum(known[:, chosen[size]].max(axis=1), others[:, extras[size]])
            strangers[size].append(np.where(usable, best, low).astype(np.float32))
    nothing = np.zeros(0, np.float32)
    return {
        size: Searched(
            np.concatenate([np.zeros(0, bool), *(first for first, _ in parts[size])]),
            np.concatenate([nothing, *(named for _, named in parts[size])]),
            np.concatenate([nothing, *strangers[size]]),
        )
        for size in sizes
    }


def _padded(scores: FloatArray) -> FloatArray:
    """A first column of minus infinity, so that column k of running maxima is that of k people."""
    return np.pad(scores, ((0, 0), (1, 0)), constant_values=-np.inf)


def _row(
    size: int, several: Sequence[Searched], tau: float, targets: Sequence[float]
) -> GallerySize:
    return GallerySize(
        size=size,
        draws=len(several),
        tau=tau,
        rank_1=_spread([(int(one.first.sum()), len(one.first)) for one in several]),
        fnir=_spread([_missed(one, tau) for one in several]),
        fpir=_spread([_let_in(one, tau) for one in several]),
        at_fpir=tuple(_at_fpir(several, target) for target in targets),
    )


def _missed(one: Searched, tau: float) -> tuple[int, int]:
    return int(np.count_nonzero(~(one.mate >= np.float32(tau)))), len(one.mate)


def _let_in(one: Searched, tau: float) -> tuple[int, int]:
    return int((one.stranger >= np.float32(tau)).sum()), len(one.stranger)


def _at_fpir(several: Sequence[Searched], target: float) -> AtFpir:
    count = len(several[0].stranger)
    if target * count < 1 - 1e-9:
        words = f"cannot be told from {count} searches of strangers"
        return AtFpir(target, None, None, None, f"{words}; {math.ceil(1 / target)} are needed")
    cuts = [threshold_at_fmr(one.stranger, target) for one in several]
    fnir = _spread([_missed(one, cut) for one, cut in zip(several, cuts, strict=True)])
    fpir = _spread([_let_in(one, cut) for one, cut in zip(several, cuts, strict=True)])
    return AtFpir(target, float(np.mean(cuts)), fnir, fpir, "")


def _spread(draws: Sequence[tuple[int, int]]) -> SpreadRate:
    """The means of draws of (errors, trials)."""
    values = [errors / trials for errors, trials in draws if trials]
    if not values:
        return SpreadRate(0.0, 0.0, 0.0, 1.0, math.nan, math.nan)
    errors, trials = (float(mean) for mean in np.mean(draws, axis=0))
    low, high = exact_interval(errors, trials)
    return SpreadRate(errors, trials, low, high, min(values), max(values))


def _warnings(searches: SearchSet, rows: Sequence[GallerySize]) -> tuple[str, ...]:
    warnings = []
    untold = {point.target: point.reason for row in rows for point in row.at_fpir if point.reason}
    warnings += [f"FNIR at FPIR {target:g}: {reason}." for target, reason in untold.items()]
    for point in rows[-1].at_fpir:
        seen = point.fpir
        if seen is not None and seen.high > UNSURE * point.target:
            warnings.append(
                f"FPIR {point.target:g} is a threshold that {seen.errors:.0f} of {seen.trials:.0f} "
                f"strangers pass: of all strangers {seen.low:.2g} to {seen.high:.2g} may (95 %)."
            )
    strangers = len(searches.strangers)
    unusable = strangers - int(np.count_nonzero(searches.strangers_usable))
    if unusable:
        warnings.append(
            f"{unusable} of {strangers} searches of strangers show no face that is good enough to "
            "be named; they count as turned away."
        )
    if strangers and rows[-1].fpir.errors == 0:
        bound = min(1.0, 3 / strangers)
        warnings.append(
            f"No stranger of {strangers} was let in at τ: the FPIR is below {bound:.2g} "
            "with 95 % confidence (rule of three)."
        )
    if not strangers:
        warnings.append("There are no strangers among the searches, so there is no FPIR.")
    if any(row.size < len(searches.enrolled) for row in rows):
        warnings.append(
            "Galleries smaller than the enrolled people count fewer mated searches: only those of "
            "the people in them."
        )
    warnings.append(
        "Scores alone: the margin to the second person, which refuses some more, is not applied."
    )
    return tuple(warnings)

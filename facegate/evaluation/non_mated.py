"""All pairs of people seen once: millions of non-mated comparisons, in little memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray
from facegate.errors import EvaluationError

IntArray = npt.NDArray[np.int64]

TILE = 1024
"""Faces compared with as many others at once: 4 MB of similarities."""

BINS = 2000
"""Of the histogram of similarities over [-1, 1]: 0.001 wide."""

LARGEST_TARGET = 1e-3
"""Largest FMR at which a threshold is wanted."""

SPARE = 4
"""So many times more pairs are kept than that FMR lets in: resampled lists of faces need more."""


@dataclass(frozen=True, slots=True, eq=False)
class PairScan:
    """What is kept of all pairs of n faces.

    Attributes:
        faces: n.
        pairs: n (n - 1) / 2, less those left out.
        top: (k,) float32 highest similarities, falling; k is pairs when there are few.
        top_faces: (k, 2) int64 the two faces of each.
        histogram: (BINS,) int64 how many similarities are in each bin of [-1, 1].
        counts: pairs with `similarity >= tau`, for each tau asked for; exact also below the top.
        left_out: (m, 2) int64 pairs of faces that are none of these, first < second.
    """

    faces: int
    pairs: int
    top: FloatArray
    top_faces: IntArray
    histogram: IntArray
    counts: dict[float, int]
    left_out: IntArray

    @property
    def complete(self) -> bool:
        """Whether every pair is in the top."""
        return len(self.top) == self.pairs

    def reaches(self, tau: float) -> bool:
        """Whether the top holds every pair with `similarity >= tau`."""
        return self.complete or (len(self.top) > 0 and bool(self.top[-1] < np.float32(tau)))

    def edges(self, tau: float) -> IntArray:
        """The faces (m, 2) of the top's pairs with `similarity >= tau`."""
        return self.top_faces[: self.above(tau)]

    def above(self, tau: float) -> int:
        """How many pairs of the top have `similarity >= tau`."""
        return int(np.searchsorted(-self.top, -np.float32(tau), side="right"))


def no_pairs() -> IntArray:
    """An empty (0, 2) list of pairs of faces."""
    return np.zeros((0, 2), np.int64)


def scan_pairs(
    embeddings: FloatArray,
    taus: Sequence[float] = (),
    keep: int | None = None,
    left_out: IntArray | None = None,
) -> PairScan:
    """Compare every face with every other one.

    Args:
        embeddings: (n, d) float32 unit vectors, each of another person.
        taus: thresholds whose pairs are to be counted.
        keep: how many of the most alike pairs are kept; None: enough for LARGEST_TARGET.
        left_out: (m, 2) pairs of faces that are not to be counted, each once, first < second.

    Raises:
        EvaluationError: no two faces of different people.
    """
    n = len(embeddings)
    left_out = no_pairs() if left_out is None else left_out
    pairs = n * (n - 1) // 2 - len(left_out)
    if pairs < 1:
        raise EvaluationError(f"{n} faces make no pairs; at least 2 people are needed.")
    if keep is None:
        keep = max(10_000, math.ceil(SPARE * LARGEST_TARGET * pairs))
    keep = min(keep, pairs)
    histogram = np.zeros(BINS, np.int64)
    counts = dict.fromkeys(taus, 0)
    top = _Top(keep)
    for first in range(0, n, TILE):
        rows = embeddings[first : first + TILE]
        for second in range(first, n, TILE):
            scores = rows @ embeddings[second : second + TILE].T
            here = (left_out // TILE == (first // TILE, second // TILE)).all(axis=1)
            scores[left_out[here, 0] - first, left_out[here, 1] - second] = np.nan
            if first == second:
                a, b = np.triu_indices(len(rows), k=1)
                flat = scores[a, b]
            else:
                flat = scores.ravel()
            counted = flat[~np.isnan(flat)] if here.any() else flat
            bins = ((counted + np.float32(1)) * np.float32(BINS / 2)).astype(np.int32)
            histogram += np.bincount(np.clip(bins, 0, BINS - 1), minlength=BINS)
            for tau in counts:
                counts[tau] += int(np.count_nonzero(flat >= np.float32(tau)))
            found = np.flatnonzero(flat > top.floor)
            if first == second:
                faces = np.stack([first + a[found], second + b[found]], axis=1)
            else:
                rows_found, columns_found = np.divmod(found, scores.shape[1])
                faces = np.stack([first + rows_found, second + columns_found], axis=1)
            top.add(flat[found], faces)
    scores, faces = top.result()
    return PairScan(n, pairs, scores, faces, histogram, counts, left_out)


class _Top:
    """Collects the highest scores, and throws the others away now and then."""

    def __init__(self, keep: int) -> None:
        self.floor = np.float32(-np.inf)
        self._keep = keep
        self._scores: list[FloatArray] = []
        self._faces: list[IntArray] = []
        self._held = 0

    def add(self, scores: FloatArray, faces: IntArray) -> None:
        self._scores.append(scores)
        self._faces.append(faces.astype(np.int32))  # half the memory
        self._held += len(scores)
        if self._held > max(2 * self._keep, TILE * TILE):
            self._shrink()

    def result(self) -> tuple[FloatArray, IntArray]:
        self._shrink()
        order = np.argsort(-self._scores[0], kind="stable")
        return self._scores[0][order], self._faces[0][order].astype(np.int64)

    def _shrink(self) -> None:
        scores, faces = np.concatenate(self._scores), np.concatenate(self._faces)
        if len(scores) > self._keep:
            kept = np.argpartition(-scores, self._keep - 1)[: self._keep]
            scores, faces = scores[kept], faces[kept]
            self.floor = scores.min()
        self._scores, self._faces, self._held = [scores], [faces], len(scores)


def threshold_in_top(scan: PairScan, max_fmr: float) -> float | None:
    """The lowest threshold of all pairs whose FMR stays within a limit.

    Returns:
        The same as `facegate.evaluation.rates.threshold_at_fmr` on all pairs; None when the pairs
        cannot express the rate, that is when fewer than one would be let in.
    """
    allowed = math.floor(max_fmr * scan.pairs + 1e-9)
    if allowed < 1 or allowed >= len(scan.top):
        return None
    return float(np.nextafter(scan.top[allowed], np.float32(np.inf)))

"""The pairs worth looking at: the worst errors, and what came closest to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.evaluation.pairs import ComparisonPair


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """A compared pair and its similarity."""

    pair: ComparisonPair
    similarity: float


@dataclass(frozen=True, slots=True)
class TellingPairs:
    """At most so many pairs of each kind, the most telling first.

    Attributes:
        false_matches: non-mated pairs that were accepted, the most alike first.
        false_non_matches: mated pairs that were not accepted, the least alike first.
        nearly_matched: non-mated pairs that were rejected, the most alike first.
        barely_matched: mated pairs that were accepted, the least alike first.
    """

    false_matches: tuple[ScoredPair, ...]
    false_non_matches: tuple[ScoredPair, ...]
    nearly_matched: tuple[ScoredPair, ...]
    barely_matched: tuple[ScoredPair, ...]

    def all(self) -> tuple[ScoredPair, ...]:
        """All of them."""
        return (
            *self.false_matches,
            *self.nearly_matched,
            *self.false_non_matches,
            *self.barely_matched,
        )


def telling_pairs(
    pairs: Sequence[ComparisonPair], similarities: FloatArray, tau: float, count: int
) -> TellingPairs:
    """Choose the pairs to show.

    Args:
        pairs: what was compared.
        similarities: (n,), in the same order. Pairs of equal similarity keep that order.
        tau: accepts at `similarity >= tau`.
        count: how many of each kind at most.
    """
    mated = np.array([pair.mated for pair in pairs], dtype=bool)
    accepted = similarities >= tau

    def first(chosen: np.ndarray, sign: int) -> tuple[ScoredPair, ...]:
        places = np.flatnonzero(chosen)
        places = places[np.argsort(sign * similarities[places], kind="stable")][:count]
        return tuple(
            ScoredPair(pairs[place], float(similarities[place])) for place in places.tolist()
        )

    return TellingPairs(
        false_matches=first(~mated & accepted, -1),
        false_non_matches=first(mated & ~accepted, 1),
        nearly_matched=first(~mated & ~accepted, -1),
        barely_matched=first(mated & accepted, 1),
    )

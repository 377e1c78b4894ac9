"""How alike different people get, and how unlike one person: counts that travel with a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any


@dataclass(frozen=True, slots=True)
class TailPoint:
    """What was counted at one similarity.

    Attributes:
        similarity: cosine in [-1, 1].
        non_mated: pairs of different people at or above it, a threshold's false matches.
        mated: pairs of one person below it, a threshold's false non-matches.
    """

    similarity: float
    non_mated: int
    mated: int


@dataclass(frozen=True, slots=True)
class ScoreTails:
    """The part of two score distributions where thresholds lie, as exact counts.

    Attributes:
        model_id: the network that made the similarities.
        data: what the pairs are, in words.
        faces: different faces that the pairs were made of.
        non_mated, mated: all pairs of either kind.
        points: most alike first, dense from no false match at all up to an FMR of 1 %.
        created_at: time zone aware.

    Raises:
        ValueError: the counts contradict each other.
    """

    model_id: str
    data: str
    faces: int
    non_mated: int
    mated: int
    points: tuple[TailPoint, ...]
    created_at: datetime

    def __post_init__(self) -> None:
        points = self.points
        if not points:
            raise ValueError("a table of score tails needs a point")
        if any(
            not lower.similarity < upper.similarity
            or lower.non_mated < upper.non_mated
            or lower.mated > upper.mated
            for upper, lower in pairwise(points)
        ):
            raise ValueError("similarities must fall, false matches rise, false non-matches fall")
        highest, lowest = points[0], points[-1]
        if not -1 <= lowest.similarity <= highest.similarity <= 1:
            raise ValueError("similarities must be cosines")
        if not 0 <= highest.non_mated <= lowest.non_mated <= self.non_mated:
            raise ValueError("more false matches than pairs")
        if not 0 <= lowest.mated <= highest.mated <= self.mated:
            raise ValueError("more false non-matches than pairs")

    def false_matches(self, tau: float) -> int:
        """Non-mated pairs at or above tau; between two points the larger count of the two."""
        below = (point.non_mated for point in self.points if point.similarity <= tau)
        return next(below, self.non_mated)

    def false_non_matches(self, tau: float) -> int:
        """Mated pairs below tau; between two points the larger count of the two."""
        above = (point.mated for point in reversed(self.points) if point.similarity >= tau)
        return next(above, self.mated)

    def as_dict(self) -> dict[str, Any]:
        """The table for JSON and TOML; the network is named by what holds it."""
        return {
            "data": self.data,
            "faces": self.faces,
            "non_mated": self.non_mated,
            "mated": self.mated,
            "created_at": self.created_at.isoformat(),
            "points": [[one.similarity, one.non_mated, one.mated] for one in self.points],
        }

    @classmethod
    def from_dict(cls, model_id: str, table: Mapping[str, Any]) -> ScoreTails:
        """Read what `as_dict` gave. Raises KeyError, TypeError or ValueError."""
        return cls(
            model_id=model_id,
            data=str(table["data"]),
            faces=int(table["faces"]),
            non_mated=int(table["non_mated"]),
            mated=int(table["mated"]),
            points=tuple(
                TailPoint(float(similarity), int(non_mated), int(mated))
                for similarity, non_mated, mated in table["points"]
            ),
            created_at=datetime.fromisoformat(str(table["created_at"])),
        )

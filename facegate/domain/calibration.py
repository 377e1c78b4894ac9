"""From a similarity to a probability, for operators; never a reason to open a door."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Calibration:
    """How probable it is that a comparison of some similarity is mated.

    It speaks of one comparison of two faces. The best of a thousand comparisons is more often a
    stranger's, so it must not be read as "this is the person" after a search.

    Attributes:
        method: `platt` (a logistic curve) or `isotonic` (straight lines between steps).
        prior: share of mated comparisons that is assumed before looking, a fraction.
        mated, non_mated: pairs it was fitted on.
        log_loss: mean, cross-validated, in nats, at that prior.
        slope, intercept: of the logistic curve; 0 for `isotonic`.
        knots: similarity and probability, both rising; empty for `platt`.
    """

    method: str
    prior: float
    mated: int
    non_mated: int
    log_loss: float
    slope: float = 0.0
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()

    def probability(self, similarity: float) -> float:
        """Probability in [0, 1] that a comparison of this similarity is mated."""
        if not self.knots:
            z = self.slope * similarity + self.intercept
            return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
        place = bisect_right(self.knots, (similarity, math.inf))
        if place == 0:
            return self.knots[0][1]
        if place == len(self.knots):
            return self.knots[-1][1]
        (x0, y0), (x1, y1) = self.knots[place - 1], self.knots[place]
        return y0 + (y1 - y0) * (similarity - x0) / (x1 - x0)

    def as_dict(self) -> dict[str, Any]:
        """The calibration as JSON has it."""
        return {
            "method": self.method,
            "prior": self.prior,
            "mated": self.mated,
            "non_mated": self.non_mated,
            "log_loss": self.log_loss,
            "slope": self.slope,
            "intercept": self.intercept,
            "knots": [list(knot) for knot in self.knots],
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Calibration:
        """Read what `as_dict` gave. Raises KeyError, TypeError or ValueError."""
        return cls(
            method=str(table["method"]),
            prior=float(table["prior"]),
            mated=int(table["mated"]),
            non_mated=int(table["non_mated"]),
            log_loss=float(table["log_loss"]),
            slope=float(table["slope"]),
            intercept=float(table["intercept"]),
            knots=tuple((float(x), float(y)) for x, y in table["knots"]),
        )

"""What the threshold is asked to keep."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from facegate.errors import ConfigError

BELOW_F1 = "below-f1"

_LARGEST = {"fmr": 0.01, "fpir": 0.5}
"""Weaker targets than these are no access control; the measured tables end at an FMR of 1 %."""

_HINT = "Write f1, fmr:1e-5 (each comparison) or fpir:0.001 (each search of the whole gallery)."


class TargetKind(str, Enum):
    """What a target speaks of."""

    F1 = "f1"
    FMR = "fmr"
    FPIR = "fpir"


@dataclass(frozen=True, slots=True)
class ThresholdTarget:
    """How rarely strangers may be let in.

    Attributes:
        kind: `f1`, the threshold of the best F1; `fmr`, a rate for each comparison; `fpir`, a rate
            for each search, whatever the number of enrolled templates.
        rate: the largest rate allowed, a fraction; 0 for `f1`.
        below_f1: the operator accepts a threshold below that of the best F1. Without it a target
            only ever makes the door stricter: a weak target, or a small gallery, must not open it
            wider than the measured baseline by accident.
    """

    kind: TargetKind = TargetKind.F1
    rate: float = 0.0
    below_f1: bool = False

    def __str__(self) -> str:
        if self.kind is TargetKind.F1:
            return self.kind.value
        return f"{self.kind.value}:{self.rate:g}" + (f":{BELOW_F1}" if self.below_f1 else "")

    @classmethod
    def parse(cls, text: str) -> ThresholdTarget:
        """Read `f1`, `fmr:RATE` or `fpir:RATE`, each rate with `:below-f1` behind it or not.

        Raises:
            ConfigError: it is none of these, or the rate is not above 0 and at most 0.01 (fmr) or
                0.5 (fpir).
        """
        word, *rest = text.strip().lower().split(":")
        if word == TargetKind.F1.value and not rest:
            return cls()
        below_f1 = rest[1:] == [BELOW_F1]
        if word not in _LARGEST or len(rest) != 1 + below_f1:
            raise ConfigError(f"{text!r} is not a threshold target.", hint=_HINT)
        try:
            rate = float(rest[0])
        except ValueError as error:
            raise ConfigError(f"{text!r}: {rest[0]!r} is not a number.", hint=_HINT) from error
        if not 0 < rate <= _LARGEST[word]:
            raise ConfigError(
                f"{text!r}: the rate must be above 0 and at most {_LARGEST[word]}.", hint=_HINT
            )
        return cls(TargetKind(word), rate, below_f1)

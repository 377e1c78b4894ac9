"""Fair timing: all is measured in turns within one run, so that all meet the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one thing takes.

    Attributes:
        median_ms: of all rounds.
        low_ms, high_ms: quartiles.
        rounds: how often it was measured.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    rounds: int

    def as_dict(self) -> dict[str, Any]:
        """The timing as JSON has it."""
        return {
            "median_ms": round(self.median_ms, 4),
            "quartiles_ms": [round(self.low_ms, 4), round(self.high_ms, 4)],
            "rounds": self.rounds,
        }


def time_in_turns(
    cases: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 5
) -> dict[str, Timing]:
    """Time functions in turns: a b c a b c …

    Args:
        cases: what to run, by name.
        rounds: measurements of each, at least 1.
        warm_up: rounds before these that are not counted.
    """
    spans_ms: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(warm_up + rounds):
        for name, run in cases.items():
            begin = time.perf_counter_ns()
            run()
            span_ms = (time.perf_counter_ns() - begin) / 1e6
            if number >= warm_up:
                spans_ms[name].append(span_ms)
    return {name: _summary(spans) for name, spans in spans_ms.items()}


def _summary(spans_ms: list[float]) -> Timing:
    low, median, high = np.percentile(spans_ms, [25, 50, 75])
    return Timing(float(median), float(low), float(high), len(spans_ms))

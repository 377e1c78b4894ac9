from __future__ import annotations

from pathlib import Path

import numpy as np

from facegate.evaluation.examples import telling_pairs
from facegate.evaluation.pairs import ComparisonPair


def test_telling_pairs_are_those_a_plain_search_finds() -> None:
    random = np.random.default_rng(0)
    similarities = random.uniform(-1, 1, 80).astype(np.float32).round(1)  # with ties
    pairs = [
        ComparisonPair(Path(f"{n}a"), Path(f"{n}b"), bool(random.integers(2))) for n in range(80)
    ]
    tau, count = 0.1, 7
    found = telling_pairs(pairs, similarities, tau, count)
    scored = [
        (float(s), n, pair) for n, (s, pair) in enumerate(zip(similarities, pairs, strict=True))
    ]

    def expected(mated: bool, accepted: bool, sign: int) -> list[Path]:
        fitting = [
            one
            for one in scored
            if one[2].mated is mated and bool(np.float32(one[0]) >= np.float32(tau)) is accepted
        ]
        fitting.sort(key=lambda one: (sign * one[0], one[1]))
        return [pair.path_a for _, _, pair in fitting[:count]]

    for group, wanted in (
        (found.false_matches, expected(False, True, -1)),
        (found.nearly_matched, expected(False, False, -1)),
        (found.false_non_matches, expected(True, False, 1)),
        (found.barely_matched, expected(True, True, 1)),
    ):
        assert [one.pair.path_a for one in group] == wanted
    assert len(found.all()) == 28


def test_no_examples_are_wanted() -> None:
    pair = ComparisonPair(Path("a"), Path("b"), True)
    assert telling_pairs([pair], np.array([0.9], np.float32), 0.5, 0).all() == ()

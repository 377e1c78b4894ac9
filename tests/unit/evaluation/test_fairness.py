from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from facegate.evaluation import fairness
from facegate.evaluation.fairness import (
    GroupComparison,
    GroupRate,
    fmr_by_group,
    fnmr_by_group,
    in_order,
    pairs_above,
    worst_over_best,
)
from facegate.evaluation.group_plot import groups_png
from facegate.evaluation.rates import rate


def labeled(count: int = 60) -> tuple[np.ndarray, list[str]]:
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(count, 6)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings, [("a", "b", "c")[int(i)] for i in random.integers(0, 3, count)]


def group(name: str, errors: int, trials: int, compared: bool = True) -> GroupRate:
    random = np.random.default_rng(len(name) + errors)
    drawn = random.poisson(errors, 200) / max(1, trials)
    return GroupRate(name, trials, trials, rate(errors, trials), None, compared, drawn)


def test_groups_are_sorted_by_name_or_number() -> None:
    assert in_order(["White", "Black", "East Asian"]) == ["Black", "East Asian", "White"]
    ages = ["more than 70", "10-19", "3-9", "0-2"]
    assert in_order(ages) == ["0-2", "3-9", "10-19", "more than 70"]
    assert in_order([*ages, "(none)"])[0] == "(none)"


def test_pairs_above_equal_plain_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fairness, "TILE", 7)
    embeddings, _ = labeled(30)
    plain = [(a, b) for a, b in combinations(range(30), 2) if embeddings[a] @ embeddings[b] >= 0.4]
    assert sorted(map(tuple, pairs_above(embeddings, 0.4).tolist())) == plain


@pytest.mark.parametrize("left_out", [[], [(a, b) for a in range(9) for b in range(20, 29)]])
def test_rates_within_groups_equal_plain_loops(left_out: list[tuple[int, int]]) -> None:
    embeddings, groups = labeled()
    pictures = {"a": 40, "b": 30, "c": 25, "d": 3}
    rows = fmr_by_group(
        embeddings, groups, pictures, 0.5, min_faces=20, replicates=100,
        left_out=np.array(left_out, np.int64).reshape(-1, 2),
    )  # fmt: skip
    assert [row.name for row in rows] == ["a", "b", "c", "d"]
    for row in rows:
        members = [place for place, name in enumerate(groups) if name == row.name]
        pairs = [two for two in combinations(members, 2) if two not in left_out]
        scores = [embeddings[a] @ embeddings[b] for a, b in pairs]
        assert (row.errors.errors, row.errors.trials) == (
            sum(s >= 0.5 for s in scores),
            len(scores),
        )
        assert row.failed.errors == pictures[row.name] - len(members)
        assert row.compared == (len(members) >= 20)
    assert rows[3].people is None
    low, high = rows[0].people  # type: ignore[misc]
    assert low <= rows[0].errors.value <= high


def test_missed_people_by_condition_equal_plain_loops() -> None:
    random = np.random.default_rng(0)
    scores = random.random(80).astype(np.float32)
    groups = [("dark", "bright")[int(i)] for i in random.integers(0, 2, 80)]
    people = np.arange(80) % 8
    rows = fnmr_by_group(
        scores, groups, people, {"dark": 50, "bright": 60}, 0.3, min_comparisons=10, replicates=50
    )
    for row in rows:
        own = [score for score, name in zip(scores, groups, strict=True) if name == row.name]
        assert (row.errors.errors, row.errors.trials) == (sum(s < 0.3 for s in own), len(own))
        assert row.failed.errors == row.pictures - len(own)
    again = np.random.default_rng(0)
    for draw in range(3):
        picked = again.integers(0, 8, 8)
        dark = [s for p in picked for s, g, q in zip(scores, groups, people, strict=True)
                if q == p and g == "dark"]  # fmt: skip
        assert rows[1].drawn[draw] == pytest.approx(np.mean([s < 0.3 for s in dark]))


def test_worst_over_best_leaves_small_groups_out_and_says_so() -> None:
    spread = worst_over_best(
        [group("a", 40, 1000), group("b", 20, 1000), group("c", 300, 1000, compared=False)]
    )
    assert (spread.worst, spread.best, spread.left_out) == ("a", "b", ("c",))
    assert spread.ratio == pytest.approx(2.0)
    assert spread.reason == ""
    low, high = spread.people  # type: ignore[misc]
    assert 1 < low < 2 < high
    assert 1 <= spread.at_least < 2


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([group("a", 5, 100)], "fewer than two"),
        ([group("a", 0, 100), group("b", 0, 100)], "no group has"),
        ([group("a", 50, 100), group("b", 0, 100), group("c", 0, 900)], "c has no error in 900"),
    ],
)
def test_ratios_that_cannot_be_told_say_why(groups: list[GroupRate], words: str) -> None:
    spread = worst_over_best(groups)
    assert spread.ratio is None
    assert words in spread.reason


def test_a_best_group_without_errors_still_bounds_the_ratio() -> None:
    worst, best = group("a", 50, 1000), group("b", 0, 1000)
    spread = worst_over_best([worst, best])
    assert spread.at_least == pytest.approx(worst.errors.low / best.errors.high)
    assert spread.at_least > 5


def test_few_errors_make_a_ratio_that_is_not_to_be_relied_on() -> None:
    spread = worst_over_best([group("a", 30, 1000), group("b", 2, 1000)])
    assert spread.ratio == pytest.approx(15)
    assert "only 2 errors" in spread.reason


def test_bar_charts_are_pictures_also_of_nothing() -> None:
    for groups in (
        (group("a", 40, 1000), group("b", 2, 30, compared=False)),
        (group("a", 0, 0, compared=False),),
        (group("a", 400, 1000), group("b", 1, 10_000), group("c", 0, 500)),
    ):
        one = GroupComparison(
            "race", "FMR", 0.4, "τ in force", rate(1, 100), groups, worst_over_best(groups)
        )
        assert groups_png([one, one], "a title").startswith(b"\x89PNG")

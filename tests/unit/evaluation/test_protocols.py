from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from facegate.domain.decisions import Outcome
from facegate.errors import EvaluationError, InputError
from facegate.evaluation.identification import SearchResult, identification_report
from facegate.evaluation.pairs import (
    folder_pairs,
    folder_similarities,
    people_in,
    read_pairs,
)
from facegate.evaluation.plots import roc_png
from facegate.evaluation.timing import time_in_turns
from facegate.evaluation.verification import (
    best_accuracy_threshold,
    fold_accuracies,
    verification_report,
)


def make_people(root: Path, **counts: int) -> None:
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(1, count + 1):
            (root / name / f"{name}_{number:04d}.jpg").touch()


def test_lfw_lists_are_read_with_their_folds(tmp_path: Path) -> None:
    make_people(tmp_path, Ana=3, Ben=2)
    file = tmp_path / "pairs.txt"
    file.write_text("2\t1\nAna\t1\t2\nAna\t1\tBen\t2\nBen\t1\t2\nBen\t2\tAna\t3\n")
    pairs = read_pairs(file, tmp_path)
    assert [(pair.mated, pair.fold) for pair in pairs] == [
        (True, 0), (False, 0), (True, 1), (False, 1)
    ]  # fmt: skip
    assert pairs[1].path_b == tmp_path / "Ben" / "Ben_0002.jpg"


def test_lists_without_a_header_and_missing_pictures(tmp_path: Path) -> None:
    file = tmp_path / "pairs.txt"
    file.write_text("Ana 1 2\n\nAna 1 Ben 7\n")
    pairs = read_pairs(file, tmp_path)
    assert [pair.fold for pair in pairs] == [-1, -1]
    assert pairs[1].path_b == tmp_path / "Ben" / "Ben_0007.jpg"


def test_csv_lists(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text('path_a,same,path_b\na/1.jpg,1,a/2.jpg\n\'x,0,"b, c.jpg"\n')
    pairs = read_pairs(file, tmp_path)
    assert [pair.mated for pair in pairs] == [True, False]
    assert pairs[1].path_b == tmp_path / "b, c.jpg"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10\t300\nAna\t1\n", "line 2"),
        ("Ana one 2\n", "line 1"),
        ("Ana 1 2 3 4\n", "line 1"),
        ("", "no pairs"),
        ("path_a,path_b,same\na,b,maybe\n", "line 2"),
        ("path_a,path_b,same\na,,1\n", "line 2"),
    ],
)
def test_malformed_lists_say_where(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "pairs.txt"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        read_pairs(file, tmp_path)


def test_lists_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_pairs(tmp_path / "none.txt", tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="not UTF-8"):
        read_pairs(tmp_path / "binary", tmp_path)


def test_folders_per_person(tmp_path: Path) -> None:
    make_people(tmp_path, Ana=2, Ben=1)
    (tmp_path / "Ana" / "notes.txt").touch()
    people = people_in(tmp_path)
    assert {name: len(paths) for name, paths in people.items()} == {"Ana": 2, "Ben": 1}
    with pytest.raises(InputError):
        people_in(tmp_path / "Ana")
    with pytest.raises(InputError):
        people_in(tmp_path / "nowhere")


def test_all_pairs_of_folders_equal_plain_loops() -> None:
    random = np.random.default_rng(0)
    people = {name: random.normal(size=(count, 4)).astype(np.float32) for name, count in
              (("a", 3), ("b", 1), ("c", 2))}  # fmt: skip
    mated, non_mated = folder_similarities({**people, "empty": []})
    flat = [(name, vector) for name, vectors in people.items() for vector in vectors]
    same = [v @ w for (n, v), (m, w) in combinations(flat, 2) if n == m]
    different = [v @ w for (n, v), (m, w) in combinations(flat, 2) if n != m]
    assert sorted(mated) == pytest.approx(sorted(same), abs=1e-5)
    assert sorted(non_mated) == pytest.approx(sorted(different), abs=1e-5)


def test_made_pairs_are_balanced_and_no_person_is_in_two_folds() -> None:
    people = {f"p{i}": [Path(f"p{i}/{k}.jpg") for k in range(3)] for i in range(40)}
    pairs = folder_pairs(people, folds=10)
    assert sum(pair.mated for pair in pairs) == 120
    assert len(pairs) == 240
    where: dict[str, set[int]] = {}
    for pair in pairs:
        assert pair.mated == (pair.path_a.parent == pair.path_b.parent)
        for path in (pair.path_a, pair.path_b):
            where.setdefault(path.parent.name, set()).add(pair.fold)
    assert all(len(folds) == 1 for folds in where.values())
    assert pairs == folder_pairs(people, folds=10)


@pytest.mark.parametrize(("count", "folds"), [(2, 1), (3, 1), (5, 2), (19, 9), (20, 10)])
def test_few_people_make_few_folds_and_each_has_both_kinds(count: int, folds: int) -> None:
    people = {f"p{i}": [Path(f"p{i}/{k}.jpg") for k in range(3)] for i in range(count)}
    pairs = folder_pairs(people, folds=10)
    assert {pair.fold for pair in pairs} == set(range(folds))
    for fold in range(folds):
        assert {pair.mated for pair in pairs if pair.fold == fold} == {True, False}


def test_accuracy_threshold_is_the_best_of_all_cuts() -> None:
    random = np.random.default_rng(0)
    for _ in range(30):
        scores = random.integers(0, 8, 20) / 8
        mated = random.random(20) < 0.5
        tau = best_accuracy_threshold(scores, mated)
        cuts = [*np.unique(scores), 2.0]
        best = max(np.mean((scores >= cut) == mated) for cut in cuts)
        assert np.mean((scores >= tau) == mated) == pytest.approx(best)


def test_each_fold_is_judged_by_the_others_threshold() -> None:
    # In fold 0 a mated pair scores 0.4, above which the other fold would accept everything.
    scores = np.array([0.4, 0.1, 0.9, 0.5])
    mated = np.array([True, False, True, False])
    assert fold_accuracies(scores, mated, np.array([0, 0, 1, 1])) == [0.5, 0.5]


def test_verification_report_counts_and_warns() -> None:
    random = np.random.default_rng(0)
    mated = np.arange(600) % 2 == 0
    scores = np.where(mated, random.normal(0.7, 0.1, 600), random.normal(0.1, 0.1, 600))
    report = verification_report(
        scores.astype(np.float32), mated, np.arange(600) // 60,
        tau=0.4, model_id="m", failed_pairs=3, failed_to_acquire=2, pictures=700,
    )  # fmt: skip
    shown = report.as_dict()
    assert shown["accuracy"]["mean"] > 0.97
    assert (shown["accuracy"]["folds"], shown["pairs"]) == (10, 600)
    assert list(shown["tmr_at_fmr"]) == ["1e-02"], "300 pairs cannot express 1e-3"
    assert any("cannot show" in warning for warning in shown["warnings"])
    assert any("3 pairs" in warning for warning in shown["warnings"])
    assert shown["failed_to_acquire"] == 2


def test_a_single_fold_is_said_to_be_favorable() -> None:
    report = verification_report(
        np.array([0.9, 0.1], np.float32), np.array([True, False]), np.array([-1, -1]),
        tau=0.4, model_id="m", failed_pairs=0, failed_to_acquire=0, pictures=4,
    )  # fmt: skip
    assert any("favorable" in warning for warning in report.warnings)


def test_pairs_of_one_kind_alone_measure_nothing() -> None:
    with pytest.raises(EvaluationError):
        verification_report(
            np.ones(4, np.float32), np.ones(4, bool), np.zeros(4, int),
            tau=0.4, model_id="m", failed_pairs=0, failed_to_acquire=0, pictures=4,
        )  # fmt: skip


def test_identification_report_counts_every_way_to_end() -> None:
    results = [
        SearchResult("Ana", "Ana", Outcome.MATCH, "Ana"),
        SearchResult("Ana", "Ana", Outcome.UNKNOWN, None),
        SearchResult("Ben", "Ana", Outcome.MATCH, "Ana"),
        SearchResult("Ben", None, None, None),
        SearchResult(None, "Ana", Outcome.UNKNOWN, None),
        SearchResult(None, "Ben", Outcome.MATCH, "Ben"),
        SearchResult(None, "Ben", Outcome.AMBIGUOUS, None),
    ]
    report = identification_report(results, enrolled=2, not_enrolled=1, tau=0.4, model_id="m")
    assert (report.rank_1.errors, report.rank_1.trials) == (2, 4)
    assert (report.fnir.errors, report.misidentified.errors) == (3, 1)
    assert (report.fpir.errors, report.fpir.trials) == (1, 3)
    assert report.outcomes["strangers"] == {"unknown": 1, "match": 1, "ambiguous": 1}
    assert report.no_face == 1


def test_plot_is_a_picture() -> None:
    random = np.random.default_rng(0)
    png = roc_png(random.normal(0.6, 0.1, 300), random.normal(0.1, 0.1, 3000), 0.35, "a title")
    assert png.startswith(b"\x89PNG")
    assert len(png) > 20_000


def test_timing_takes_turns_and_leaves_the_warm_up_out() -> None:
    calls: list[str] = []
    timings = time_in_turns(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=4, warm_up=2
    )
    assert calls == ["a", "b"] * 6
    assert timings["a"].rounds == 4
    assert timings["a"].low_ms <= timings["a"].median_ms <= timings["a"].high_ms

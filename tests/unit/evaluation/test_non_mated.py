from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.errors import EvaluationError
from facegate.evaluation import non_mated
from facegate.evaluation.bootstrap import interval_of, pair_replicates, tmr_replicates
from facegate.evaluation.det_plot import det_png, det_points, whole_scan
from facegate.evaluation.non_mated import BINS, scan_pairs, threshold_in_top
from facegate.evaluation.operating_points import non_mated_report, people_of_pairs
from facegate.evaluation.pairs import ComparisonPair
from facegate.evaluation.rates import threshold_at_fmr


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Many tiles also for few faces."""
    monkeypatch.setattr(non_mated, "TILE", 7)
    yield


def faces(count: int, seed: int = 0, dim: int = 8) -> np.ndarray:
    """Random unit vectors."""
    made = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def plain_pairs(embeddings: np.ndarray) -> list[tuple[float, int, int]]:
    """All pairs by plain loops, the most alike first."""
    pairs = combinations(range(len(embeddings)), 2)
    return sorted(((float(embeddings[a] @ embeddings[b]), a, b) for a, b in pairs), reverse=True)


@pytest.mark.parametrize("count", [2, 7, 8, 30])
@pytest.mark.parametrize("keep", [1, 5, 10_000])
def test_a_scan_equals_plain_loops(count: int, keep: int) -> None:
    embeddings = faces(count)
    plain = plain_pairs(embeddings)
    scan = scan_pairs(embeddings, (0.2, -2.0), keep)
    assert (scan.faces, scan.pairs) == (count, len(plain))
    expected = plain[:keep]
    assert scan.top == pytest.approx([score for score, _, _ in expected], abs=1e-6)
    assert [tuple(pair) for pair in scan.top_faces] == [(a, b) for _, a, b in expected]
    assert scan.counts == {0.2: sum(score >= 0.2 for score, _, _ in plain), -2.0: len(plain)}
    assert scan.histogram.sum() == len(plain)
    assert scan.complete == (keep >= len(plain))


@given(st.integers(0, 1000), st.integers(0, 12))
@settings(max_examples=25)
def test_pairs_left_out_count_nowhere(seed: int, count: int) -> None:
    embeddings = faces(20, seed)
    plain = plain_pairs(embeddings)
    skipped = [(a, b) for _, a, b in plain[:count]]  # the most alike: they would show
    left_out = np.array(skipped, np.int64).reshape(-1, 2)
    scan = scan_pairs(embeddings, (0.1,), left_out=left_out)
    expected = [one for one in plain if one[1:] not in skipped]
    assert [tuple(pair) for pair in scan.top_faces] == [(a, b) for _, a, b in expected]
    assert scan.pairs == scan.histogram.sum() == len(expected)
    assert scan.counts == {0.1: sum(score >= 0.1 for score, _, _ in expected)}
    everything = np.sort([score for score, _, _ in expected]).astype(np.float32)
    assert threshold_in_top(scan, 0.1) == pytest.approx(threshold_at_fmr(everything, 0.1))


def test_two_pictures_of_one_person_are_no_pair() -> None:
    with pytest.raises(EvaluationError):
        scan_pairs(faces(2), left_out=np.array([[0, 1]]))


def test_what_is_thrown_away_on_the_way_is_never_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings = faces(60)
    whole = scan_pairs(embeddings)
    monkeypatch.setattr(non_mated, "TILE", 5)  # the list of candidates shrinks again and again
    few = scan_pairs(embeddings, keep=30)
    assert few.top == pytest.approx(whole.top[:30], abs=1e-6)
    assert few.reaches(float(whole.top[10])) and not few.reaches(-0.5)
    assert few.above(float(few.top[10])) == 11


def test_one_face_makes_no_pairs() -> None:
    with pytest.raises(EvaluationError):
        scan_pairs(faces(1))


@given(st.integers(0, 1000), st.sampled_from([0.5, 0.1, 0.02, 0.003]))
@settings(max_examples=25)
def test_a_threshold_of_the_top_is_that_of_all_pairs(seed: int, max_fmr: float) -> None:
    scan = scan_pairs(faces(27, seed))
    everything = np.sort(scan.top)
    assert threshold_in_top(scan, max_fmr) == threshold_at_fmr(everything, max_fmr)


def test_a_rate_below_one_pair_has_no_threshold() -> None:
    assert threshold_in_top(scan_pairs(faces(10)), 1 / 46) is None
    assert threshold_in_top(scan_pairs(faces(10)), 1 / 45) is not None


@pytest.mark.parametrize("skipped", [[], [{0, 1}, {3, 8}, {8, 9}]])
def test_draws_of_faces_equal_plain_loops(skipped: list[set[int]]) -> None:
    embeddings = faces(12)
    left_out = np.array([sorted(two) for two in skipped], np.int64).reshape(-1, 2)
    scan = scan_pairs(embeddings, left_out=left_out)
    drawn = pair_replicates(scan, [0.3], [0.1], replicates=5, seed=3)
    random = np.random.default_rng(3)
    for draw in range(5):
        picked = random.integers(0, 12, 12)
        two = [(a, b) for a, b in combinations(picked, 2) if a != b and {a, b} not in skipped]
        scores = np.array([embeddings[a] @ embeddings[b] for a, b in two])
        assert drawn.fmr[draw, 0] == pytest.approx(np.mean(scores >= 0.3))
        chosen = float(drawn.thresholds[draw, 0])
        assert np.mean(scores >= chosen + 1e-6) <= 0.1 + 1e-9
        assert np.mean(scores >= chosen - 1e-6) > 0.1, "it is the lowest that keeps the rate"


def test_draws_below_what_is_kept_say_nothing() -> None:
    scan = scan_pairs(faces(20), keep=5)
    assert np.isnan(pair_replicates(scan, [-0.9], [], replicates=3).fmr).all()


def test_drawn_true_match_rates_equal_plain_loops() -> None:
    random = np.random.default_rng(0)
    mated, people = random.random(30).astype(np.float32), random.integers(0, 9, 30)
    people[0] = 8
    cuts = np.full((4, 2), (0.3, 0.7), np.float32)
    tmr = tmr_replicates(mated, people, cuts, seed=5)
    random = np.random.default_rng(5)
    for draw in range(4):
        picked = random.integers(0, 9, 9)
        scores = np.concatenate([mated[people == person] for person in picked])
        assert tmr[draw] == pytest.approx(
            [np.mean(scores >= 0.3), np.mean(scores >= np.float32(0.7))]
        )


def test_intervals_over_people_are_wider_when_one_face_resembles_many() -> None:
    # Independent faces; then the same with a face that is close to everybody.
    plain = faces(60, dim=16)
    lamb = plain.mean(axis=0) + 0.001
    wolf = np.vstack([plain[:-1], lamb / np.linalg.norm(lamb)])
    widths = []
    for embeddings in (plain, wolf):
        scan = scan_pairs(embeddings)
        tau = threshold_in_top(scan, 0.02)
        assert tau is not None
        low, high = interval_of(pair_replicates(scan, [tau], [], 300).fmr[:, 0])  # type: ignore[misc]
        assert low < scan.above(tau) / scan.pairs < high
        widths.append(high - low)
    assert widths[1] > widths[0]


def test_replicates_that_are_all_the_same_make_no_interval() -> None:
    assert interval_of(np.ones(10)) is None
    assert interval_of(np.full(10, np.nan)) is None
    assert interval_of(np.arange(101.0)) == pytest.approx((2.5, 97.5))


def test_a_report_marks_what_few_pairs_support() -> None:
    scan = scan_pairs(faces(60, dim=4), (0.99999,))  # 1770 pairs
    mated = np.linspace(0.2, 1, 50).astype(np.float32)
    report = non_mated_report(
        scan, [Path(f"{i}.jpg") for i in range(60)], mated, np.arange(50),
        tau=0.99999, failed={"no_face": 2}, targets=(0.01, 1e-3, 1e-4), replicates=50, show=3,
    )  # fmt: skip
    good, few, none, in_force = report.points
    assert good.supported
    assert (good.fmr.errors, good.fmr.trials) == (17, 1770)
    assert good.tmr.errors == sum(score >= np.float32(good.tau) for score in mated)
    assert good.fmr_people is not None
    assert not few.supported and "Only 1 of 1,770" in few.reason
    assert none.tau is None and "cannot express" in none.reason
    assert (
        in_force.target is None and in_force.fmr.errors == 0 and "rule of three" in in_force.reason
    )
    assert len(report.most_alike) == 3
    assert report.most_alike[0][0] == pytest.approx(float(scan.top[0]))
    shown = report.as_dict()
    assert [point["supported"] for point in shown["points"]] == [True, False, False, False]
    assert any("share" in words for words in shown["warnings"])
    assert any("2 no_face" in words for words in shown["warnings"])
    suspects = sum(score >= np.median(mated) for score in scan.top)
    assert any(f"{suspects} non-mated pairs are more" in words for words in shown["warnings"])


def test_no_mated_pair_is_no_true_match_rate() -> None:
    with pytest.raises(EvaluationError):
        non_mated_report(
            scan_pairs(faces(5), (0.5,)), [Path("a")] * 5, np.zeros(0, np.float32),
            np.zeros(0, np.int64), tau=0.5, failed={},
        )  # fmt: skip


def test_people_are_folders_or_chains_of_pictures() -> None:
    def pair(a: str, b: str, mated: bool = True) -> ComparisonPair:
        return ComparisonPair(Path(a), Path(b), mated)

    folders = [
        pair("a/1", "a/2"),
        pair("a/3", "a/4"),
        pair("b/1", "b/2"),
        pair("a/1", "b/1", False),
    ]
    assert people_of_pairs(folders).tolist() == [0, 0, 1]
    one_folder = [
        pair("1", "2"),
        pair("3", "4"),
        pair("2", "3"),
        pair("5", "6"),
        pair("1", "5", False),
    ]
    assert people_of_pairs(one_folder).tolist() == [0, 0, 0, 1]


def test_det_points_equal_plain_loops_also_below_what_is_kept() -> None:
    embeddings = faces(40)
    mated = np.random.default_rng(1).uniform(0, 1, 70).astype(np.float32)
    scores = np.array([score for score, _, _ in plain_pairs(embeddings)], np.float32)
    for scan in (scan_pairs(embeddings), scan_pairs(embeddings, keep=50), whole_scan(scores)):
        cuts, fmr, fnmr = det_points(scan, mated)
        assert (np.diff(fmr) >= 0).all() and (np.diff(fnmr) <= 0).all()
        assert fmr[0] == pytest.approx(1 / len(scores)) and fmr[-1] == pytest.approx(1)
        for cut, x, y in zip(cuts, fmr, fnmr, strict=True):
            above = [np.mean(scores >= cut + shift) for shift in (2e-6, -2e-6)]  # rounding
            assert above[0] - 1e-9 <= x <= above[1] + 1e-9
            assert np.mean(mated < cut - 2e-6) <= y <= np.mean(mated < cut + 2e-6)


def test_det_plot_is_a_picture_also_without_any_error() -> None:
    scan = scan_pairs(faces(40), keep=60)
    mated = np.random.default_rng(1).uniform(0, 1, 70).astype(np.float32)
    for same, tau in ((mated, 0.5), (mated + 2, 1.5), (mated, -1.0)):
        assert det_png(scan, np.minimum(same, 1), tau, "a title").startswith(b"\x89PNG")
    one_pair = scan_pairs(faces(2))
    assert det_png(one_pair, mated[:1], 0.5, "a title").startswith(b"\x89PNG")
    assert BINS % 20 == 0, "the plot joins bins by twenty"

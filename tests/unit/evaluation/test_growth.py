from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from facegate.errors import EvaluationError
from facegate.evaluation import growth
from facegate.evaluation.growth import SearchSet, measure_growth, search_galleries
from facegate.evaluation.growth_plot import growth_png


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "BLOCK", 5)


def units(random: np.random.Generator, count: int, dim: int = 6) -> np.ndarray:
    made = random.normal(size=(count, dim)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def searches(seed: int = 0, enrolled: int = 8, distractors: int = 30) -> SearchSet:
    """Twelve searches of enrolled people, one of a refused one, one without a face, one poor."""
    random = np.random.default_rng(seed)
    templates = units(random, enrolled)
    mates = np.concatenate([random.integers(0, enrolled, 12), [-1, 0, 1]])
    mated = templates[mates] + random.normal(size=(15, 6)).astype(np.float32) * 0.25
    mated[12] = units(random, 1)[0]
    mated /= np.linalg.norm(mated, axis=1, keepdims=True)
    mated[13] = 0
    usable = np.ones(15, bool)
    usable[13:] = False
    strangers = units(random, 40)
    strangers_usable = random.random(40) < 0.9
    return SearchSet(
        templates, mated.astype(np.float32), mates, usable, strangers, strangers_usable,
        units(random, distractors),
    )  # fmt: skip


def plain_search(given: SearchSet, extra: np.ndarray, tau: float) -> tuple[int, int, int]:
    """Rank-1, misses and false alarms of a gallery of all enrolled and some distractors."""
    first = missed = alarms = 0
    for probe, mate, usable in zip(given.mated, given.mates, given.mated_usable, strict=True):
        scores = [float(probe @ one) for one in [*given.enrolled, *extra]]
        right = bool(probe.any()) and mate >= 0 and int(np.argmax(scores)) == mate
        first += right
        missed += not (right and usable and scores[mate] >= tau)
    for probe, usable in zip(given.strangers, given.strangers_usable, strict=True):
        best = max(float(probe @ one) for one in [*given.enrolled, *extra])
        alarms += bool(usable and best >= tau)
    return first, missed, alarms


@pytest.mark.parametrize("seed", range(4))
def test_everybody_enrolled_equals_plain_loops(seed: int) -> None:
    given = searches(seed)
    row = measure_growth(given, tau_of=lambda _size: 0.6, sizes=()).rows[-1]
    first, missed, alarms = plain_search(given, given.distractors, 0.6)
    assert (row.size, row.draws) == (38, 1)
    assert (row.rank_1.errors, row.rank_1.trials) == (first, 15)
    assert (row.fnir.errors, row.fnir.trials) == (missed, 15)
    assert (row.fpir.errors, row.fpir.trials) == (alarms, 40)


def test_smaller_galleries_equal_plain_loops() -> None:
    given = searches()
    found = search_galleries(given, [3, 18], np.random.default_rng(7))
    random = np.random.default_rng(7)
    some = np.sort(random.permutation(8)[:3])
    random.permutation(8)
    order = random.permutation(30)
    _, missed, alarms = plain_search(given, given.distractors[order[:10]], 0.6)
    assert np.sum(~(found[18].mate >= np.float32(0.6))) == missed
    assert np.sum(found[18].stranger >= np.float32(0.6)) == alarms
    kept = np.isin(given.mates, some)
    small = dataclasses.replace(
        given, enrolled=given.enrolled[some], mated=given.mated[kept],
        mates=np.searchsorted(some, given.mates[kept]), mated_usable=given.mated_usable[kept],
    )  # fmt: skip
    first, missed, alarms = plain_search(small, given.distractors[:0], 0.6)
    refused = given.mates < 0
    assert len(found[3].mate) == kept.sum() + refused.sum()
    assert found[3].first.sum() == first
    assert np.sum(~(found[3].mate >= np.float32(0.6))) == missed + refused.sum()
    assert np.sum(found[3].stranger >= np.float32(0.6)) == alarms


def test_strangers_meet_more_people_in_larger_galleries() -> None:
    rows = measure_growth(
        searches(distractors=300), tau_of=lambda _size: 0.6, sizes=(10, 50, 200)
    ).rows
    assert [row.size for row in rows] == [10, 50, 200, 308]
    assert [row.draws for row in rows] == [5, 5, 5, 1]
    fpir = [row.fpir.value for row in rows]
    assert fpir == sorted(fpir) and fpir[-1] > fpir[0]
    for row in rows:
        assert row.fpir.low_draw - 0.02 <= row.fpir.value <= row.fpir.high_draw + 0.02


def test_a_wanted_rate_of_strangers_is_kept_or_cannot_be_told() -> None:
    given = searches()
    report = measure_growth(given, tau_of=lambda _size: 0.6, sizes=(), targets=(0.1, 0.003))
    told, untold = report.rows[-1].at_fpir
    assert told.tau is not None and told.fnir is not None
    everybody = np.vstack([given.enrolled, given.distractors])
    best = np.where(given.strangers_usable, (given.strangers @ everybody.T).max(axis=1), -np.inf)
    assert np.mean(best >= np.float32(told.tau)) <= 0.1
    assert np.mean(best >= np.float32(told.tau) - 1e-5) > 0.1
    assert told.fnir.errors == plain_search(given, given.distractors, told.tau)[1]
    assert untold.fnir is None
    assert "cannot be told from 40 searches" in untold.reason and "334" in untold.reason
    assert any("cannot be told" in words for words in report.warnings)
    assert report.as_dict()["galleries"][0]["at_fpir"][1]["fnir"] is None
    assert told.fpir is not None
    assert told.fpir.errors == 4
    # 4 of 40 may be 2.8 to 23.7 % of all strangers.
    words = next(words for words in report.warnings if words.startswith("FPIR 0.1 "))
    assert "4 of 40" in words and "0.028 to 0.24" in words


def test_strangers_without_a_usable_face_are_told() -> None:
    given = searches()
    report = measure_growth(given, tau_of=lambda _size: 0.6, sizes=())
    poor = int(np.sum(~given.strangers_usable))
    assert poor
    assert any(words.startswith(f"{poor} of 40 searches") for words in report.warnings)


def test_draws_are_seeded() -> None:
    once, again = (
        measure_growth(searches(), tau_of=lambda _size: 0.6, sizes=(4, 20)).as_dict()
        for _ in range(2)
    )
    assert once == again


def test_without_strangers_distractors_or_errors() -> None:
    given = searches(distractors=0)
    nobody = dataclasses.replace(
        given, strangers=given.strangers[:0], strangers_usable=given.strangers_usable[:0]
    )
    report = measure_growth(nobody, tau_of=lambda _size: 0.6, sizes=(4, 8, 99))
    assert [row.size for row in report.rows] == [4, 8]
    assert any("no strangers" in words for words in report.warnings)
    none_in = measure_growth(given, tau_of=lambda _size: 1.1, sizes=())
    assert any("rule of three" in words for words in none_in.warnings)
    for one in (report, none_in):
        assert growth_png(one, "a title").startswith(b"\x89PNG")
    with pytest.raises(EvaluationError):
        measure_growth(
            dataclasses.replace(given, enrolled=given.enrolled[:0]), tau_of=lambda _size: 0.6
        )

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the gate does not")

from facegate.errors import ConfigError  # noqa: E402
from facegate.training.embedder.last_layer import (  # noqa: E402
    People,
    Strangers,
    false_matches,
    false_non_matches,
    train_last_layer,
    worst_of,
)
from facegate.training.embedder.recipe import LastLayerRecipe  # noqa: E402
from facegate.training.embedder.whitening import Turn, unit  # noqa: E402

HOW = LastLayerRecipe(steps=60, every=20, faces=150, people=30, learning_rate=3e-3, moved=1.0)
TAU = 0.5


def strangers(seed: int = 0, count: int = 200, d: int = 16) -> Strangers:
    """Two groups; the faces of the second have much in common."""
    rng = np.random.default_rng(seed)
    group = np.arange(count) % 2
    outputs = rng.normal(size=(count, d)).astype(np.float32)
    outputs[group == 1] += 0.8
    return Strangers(outputs, group, [])


def people(seed: int = 1, count: int = 60, d: int = 16) -> People:
    rng = np.random.default_rng(seed)
    person = np.arange(count).repeat(3)
    outputs = rng.normal(size=(count, d))[person] + 0.4 * rng.normal(size=(3 * count, d))
    return People(outputs.astype(np.float32), person)


def fmr(faces: Strangers, embeddings: np.ndarray, group: int) -> float:
    own = embeddings[faces.group == group]
    return float(((own @ own.T)[np.triu_indices(len(own), 1)] > TAU).mean())


def test_soft_rates_count_like_plain_loops():
    similarity = [-0.3, 0.1, 0.48, 0.52, 0.9]
    passes = [1 / (1 + math.exp(-(s - TAU) / 0.05)) for s in similarity]
    pairs = torch.tensor(similarity)
    found = false_matches(pairs, TAU, 0.05).item()
    assert found == pytest.approx(math.log(sum(p * p for p in passes) / 5), abs=1e-4)
    missed = false_non_matches(pairs, TAU, 0.05).item()
    assert missed == pytest.approx(math.log(sum(1 - p for p in passes) / 5), abs=1e-4)


def test_soft_rates_become_the_rates_when_they_are_hard():
    pairs = torch.tensor([0.1, 0.4, 0.6, 0.9])
    assert false_matches(pairs, TAU, 1e-4).exp().item() == pytest.approx(0.5)
    assert false_non_matches(pairs, TAU, 1e-4).exp().item() == pytest.approx(0.5)


def test_the_worst_group_counts_most():
    rates = torch.tensor([-9.0, -7.0, -4.0], requires_grad=True)
    worst = worst_of(rates)
    assert -4.0 <= worst.item() < -3.9
    worst.backward()
    assert rates.grad is not None
    assert rates.grad.argmax().item() == 2


def test_the_worst_groups_false_matches_fall_and_people_stay_themselves():
    faces, known = strangers(), people()
    turns = [turn for turn, _ in train_last_layer(HOW, faces, known, TAU, seed=3)]
    assert len(turns) == 4  # before the first step, and after 20, 40 and 60
    np.testing.assert_allclose(turns[0].apply(faces.outputs), unit(faces.outputs), atol=1e-6)
    before, after = (turn.apply(faces.outputs) for turn in (turns[0], turns[-1]))
    assert fmr(faces, after, 1) < fmr(faces, before, 1) / 2
    ends = turns[-1].apply(known.outputs)
    mated = (ends[0::3] * ends[1::3]).sum(axis=1)
    assert (mated > TAU).mean() > 0.95


def test_the_seed_decides():
    def last(seed: int) -> Turn:
        *_, (turn, _) = train_last_layer(HOW, strangers(), people(), TAU, seed)
        return turn

    np.testing.assert_array_equal(last(3).matrix, last(3).matrix)
    assert (last(3).matrix != last(4).matrix).any()


def test_pairs_that_a_teacher_takes_for_one_person_are_no_false_matches():
    faces = strangers()
    doubled = faces.outputs.copy()
    doubled[1::2] = doubled[::2]  # each person twice
    person = np.eye(200, dtype=np.float32)[np.arange(200) // 2]
    how = HOW.model_copy(update={"faces": 200, "steps": 1})

    def rate(teachers: list[np.ndarray]) -> float:
        told = Strangers(doubled, np.zeros(200, int), teachers)
        return next(train_last_layer(how, told, people(), TAU, 0))[1]["strangers"]

    # Of 19,900 pairs 100 are of one person, and pass.
    assert math.exp(rate([])) - math.exp(rate([person])) == pytest.approx(100 / 19_900, rel=0.1)


def test_too_few_people_are_refused():
    with pytest.raises(ConfigError, match="people a batch"):
        next(train_last_layer(HOW, strangers(), people(count=20), TAU, 0))


def test_the_rate_falls_to_nothing():
    assert HOW.rate_at(0) == HOW.learning_rate
    assert HOW.rate_at(HOW.steps) == pytest.approx(0.0, abs=1e-12)

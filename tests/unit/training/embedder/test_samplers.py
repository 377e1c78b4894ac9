from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from facegate.errors import ConfigError
from facegate.training.embedder import samplers
from facegate.training.embedder.data import NOBODY
from facegate.training.embedder.samplers import (
    LookAlikeSampler,
    PkSampler,
    ShuffledSampler,
    nearest_faces,
)

PERSON = np.array([7, 7, 7, 7, 8, 8, 9, NOBODY, NOBODY, 10, 10, 11, 11, 11])


def test_batches_hold_p_people_with_up_to_k_different_images():
    sampler = PkSampler(PERSON, people=2, images=3, seed=1)
    for step in range(20):
        rows = sampler.batch(step)
        counts = Counter(PERSON[rows].tolist())
        assert len(set(rows.tolist())) == len(rows)
        assert len(counts) == 2
        for person, count in counts.items():
            assert count == min(3, np.count_nonzero(person == PERSON))


def test_people_without_a_pair_are_left_out():
    sampler = PkSampler(PERSON, people=2, images=2, seed=1)
    seen = {int(p) for step in range(20) for p in PERSON[sampler.batch(step)]}
    assert seen == {7, 8, 10, 11}


def test_a_pass_shows_each_person_once():
    sampler = PkSampler(PERSON, people=2, images=2, seed=4)
    assert sampler.steps_per_pass == 2
    people = [p for step in (0, 1) for p in set(PERSON[sampler.batch(step)].tolist())]
    assert sorted(people) == [7, 8, 10, 11]


def test_batches_depend_on_seed_and_step_only():
    first, again = (PkSampler(PERSON, 2, 2, seed=1) for _ in range(2))
    for step in (5, 0, 3):
        np.testing.assert_array_equal(first.batch(step), again.batch(step))
    other = PkSampler(PERSON, 2, 2, seed=2)
    assert any(first.batch(s).tolist() != other.batch(s).tolist() for s in range(5))


def test_shuffled_pass_shows_each_face_once():
    sampler = ShuffledSampler(12, 4, seed=0)
    first = np.concatenate([sampler.batch(step) for step in range(3)])
    assert sorted(first.tolist()) == list(range(12))
    second = np.concatenate([sampler.batch(step) for step in range(3, 6)])
    assert first.tolist() != second.tolist()


def vectors(count: int) -> np.ndarray:
    made = np.random.default_rng(0).normal(size=(count, 5)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_nearest_faces_equal_plain_loops(monkeypatch):
    monkeypatch.setattr(samplers, "_BLOCK", 7)
    faces = vectors(30)
    for row, found in enumerate(nearest_faces(faces, 4)):
        others = sorted((i for i in range(30) if i != row), key=lambda i: -faces[row] @ faces[i])
        assert found.tolist() == others[:4]


def test_faces_come_with_some_that_look_like_them():
    nearest = nearest_faces(vectors(60), 5)
    sampler = LookAlikeSampler(nearest, 12, each=2, seed=1)
    for step in range(10):
        rows = sampler.batch(step)
        assert len(set(rows.tolist())) == len(rows) <= 12
        first, second, third = rows[:3]  # nothing was there before them
        assert {int(second), int(third)} <= set(nearest[first].tolist())
        np.testing.assert_array_equal(rows, LookAlikeSampler(nearest, 12, 2, 1).batch(step))
    assert sum(len(sampler.batch(step)) for step in range(10)) > 110


def test_impossible_batches_are_refused():
    with pytest.raises(ConfigError):
        nearest_faces(vectors(5), 5)
    with pytest.raises(ConfigError):
        PkSampler(PERSON, people=5, images=2, seed=0)
    with pytest.raises(ConfigError):
        ShuffledSampler(3, 4, seed=0)

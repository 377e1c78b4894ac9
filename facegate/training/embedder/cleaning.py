"""Finds prepared faces that must not be trained on: of test people, doubled, or wrongly named.

Names are missing or differ between sets, so people are told apart by what teachers see.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray
from facegate.training.embedder.data import NOBODY, IntArray

TEST_PERSON, DOUBLED, WRONG_NAME = "test person", "doubled", "wrong name"

_BLOCK = 2048


def left_out(
    teachers: list[FloatArray],
    person: IntArray,
    test: list[FloatArray],
    same_person: float = 0.5,
    same_picture: float = 0.98,
    stranger: float = 0.05,
) -> npt.NDArray[np.str_]:
    """Say for each face why it is left out; an empty string where it stays.

    Args:
        teachers: for each teacher (n, d) unit embeddings of the faces, best centered and whitened,
            so that strangers of all populations lie near 0.
        person: (n,) known people's numbers, or NOBODY.
        test: for each teacher (m, d) unit embeddings of the test pictures; empty when there are
            none.
        same_person: from here on, the mean similarity over all teachers says one person.
        same_picture: from here on, one picture; the first of them stays.
        stranger: a named face below this to the mean of its person's other faces is another's.

    Returns:
        (n,) of '', TEST_PERSON, DOUBLED, WRONG_NAME; the first that applies.
    """
    reasons = np.full(len(person), "", dtype="U16")
    reasons[_named_wrongly(teachers, person, stranger)] = WRONG_NAME
    for first in range(0, len(person), _BLOCK):
        rows = slice(first, first + _BLOCK)
        alike = _mean_similarity([teacher[rows] for teacher in teachers], teachers)
        earlier = np.arange(len(person))[None] < np.arange(first, first + len(alike))[:, None]
        reasons[rows][((alike >= same_picture) & earlier).any(axis=1)] = DOUBLED
        if test and len(test[0]):
            near = _mean_similarity([teacher[rows] for teacher in teachers], test)
            reasons[rows][near.max(axis=1) >= same_person] = TEST_PERSON
    return reasons


def _mean_similarity(some: list[FloatArray], others: list[FloatArray]) -> FloatArray:
    total = sum(a @ b.T for a, b in zip(some, others, strict=True))
    return np.asarray(total / len(some), dtype=np.float32)


def _named_wrongly(
    teachers: list[FloatArray], person: IntArray, stranger: float
) -> npt.NDArray[np.bool_]:
    wrong = np.zeros(len(person), dtype=bool)
    for number in np.unique(person[person != NOBODY]):
        rows = np.flatnonzero(person == number)
        if len(rows) < 3:  # of two that differ, neither is known to be the right one
            continue
        own = [teacher[rows] for teacher in teachers]
        alike = _mean_similarity(own, own)
        np.fill_diagonal(alike, 0.0)
        wrong[rows] = alike.sum(axis=1) / (len(rows) - 1) < stranger
    return wrong

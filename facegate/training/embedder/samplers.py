"""Says which faces make up each batch.

A batch depends on nothing but the seed and the number of the step, so a resumed run sees the same
batches as one that was never interrupted.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch

from facegate.domain.arrays import FloatArray
from facegate.errors import ConfigError
from facegate.training.embedder.data import NOBODY, IntArray

_BLOCK = 1024
"""Faces compared with all others at once: 300 MB of similarities for 70,000 others."""


class FaceSampler(Protocol):
    """Draws faces of nobody in particular."""

    def batch(self, step: int) -> IntArray:
        """Positions of step's faces, none twice."""


class PkSampler:
    """PK batches: P people, K images of each.

    People with fewer than K images give all they have, so that no image is doubled; people with
    one image are left out, since they have no pair. A pass shows each person once.
    """

    def __init__(self, person: IntArray, people: int, images: int, seed: int) -> None:
        known = person[person != NOBODY]
        numbers, counts = np.unique(known, return_counts=True)
        self._of_person = [np.flatnonzero(person == n) for n in numbers[counts >= 2]]
        if len(self._of_person) < people:
            raise ConfigError(
                f"{people} people a batch are wanted, and only {len(self._of_person)} have two "
                "images or more."
            )
        self._people, self._images, self._seed = people, images, seed

    @property
    def steps_per_pass(self) -> int:
        """Batches until each person was shown once; the rest that fills no batch is left out."""
        return len(self._of_person) // self._people

    def batch(self, step: int) -> IntArray:
        """Positions of step's faces, grouped by person; at most P * K."""
        turn, place = divmod(step, self.steps_per_pass)
        order = np.random.default_rng((self._seed, 0, turn)).permutation(len(self._of_person))
        rng = np.random.default_rng((self._seed, 1, step))
        chosen = order[place * self._people : (place + 1) * self._people]
        groups = [rng.permutation(self._of_person[i])[: self._images] for i in chosen]
        return np.concatenate(groups)


class ShuffledSampler:
    """Batches of any faces, each once a pass."""

    def __init__(self, count: int, size: int, seed: int) -> None:
        if not 0 < size <= count:
            raise ConfigError(f"A batch of {size} cannot be drawn from {count} faces.")
        self._count, self._size, self._seed = count, size, seed

    @property
    def steps_per_pass(self) -> int:
        """Batches until each face was shown once; the rest that fills no batch is left out."""
        return self._count // self._size

    def batch(self, step: int) -> IntArray:
        """Positions of step's faces."""
        turn, place = divmod(step, self.steps_per_pass)
        order = np.random.default_rng((self._seed, 2, turn)).permutation(self._count)
        return order[place * self._size : (place + 1) * self._size]


class LookAlikeSampler:
    """Batches of faces, each followed by some of those that look most like it.

    Args:
        nearest: (n, k) which look most like each of n faces; see `nearest_faces`.
        size: faces a batch.
        each: so many look-alikes, drawn from the nearest, come with a face.
        seed: of the draws.
    """

    def __init__(self, nearest: IntArray, size: int, each: int, seed: int) -> None:
        self._nearest = nearest
        # A look-alike may be there already; two more faces fill the gap.
        self._first = ShuffledSampler(len(nearest), min(size, size // (1 + each) + 2), seed)
        self._size, self._each, self._seed = size, each, seed

    def batch(self, step: int) -> IntArray:
        """Positions of step's faces, none twice; seldom fewer than a whole batch."""
        first = self._first.batch(step)
        rng = np.random.default_rng((self._seed, 4, step))
        drawn = rng.permuted(self._nearest[first], axis=1)[:, : self._each]
        groups = np.concatenate([first[:, None], drawn], axis=1).ravel()
        _, places = np.unique(groups, return_index=True)
        return groups[np.sort(places)][: self._size]


def nearest_faces(embeddings: FloatArray, count: int) -> IntArray:
    """For each of (n, d) unit vectors the `count` most alike others: (n, count), falling.

    Raises:
        ConfigError: there are no more vectors than that.
    """
    if count >= len(embeddings):
        raise ConfigError(f"{len(embeddings)} faces have no {count} others to look like.")
    every = torch.from_numpy(embeddings)
    found = []
    for first in range(0, len(every), _BLOCK):
        alike = every[first : first + _BLOCK] @ every.T
        alike[torch.arange(len(alike)), torch.arange(first, first + len(alike))] = -2.0
        found.append(alike.topk(count, dim=1).indices)
    return torch.cat(found).numpy()

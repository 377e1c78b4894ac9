"""Finds the pictures of different people that are most alike: often one person under two names."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.evaluation.pairs import ComparisonPair


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Two pictures that are said to show different people."""

    similarity: float
    path_a: Path
    path_b: Path

    def as_dict(self) -> dict[str, Any]:
        """The two as JSON has them."""
        return {
            "path_a": str(self.path_a),
            "path_b": str(self.path_b),
            "similarity": self.similarity,
        }


def look_alikes(
    embeddings: Mapping[Path, FloatArray], people: Mapping[str, Sequence[Path]], count: int
) -> list[LookAlikes]:
    """The most alike pictures of different people, most alike first.

    One wrong label among a million pairs decides how high a strict threshold must lie, so these are
    worth a look.

    Args:
        embeddings: (d,) unit vectors by picture; pictures without one are left out.
        people: pictures by name.
        count: how many pairs are wanted at most.
    """
    stacks = []
    for files in people.values():
        paths = [path for path in files if path in embeddings]
        if paths:
            stacks.append((paths, np.stack([embeddings[path] for path in paths])))
    found: list[LookAlikes] = []
    later_paths = [path for paths, _ in stacks for path in paths]
    later = np.concatenate([stack for _, stack in stacks]) if stacks else np.zeros((0, 1))
    for paths, stack in stacks:
        later_paths, later = later_paths[len(paths) :], later[len(paths) :]
        similarities = stack @ later.T
        for place in np.argsort(-similarities, axis=None)[:count].tolist():
            row, column = divmod(place, len(later_paths))
            similarity = float(similarities[row, column])
            found.append(LookAlikes(similarity, paths[row], later_paths[column]))
        found = _most_alike(found, count)
    return found


def look_alikes_of_pairs(
    embeddings: Mapping[Path, FloatArray], pairs: Iterable[ComparisonPair], count: int
) -> list[LookAlikes]:
    """The same for a list of pairs."""
    return _most_alike(
        (
            LookAlikes(
                float(embeddings[pair.path_a] @ embeddings[pair.path_b]), pair.path_a, pair.path_b
            )
            for pair in pairs
            if not pair.mated and pair.path_a in embeddings and pair.path_b in embeddings
        ),
        count,
    )


def _most_alike(found: Iterable[LookAlikes], count: int) -> list[LookAlikes]:
    return heapq.nlargest(count, found, key=lambda one: one.similarity)

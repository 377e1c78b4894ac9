"""Compares a probe with named templates, bit by bit as a search does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.people import Template


def similarities(probe: FloatArray, templates: Sequence[Template]) -> list[float]:
    """Compare one probe with templates of its network, in the order given.

    A flat index computes each product by itself, so one made of these templates alone gives the
    very bits that the whole gallery gave.

    Args:
        probe: (d,) float32, unit length.
        templates: of the same network.

    Returns:
        Cosines in [-1, 1].
    """
    import faiss

    if not templates:
        return []
    faiss.omp_set_num_threads(1)
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(len(probe)))
    rows = np.ascontiguousarray(np.stack([one.embedding for one in templates]), np.float32)
    index.add_with_ids(rows, np.arange(len(templates), dtype=np.int64))
    found, numbers = index.search(probe[None], len(templates))
    by_number = dict(zip(numbers[0].tolist(), found[0].tolist(), strict=True))
    return [min(1.0, max(-1.0, by_number[number])) for number in range(len(templates))]

"""Several looks at one face become one probe."""

from __future__ import annotations

import math

import numpy as np

from facegate.domain.arrays import FloatArray, locked
from facegate.errors import ShapeError

LEAST_LENGTH = 1e-3
"""Shorter means come from embeddings that contradict one another; their direction is noise."""


def fuse(embeddings: FloatArray) -> FloatArray:
    """Average the embeddings of one face and give the mean unit length.

    The same bits come out wherever it runs: rows are added in their order, and the length is
    summed exactly.

    Args:
        embeddings: (n, d) float32 unit vectors, n >= 1, in the order of the evidence.

    Returns:
        (d,) float32, unit length, read-only. One embedding comes back scaled anew, so that one
        frame and several go the same way.

    Raises:
        ShapeError: no embedding, a value that is not finite, or embeddings that cancel out.
    """
    rows = locked(embeddings, (None, None), "embeddings")
    if not len(rows):
        raise ShapeError("embeddings", "at least one", "none")
    total = np.zeros(rows.shape[1], np.float32)
    for row in rows:
        total = total + row
    mean = (total / np.float32(len(rows))).astype(np.float32)
    # Products of float32 are exact in float64, and fsum rounds once, whatever the order.
    length = math.sqrt(math.fsum(float(value) ** 2 for value in mean))
    if length < LEAST_LENGTH:
        raise ShapeError("embeddings", "of one face", "contradictory")
    return locked(mean / np.float32(length), (None,), "fused")

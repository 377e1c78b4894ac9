"""Many looks at one face become one probe."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facegate.domain.arrays import FloatArray, locked_unit
from facegate.errors import ShapeError


def fuse(embeddings: Sequence[FloatArray]) -> FloatArray:
    """The mean direction of unit vectors.

    The accidents of single frames (blur, light, an eye half shut) differ and cancel; what all
    share is the person. The order of the vectors decides the last bits of the sum, so whoever
    wants the same bits again keeps the order.

    Args:
        embeddings: at least one (d,) float32 unit vector.

    Returns:
        (d,) float32 unit vector.

    Raises:
        ShapeError: nothing to fuse, or vectors that cancel each other.
    """
    if not embeddings:
        raise ShapeError("embeddings", "at least one vector", "none")
    total = np.zeros_like(embeddings[0], dtype=np.float32)
    for embedding in embeddings:
        total = total + embedding
    length = np.float32(np.linalg.norm(total))
    if not length > 1e-6:
        raise ShapeError("embeddings", "of one direction", "opposite")
    return locked_unit(total / length, "fused")

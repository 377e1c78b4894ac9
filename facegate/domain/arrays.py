"""Checked, read-only arrays for value types."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from facegate.errors import ShapeError

FloatArray: TypeAlias = npt.NDArray[np.float32]
ImageArray: TypeAlias = npt.NDArray[np.uint8]

UNIT_LENGTH_TOLERANCE = 1e-3
"""Longest deviation from length 1 that float16 storage and normalization explain."""


def locked(value: Any, shape: tuple[int | None, ...], name: str) -> FloatArray:
    """Copy into a read-only float32 array of the given shape; None stands for any length.

    Raises:
        ShapeError: wrong shape, or a value that is NaN or infinite.
    """
    array = np.array(value, dtype=np.float32, order="C")
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise ShapeError(name, f"of shape {shape}", f"of shape {array.shape}")
    if not np.isfinite(array).all():
        raise ShapeError(name, "finite", "NaN or infinite")
    array.setflags(write=False)
    return array


def locked_unit(value: Any, name: str) -> FloatArray:
    """Copy into a read-only (d,) float32 array and check that it has unit length."""
    array = locked(value, (None,), name)
    length = float(np.linalg.norm(array))
    if abs(length - 1.0) > UNIT_LENGTH_TOLERANCE:
        raise ShapeError(name, "of unit length", f"of length {length:.4f}")
    return array

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.fusion import fuse
from facegate.errors import ShapeError


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_it_is_the_direction_of_the_mean(count: int, seed: int) -> None:
    one = np.random.default_rng(seed).normal(size=64)
    rows = unit(one + 0.5 * np.random.default_rng(seed + 1).normal(size=(count, 64)))
    fused = fuse(rows)
    mean = rows.astype(np.float64).mean(axis=0)
    assert fused.dtype == np.float32
    assert not fused.flags.writeable
    np.testing.assert_allclose(fused, mean / np.linalg.norm(mean), atol=1e-6)
    assert abs(float(np.linalg.norm(fused)) - 1) < 1e-6
    assert np.array_equal(fused, fuse(rows.copy()))


def test_its_bits_are_known() -> None:
    rows = unit(np.random.default_rng(7).normal(size=(3, 8)) + 1)
    assert (
        fuse(rows).tobytes().hex()
        == "a2f40f3e5c4bb63e29f2fd3d39db193eef1b633dee57353e25886e3ef03f5a3f"
    )


@pytest.mark.parametrize(
    "bad", [np.zeros((0, 4)), np.ones(4), np.full((1, 4), np.nan), [[1.0, 0], [-1.0, 0]]]
)
def test_what_cannot_be_fused_is_refused(bad: object) -> None:
    with pytest.raises(ShapeError):
        fuse(bad)  # type: ignore[arg-type]

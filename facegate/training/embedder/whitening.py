"""Centers and evens out an embedding space: a closed-form step, exact and quick.

Networks trained mostly on one population give everybody else similar embeddings. Subtracting the
mean and dividing each direction by its spread, both measured on a mixed population, takes most of
that away. It makes better teachers, and, folded into a last linear layer, a better network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.errors import ConfigError

TELLING_SHRINK = 0.75
"""Of the whitening before teachers tell people apart: as they come, strangers of the populations
that they saw least pass for one person."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A linear change of embeddings: x goes to (x - mean) @ matrix.

    Attributes:
        mean: (d,) float32.
        matrix: (d, d) float32.
    """

    mean: FloatArray
    matrix: FloatArray

    def apply(self, values: FloatArray) -> FloatArray:
        """Change (n, d) values and scale each to unit length."""
        return unit(np.asarray((values - self.mean) @ self.matrix, dtype=np.float32))


def fit_whitening(values: FloatArray, shrink: float) -> Turn:
    """Estimate a whitening.

    Args:
        values: (n, d) of many different people.
        shrink: how far the covariance is drawn to a multiple of the identity, 0 to 1: 0 evens out
            all directions, also those that are noise; 1 only centers.

    Raises:
        ConfigError: there are fewer than two values, or all are the same.
    """
    if len(values) < 2 or not np.ptp(values, axis=0).any():
        raise ConfigError("The spread of embeddings wants two different faces or more.")
    mean = values.mean(axis=0, dtype=np.float64)
    covariance = np.cov((values - mean).T.astype(np.float64))
    even = np.trace(covariance) / len(covariance)
    covariance = (1.0 - shrink) * covariance + shrink * even * np.eye(len(covariance))
    spread, directions = np.linalg.eigh(covariance)
    matrix = (directions * np.sqrt(even / spread)) @ directions.T
    return Turn(mean.astype(np.float32), matrix.astype(np.float32))


def widest(values: FloatArray, count: int) -> FloatArray:
    """The (d, count) orthonormal directions in which (n, d) values are spread most."""
    _, directions = np.linalg.eigh(values.T @ values / len(values))
    return np.ascontiguousarray(directions[:, ::-1][:, :count])


def join(teachers: dict[str, FloatArray], weights: dict[str, float]) -> FloatArray:
    """Set several teachers' unit embeddings side by side, each times its weight.

    Raises:
        KeyError: a weight names a teacher that is not there.
    """
    parts = [weight * teachers[name] for name, weight in weights.items()]
    return np.concatenate(parts, axis=1).astype(np.float32)


def unit(values: FloatArray) -> FloatArray:
    """Scale each row to length 1; a row of zeros stays zero."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    scaled: FloatArray = (values / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled

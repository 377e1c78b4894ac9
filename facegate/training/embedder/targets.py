"""Turns cached teachers into what the student should reach, and readies the student for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from facegate.domain.arrays import FloatArray
from facegate.errors import ConfigError
from facegate.models.quantized_linear import QuantizedLinear
from facegate.training.embedder.data import FacePool, IntArray
from facegate.training.embedder.networks import EmbeddingNetwork, last_layer
from facegate.training.embedder.quantize import forget_steps
from facegate.training.embedder.recipe import DistillationRecipe
from facegate.training.embedder.whitening import fit_whitening, join, unit, widest


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What the teachers say about each face.

    Attributes:
        relational: (n, e) unit embeddings of all teachers joined and whitened; their cosines are
            the similarities to reach.
        embedding: (n, d) unit embeddings in the student's own space, as near to `relational` as d
            dimensions can be.
    """

    relational: FloatArray
    embedding: FloatArray


def measure_steps(network: EmbeddingNetwork, pool: FacePool, rows: IntArray) -> None:
    """Let the layers that compute with whole numbers see some faces, so that they can begin."""
    if any(isinstance(layer, QuantizedLinear) for layer in network.modules()):
        forget_steps(network)  # so that the same weights give the same steps
        network.train()
        unnormalized(network, pool, rows)
        network.eval()


def whiten_network(
    network: EmbeddingNetwork, pool: FacePool, rows: IntArray, shrink: float
) -> None:
    """Fold a whitening of the network's output, estimated on some faces, into its last layer.

    A network of other makers may give more dimensions than ours: those in which the faces are
    spread most stay, as many as ours have.
    """
    outputs = unnormalized(network, pool, rows)
    whitening = fit_whitening(outputs, shrink)
    matrix = whitening.matrix
    if matrix.shape[1] > network.dimension:
        matrix = matrix @ widest(whitening.apply(outputs), network.dimension)
    fold(last_layer(network), matrix, whitening.mean)


def fold(layer: nn.Conv2d | nn.Linear, matrix: FloatArray, mean: FloatArray) -> None:
    """Let a layer give (x - mean) @ matrix of what it gave, and as many values as that has."""
    if layer.bias is None:
        raise ConfigError("The last layer needs a bias to be centered.")
    turned = torch.from_numpy(matrix).to(layer.weight)
    with torch.no_grad():
        weight = turned.T @ layer.weight.flatten(1)
        bias = (layer.bias - torch.from_numpy(mean).to(layer.bias)) @ turned
        layer.weight = nn.Parameter(weight.reshape(-1, *layer.weight.shape[1:]))
        layer.bias = nn.Parameter(bias)
    if isinstance(layer, nn.Linear):
        layer.out_features = len(bias)


def join_teachers(recipe: DistillationRecipe, pool: FacePool, rows: IntArray) -> FloatArray:
    """Join and whiten the teachers; the whitening is estimated on `rows`, one face a person.

    Returns:
        (n, e) unit embeddings of all faces.

    Raises:
        ConfigError: a teacher was not cached for one of the sets.
    """
    pool.taught_by(recipe.teachers)
    joined = join(pool.teachers, recipe.teachers)
    return fit_whitening(joined[rows], recipe.shrink).apply(joined)


def aim_at(student: FloatArray, rows: IntArray, relational: FloatArray) -> Targets:
    """Lay the teachers' space over the student's, so that it has the shortest way to go.

    The teachers' directions of largest spread are kept, as many as the student has dimensions, and
    turned as a whole onto the student's present output (orthogonal Procrustes, Schönemann 1966).

    Args:
        student: (k, d) unit embeddings of some faces by the network that will be trained.
        rows: (k,) which faces those are.
        relational: (n, e) teachers for all faces.
    """
    kept = widest(relational, student.shape[1])
    left, _, right = np.linalg.svd(unit(relational[rows] @ kept).T @ student, full_matrices=False)
    return Targets(relational, unit(relational @ (kept @ (left @ right))))


def unnormalized(network: EmbeddingNetwork, pool: FacePool, rows: IntArray) -> FloatArray:
    """What the last layer gives for chosen crops, (n, d) float32, without gradients."""
    device = next(network.parameters()).device
    parts = []
    with torch.no_grad():
        for first in range(0, len(rows), 64):
            crops = torch.from_numpy(pool.crops_rgb(rows[first : first + 64]))
            parts.append(network.unnormalized(crops.to(device)).cpu().numpy())
    return np.concatenate(parts)

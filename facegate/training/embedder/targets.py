"""Turns cached teachers into what the student should reach, and readies the student for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import ConfigError
from facegate.models.mobilefacenet import MobileFaceNet
from facegate.training.embedder.data import AlignedFaces, IntArray
from facegate.training.embedder.recipe import TeacherRecipe
from facegate.training.embedder.whitening import Whitening, fit_whitening, join, unit


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


def whiten_network(
    network: MobileFaceNet, crops_rgb: ImageArray, rows: IntArray, shrink: float
) -> FloatArray:
    """Fold a whitening of the network's output, estimated on some faces, into its last layer.

    Returns:
        (len(rows), d) unit embeddings of those faces, as the network gives them from now on.
    """
    outputs = _unnormalized(network, crops_rgb, rows)
    whitening = fit_whitening(outputs, shrink)
    matrix, mean = torch.from_numpy(whitening.matrix), torch.from_numpy(whitening.mean)
    last = network.embedding
    if last.bias is None:
        raise ConfigError("The last layer needs a bias to be centered.")
    with torch.no_grad():
        weight = matrix.T @ last.weight.flatten(1).cpu()
        last.weight.copy_(weight.reshape(last.weight.shape))
        last.bias.copy_((last.bias.cpu() - mean) @ matrix)
    return whitening.apply(outputs)


def join_teachers(
    recipe: TeacherRecipe, unlabeled: AlignedFaces, labeled: AlignedFaces, rows: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Join and whiten the teachers; the whitening is estimated on `rows` of the unlabeled faces.

    Returns:
        (n, e) unit embeddings of all unlabeled and of all labeled faces.

    Raises:
        ConfigError: a teacher was not cached for one of the sets.
    """
    joined = []
    for faces in (unlabeled, labeled):
        missing = set(recipe.weights) - set(faces.teachers)
        if missing:
            raise ConfigError(
                f"No embeddings of the teachers {', '.join(sorted(missing))} are cached.",
                hint="Run `python -m facegate.training.embedder teach` first.",
            )
        joined.append(join(faces.teachers, recipe.weights))
    whitening: Whitening = fit_whitening(joined[0][rows], recipe.shrink)
    return whitening.apply(joined[0]), whitening.apply(joined[1])


def aim_at(
    student: FloatArray, rows: IntArray, relational: FloatArray, others: FloatArray
) -> tuple[Targets, Targets]:
    """Lay the teachers' space over the student's, so that it has the shortest way to go.

    The teachers' directions of largest spread are kept, as many as the student has dimensions, and
    turned as a whole onto the student's present output (orthogonal Procrustes, Schönemann 1966).

    Args:
        student: (k, d) unit embeddings of some unlabeled faces by the network that will be trained.
        rows: (k,) which of the unlabeled faces those are.
        relational: (n, e) teachers for the unlabeled faces.
        others: (m, e) teachers for the labeled faces.

    Returns:
        targets for the unlabeled and for the labeled faces.
    """
    moment = relational.T @ relational / len(relational) + others.T @ others / len(others)
    _, directions = np.linalg.eigh(moment)
    kept = directions[:, ::-1][:, : student.shape[1]]
    left, _, right = np.linalg.svd(unit(relational[rows] @ kept).T @ student)
    turn = kept @ (left @ right)
    return (
        Targets(relational, unit(relational @ turn)),
        Targets(others, unit(others @ turn)),
    )


def _unnormalized(network: MobileFaceNet, crops_rgb: ImageArray, rows: IntArray) -> FloatArray:
    device = next(network.parameters()).device
    parts = []
    with torch.no_grad():
        for first in range(0, len(rows), 64):
            crops = torch.from_numpy(np.ascontiguousarray(crops_rgb[rows[first : first + 64]]))
            parts.append(network.unnormalized(crops.to(device)).cpu().numpy())
    return np.concatenate(parts)

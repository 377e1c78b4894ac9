"""What the embedding network is trained to make small.

All losses take unit embeddings and give one number, differentiable, 0 for an empty batch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F


def triplet_loss(
    anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, margin: float
) -> torch.Tensor:
    """Pull one person's images together and push another's away, by squared distance.

    Args:
        anchor, positive, negative: (t, d) embeddings; the first two of one person.
        margin: alpha; how much farther than the positive the negative must be.

    Returns:
        mean over triplets of max(|f(A) - f(P)|^2 - |f(A) - f(N)|^2 + alpha, 0).

    Source:
        Schroff et al., FaceNet, 2015, equation 2 (there a sum).
    """
    to_positive = (anchor - positive).square().sum(dim=1)
    to_negative = (anchor - negative).square().sum(dim=1)
    return _mean(F.relu(to_positive - to_negative + margin))


def cosine_triplet_loss(
    anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, margin: float
) -> torch.Tensor:
    """The triplet loss in terms of similarity: mean of max(cos(A, N) - cos(A, P) + margin, 0).

    For unit vectors |a - b|^2 = 2 - 2 cos(a, b), so it is half of `triplet_loss` at twice the
    margin.
    """
    return _mean(F.relu((anchor * negative).sum(dim=1) - (anchor * positive).sum(dim=1) + margin))


def relational_distillation_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Make every pair of faces as alike as the teacher finds it.

    Only similarities are compared, so the two may differ in dimension and in orientation.

    Args:
        student: (n, d) embeddings.
        teacher: (n, e) embeddings of the same faces.

    Returns:
        mean squared difference of the cosines over the n (n - 1) / 2 pairs.

    Source:
        Tung and Mori, Similarity-Preserving Knowledge Distillation, 2019, on single pairs.
    """
    first, second = torch.triu_indices(len(student), len(student), offset=1)
    difference = (student @ student.T - teacher @ teacher.T)[first, second]
    return _mean(difference.square())


def embedding_distillation_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Bring each embedding to the teacher's own: mean of 1 - cos(student, teacher).

    Args:
        student, teacher: (n, d) embeddings of the same faces, in one space.
    """
    return _mean(1.0 - (student * teacher).sum(dim=1))


def _mean(values: torch.Tensor) -> torch.Tensor:
    """The mean, and 0 (with a gradient path) where the plain mean of nothing is NaN."""
    return values.sum() / max(values.numel(), 1)

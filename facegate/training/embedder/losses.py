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
    return mean_or_zero(F.relu(to_positive - to_negative + margin))


def cosine_triplet_loss(
    anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, margin: float
) -> torch.Tensor:
    """The triplet loss in terms of similarity: mean of max(cos(A, N) - cos(A, P) + margin, 0).

    For unit vectors |a - b|^2 = 2 - 2 cos(a, b), so it is half of `triplet_loss` at twice the
    margin.
    """
    return mean_or_zero(
        F.relu((anchor * negative).sum(dim=1) - (anchor * positive).sum(dim=1) + margin)
    )


def similarity_distillation_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
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
    first, second = _pairs(student)
    difference = (student @ student.T - teacher @ teacher.T)[first, second]
    return mean_or_zero(difference.square())


def relational_distillation_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Make distances between faces stand in the proportions that the teacher sees.

    Each side's distances are divided by their mean within the batch, so the student may find all
    faces nearer or farther, as long as the order of things is the teacher's.

    Args:
        student: (n, d) embeddings.
        teacher: (n, e) embeddings of the same faces.

    Returns:
        mean Huber loss (delta 1) over the n (n - 1) / 2 pairs.

    Source:
        Park et al., Relational Knowledge Distillation, 2019, equations 5 to 8.
    """
    first, second = _pairs(student)
    own, wanted = (
        (x[first] - x[second]).square().sum(dim=1).clamp_min(1e-12).sqrt()
        for x in (student, teacher)
    )
    own, wanted = (x / mean_or_zero(x).clamp_min(1e-12) for x in (own, wanted))
    return mean_or_zero(F.smooth_l1_loss(own, wanted, reduction="none"))


def embedding_distillation_loss(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Bring each embedding to the teacher's own: mean of 1 - cos(student, teacher).

    Args:
        student, teacher: (n, d) embeddings of the same faces, in one space.
    """
    return mean_or_zero(1.0 - (student * teacher).sum(dim=1))


def mean_or_zero(values: torch.Tensor) -> torch.Tensor:
    """The mean, and 0 (with a gradient path) where the plain mean of nothing is NaN."""
    return values.sum() / max(values.numel(), 1)


def _pairs(values: torch.Tensor) -> torch.Tensor:
    return torch.triu_indices(len(values), len(values), offset=1, device=values.device)

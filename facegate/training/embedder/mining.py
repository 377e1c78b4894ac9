"""Chooses the triplets of a batch that are worth learning from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import torch


class Mining(str, Enum):
    """Which negative an anchor and its positive are put up against.

    random: any other person's image.
    semi_hard: the nearest one that is farther than the positive, but by less than the margin;
        pairs that have none are left out (FaceNet, 2015).
    hard: the nearest one of all; learns fast, and collapses easily on wrong labels.
    """

    RANDOM = "random"
    SEMI_HARD = "semi_hard"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class TripletShares:
    """How hard a batch is: fractions of all its possible triplets, which sum to 1.

    Attributes:
        easy: the negative is farther than the positive by the margin or more; no loss.
        semi_hard: farther, but by less than the margin.
        hard: not farther than the positive.
        triplets: number of possible triplets; all fractions are 0 when there is none.
    """

    easy: float
    semi_hard: float
    hard: float
    triplets: int


def squared_distances(embeddings: torch.Tensor) -> torch.Tensor:
    """|a - b|^2 of all pairs of (n, d) unit embeddings, as (n, n)."""
    return (2.0 - 2.0 * embeddings @ embeddings.T).clamp_min(0.0)


def mine_triplets(
    embeddings: torch.Tensor,
    person: torch.Tensor,
    margin: float,
    mining: Mining = Mining.SEMI_HARD,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Choose one negative for each ordered pair of images of one person.

    Args:
        embeddings: (n, d) unit embeddings of a batch.
        person: (n,) whose face each is.
        margin: alpha of `triplet_loss`, in squared distance.
        mining: see Mining.
        generator: source of chance for random mining.

    Returns:
        (t, 3) int64 rows of anchor, positive, negative; t may be 0.
    """
    with torch.no_grad():
        distances = squared_distances(embeddings.detach())
        anchor, positive = _pairs(person)
        to_positive = distances[anchor, positive].unsqueeze(1)
        to_others = distances[anchor]
        allowed = person[anchor].unsqueeze(1) != person.unsqueeze(0)
        if mining is Mining.RANDOM:
            rank = torch.rand(to_others.shape, generator=generator).to(to_others.device)
        else:
            rank = to_others
        if mining is Mining.SEMI_HARD:
            allowed &= (to_others > to_positive) & (to_others < to_positive + margin)
        usable = allowed.any(dim=1)
        negative = rank.masked_fill(~allowed, torch.inf).argmin(dim=1)
        return torch.stack([anchor, positive, negative], dim=1)[usable]


def triplet_shares(embeddings: torch.Tensor, person: torch.Tensor, margin: float) -> TripletShares:
    """Count how hard all possible triplets of a batch are; arguments as `mine_triplets`."""
    with torch.no_grad():
        distances = squared_distances(embeddings.detach())
        anchor, positive = _pairs(person)
        gap = distances[anchor] - distances[anchor, positive].unsqueeze(1)
        gap = gap[person[anchor].unsqueeze(1) != person.unsqueeze(0)]
        triplets = gap.numel()
        hard = int((gap <= 0).sum())
        easy = int((gap >= margin).sum())
        shares = [count / max(triplets, 1) for count in (easy, triplets - easy - hard, hard)]
        return TripletShares(shares[0], shares[1], shares[2], triplets)


def _pairs(person: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """All ordered pairs of different images of one person."""
    same = person.unsqueeze(0) == person.unsqueeze(1)
    same.fill_diagonal_(False)
    anchor, positive = same.nonzero(as_tuple=True)
    return anchor, positive

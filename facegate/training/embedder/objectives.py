"""What is learned from knowing who is who: one interface for all methods.

An objective takes a batch of unit embeddings and says how badly it separates people. Some have
weights of their own, which learn along and are thrown away after training.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facegate.training.embedder.losses import cosine_triplet_loss, mean_or_zero, triplet_loss
from facegate.training.embedder.mining import mine_triplets, triplet_shares
from facegate.training.embedder.recipe import Method, ObjectiveRecipe


class Objective(nn.Module):
    """Base of all.

    `forward(embeddings, person, generator)` takes (n, d) unit embeddings, (n,) person numbers (of
    known people 0 and up; strangers have numbers of their own below 0), a source of chance, and
    gives scalars by name; `objective` is the one to lower, the others are for the log.
    """

    def forward(
        self, embeddings: Tensor, person: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Nothing is learned from identities."""
        del person, generator
        return {"objective": embeddings.sum() * 0.0}


class TripletObjective(Objective):
    """Triplets mined within the batch; the cosine form takes half the margin for the same loss."""

    def __init__(self, recipe: ObjectiveRecipe) -> None:
        super().__init__()
        self._cosine = recipe.method is Method.COSINE_TRIPLET
        self._margin, self._mining = recipe.margin, recipe.mining

    def forward(
        self, embeddings: Tensor, person: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """See Objective; logs the shares of easy, semi-hard and hard triplets."""
        squared = 2 * self._margin if self._cosine else self._margin
        chosen = mine_triplets(embeddings, person, squared, self._mining, generator)
        anchor, positive, negative = (embeddings[chosen[:, i]] for i in range(3))
        loss = cosine_triplet_loss if self._cosine else triplet_loss
        shares = triplet_shares(embeddings, person, squared)
        return {
            "objective": loss(anchor, positive, negative, self._margin),
            "easy": torch.tensor(shares.easy),
            "semi_hard": torch.tensor(shares.semi_hard),
            "hard": torch.tensor(shares.hard),
        }


class ContrastiveObjective(Objective):
    """Mated pairs together, non-mated pairs at least a margin apart; each kind weighs the same.

    Source: Hadsell et al., Dimensionality Reduction by Learning an Invariant Mapping, 2006,
    equation 4, with squared distances and the margin on the distance.
    """

    def __init__(self, margin: float) -> None:
        super().__init__()
        self._margin = margin

    def forward(
        self, embeddings: Tensor, person: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """See Objective."""
        del generator
        first, second, same = _pairs(embeddings, person)
        distance = (first - second).square().sum(dim=1).clamp_min(1e-12).sqrt()
        together = mean_or_zero(distance[same].square())
        apart = mean_or_zero(F.relu(self._margin - distance[~same]).square())
        return {"objective": 0.5 * (together + apart)}


class VerificationObjective(Objective):
    """A logistic unit over what differs between two embeddings: is this one person?

    Source: Taigman et al., DeepFace, 2014, section 4.1 (weighted L1 distance) and 4 (weighted
    chi-square distance, here with magnitudes, since our features have both signs).
    """

    def __init__(self, dimension: int, chi_square: bool) -> None:
        super().__init__()
        self._chi_square = chi_square
        self.weight = nn.Parameter(torch.full((dimension,), -1.0))
        self.bias = nn.Parameter(torch.tensor(math.sqrt(dimension) / 2))

    def differences(self, first: Tensor, second: Tensor) -> Tensor:
        """(p, d) differences of p pairs, by feature."""
        if self._chi_square:
            # Magnitudes below: features of both signs would cancel, and could divide by zero.
            return (first - second).square() / (first.abs() + second.abs() + 1e-6)
        return (first - second).abs()

    def forward(
        self, embeddings: Tensor, person: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """See Objective."""
        del generator
        first, second, same = _pairs(embeddings, person)
        logits = self.differences(first, second) @ self.weight + self.bias
        wrong = F.binary_cross_entropy_with_logits(logits, same.float(), reduction="none")
        # There are a hundred times more non-mated pairs; both kinds weigh the same.
        return {"objective": 0.5 * (mean_or_zero(wrong[same]) + mean_or_zero(wrong[~same]))}


class ClassificationObjective(Objective):
    """Softmax over people, with an additive angular margin when it is above 0.

    Embeddings and class weights are unit vectors; strangers are left out.

    Source: Deng et al., ArcFace, 2019, equation 3. With margin 0: Wang et al., NormFace, 2017.
    """

    def __init__(self, dimension: int, people: int, margin: float, scale: float) -> None:
        super().__init__()
        self._margin, self._scale = margin, scale
        self.weight = nn.Parameter(F.normalize(torch.randn(people, dimension)))

    def forward(
        self, embeddings: Tensor, person: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """See Objective; logs the share of faces whose own class comes first."""
        del generator
        known = person >= 0
        cosine = embeddings[known] @ F.normalize(self.weight).T
        wanted = person[known]
        own = cosine.gather(1, wanted[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
        # Past pi the cosine would rise again: the margin ends there.
        with_margin = torch.cos((own.acos() + self._margin).clamp_max(math.pi))
        logits = self._scale * cosine.scatter(1, wanted[:, None], with_margin)
        right = (cosine.detach().argmax(dim=1) == wanted).float()
        wrong = F.cross_entropy(logits, wanted, reduction="none")
        return {"objective": mean_or_zero(wrong), "right": mean_or_zero(right)}


def build_objective(recipe: ObjectiveRecipe, dimension: int, people: int) -> Objective:
    """Make what a recipe asks for.

    Args:
        recipe: which method, and its numbers.
        dimension: of the embeddings.
        people: how many known people there are, for those that classify.
    """
    method = recipe.method
    if method in {Method.TRIPLET, Method.COSINE_TRIPLET}:
        return TripletObjective(recipe)
    if method is Method.CONTRASTIVE:
        return ContrastiveObjective(recipe.margin)
    if method in {Method.VERIFICATION, Method.CHI_SQUARE}:
        return VerificationObjective(dimension, method is Method.CHI_SQUARE)
    if method in {Method.SOFTMAX, Method.ANGULAR}:
        margin = recipe.margin if method is Method.ANGULAR else 0.0
        return ClassificationObjective(dimension, people, margin, recipe.scale)
    return Objective()


def _pairs(embeddings: Tensor, person: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """All pairs of a batch once: both embeddings, and whether they are of one person."""
    first, second = torch.triu_indices(len(person), len(person), offset=1, device=person.device)
    return embeddings[first], embeddings[second], person[first] == person[second]

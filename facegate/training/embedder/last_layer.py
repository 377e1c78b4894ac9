"""Trains the last layer alone, on the error rates themselves.

A false match rate of 1 in 10,000 is decided by the few most alike of many pairs; a batch that a
network can learn from holds none of them. The last layer is linear, so its inputs are computed once
and a step can compare thousands of faces: all of one group (its FMR, those of the worst groups
above all), all people of the labeled sets (FMR within one kind of picture), and their mated pairs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facegate.domain.arrays import FloatArray
from facegate.training.embedder.data import IntArray
from facegate.training.embedder.recipe import LastLayerRecipe
from facegate.training.embedder.samplers import PkSampler
from facegate.training.embedder.validation import ONE_PERSON
from facegate.training.embedder.whitening import Turn

STEP = "last_layer_step"
"""By which a log tells these reports from those of the run before."""

_WORST = 2.0
"""How far the worst group's rate outweighs the others in `worst_of`."""


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """Faces of nobody known, by group.

    Attributes:
        outputs: (n, d) float32, what the last layer gives, before it is scaled to unit length.
        group: (n,) number of the group from 0, each with two faces or more.
        teachers: (n, e) unit embeddings of networks that tell who is one person twice; whitened,
            or people of the populations that they saw least would all be.
    """

    outputs: FloatArray
    group: IntArray
    teachers: Sequence[FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Faces of known people.

    Attributes:
        outputs: (m, d) as of strangers.
        person: (m,) who each is.
    """

    outputs: FloatArray
    person: IntArray


def false_matches(similarity: Tensor, tau: float, softness: float) -> Tensor:
    """Logarithm of a soft false match rate.

    Args:
        similarity: (n,) of non-mated pairs, n above 0.
        tau: the threshold.
        softness: the width in similarity over which a pair comes to count as a match.

    Returns:
        log of the mean of sigmoid((s - tau) / softness) ** 2: squared, so that the many pairs far
        below the threshold weigh little beside the few near it.
    """
    passes = 2 * F.logsigmoid((similarity - tau) / softness)
    return passes.logsumexp(0) - math.log(len(passes))


def false_non_matches(similarity: Tensor, tau: float, softness: float) -> Tensor:
    """Logarithm of a soft false non-match rate: of the mean of sigmoid((tau - s) / softness)."""
    misses = F.logsigmoid((tau - similarity) / softness)
    return misses.logsumexp(0) - math.log(len(misses))


def worst_of(log_rates: Tensor) -> Tensor:
    """A smooth maximum of logarithms of rates."""
    return torch.logsumexp(_WORST * log_rates, dim=0) / _WORST


def train_last_layer(
    recipe: LastLayerRecipe, strangers: Strangers, people: People, tau: float, seed: int
) -> Iterator[tuple[Turn, dict[str, float]]]:
    """Learn a turn of the last layer.

    Args:
        recipe: weights and steps.
        strangers, people: whom to learn from; `faces` strangers or more.
        tau: threshold, a cosine; at it the rates are lowered.
        seed: of the draws.

    Yields:
        Before the first step, and after each `every` of them, the turn so far; the step and its
        losses by name.

    Raises:
        ConfigError: there are too few people.
    """
    rng = np.random.default_rng((seed, 7))
    sampler = PkSampler(people.person, recipe.people, recipe.images, seed)
    scale = float(np.linalg.norm(strangers.outputs, axis=1).mean())
    outputs, known = (torch.from_numpy(one.outputs / scale) for one in (strangers, people))
    before = F.normalize(outputs)
    teachers = [torch.from_numpy(one) for one in strangers.teachers]
    group, person = torch.from_numpy(strangers.group), torch.from_numpy(people.person)
    dimension = outputs.shape[1]
    matrix = nn.Parameter(torch.eye(dimension))
    mean = nn.Parameter(torch.zeros(dimension))
    optimizer = torch.optim.Adam([matrix, mean], lr=recipe.learning_rate)
    for step in range(recipe.steps + 1):
        optimizer.param_groups[0]["lr"] = recipe.rate_at(step)
        drawn = torch.from_numpy(rng.permutation(len(outputs))[: recipe.faces])
        embedded = F.normalize((outputs[drawn] - mean) @ matrix)
        alike = embedded @ embedded.T
        first, second = torch.triu_indices(len(drawn), len(drawn), 1)
        two = torch.ones(len(first), dtype=torch.bool)
        for teacher in teachers:
            seen = teacher[drawn]
            two &= (seen @ seen.T)[first, second] <= ONE_PERSON
        first, second = first[two], second[two]
        pairs = alike[first, second]
        same = group[drawn][first] == group[drawn][second]
        groups = group[drawn][first]
        by_group = [pairs[same & (groups == one)] for one in range(int(group.max()) + 1)]
        rates = [false_matches(one, tau, recipe.softness) for one in by_group if len(one)]

        chosen = torch.from_numpy(sampler.batch(step % sampler.steps_per_pass))
        encoded = F.normalize((known[chosen] - mean) @ matrix)
        first, second = torch.triu_indices(len(chosen), len(chosen), 1)
        similarity = (encoded @ encoded.T)[first, second]
        mated = person[chosen][first] == person[chosen][second]

        losses = {
            "strangers": false_matches(pairs, tau, recipe.softness),
            "worst_group": worst_of(torch.stack(rates)),
            "same_source": false_matches(similarity[~mated], tau, recipe.softness),
            "missed": false_non_matches(similarity[mated], tau, recipe.softness),
            "moved": (alike - before[drawn] @ before[drawn].T).square().mean(),
        }
        if step % recipe.every == 0 or step == recipe.steps:
            turn = Turn(mean.detach().numpy() * np.float32(scale), matrix.detach().numpy().copy())
            found = {name: float(value.detach()) for name, value in losses.items()}
            yield turn, {STEP: float(step), **found}
        total = sum(getattr(recipe, name) * value for name, value in losses.items())
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()

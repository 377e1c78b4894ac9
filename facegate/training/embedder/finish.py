"""Finishes a trained network: its last layer learns alone, and the turn that validates best stays.

See `facegate.training.embedder.last_layer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.errors import ConfigError
from facegate.training.embedder.data import FacePool, IntArray
from facegate.training.embedder.last_layer import People, Strangers, train_last_layer
from facegate.training.embedder.networks import EmbeddingNetwork, last_layer
from facegate.training.embedder.recipe import EmbedderRecipe, LastLayerRecipe
from facegate.training.embedder.samplers import PkSampler
from facegate.training.embedder.targets import fold, unnormalized
from facegate.training.embedder.validation import (
    HeldOut,
    left_to_learn,
    quantile_from_top,
    verify,
)
from facegate.training.embedder.whitening import TELLING_SHRINK, fit_whitening, unit

_TAU_FACES = 8192
"""Strangers whose pairs choose the threshold at which the last layer learns."""

_ENCODED = 2048
"""Faces between two reports."""


def finish(
    network: EmbeddingNetwork,
    how: LastLayerRecipe,
    recipe: EmbedderRecipe,
    pool: FacePool,
    kept: HeldOut,
) -> Iterator[dict[str, float]]:
    """Let the last layer learn from all faces that the run could learn from.

    Args:
        network: what the run gave; changed when all is yielded.
        how, recipe: of the run.
        pool: the sets that it names; strangers without a group do not count here.
        kept: whom the run left alone; they choose how far the last layer goes.

    Yields:
        the share of faces encoded so far; then the losses, and what validation found.

    Raises:
        ConfigError: see `learned_from`.
    """
    strangers, known = learned_from(how, pool, kept)
    parts = (strangers, known, kept.people, kept.strangers)
    outputs: list[FloatArray] = []
    done, total = 0, sum(len(part) for part in parts)
    for part in parts:
        encoded = [np.zeros((0, network.dimension), np.float32)]
        for first in range(0, len(part), _ENCODED):
            encoded.append(unnormalized(network, pool, part[first : first + _ENCODED]))
            done += len(encoded[-1])
            yield {"encoded": done / total}
        outputs.append(np.concatenate(encoded))
    unknown, people, held_people, held_strangers = outputs
    teachers = [
        fit_whitening(seen[strangers], TELLING_SHRINK).apply(seen[strangers])
        for seen in pool.taught_by(recipe.validation.doubles_by or pool.teachers)
    ]
    _, group = np.unique(pool.group[strangers], return_inverse=True)
    some = unit(np.random.default_rng((recipe.seed, 6)).permutation(unknown)[:_TAU_FACES])
    tau = quantile_from_top((some @ some.T)[np.triu_indices(len(some), 1)], how.max_fmr)
    best = -1.0
    for turn, losses in train_last_layer(
        how,
        Strangers(unknown, group, teachers),
        People(people, pool.person[known]),
        tau,
        recipe.seed,
    ):
        found = verify(
            turn.apply(held_people),
            pool.person[kept.people],
            turn.apply(held_strangers),
            recipe.validation.max_fmr,
        )
        yield {**losses, **asdict(found), "score": found.score}
        if found.score > best:
            best, chosen = found.score, turn
    fold(last_layer(network), chosen.matrix, chosen.mean)


def learned_from(how: LastLayerRecipe, pool: FacePool, kept: HeldOut) -> tuple[IntArray, IntArray]:
    """Positions of the strangers with a group, and of known people, that are not held out.

    Raises:
        ConfigError: there are too few of them.
    """
    known, strangers = left_to_learn(pool, kept)
    names, counts = np.unique(pool.group[strangers], return_counts=True)
    strangers = strangers[np.isin(pool.group[strangers], names[(counts > 1) & (names != "")])]
    if len(strangers) < how.faces:
        raise ConfigError(
            f"The last layer wants {how.faces} faces of a known group at a time, and there are "
            f"{len(strangers)}.",
            hint="Name the groups with `facegate train embedder label`, or lower `faces`.",
        )
    PkSampler(pool.person[known], how.people, how.images, seed=0)  # refuses too few people
    return strangers, known

"""Measures a network during training on held-out people and faces; never on a test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from facegate.domain.arrays import FloatArray
from facegate.training.embedder.data import NOBODY, FacePool, IntArray

ONE_PERSON = 0.5
"""From here on a teacher is taken to see one person twice (SFace's 1e-5 quantile is lower)."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Positions that training leaves alone.

    Attributes:
        people: all images of the chosen people.
        strangers: faces of nobody known; no two of one person, as far as the teachers can tell.
        doubles: taken out of both, since they double one of the strangers.
    """

    people: IntArray
    strangers: IntArray
    doubles: IntArray

    @property
    def all(self) -> IntArray:
        """What must not be trained on."""
        return np.concatenate([self.people, self.strangers, self.doubles])


@dataclass(frozen=True, slots=True)
class Verification:
    """Outcome of one validation; fractions, higher is better.

    Attributes:
        tmr_strangers: share of held-out people's pairs that match at the threshold which lets
            `max_fmr` of the unlabeled faces' pairs through: errors across all kinds of people.
        tmr_same_source: the same at ten times that rate among the labeled people's own non-mated
            pairs: errors within one kind of picture.
        mated, non_mated: numbers of pairs behind the first figure.
    """

    tmr_strangers: float
    tmr_same_source: float
    mated: int
    non_mated: int

    @property
    def score(self) -> float:
        """The mean of both, by which weights are chosen."""
        return (self.tmr_strangers + self.tmr_same_source) / 2


def left_to_learn(pool: FacePool, kept: HeldOut) -> tuple[IntArray, IntArray]:
    """Positions of the known people, and of the strangers, that are not held out."""
    rows = np.setdiff1d(np.arange(len(pool)), kept.all)
    stranger = pool.person[rows] == NOBODY
    return rows[~stranger], rows[stranger]


def hold_out(
    pool: FacePool,
    people: int,
    faces: int,
    seed: int,
    sets: list[int] | None = None,
    doubles_by: Sequence[str] = (),
) -> HeldOut:
    """Choose what validation uses.

    Args:
        pool: all faces.
        people, faces: how many of known people, and of nobody in particular.
        seed: of the choice.
        sets: of the pool, to choose from; all without.
        doubles_by: teachers that tell who is one person twice; all without.
    """
    rng = np.random.default_rng((seed, 3))
    among = np.ones(len(pool), bool) if sets is None else np.isin(pool.set_number, sets)
    known = np.unique(pool.person[among & (pool.person != NOBODY)])
    chosen_people = rng.permutation(known)[:people]
    chosen = rng.permutation(np.flatnonzero(among & (pool.person == NOBODY)))[:faces]
    tellers = pool.taught_by(doubles_by or pool.teachers)
    distinct = _distinct([teacher[chosen] for teacher in tellers], len(chosen))
    return HeldOut(
        people=np.flatnonzero(np.isin(pool.person, chosen_people)),
        strangers=chosen[distinct],
        doubles=chosen[~distinct],
    )


def embed_all(
    network: nn.Module, pool: FacePool, positions: IntArray, batch: int = 64
) -> FloatArray:
    """Embed chosen crops as (n, d) float32, without gradients."""
    device = next(network.parameters()).device
    parts = []
    with torch.no_grad():
        for first in range(0, len(positions), batch):
            crops = torch.from_numpy(pool.crops_rgb(positions[first : first + batch]))
            parts.append(network(crops.to(device)).float().cpu().numpy())
    return np.concatenate(parts)


def verify(
    people: FloatArray, person: IntArray, strangers: FloatArray, max_fmr: float
) -> Verification:
    """Compare all pairs.

    Args:
        people: (n, d) unit embeddings of held-out people.
        person: (n,) who each is.
        strangers: (m, d) unit embeddings of faces that are all different people.
        max_fmr: rate at which the first threshold is set.
    """
    first, second = np.triu_indices(len(people), 1)
    similarity = (people @ people.T)[first, second]
    mated = person[first] == person[second]
    others = (strangers @ strangers.T)[np.triu_indices(len(strangers), 1)]
    tau_strangers = quantile_from_top(others, max_fmr)
    tau_same_source = quantile_from_top(similarity[~mated], 10 * max_fmr)
    return Verification(
        tmr_strangers=float((similarity[mated] > tau_strangers).mean()),
        tmr_same_source=float((similarity[mated] > tau_same_source).mean()),
        mated=int(mated.sum()),
        non_mated=len(others),
    )


def quantile_from_top(values: FloatArray, share: float) -> float:
    """The value above which at most this share lies."""
    rank = min(int(share * len(values)), len(values) - 1)
    return float(-np.partition(-values, rank)[rank])


def _distinct(teachers: list[FloatArray], count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Drop faces, those with the most doubles first, until no two look like one person."""
    alike = np.zeros((count, count), dtype=bool)
    for teacher in teachers:
        alike |= teacher @ teacher.T > ONE_PERSON
    np.fill_diagonal(alike, False)
    kept = np.ones(count, dtype=bool)
    while alike.any():
        worst = int(alike.sum(axis=1).argmax())
        kept[worst] = False
        alike[worst] = alike[:, worst] = False
    return kept

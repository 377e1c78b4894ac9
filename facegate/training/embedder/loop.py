"""Fine-tunes the embedding network by triplets and distillation; resumable and seeded."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facegate.domain.arrays import ImageArray
from facegate.errors import ConfigError
from facegate.models.mobilefacenet import MobileFaceNet
from facegate.training.embedder.augment import Augmentation, augment
from facegate.training.embedder.data import AlignedFaces, IntArray
from facegate.training.embedder.export import export_onnx
from facegate.training.embedder.losses import (
    embedding_distillation_loss,
    relational_distillation_loss,
    triplet_loss,
)
from facegate.training.embedder.mining import mine_triplets, triplet_shares
from facegate.training.embedder.recipe import EmbedderRecipe, OptimizerRecipe
from facegate.training.embedder.samplers import PkSampler, ShuffledSampler
from facegate.training.embedder.targets import Targets, aim_at, join_teachers, whiten_network
from facegate.training.embedder.validation import Verification, embed_all, hold_out, verify

_log = logging.getLogger(__name__)

ALIGNMENT_FACES = 2048
"""Faces on which the start network is whitened and the teachers are laid over it."""

_CHECKPOINT_EVERY_S = 180.0
_REPORT_EVERY_STEPS = 20


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    crops_rgb: torch.Tensor
    person: torch.Tensor
    relational: torch.Tensor
    embedding: torch.Tensor


class EmbedderTraining:
    """One run: everything that a step needs, and where it has got to.

    A checkpoint holds weights, their running mean, the optimizer and the step; batches follow from
    seed and step, so an interrupted run goes on as if it never was.
    """

    def __init__(
        self,
        recipe: EmbedderRecipe,
        labeled: AlignedFaces,
        unlabeled: AlignedFaces,
        start: MobileFaceNet,
        folder: Path,
        device: str = "cpu",
    ) -> None:
        self._recipe, self._folder = recipe, folder
        self._labeled, self._unlabeled = labeled, unlabeled
        self._device = torch.device(device)
        folder.mkdir(parents=True, exist_ok=True)

        kept_out = hold_out(
            labeled, unlabeled, recipe.validation.people, recipe.validation.faces, recipe.seed
        )
        self._held_out = kept_out
        self._labeled_rows = np.setdiff1d(np.arange(len(labeled)), kept_out.people)
        unusable = np.concatenate([kept_out.faces, kept_out.near_faces])
        self._unlabeled_rows = np.setdiff1d(np.arange(len(unlabeled)), unusable)
        self._people = PkSampler(
            labeled.person[self._labeled_rows],
            recipe.batch.people,
            recipe.batch.images,
            recipe.seed,
        )
        self._strangers = ShuffledSampler(
            len(self._unlabeled_rows), recipe.batch.unlabeled, recipe.seed
        )

        self.step = 0
        self._best_score = -math.inf
        self._network = start.to(self._device)
        self._prepare_start()
        self._mean = copy.deepcopy(self._network).eval().requires_grad_(False)
        self._freeze(recipe.optimizer.frozen_blocks)
        self._optimizer = torch.optim.AdamW(
            [
                {"params": [p], "magnitude": float(p.detach().abs().mean())}
                for p in self._network.parameters()
                if p.requires_grad
            ],
            weight_decay=recipe.optimizer.weight_decay,
        )
        self._resume()

    @property
    def best_path(self) -> Path:
        """The weights with the best validation so far, as a torch state dict."""
        return self._folder / "best.pt"

    @property
    def start_path(self) -> Path:
        """The network as training found it, whitened, as ONNX; to blend the best weights with."""
        return self._folder / "start.onnx"

    def run(self) -> None:
        """Train to the recipe's last step; call again after an interruption."""
        saved_at = time.monotonic()
        sums: dict[str, float] = {}
        if self.step == 0:
            self._validate()
        started, counted = time.monotonic(), 0
        while self.step < self._recipe.optimizer.steps:
            for name, value in self._one_step().items():
                sums[name] = sums.get(name, 0.0) + value
            self.step += 1
            counted += 1
            if self.step % _REPORT_EVERY_STEPS == 0:
                means = {name: round(value / counted, 5) for name, value in sums.items()}
                elapsed = time.monotonic() - started
                self._report("train", {**means, "s_per_step": round(elapsed / counted, 3)})
                sums, counted, started = {}, 0, time.monotonic()
            last = self.step == self._recipe.optimizer.steps
            if last or self.step % self._recipe.validation.every_steps == 0:
                self._validate()
                started = time.monotonic()
                sums, counted = {}, 0
            if last or time.monotonic() - saved_at > _CHECKPOINT_EVERY_S:
                self._save()
                saved_at = time.monotonic()

    def _one_step(self) -> dict[str, float]:
        weights, margin = self._recipe.loss, self._recipe.loss.margin
        for group in self._optimizer.param_groups:
            group["lr"] = group["magnitude"] * learning_rate(self._recipe.optimizer, self.step)
        batch = self._batch(self.step)
        embeddings = self._network(batch.crops_rgb)
        generator = torch.Generator().manual_seed(self._recipe.seed * 1_000_003 + self.step)
        chosen = mine_triplets(embeddings, batch.person, margin, weights.mining, generator)
        anchor, positive, negative = (embeddings[chosen[:, i]] for i in range(3))
        triplet = triplet_loss(anchor, positive, negative, margin)
        relational = relational_distillation_loss(embeddings, batch.relational)
        embedding = embedding_distillation_loss(embeddings, batch.embedding)
        loss = (
            weights.triplet * triplet
            + weights.relational * relational
            + weights.embedding * embedding
        )
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(
            self._network.parameters(), self._recipe.optimizer.clip_norm
        )
        self._optimizer.step()
        self._follow()
        shares = triplet_shares(embeddings, batch.person, margin)
        return {
            "triplet": float(triplet.detach()),
            "relational": float(relational.detach()),
            "embedding": float(embedding.detach()),
            "easy": shares.easy,
            "semi_hard": shares.semi_hard,
            "hard": shares.hard,
            "chosen": float(len(chosen)),
            "gradient": float(norm),
        }

    def _batch(self, step: int) -> _Batch:
        labeled = self._labeled_rows[self._people.batch(step)]
        unlabeled = self._unlabeled_rows[self._strangers.batch(step)]
        rng = np.random.default_rng((self._recipe.seed, 4, step))
        crops = [
            *_augmented(self._labeled, labeled, self._recipe.labeled_augmentation, rng),
            *_augmented(self._unlabeled, unlabeled, self._recipe.unlabeled_augmentation, rng),
        ]
        # Each unlabeled face counts as a person of its own: a negative of another kind for all.
        person = np.concatenate([self._labeled.person[labeled], -2 - np.arange(len(unlabeled))])
        relational, embedding = (
            np.concatenate([of_labeled[labeled], of_unlabeled[unlabeled]])
            for of_labeled, of_unlabeled in (
                (self._labeled_targets.relational, self._unlabeled_targets.relational),
                (self._labeled_targets.embedding, self._unlabeled_targets.embedding),
            )
        )
        arrays = (np.stack(crops), person, relational, embedding)
        return _Batch(*(torch.from_numpy(array).to(self._device) for array in arrays))

    def _prepare_start(self) -> None:
        rng = np.random.default_rng((self._recipe.seed, 5))
        rows = np.sort(rng.permutation(self._unlabeled_rows)[:ALIGNMENT_FACES])
        self._network.eval()  # there is no batch normalization left that could tell the difference
        student = whiten_network(
            self._network, self._unlabeled.crops_rgb, rows, self._recipe.start_shrink
        )
        export_onnx(self._network, self.start_path)
        of_unlabeled, of_labeled = join_teachers(
            self._recipe.teacher, self._unlabeled, self._labeled, self._unlabeled_rows
        )
        self._unlabeled_targets: Targets
        self._labeled_targets: Targets
        self._unlabeled_targets, self._labeled_targets = aim_at(
            student, rows, of_unlabeled, of_labeled
        )

    def _freeze(self, blocks: int) -> None:
        if blocks == 0:
            return
        network = self._network
        early = (network.stem, network.stem_depthwise, network.stem_pointwise)
        for part in (*early, *network.blocks[:blocks]):
            part.requires_grad_(False)

    def _follow(self) -> None:
        """Move the running mean of the weights along."""
        decay = min(self._recipe.optimizer.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, now in zip(self._mean.parameters(), self._network.parameters(), strict=True):
                mean.lerp_(now, 1.0 - decay)

    def _validate(self) -> Verification:
        kept = self._held_out
        outcome = verify(
            embed_all(self._mean, self._labeled.crops_rgb, kept.people),
            self._labeled.person[kept.people],
            embed_all(self._mean, self._unlabeled.crops_rgb, kept.faces),
            self._recipe.validation.max_fmr,
        )
        self._report("validation", {**asdict(outcome), "score": outcome.score})
        if outcome.score > self._best_score:
            self._best_score = outcome.score
            _replace(self._mean.state_dict(), self.best_path)
        return outcome

    def _save(self) -> None:
        state = {
            "recipe": self._recipe.model_dump_json(),
            "step": self.step,
            "best_score": self._best_score,
            "network": self._network.state_dict(),
            "mean": self._mean.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }
        _replace(state, self._folder / "checkpoint.pt")

    def _resume(self) -> None:
        path = self._folder / "checkpoint.pt"
        if not path.is_file():
            return
        state = torch.load(path, map_location=self._device, weights_only=True)
        if state["recipe"] != self._recipe.model_dump_json():
            raise ConfigError(
                f"{path} was made with another recipe.", hint="Choose another folder for this run."
            )
        self.step, self._best_score = state["step"], state["best_score"]
        self._network.load_state_dict(state["network"])
        self._mean.load_state_dict(state["mean"])
        self._optimizer.load_state_dict(state["optimizer"])
        _log.info("resumed at step %d", self.step)

    def _report(self, kind: str, values: dict[str, Any]) -> None:
        line = {"kind": kind, "step": self.step, **values}
        _log.info("%s", json.dumps(line))
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def learning_rate(recipe: OptimizerRecipe, step: int) -> float:
    """The rate at a step: a straight line up, then half a cosine down to a hundredth."""
    if step < recipe.warmup_steps:
        return recipe.learning_rate * (step + 1) / recipe.warmup_steps
    share = (step - recipe.warmup_steps) / max(1, recipe.steps - recipe.warmup_steps)
    return recipe.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)


def _augmented(
    faces: AlignedFaces, rows: IntArray, recipe: Any, rng: np.random.Generator
) -> list[ImageArray]:
    how = Augmentation(**recipe.model_dump())
    return [augment(faces.crops_rgb[row], how, rng) for row in rows]


def _replace(state: Any, path: Path) -> None:
    """Save so that an interruption leaves the old file or the new one, never half of one."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)

"""What the embedding network learns from a batch: people by triplets, all faces by distillation."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import ConfigError
from facegate.training.embedder.augment import Augmentation, augment
from facegate.training.embedder.data import NOBODY, FacePool, IntArray
from facegate.training.embedder.export import export_onnx, read_onnx
from facegate.training.embedder.finish import finish, learned_from
from facegate.training.embedder.last_layer import STEP
from facegate.training.embedder.losses import (
    embedding_distillation_loss,
    relational_distillation_loss,
    similarity_distillation_loss,
)
from facegate.training.embedder.networks import EmbeddingNetwork, build_network, freeze
from facegate.training.embedder.objectives import build_objective
from facegate.training.embedder.quantize import forget_steps
from facegate.training.embedder.recipe import EmbedderRecipe, LastLayerRecipe
from facegate.training.embedder.samplers import (
    FaceSampler,
    LookAlikeSampler,
    PkSampler,
    ShuffledSampler,
    nearest_faces,
)
from facegate.training.embedder.targets import (
    Targets,
    aim_at,
    join_teachers,
    measure_steps,
    whiten_network,
)
from facegate.training.embedder.validation import (
    HeldOut,
    embed_all,
    hold_out,
    left_to_learn,
    verify,
)
from facegate.training.run import TrainingRun, replace_file

ALIGNMENT_FACES = 2048
"""Faces on which the start network is whitened and the teachers are laid over it."""

_LOG = "log.jsonl"
BEST, FINISHED = "best.pt", "finished.pt"
"""Weights with the best validation; the same after the last layer has learned alone."""

AUGMENTERS = 2
"""Threads that change crops; opencv lets the interpreter go while it works."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one step sees; distillation targets are None where nothing is distilled."""

    crops_rgb: ImageArray
    person: IntArray
    targets: Targets | None
    seed: int


class Student(nn.Module):
    """The network, and the weights of the objective that learn along with it."""

    def __init__(self, network: EmbeddingNetwork, objective: nn.Module) -> None:
        super().__init__()
        self.network, self.objective = network, objective


class EmbedderTraining:
    """One run: everything that a step needs, and where it has got to.

    Batches follow from the seed and the place, so an interrupted run goes on as if it never was.

    Args:
        recipe: what to do.
        pool: the sets that the recipe names.
        start: the network to begin with; it is whitened in place.
        folder: checkpoints, the log, the best weights.
        device: torch device.
    """

    def __init__(
        self,
        recipe: EmbedderRecipe,
        pool: FacePool,
        start: EmbeddingNetwork,
        folder: Path,
        device: str = "cpu",
    ) -> None:
        self._recipe, self._pool, self._folder = recipe, pool, folder
        folder.mkdir(parents=True, exist_ok=True)
        begun = self._begun()
        self._held_out = held_out_by(recipe, pool)
        self._known, self._strangers = left_to_learn(pool, self._held_out)
        batch = recipe.objective
        if min(len(self._held_out.strangers), len(self._held_out.people)) < 2:
            raise ConfigError(
                "Too few faces are held out to validate with, of people or of others."
            )
        if len(self._strangers) < recipe.batch:
            raise ConfigError(
                f"Too few faces of unknown people to learn from: {len(self._strangers)}."
            )
        if recipe.last_layer is not None:
            learned_from(recipe.last_layer, pool, self._held_out)  # now, not when the run is done
        self._people = PkSampler(pool.person[self._known], batch.people, batch.images, recipe.seed)
        # Class numbers without gaps: held-out people have none.
        self._number = np.full(int(pool.person.max()) + 1, NOBODY)
        trained = np.unique(pool.person[self._known])
        self._number[trained] = np.arange(len(trained))

        torch.manual_seed(recipe.seed)
        if begun:  # in the space it began in, whatever `start` is now
            start = read_onnx(self.start_path)
        start = start.to(device).eval()  # no batch normalization is left that could differ
        self._targets = self._prepare_start(start, begun)
        freeze(start, recipe.frozen_blocks)
        objective = build_objective(recipe.objective, start.dimension, len(trained))
        self.run = TrainingRun(Student(start, objective), recipe, folder, device)
        self._forget_what_is_lost()
        partial = folder / "recipe.part"
        partial.write_text(recipe.model_dump_json(indent=1), encoding="utf-8")
        partial.replace(folder / "recipe.json")  # last: now there is a run to go on with
        if self.run.seen < recipe.images:
            self._fill = self._stranger_sampler()
        self._best_score = max((line["score"] for line in _validations(folder)), default=-1.0)

    @property
    def start_path(self) -> Path:
        """The network as training found it, whitened, as ONNX; to blend the best weights with."""
        return self._folder / "start.onnx"

    def train(self) -> Iterator[dict[str, float]]:
        """Go to the end of the recipe; yields what is logged, validations among it."""
        every = self._recipe.validation.every_images
        validated = max((int(line["seen"]) for line in _validations(self._folder)), default=-1)
        if validated < 0:
            yield self._validate()
            validated = self.run.seen
        for report in self.run.learn(self._batch, self._losses, every):
            self._log(report)
            yield report
            if self.run.seen // every > validated // every:
                yield self._validate()
                validated = self.run.seen
        if validated < self.run.seen:
            yield self._validate()
        if self._recipe.last_layer is not None and not (self._folder / FINISHED).is_file():
            yield from self._finish(self._recipe.last_layer)

    def _finish(self, how: LastLayerRecipe) -> Iterator[dict[str, float]]:
        """Cut off, it begins anew: it takes minutes where the run takes an hour."""
        network = best_network(self._folder).to(self.run.device)
        for report in finish(network, how, self._recipe, self._pool, self._held_out):
            line = {"seen": float(self.run.seen), **report}
            if STEP in report:
                self._log(line)
            yield line
        weights = network.state_dict()
        replace_file(self._folder / FINISHED, lambda path: torch.save(weights, path))

    def _batch(self, random: np.random.Generator, seen: int) -> Batch:
        step = seen // self._recipe.batch
        known = self._known[self._people.batch(step)]
        fill = self._strangers[self._fill.batch(step)[: self._recipe.batch - len(known)]]
        rows = np.concatenate([known, fill])
        how = Augmentation(**self._recipe.augmentation.model_dump())
        seeds = random.integers(0, 2**63, len(rows))
        crops = self._pool.crops_rgb(rows)
        with ThreadPoolExecutor(AUGMENTERS) as pool:
            changed = pool.map(
                lambda crop, seed: augment(crop, how, np.random.default_rng(seed)), crops, seeds
            )
            crops = np.stack(list(changed))
        # Each stranger counts as a person of its own: a negative of another kind for all.
        person = np.concatenate([self._number[self._pool.person[known]], -2 - np.arange(len(fill))])
        targets = self._targets
        if targets is not None:
            targets = Targets(targets.relational[rows], targets.embedding[rows])
        return Batch(crops, person, targets, self._recipe.seed * 1_000_003 + step)

    def _stranger_sampler(self) -> FaceSampler:
        recipe = self._recipe
        how = recipe.look_alikes
        if how is None:
            return ShuffledSampler(len(self._strangers), recipe.batch, recipe.seed)
        nearest = nearest_faces(self._seen_by(how.teacher), how.nearest)
        return LookAlikeSampler(nearest, recipe.batch, how.each, recipe.seed)

    def _seen_by(self, teacher: str) -> FloatArray:
        """What a teacher, or else the network as it began, gives for all strangers."""
        if not teacher:
            start = read_onnx(self.start_path).to(self.run.device)
            return embed_all(start, self._pool, self._strangers)
        (seen,) = self._pool.taught_by([teacher])
        return seen[self._strangers]

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        device = self.run.device
        student: Any = self.run.network
        embeddings = student.network(torch.from_numpy(batch.crops_rgb).to(device))
        person = torch.from_numpy(batch.person).to(device)
        generator = torch.Generator().manual_seed(batch.seed)
        losses: dict[str, Tensor] = student.objective(embeddings, person, generator)
        total = self._recipe.objective.weight * losses["objective"]
        how = self._recipe.distillation
        if how is not None and batch.targets is not None:
            wanted = torch.from_numpy(batch.targets.embedding).to(device)
            alike = torch.from_numpy(batch.targets.relational).to(device)
            losses["embedding"] = embedding_distillation_loss(embeddings, wanted)
            losses["similarity"] = similarity_distillation_loss(embeddings, alike)
            losses["relational"] = relational_distillation_loss(embeddings, alike)
            total = total + how.embedding * losses["embedding"]
            total = total + how.similarity * losses["similarity"]
            total = total + how.relational * losses["relational"]
        return {"total": total, **losses}

    def _prepare_start(self, start: EmbeddingNetwork, begun: bool) -> Targets | None:
        rng = np.random.default_rng((self._recipe.seed, 5))
        rows = np.sort(rng.permutation(self._strangers)[:ALIGNMENT_FACES])
        measure_steps(start, self._pool, rows)
        if not begun:
            whiten_network(start, self._pool, rows, self._recipe.start_shrink)
            exact = copy.deepcopy(start)
            forget_steps(exact)  # whole numbers would not give the same weights again
            export_onnx(exact, self.start_path)
        if self._recipe.distillation is None:
            return None
        teachers = join_teachers(self._recipe.distillation, self._pool, self._strangers)
        return aim_at(embed_all(start, self._pool, rows), rows, teachers)

    def _validate(self) -> dict[str, float]:
        student: Any = self.run.average
        kept, average = self._held_out, student.network
        outcome = verify(
            embed_all(average, self._pool, kept.people),
            self._pool.person[kept.people],
            embed_all(average, self._pool, kept.strangers),
            self._recipe.validation.max_fmr,
        )
        report = {"seen": float(self.run.seen), **asdict(outcome), "score": outcome.score}
        if outcome.score > self._best_score:
            self._best_score = outcome.score
            replace_file(self._folder / BEST, lambda path: torch.save(average.state_dict(), path))
        self._log(report)
        return report

    def _begun(self) -> bool:
        """Whether there is a run to go on with; only under the recipe it began with."""
        begun = (self._folder / "recipe.json").is_file()
        if begun and recipe_of(self._folder) != self._recipe:
            raise ConfigError(
                f"The run in {self._folder} was begun with another recipe.",
                hint="Choose another folder for this run.",
            )
        return begun

    def _forget_what_is_lost(self) -> None:
        """Leave out of the log what came after the checkpoint: it comes again."""
        lines = [line for line in read_log(self._folder) if line["seen"] <= self.run.seen]
        content = "".join(json.dumps(line) + "\n" for line in lines)
        replace_file(self._folder / _LOG, lambda path: path.write_text(content, encoding="utf-8"))

    def _log(self, report: dict[str, float]) -> None:
        with (self._folder / _LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps({name: round(value, 6) for name, value in report.items()}) + "\n")


def held_out_by(recipe: EmbedderRecipe, pool: FacePool) -> HeldOut:
    """Whom a run of this recipe leaves alone."""
    checks = recipe.validation
    chosen_by = recipe.seed if checks.seed is None else checks.seed
    among = [recipe.sets.index(name) for name in checks.sets] or None
    return hold_out(pool, checks.people, checks.faces, chosen_by, among, checks.doubles_by)


def best_network(folder: Path) -> EmbeddingNetwork:
    """The network with the best validation of a run so far; finished, when the run is.

    Raises:
        ConfigError: there is no such run, or it has not validated yet.
    """
    recipe = recipe_of(folder)
    file = folder / FINISHED
    try:
        weights = torch.load(
            file if file.is_file() else folder / BEST, map_location="cpu", weights_only=True
        )
    except OSError as error:
        raise ConfigError(f"{folder} holds no run with weights ({error}).") from error
    return build_network(recipe.network, weights).eval()


def best_seen(folder: Path) -> int:
    """After how many images a run validated best; 0 when nothing beat its start."""
    best = max(_validations(folder), key=lambda line: line["score"], default={"seen": 0.0})
    return int(best["seen"])


def recipe_of(folder: Path) -> EmbedderRecipe:
    """What a run was begun with.

    Raises:
        ConfigError: there is no such run.
    """
    try:
        return EmbedderRecipe.model_validate_json((folder / "recipe.json").read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder} holds no run that can be read.") from error


def read_log(folder: Path) -> list[dict[str, float]]:
    """What a run has logged; an interrupted last line is left out."""
    try:
        lines = (folder / _LOG).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return found


def _validations(folder: Path) -> list[dict[str, float]]:
    """A run's so far, none of its last layer's; none is repeated by a run taken up again."""
    return [line for line in read_log(folder) if "score" in line and STEP not in line]

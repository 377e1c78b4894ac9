"""A training run that can be stopped and taken up again: seeded, averaged, on CPU or CUDA.

Detector, landmark network and embedding differ in what a batch is and in its losses; all the rest
is here.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from facegate.errors import ConfigError

CHECKPOINT = "last.pt"
CHECKPOINT_S = 120.0
LOG_STEPS = 50
SMALLEST_SCALE = 1e-3
"""Of a relative rate: a parameter that begins at zero must be able to leave it."""

AHEAD = 2
"""Batches made by another thread while the network learns from this one."""

Batch = TypeVar("Batch")


class RunRecipe(BaseModel):
    """What decides a run, whatever is learned; a shipped network names its recipe file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    images: int = Field(ge=1, description="Images seen in the whole run.")
    batch: int = Field(ge=1)
    learning_rate: float = Field(gt=0, description="Of AdamW, at its highest.")
    warm_up_images: int = Field(ge=0, description="The rate rises until then.")
    final_share: float = Field(0.01, ge=0, le=1, description="Of the rate, at the end.")
    weight_decay: float = Field(ge=0)
    clip_norm: float = Field(10.0, gt=0, description="Longest gradient.")
    ema: float = Field(ge=0, lt=1, description="Decay per step of the averaged weights.")
    relative_rate: bool = Field(
        False,
        description="Each parameter's rate is the rate times its mean magnitude at the start: "
        "folded weights differ a hundredfold between layers, and Adam's steps do not know.",
    )
    bf16: bool = Field(False, description="Autocast to bfloat16; pays where the machine has it.")

    def rate_at(self, seen: int) -> float:
        """Learning rate after some images: a straight rise, then half a cosine down."""
        rise = min(1.0, (seen + self.batch) / max(1, self.warm_up_images))
        wave = (1 + math.cos(math.pi * min(1.0, seen / self.images))) / 2
        return self.learning_rate * rise * (self.final_share + (1 - self.final_share) * wave)


class TrainingRun:
    """Weights, their running mean and the optimizer, kept in a checkpoint `last.pt`.

    Args:
        network: what learns; in the state of the checkpoint, when there is one.
        recipe: what to do.
        folder: where the checkpoint is written and looked for.
        device: torch device.
        share: of the learning rate, for a parameter by name; 1 for all without.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: RunRecipe,
        folder: Path,
        device: str = "cpu",
        share: Callable[[str], float] | None = None,
    ) -> None:
        self.recipe, self.device, self.seen = recipe, device, 0
        self.file = folder / CHECKPOINT
        self._stepping = False
        # Depthwise convolutions train twice as fast in this layout on a CPU.
        self.network = network.to(device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).eval()
        free = [(name, p) for name, p in self.network.named_parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [{"params": [p for _, p in free], "scale": 1.0}]
        if recipe.relative_rate or share is not None:
            groups = [
                {"params": [p], "scale": self._scale(p) * (share(name) if share else 1.0)}
                for name, p in free
            ]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        if self.file.is_file():
            state = torch.load(self.file, map_location=device, weights_only=True)
            for part in ("network", "average", "optimizer"):
                getattr(self, part).load_state_dict(state[part])
            self.seen = int(state["seen"])

    def _scale(self, parameter: nn.Parameter) -> float:
        if not self.recipe.relative_rate:
            return 1.0
        return max(float(parameter.detach().abs().mean()), SMALLEST_SCALE)

    def save(self) -> None:
        """Write a checkpoint, whole or not at all."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        state: dict[str, Any] = {
            part: getattr(self, part).state_dict() for part in ("network", "average", "optimizer")
        }
        replace_file(self.file, lambda path: torch.save({**state, "seen": self.seen}, path))

    def learn(
        self,
        make: Callable[[np.random.Generator, int], Batch],
        losses: Callable[[Batch], dict[str, Tensor]],
        every: int | None = None,
    ) -> Iterator[dict[str, float]]:
        """Go to the end of the recipe.

        Args:
            make: makes the batch that comes after so many images, from a random state of its own.
            losses: scalars by name; `total` is the one to lower.
            every: images between two reports at most; else every fifty steps.

        Yields:
            Now and then, and at the end: `seen`, `images_per_s`, and the mean of each loss.

        Stopped between two steps, as by Ctrl-C, it leaves a checkpoint of the last one.
        """
        try:
            yield from self._learn(make, losses, every)
        finally:
            if not self._stepping:
                self.save()

    def _learn(
        self,
        make: Callable[[np.random.Generator, int], Batch],
        losses: Callable[[Batch], dict[str, Tensor]],
        every: int | None,
    ) -> Iterator[dict[str, float]]:
        recipe = self.recipe
        self.network.train()
        between = min(LOG_STEPS, max(1, (every or recipe.images) // recipe.batch))
        sums: dict[str, float] = {}
        summed = 0
        began = saved = time.monotonic()
        half = torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=recipe.bf16)
        for batch in self._batches(make):
            for group in self.optimizer.param_groups:
                group["lr"] = recipe.rate_at(self.seen) * group.get("scale", 1.0)
            with half:
                found = losses(batch)
            self.optimizer.zero_grad(set_to_none=True)
            found["total"].backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
            self._stepping = True
            self.optimizer.step()
            self._update_average()
            self.seen += recipe.batch
            self._stepping = False
            for name, value in found.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            summed += 1
            if summed == between or self.seen >= recipe.images:
                speed = summed * recipe.batch / (time.monotonic() - began)
                means = {name: value / summed for name, value in sums.items()}
                yield {"seen": float(self.seen), "images_per_s": speed, **means}
                sums, summed, began = {}, 0, time.monotonic()
            if time.monotonic() - saved > CHECKPOINT_S:
                self.save()
                saved = time.monotonic()

    def _update_average(self) -> None:
        # A young average would remember the random start for long; let it follow faster.
        decay = min(self.recipe.ema, (1 + self.seen / self.recipe.batch) / 100)
        with torch.no_grad():
            for mean, now in zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - decay)
                else:
                    mean.copy_(now)

    def _batches(self, make: Callable[[np.random.Generator, int], Batch]) -> Iterator[Batch]:
        """Batches from now to the end; each depends only on the seed and on its place."""

        def made(seen: int) -> Batch:
            return make(np.random.default_rng([self.recipe.seed, seen]), seen)

        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting: list[Future[Batch]] = []
            for place in range(self.seen, self.recipe.images, self.recipe.batch):
                waiting.append(pool.submit(made, place))
                if len(waiting) > AHEAD:
                    yield waiting.pop(0).result()
            for future in waiting:
                yield future.result()


def use(threads: int, device: str = "cpu") -> None:
    """Let torch use so many threads of the CPU; pictures are made by one beside them.

    Raises:
        ConfigError: torch cannot use the device.
    """
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"torch cannot use the device {device!r} here.") from error
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)


def replace_file(file: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that an interruption leaves the old one or the new one, never half of one."""
    temporary = file.with_suffix(".part")
    write(temporary)
    temporary.replace(file)


def write_weights(folder: Path, weights: dict[str, Any], seen: int) -> None:
    """Write weights as `averaged_weights` reads them; no run can go on from there."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {"average": weights, "seen": seen}
    replace_file(folder / CHECKPOINT, lambda path: torch.save(state, path))


def averaged_weights(folder: Path) -> tuple[dict[str, Any], int]:
    """The averaged weights of a run, and the images seen so far."""
    state = torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=True)
    return state["average"], int(state["seen"])

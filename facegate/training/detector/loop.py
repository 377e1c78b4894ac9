"""The training loop: seeded, resumable, on CPU or CUDA."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from facegate.models.yolo import YoloFace, cell_grid, decode
from facegate.training.detector.augment import Canvas, CanvasMaker
from facegate.training.detector.data import PreparedSamples
from facegate.training.detector.losses import giou_loss, landmark_loss, objectness_loss
from facegate.training.detector.targets import assign

CHECKPOINT_S = 180.0
LOG_STEPS = 50


class DetectorRecipe(BaseModel):
    """All that decides a run; a shipped network names its recipe file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    images: int = Field(ge=1, description="Canvases seen in the whole run.")
    batch: int = Field(ge=1)
    side_px: int = Field(ge=64, multiple_of=32)
    learning_rate: float = Field(gt=0)
    warm_up_images: int = Field(ge=0)
    weight_decay: float = Field(ge=0)
    ema: float = Field(ge=0, lt=1)
    scene_share: float = Field(ge=0, le=1)
    background_share: float = Field(ge=0, le=1, description="Canvases without any face.")
    backgrounds_from: int = Field(ge=0, description="Images after which backgrounds join in.")
    weight_objectness: float = Field(ge=0)
    weight_box: float = Field(ge=0)
    weight_landmarks: float = Field(ge=0)

    def rate_at(self, seen: int) -> float:
        """Learning rate after some images: a rise, then a cosine down to a hundredth."""
        rise = min(1.0, (seen + self.batch) / max(1, self.warm_up_images))
        done = min(1.0, seen / self.images)
        return self.learning_rate * rise * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)


@dataclass
class Trainer:
    """A run that can be stopped and taken up again.

    Args:
        recipe: what to do.
        folder: where `last.pt` is written and looked for.
        device: torch device.
    """

    recipe: DetectorRecipe
    folder: Path
    device: str = "cpu"

    def __post_init__(self) -> None:
        torch.manual_seed(self.recipe.seed)
        # Depthwise convolutions train twice as fast in this layout on a CPU.
        self.network = YoloFace().to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), weight_decay=self.recipe.weight_decay
        )
        self.seen = 0
        if self._file.is_file():
            state = torch.load(self._file, map_location=self.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.seen = int(state["seen"])

    @property
    def _file(self) -> Path:
        return self.folder / "last.pt"

    def save(self) -> None:
        """Write a checkpoint, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state: dict[str, Any] = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "seen": self.seen,
        }
        temporary = self._file.with_suffix(".part")
        torch.save(state, temporary)
        temporary.replace(self._file)

    def run(self, samples: PreparedSamples) -> Iterator[dict[str, float]]:
        """Train to the end of the recipe; yields the mean losses now and then."""
        recipe = self.recipe
        makers = [
            CanvasMaker(samples, recipe.side_px, recipe.scene_share, share)
            for share in (0.0, recipe.background_share)
        ]
        centers, strides = (part.to(self.device) for part in cell_grid(*[recipe.side_px] * 2))
        self.network.train()
        sums: dict[str, float] = {}
        began = saved = time.monotonic()
        for steps, batch in enumerate(self._batches(makers), start=1):
            for group in self.optimizer.param_groups:
                group["lr"] = recipe.rate_at(self.seen)
            losses = batch_losses(self.network, batch, centers, strides, recipe)
            self.optimizer.zero_grad(set_to_none=True)
            losses["total"].backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
            self.optimizer.step()
            self._update_average()
            self.seen += len(batch)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            if steps % LOG_STEPS == 0:
                speed = LOG_STEPS * recipe.batch / (time.monotonic() - began)
                means = {name: value / LOG_STEPS for name, value in sums.items()}
                yield {"seen": float(self.seen), "images_per_s": speed, **means}
                sums, began = {}, time.monotonic()
            if time.monotonic() - saved > CHECKPOINT_S:
                self.save()
                saved = time.monotonic()
        self.save()

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

    def _batches(self, makers: list[CanvasMaker]) -> Iterator[list[Canvas]]:
        """Batches from now to the end; each depends only on the seed and on its place."""

        def make(seen: int) -> list[Canvas]:
            random = np.random.default_rng([self.recipe.seed, seen])
            maker = makers[seen >= self.recipe.backgrounds_from]
            return [maker.make(random) for _ in range(self.recipe.batch)]

        places = iter(range(self.seen, self.recipe.images, self.recipe.batch))
        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting: list[Future[list[Canvas]]] = []
            for place in places:
                waiting.append(pool.submit(make, place))
                if len(waiting) > 2:
                    yield waiting.pop(0).result()
            for future in waiting:
                yield future.result()


def batch_losses(
    network: YoloFace,
    batch: list[Canvas],
    centers_xy: Tensor,
    strides: Tensor,
    recipe: DetectorRecipe,
) -> dict[str, Tensor]:
    """The losses of a batch, each a scalar; `total` is their weighted sum."""
    device = strides.device
    frames = torch.from_numpy(np.stack([canvas.frame_bgr for canvas in batch])).to(device)
    raw = network(frames.permute(0, 3, 1, 2).float())
    logits, boxes, landmarks = decode(raw, centers_xy, strides)
    wanted = torch.zeros_like(logits)
    counted = torch.zeros_like(logits, dtype=torch.bool)
    pairs: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for number, canvas in enumerate(batch):
        true_boxes = torch.from_numpy(canvas.bboxes_xyxy).to(device)
        true_landmarks = torch.from_numpy(canvas.landmarks_xy).to(device)
        targets = assign(true_boxes, centers_xy, strides)
        counted[number] = targets.counted
        positive = targets.face >= 0
        wanted[number] = positive.float()
        faces = targets.face[positive]
        pairs.append(
            (
                boxes[number][positive],
                true_boxes[faces],
                landmarks[number][positive],
                true_landmarks[faces],
            )
        )
    found_boxes, true_boxes, found_landmarks, true_landmarks = (
        torch.cat(part) for part in zip(*pairs, strict=True)
    )
    count = max(1, len(found_boxes))
    objectness = objectness_loss(logits, wanted, counted) / count
    box = giou_loss(found_boxes, true_boxes).sum() / count
    points = landmark_loss(found_landmarks, true_landmarks, true_boxes).sum() / count
    total = (
        recipe.weight_objectness * objectness
        + recipe.weight_box * box
        + recipe.weight_landmarks * points
    )
    return {"total": total, "objectness": objectness, "box": box, "landmarks": points}

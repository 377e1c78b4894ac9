"""Crops of known faces, and the loop that learns from them."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.models.landmarker import MARGIN, SIDE_PX, Landmarker
from facegate.training.detector.augment import MIRRORED_LANDMARKS, spoiled
from facegate.training.detector.data import PreparedSamples
from facegate.training.detector.losses import landmark_loss

MIN_FACE_PX = 28.0
"""Smaller faces have landmarks too uncertain to learn from."""

CHECKPOINT_S = 60.0
LOG_STEPS = 100


class LandmarkRecipe(BaseModel):
    """All that decides a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    faces: int = Field(ge=1, description="Crops seen in the whole run.")
    batch: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    ema: float = Field(ge=0, lt=1)
    rotation_deg: float = Field(ge=0, le=90)
    shift: float = Field(ge=0, le=0.5, description="Standard deviation, in sides of the box.")
    zoom: float = Field(ge=0, le=0.5, description="Standard deviation of the logarithm.")

    def rate_at(self, seen: int) -> float:
        """Learning rate: a short rise, then a cosine down to nothing."""
        rise = min(1.0, (seen + self.batch) / (0.03 * self.faces))
        return self.learning_rate * rise * (1 + math.cos(math.pi * seen / self.faces)) / 2


class FaceCrops:
    """Draws crops of faces with known landmarks, as an inexact box would cut them."""

    def __init__(
        self, portraits: PreparedSamples, scenes: PreparedSamples, recipe: LandmarkRecipe
    ) -> None:
        self._recipe = recipe
        self._faces: list[tuple[PreparedSamples, int, int]] = []
        for samples, numbers in ((portraits, portraits.portraits), (scenes, scenes.scenes)):
            for number in numbers.tolist():
                sample = samples[number]
                sides = (sample.bboxes_xyxy[:, 2:] - sample.bboxes_xyxy[:, :2]).max(axis=1)
                known = np.isfinite(sample.landmarks_xy).all(axis=(1, 2)) & (sides >= MIN_FACE_PX)
                self._faces += [(samples, number, int(face)) for face in np.flatnonzero(known)]

    def __len__(self) -> int:
        return len(self._faces)

    def draw(self, random: np.random.Generator) -> tuple[ImageArray, FloatArray]:
        """One crop (96, 96, 3) uint8 BGR and its landmarks (5, 2)."""
        samples, number, face = self._faces[int(random.integers(len(self._faces)))]
        sample = samples[number]
        x1, y1, x2, y2 = (float(value) for value in sample.bboxes_xyxy[face])
        side, middle = max(x2 - x1, y2 - y1), np.array([(x1 + x2) / 2, (y1 + y2) / 2])
        middle = middle + random.normal(0, self._recipe.shift, 2) * side
        scale = SIDE_PX / (MARGIN * side) * float(np.exp(random.normal(0, self._recipe.zoom)))
        angle = np.deg2rad(random.uniform(-1, 1) * self._recipe.rotation_deg * random.random())
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        linear = scale * turn
        mirror = random.random() < 0.5
        if mirror:
            linear[0] *= -1
        matrix = np.column_stack([linear, SIDE_PX / 2 - linear @ middle])
        frame = np.ascontiguousarray(sample.frame_bgr)
        sampling = matrix
        if scale < 0.5:  # as at the gate: shrink by averaging first
            frame = np.asarray(
                cv2.resize(frame, None, fx=2 * scale, fy=2 * scale, interpolation=cv2.INTER_AREA)
            )
            sampling = np.column_stack([linear / (2 * scale), matrix[:, 2]])
        crop = cv2.warpAffine(frame, sampling, (SIDE_PX, SIDE_PX))
        points = sample.landmarks_xy[face] @ linear.T.astype(np.float32) + matrix[:, 2]
        if mirror:
            points = points[MIRRORED_LANDMARKS]
        if random.random() < 0.2:  # far faces
            small = int(random.uniform(20, 64))
            tiny = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
            crop = cv2.resize(tiny, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)
        return spoiled(np.asarray(crop, np.uint8), random), points.astype(np.float32)


@dataclass
class LandmarkTrainer:
    """A run that can be stopped and taken up again; see the detector's Trainer."""

    recipe: LandmarkRecipe
    folder: Path
    device: str = "cpu"

    def __post_init__(self) -> None:
        torch.manual_seed(self.recipe.seed)
        self.network = Landmarker().to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), weight_decay=self.recipe.weight_decay
        )
        self.seen = 0
        if self._file.is_file():
            state = torch.load(self._file, map_location=self.device, weights_only=True)
            for part in ("network", "average", "optimizer"):
                getattr(self, part).load_state_dict(state[part])
            self.seen = int(state["seen"])

    @property
    def _file(self) -> Path:
        return self.folder / "last.pt"

    def save(self) -> None:
        """Write a checkpoint, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state: dict[str, Any] = {
            part: getattr(self, part).state_dict() for part in ("network", "average", "optimizer")
        }
        temporary = self._file.with_suffix(".part")
        torch.save({**state, "seen": self.seen}, temporary)
        temporary.replace(self._file)

    def run(
        self, portraits: PreparedSamples, scenes: PreparedSamples
    ) -> Iterator[dict[str, float]]:
        """Train to the end of the recipe; yields the mean loss now and then."""
        crops = FaceCrops(portraits, scenes, self.recipe)
        box = torch.tensor([[0.0, 0.0, SIDE_PX / MARGIN, SIDE_PX / MARGIN]], device=self.device)
        self.network.train()
        total, began, saved = 0.0, time.monotonic(), time.monotonic()
        for steps, (frames, points) in enumerate(self._batches(crops), start=1):
            for group in self.optimizer.param_groups:
                group["lr"] = self.recipe.rate_at(self.seen)
            inputs = torch.from_numpy(frames).to(self.device).permute(0, 3, 1, 2).float()
            wanted = torch.from_numpy(points).to(self.device)
            loss = landmark_loss(self.network(inputs), wanted, box.expand(len(inputs), 4)).mean()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self._follow()
            self.seen += len(inputs)
            total += float(loss.detach())
            if steps % LOG_STEPS == 0:
                speed = LOG_STEPS * self.recipe.batch / (time.monotonic() - began)
                yield {
                    "seen": float(self.seen),
                    "faces_per_s": speed,
                    "loss": total / LOG_STEPS,
                    "different_faces": float(len(crops)),
                }
                total, began = 0.0, time.monotonic()
            if time.monotonic() - saved > CHECKPOINT_S:
                self.save()
                saved = time.monotonic()
        self.save()

    def _follow(self) -> None:
        decay = min(self.recipe.ema, (1 + self.seen / self.recipe.batch) / 100)
        with torch.no_grad():
            for mean, now in zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                if mean.dtype.is_floating_point:
                    mean.lerp_(now, 1 - decay)
                else:
                    mean.copy_(now)

    def _batches(self, crops: FaceCrops) -> Iterator[tuple[ImageArray, FloatArray]]:
        """Batches from now to the end; each depends only on the seed and on its place."""

        def make(seen: int) -> tuple[ImageArray, FloatArray]:
            random = np.random.default_rng([self.recipe.seed, seen])
            drawn = [crops.draw(random) for _ in range(self.recipe.batch)]
            return np.stack([crop for crop, _ in drawn]), np.stack([points for _, points in drawn])

        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting = []
            for place in range(self.seen, self.recipe.faces, self.recipe.batch):
                waiting.append(pool.submit(make, place))
                if len(waiting) > 2:
                    yield waiting.pop(0).result()
            for future in waiting:
                yield future.result()

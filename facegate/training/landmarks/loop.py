"""Crops of known faces, and what the landmark network learns from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.models.landmarker import MARGIN, SIDE_PX, Landmarker
from facegate.training.detector.augment import MIRRORED_LANDMARKS, spoiled
from facegate.training.detector.data import PreparedSamples
from facegate.training.detector.losses import landmark_loss
from facegate.training.run import RunRecipe, TrainingRun

MIN_FACE_PX = 28.0
"""Smaller faces have landmarks too uncertain to learn from."""


class LandmarkRecipe(RunRecipe):
    """All that decides a run; an image is one face's crop."""

    rotation_deg: float = Field(ge=0, le=90)
    shift: float = Field(ge=0, le=0.5, description="Standard deviation, in sides of the box.")
    zoom: float = Field(ge=0, le=0.5, description="Standard deviation of the logarithm.")


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
                known = np.isfinite(sample.landmarks_xy).all(axis=(1, 2)) & ~sample.ignored
                known &= sides >= MIN_FACE_PX
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


def open_run(recipe: LandmarkRecipe, folder: Path, device: str = "cpu") -> TrainingRun:
    """Begin a run, or take up the one in the folder."""
    torch.manual_seed(recipe.seed)
    return TrainingRun(Landmarker(), recipe, folder, device)


def train(run: TrainingRun, recipe: LandmarkRecipe, crops: FaceCrops) -> Iterator[dict[str, float]]:
    """Go to the end of the recipe; yields reports, see TrainingRun.learn."""
    box = torch.tensor([[0.0, 0.0, SIDE_PX / MARGIN, SIDE_PX / MARGIN]], device=run.device)

    def make(random: np.random.Generator, _seen: int) -> tuple[ImageArray, FloatArray]:
        drawn = [crops.draw(random) for _ in range(recipe.batch)]
        return np.stack([crop for crop, _ in drawn]), np.stack([points for _, points in drawn])

    def losses(batch: tuple[ImageArray, FloatArray]) -> dict[str, Tensor]:
        frames, points = (torch.from_numpy(part).to(run.device) for part in batch)
        found = run.network(frames.permute(0, 3, 1, 2).float())
        return {"total": landmark_loss(found, points, box.expand(len(frames), 4)).mean()}

    return run.learn(make, losses)

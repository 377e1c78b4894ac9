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
from facegate.models.landmarker import Landmarker
from facegate.training.detector.augment import MIRRORED_LANDMARKS, spoiled
from facegate.training.detector.data import PreparedSamples
from facegate.training.detector.losses import landmark_loss
from facegate.training.landmarks.export import read_onnx
from facegate.training.run import RunRecipe, TrainingRun
from facegate.vision.align import umeyama
from facegate.vision.landmark_crop import CROP_LANDMARKS_XY, SIDE_PX, Matrix, cut_crop

MIN_FACE_PX = 28.0
"""Smaller faces have landmarks too uncertain to learn from."""

FACE_PX = 64.0
"""Of a face in the crop; the loss is measured in shares of it."""

SMALLEST_PX, SMALL_PX = 16, 64
"""Between these sides of the crop far faces are seen."""


class LandmarkRecipe(RunRecipe):
    """All that decides a run; an image is one face's crop."""

    rotation_deg: float = Field(ge=0, le=90, description="Standard deviation.")
    shift: float = Field(ge=0, le=0.5, description="Standard deviation, in sides of the crop.")
    zoom: float = Field(ge=0, le=0.5, description="Standard deviation of the logarithm.")
    wild: float = Field(0.0, ge=0, le=1, description="Share of crops three times as far off.")
    far: float = Field(0.2, ge=0, le=1, description="Share of far, small faces.")
    hidden: float = Field(0.0, ge=0, le=1, description="Share of faces that something covers.")


class FaceCrops:
    """Draws crops of faces with known landmarks, as a detector's rough ones would cut them."""

    def __init__(self, samples: PreparedSamples, recipe: LandmarkRecipe) -> None:
        self._recipe = recipe
        self._samples = samples
        self._faces: list[tuple[int, int]] = []
        for number in range(len(samples)):
            sample = samples[number]
            sides = (sample.bboxes_xyxy[:, 2:] - sample.bboxes_xyxy[:, :2]).max(axis=1)
            known = np.isfinite(sample.landmarks_xy).all(axis=(1, 2)) & ~sample.ignored
            known &= sides >= MIN_FACE_PX
            self._faces += [(number, int(face)) for face in np.flatnonzero(known)]

    def __len__(self) -> int:
        return len(self._faces)

    def draw(self, random: np.random.Generator) -> tuple[ImageArray, FloatArray]:
        """One crop (96, 96, 3) uint8 BGR and its landmarks (5, 2)."""
        number, face = self._faces[int(random.integers(len(self._faces)))]
        sample = self._samples[number]
        known = sample.landmarks_xy[face]
        mirror = random.random() < 0.5
        matrix = umeyama(known, CROP_LANDMARKS_XY)
        if mirror:
            matrix[0] *= -1
            matrix[0, 2] += SIDE_PX - 1
        matrix = self._displaced(matrix, random)
        crop = cut_crop(sample.frame_bgr, matrix)
        points = known @ matrix[:, :2].T + matrix[:, 2]
        if mirror:
            points = points[MIRRORED_LANDMARKS]
        if random.random() < self._recipe.hidden:
            crop = _covered(crop, random)
        if random.random() < self._recipe.far:
            small = int(random.uniform(SMALLEST_PX, SMALL_PX))
            tiny = cv2.resize(crop, (small, small), interpolation=cv2.INTER_AREA)
            crop = np.asarray(cv2.resize(tiny, (SIDE_PX, SIDE_PX)), np.uint8)
        return spoiled(crop, random), points.astype(np.float32)

    def _displaced(self, matrix: Matrix, random: np.random.Generator) -> Matrix:
        """The crop as rough landmarks would place it."""
        recipe = self._recipe
        much = 3.0 if random.random() < recipe.wild else 1.0
        angle = np.deg2rad(random.normal(0, much * recipe.rotation_deg))
        scale = float(np.exp(np.clip(random.normal(0, much * recipe.zoom), -0.7, 0.7)))
        shift = random.normal(0, much * recipe.shift * SIDE_PX, 2)
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = (SIDE_PX - 1) / 2
        return np.column_stack(
            [turn @ matrix[:, :2], turn @ (matrix[:, 2] - middle) + middle + shift]
        )


def _covered(crop_bgr: ImageArray, random: np.random.Generator) -> ImageArray:
    """Hide a part: a hand, a mask, a cup, of one color or of grain."""
    crop_bgr = crop_bgr.copy()
    width, height = (int(side) for side in random.uniform(0.15, 0.55, 2) * SIDE_PX)
    left, top = (int(random.integers(-side // 2, SIDE_PX - side // 2)) for side in (width, height))
    part = crop_bgr[max(0, top) : top + height, max(0, left) : left + width]
    grain = random.normal(0, random.uniform(0, 30), part.shape)
    part[:] = np.clip(random.uniform(0, 255, 3) + grain, 0, 255)
    return crop_bgr


def open_run(
    recipe: LandmarkRecipe, folder: Path, device: str = "cpu", start: Path | None = None
) -> TrainingRun:
    """Begin a run, or take up the one in the folder.

    Args:
        recipe: what to do.
        folder: of the run.
        device: torch device.
        start: ONNX file of the network whose weights a new run begins with; random without.
    """
    torch.manual_seed(recipe.seed)
    network = Landmarker() if start is None else read_onnx(start)
    return TrainingRun(network, recipe, folder, device)


def train(run: TrainingRun, recipe: LandmarkRecipe, crops: FaceCrops) -> Iterator[dict[str, float]]:
    """Go to the end of the recipe; yields reports, see TrainingRun.learn."""
    box = torch.tensor([[0.0, 0.0, FACE_PX, FACE_PX]], device=run.device)

    def make(random: np.random.Generator, _seen: int) -> tuple[ImageArray, FloatArray]:
        drawn = [crops.draw(random) for _ in range(recipe.batch)]
        return np.stack([crop for crop, _ in drawn]), np.stack([points for _, points in drawn])

    def losses(batch: tuple[ImageArray, FloatArray]) -> dict[str, Tensor]:
        frames, points = (torch.from_numpy(part).to(run.device) for part in batch)
        found = run.network(frames.permute(0, 3, 1, 2).float())
        return {"total": landmark_loss(found, points, box.expand(len(frames), 4)).mean()}

    return run.learn(make, losses)

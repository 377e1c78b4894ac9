"""What the detector learns from a batch of canvases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from facegate.models.yolo import YoloFace, cell_grid, decode
from facegate.training.detector.augment import Canvas, CanvasMaker
from facegate.training.detector.data import PreparedSamples
from facegate.training.detector.losses import giou_loss, landmark_loss, objectness_loss
from facegate.training.detector.targets import assign
from facegate.training.run import RunRecipe, TrainingRun


class DetectorRecipe(RunRecipe):
    """All that decides a run; an image is a canvas."""

    side_px: int = Field(ge=64, multiple_of=32)
    scene_share: float = Field(ge=0, le=1)
    background_share: float = Field(ge=0, le=1, description="Canvases without any face.")
    backgrounds_from: int = Field(ge=0, description="Images after which backgrounds join in.")
    weight_objectness: float = Field(ge=0)
    weight_box: float = Field(ge=0)
    weight_landmarks: float = Field(ge=0)


def open_run(recipe: DetectorRecipe, folder: Path, device: str = "cpu") -> TrainingRun:
    """Begin a run, or take up the one in the folder."""
    torch.manual_seed(recipe.seed)
    return TrainingRun(YoloFace(), recipe, folder, device)


def train(
    run: TrainingRun, recipe: DetectorRecipe, samples: PreparedSamples
) -> Iterator[dict[str, float]]:
    """Go to the end of the recipe; yields reports, see TrainingRun.learn."""
    makers = [
        CanvasMaker(samples, recipe.side_px, recipe.scene_share, share)
        for share in (0.0, recipe.background_share)
    ]
    centers, strides = (part.to(run.device) for part in cell_grid(*[recipe.side_px] * 2))

    def make(random: np.random.Generator, seen: int) -> list[Canvas]:
        maker = makers[seen >= recipe.backgrounds_from]
        return [maker.make(random) for _ in range(recipe.batch)]

    return run.learn(make, lambda batch: batch_losses(run.network, batch, centers, strides, recipe))


def batch_losses(
    network: nn.Module,
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

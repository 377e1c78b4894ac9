"""What the detector learns from a batch of canvases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from facegate.models.yolo import YoloFace, cell_grid, decode
from facegate.training.detector.augment import Canvas, mixed
from facegate.training.detector.canvases import CanvasRecipe, canvas_maker, first_look
from facegate.training.detector.data import PreparedSamples
from facegate.training.detector.losses import eiou_loss, landmark_loss, objectness_loss
from facegate.training.detector.start import start_from_yunet
from facegate.training.detector.targets import assign
from facegate.training.detector.teacher import CellTeacher
from facegate.training.run import CHECKPOINT, TrainingRun


class DetectorRecipe(CanvasRecipe):
    """All that decides a run; an image is a canvas."""

    weight_objectness: float = Field(ge=0)
    weight_fit: float = Field(ge=0)
    weight_box: float = Field(ge=0)
    weight_landmarks: float = Field(ge=0)
    weight_teacher: float = Field(0, ge=0, description="Of the teacher's p_c and fit.")
    teacher_mirrored: bool = Field(False, description="It looks at mirrored canvases, too.")

    @model_validator(mode="after")
    def _someone_labels_mixed(self) -> DetectorRecipe:
        if self.mixed_share > 0 and not self.weight_teacher > 0:
            raise ValueError(
                "mixed_share wants a teacher, whose word counts: weight_teacher over 0"
            )
        return self


@dataclass(frozen=True)
class DetectorBatch:
    """Canvases of one side, and what the teacher says of their cells.

    Attributes:
        canvases: pictures and labels.
        teacher: (n, cells, 2) chances of a face and fits, or None.
    """

    canvases: list[Canvas]
    teacher: Tensor | None


def open_run(
    recipe: DetectorRecipe,
    folder: Path,
    device: str = "cpu",
    start: Path | None = None,
    samples: PreparedSamples | None = None,
) -> TrainingRun:
    """Begin a run, or take up the one in the folder.

    Args:
        recipe: all that decides the run.
        folder: of the run.
        device: torch device.
        start: YuNet's weights, to begin with them; at random without.
        samples: to measure on them what YuNet's channels carry; wanted with `start`.
    """
    torch.manual_seed(recipe.seed)
    network = YoloFace()
    if start is not None and samples is not None and not (folder / CHECKPOINT).is_file():
        start_from_yunet(network, start, first_look(recipe, samples))
    return TrainingRun(network, recipe, folder, device)


def train(
    run: TrainingRun,
    recipe: DetectorRecipe,
    samples: PreparedSamples,
    teacher: CellTeacher | None = None,
) -> Iterator[dict[str, float]]:
    """Go to the end of the recipe; yields reports, see TrainingRun.learn."""
    maker = canvas_maker(recipe, samples)
    grids = {
        side: tuple(part.to(run.device) for part in cell_grid(side, side))
        for side in recipe.sides_px
    }

    def make(random: np.random.Generator, _: int) -> DetectorBatch:
        side = int(random.choice(recipe.sides_px))
        canvases = [maker.make(random, side) for _ in range(recipe.batch)]
        told = None
        if teacher is not None and recipe.weight_teacher > 0:
            canvases = mixed(canvases, recipe.mixed_share, random)
            told = torch.from_numpy(teacher(np.stack([canvas.frame_bgr for canvas in canvases])))
        return DetectorBatch(canvases, told)

    def losses(batch: DetectorBatch) -> dict[str, Tensor]:
        centers, strides = grids[batch.canvases[0].frame_bgr.shape[0]]
        return batch_losses(run.network, batch, centers, strides, recipe)

    return run.learn(make, losses)


def batch_losses(
    network: nn.Module,
    batch: DetectorBatch,
    centers_xy: Tensor,
    strides: Tensor,
    recipe: DetectorRecipe,
) -> dict[str, Tensor]:
    """The losses of a batch, each a scalar; `total` is their weighted sum."""
    device = strides.device
    frames = torch.from_numpy(np.stack([c.frame_bgr for c in batch.canvases])).to(device)
    raw = network(frames.permute(0, 3, 1, 2).float())
    logits, boxes, landmarks = decode(raw, centers_xy, strides)
    wanted = torch.zeros(logits.shape[:2], device=device)
    counted = torch.zeros_like(wanted, dtype=torch.bool)
    pairs: list[tuple[Tensor, ...]] = []
    for number, canvas in enumerate(batch.canvases):
        truth = torch.from_numpy(canvas.bboxes_xyxy).to(device)
        points = torch.from_numpy(canvas.landmarks_xy).to(device)
        ignored = torch.from_numpy(canvas.ignored).to(device)
        targets = assign(truth, ignored, logits[number], boxes[number], centers_xy, strides)
        counted[number] = targets.counted
        positive = targets.face >= 0
        wanted[number] = positive.float()
        faces = targets.face[positive]
        pairs.append(
            (
                logits[number, positive, 1],
                targets.overlap[positive],
                boxes[number, positive],
                truth[faces],
                landmarks[number, positive],
                points[faces],
            )
        )
    fits, overlaps, found, true, found_points, true_points = (
        torch.cat(part) for part in zip(*pairs, strict=True)
    )
    count = max(1, len(found))
    parts = {
        "objectness": objectness_loss(logits[..., 0], wanted, counted) / count,
        "fit": F.binary_cross_entropy_with_logits(fits, overlaps, reduction="sum") / count,
        "box": eiou_loss(found, true).sum() / count,
        "landmarks": landmark_loss(found_points, true_points, true).sum() / count,
    }
    total = torch.stack([getattr(recipe, f"weight_{k}") * v for k, v in parts.items()]).sum()
    if batch.teacher is not None:
        told = batch.teacher.to(device)
        parts["teacher"] = (
            F.binary_cross_entropy_with_logits(logits, told, reduction="none")
            - F.binary_cross_entropy(told, told, reduction="none")
        ).sum() / count
        total = total + recipe.weight_teacher * parts["teacher"]
    return {"total": total, **parts}

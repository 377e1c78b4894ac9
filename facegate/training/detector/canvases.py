"""Which canvases a run shows, as its recipe says."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from facegate.training.detector.augment import CanvasMaker
from facegate.training.detector.data import PreparedSamples
from facegate.training.run import RunRecipe

FIRST_LOOK = 64
"""Canvases on which YuNet's channels are measured."""


class CanvasRecipe(RunRecipe):
    """What is shown; an image is a canvas."""

    sides_px: tuple[int, ...] = Field(min_length=1, description="Of canvases; a batch has one.")
    scene_share: float = Field(ge=0, le=1)
    background_share: float = Field(ge=0, le=1, description="Canvases without any face.")
    mosaic_share: float = Field(
        0.0, ge=0, le=1, description="Of the canvases with scenes, those that show four."
    )
    plain_share: float = Field(
        0.0, ge=0, le=1, description="Of the canvases with scenes, those as the gate sees them."
    )
    source_weights: dict[str, float] = Field(
        default_factory=dict, description="By set: how often its scenes are drawn; 1 if not named."
    )
    mixed_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Canvases of two pictures, which only a teacher labels.",
    )


def canvas_maker(recipe: CanvasRecipe, samples: PreparedSamples) -> CanvasMaker:
    """What makes the canvases of a run."""
    return CanvasMaker(
        samples,
        recipe.scene_share,
        recipe.background_share,
        mosaic_share=recipe.mosaic_share,
        plain_share=recipe.plain_share,
        source_weights=recipe.source_weights or None,
    )


def first_look(recipe: CanvasRecipe, samples: PreparedSamples) -> Tensor:
    """Some canvases (n, 3, h, w) float, 0 to 255, to measure on them what channels carry."""
    maker = canvas_maker(recipe, samples)
    random = np.random.default_rng(recipe.seed)
    side = min(recipe.sides_px)
    frames = np.stack([maker.make(random, side).frame_bgr for _ in range(FIRST_LOOK)])
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float()

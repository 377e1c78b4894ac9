"""The settings of one training run, read from TOML; a shipped network names its recipe."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from facegate.training.embedder.mining import Mining


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AugmentationRecipe(_Section):
    """Probabilities of each change; see `facegate.training.embedder.augment.Augmentation`."""

    mirror: float = Field(0.5, ge=0, le=1)
    jitter: float = Field(0.0, ge=0, le=1)
    light: float = Field(0.0, ge=0, le=1)
    gray: float = Field(0.0, ge=0, le=1)
    blur: float = Field(0.0, ge=0, le=1)
    low_resolution: float = Field(0.0, ge=0, le=1)
    jpeg: float = Field(0.0, ge=0, le=1)
    occlusion: float = Field(0.0, ge=0, le=1)


class BatchRecipe(_Section):
    """What a batch holds: P people with K images each, and faces of nobody in particular."""

    people: int = Field(ge=2)
    images: int = Field(ge=2)
    unlabeled: int = Field(ge=1)


class LossRecipe(_Section):
    """Weights of the losses, and the triplets' margin in squared distance."""

    margin: float = Field(0.2, gt=0, le=4)
    mining: Mining = Mining.SEMI_HARD
    triplet: float = Field(ge=0)
    relational: float = Field(ge=0)
    embedding: float = Field(ge=0)


class TeacherRecipe(_Section):
    """How cached teachers are joined: weight of each, and how far whitening is held back."""

    weights: dict[str, float] = Field(min_length=1)
    shrink: float = Field(0.5, ge=0, le=1)


class OptimizerRecipe(_Section):
    """AdamW with a linear start and a cosine end.

    `learning_rate` is relative: each parameter's own rate is this times its mean magnitude at the
    start, since folded weights differ a hundredfold between layers and Adam's steps do not know.
    `ema` is the running mean's decay per step.
    """

    steps: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    warmup_steps: int = Field(ge=0)
    weight_decay: float = Field(ge=0)
    frozen_blocks: int = Field(0, ge=0, le=15)
    ema: float = Field(ge=0, lt=1)
    clip_norm: float = Field(1.0, gt=0)


class ValidationRecipe(_Section):
    """What is held out of training, and how often it is looked at."""

    people: int = Field(ge=2)
    faces: int = Field(ge=2)
    every_steps: int = Field(ge=1)
    max_fmr: float = Field(1e-4, gt=0, lt=1)


class EmbedderRecipe(_Section):
    """All that decides what a training run gives, besides the data and the start weights."""

    name: str
    seed: int = Field(ge=0)
    batch: BatchRecipe
    loss: LossRecipe
    teacher: TeacherRecipe
    start_shrink: float = Field(
        0.5, ge=0, le=1, description="Whitening of the start network's output; 1: none."
    )
    optimizer: OptimizerRecipe
    validation: ValidationRecipe
    labeled_augmentation: AugmentationRecipe = AugmentationRecipe()
    unlabeled_augmentation: AugmentationRecipe = AugmentationRecipe()

"""The settings of one training run, read from TOML; a shipped network names its recipe."""

from __future__ import annotations

import math
from enum import Enum

from pydantic import BaseModel, ConfigDict, Field, model_validator

from facegate.training.embedder.mining import Mining
from facegate.training.run import RunRecipe


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AugmentationRecipe(_Section):
    """Probabilities of each change; see `facegate.training.embedder.augment.Augmentation`."""

    mirror: float = Field(0.5, ge=0, le=1)
    jitter: float = Field(0.0, ge=0, le=1)
    shear: float = Field(0.0, ge=0, le=1)
    crop: float = Field(0.0, ge=0, le=1)
    warp: float = Field(0.0, ge=0, le=1)
    light: float = Field(0.0, ge=0, le=1)
    color: float = Field(0.0, ge=0, le=1)
    gray: float = Field(0.0, ge=0, le=1)
    blur: float = Field(0.0, ge=0, le=1)
    low_resolution: float = Field(0.0, ge=0, le=1)
    jpeg: float = Field(0.0, ge=0, le=1)
    occlusion: float = Field(0.0, ge=0, le=1)
    glasses: float = Field(0.0, ge=0, le=1)
    mask: float = Field(0.0, ge=0, le=1)


class Method(str, Enum):
    """What is learned from knowing who is who; see `facegate.training.embedder.objectives`."""

    NONE = "none"
    TRIPLET = "triplet"
    COSINE_TRIPLET = "cosine_triplet"
    CONTRASTIVE = "contrastive"
    VERIFICATION = "verification"
    CHI_SQUARE = "chi_square"
    SOFTMAX = "softmax"
    ANGULAR = "angular"


class ObjectiveRecipe(_Section):
    """How identities are used.

    PK batches hold `people` people with up to `images` images each; the rest of a batch is filled
    with faces of nobody in particular.
    """

    method: Method = Method.TRIPLET
    weight: float = Field(1.0, ge=0)
    people: int = Field(6, ge=2)
    images: int = Field(3, ge=2)
    margin: float = Field(
        0.2, gt=0, le=4, description="Squared distance, cosine or angle, as the method has it."
    )
    scale: float = Field(32.0, gt=0, description="Of the logits: softmax and angular.")
    mining: Mining = Mining.SEMI_HARD


class DistillationRecipe(_Section):
    """Weights of the losses, and the teachers: how each weighs, and how all are whitened."""

    embedding: float = Field(1.0, ge=0)
    similarity: float = Field(0.0, ge=0)
    relational: float = Field(0.0, ge=0)
    teachers: dict[str, float] = Field(min_length=1)
    shrink: float = Field(0.5, ge=0, le=1, description="Whitening held back; 1 only centers.")


class ValidationRecipe(_Section):
    """What is held out of training, and how often it is looked at."""

    people: int = Field(ge=2)
    faces: int = Field(ge=2)
    every_images: int = Field(ge=1)
    max_fmr: float = Field(1e-4, gt=0, lt=1)
    sets: list[str] = Field([], description="Whence they are taken; empty: from all sets.")
    doubles_by: list[str] = Field(
        [],
        description="Teachers that tell who is one person twice; empty: all that were cached. Name "
        "them when one is of the network's own line: it would hide what both mistake.",
    )
    seed: int | None = Field(
        None,
        description="Chooses who is held out; without one, the run's. A run that goes on from "
        "another must hold out the same people, and yet see its faces in another order.",
    )


class LookAlikeRecipe(_Section):
    """Faces of nobody in particular come with others that look like them.

    False matches are pairs of look-alikes, and a batch drawn by chance holds none.
    """

    teacher: str = Field(
        "",
        description="Whose similarity tells who looks alike; empty: the network that the run "
        "begins with, whose own mistakes then come before it.",
    )
    nearest: int = Field(10, ge=1, description="Look-alikes of each face that are drawn from.")
    each: int = Field(2, ge=1, description="So many of them come with it.")

    @model_validator(mode="after")
    def _there_are_enough(self) -> LookAlikeRecipe:
        if self.each > self.nearest:
            raise ValueError(f"of {self.nearest} look-alikes {self.each} cannot come")
        return self


class LastLayerRecipe(_Section):
    """What the last layer alone learns when the run is done; weights are of logarithms of rates.

    See `facegate.training.embedder.last_layer`.
    """

    steps: int = Field(100, ge=1)
    every: int = Field(10, ge=1, description="Steps between validations; the best is kept.")
    learning_rate: float = Field(5e-4, gt=0, description="Of Adam; falls by half a cosine.")
    faces: int = Field(1400, ge=2, description="Strangers a step.")
    people: int = Field(500, ge=2, description="Known people a step.")
    images: int = Field(8, ge=2, description="Of each, at most.")
    max_fmr: float = Field(1e-4, gt=0, lt=1, description="Chooses the threshold, before.")
    softness: float = Field(0.05, gt=0, description="Of the threshold, in similarity.")
    strangers: float = Field(0.5, ge=0, description="Weight of the FMR of all strangers.")
    worst_group: float = Field(0.5, ge=0, description="Of that within groups, the worst most.")
    same_source: float = Field(0.5, ge=0, description="Of that among known people.")
    missed: float = Field(1.5, ge=0, description="Of their FNMR.")
    moved: float = Field(1000.0, ge=0, description="Of the squared change of similarities.")

    def rate_at(self, step: int) -> float:
        """Learning rate of a step."""
        return self.learning_rate * (1 + math.cos(math.pi * step / self.steps)) / 2


class EmbedderRecipe(RunRecipe):
    """All that decides what a training run gives, besides the data and the start weights."""

    network: str
    sets: list[str] = Field(min_length=1, description="Prepared folders, beside each other.")
    start_shrink: float = Field(
        1.0, ge=0, le=1, description="Whitening of the start network's output; 1 only centers."
    )
    frozen_blocks: int = Field(0, ge=0)
    objective: ObjectiveRecipe = ObjectiveRecipe()
    distillation: DistillationRecipe | None = None
    look_alikes: LookAlikeRecipe | None = None
    last_layer: LastLayerRecipe | None = None
    validation: ValidationRecipe
    augmentation: AugmentationRecipe = AugmentationRecipe()

    @model_validator(mode="after")
    def _fits(self) -> EmbedderRecipe:
        if self.objective.people * self.objective.images > self.batch:
            raise ValueError(f"a batch of {self.batch} does not hold the people's images")
        if missing := set(self.validation.sets) - set(self.sets):
            raise ValueError(f"validation takes from {', '.join(sorted(missing))}, no set of these")
        return self

"""Views of pooled pictures, and what the attack network learns from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import InputError
from facegate.models.pad_net import SIDE_PX, ZOOMS, PadNet
from facegate.training.pad.data import BONA_FIDE, PRINT, REPLAY, PreparedRegions, Region
from facegate.training.pad.start import begin_with
from facegate.training.run import RunRecipe, TrainingRun
from facegate.vision.context import context_views, whole_views

CLASS_OF_KIND = {
    BONA_FIDE: 0,
    PRINT: 1,
    "generated_print": 1,
    "generated_cutout": 1,
    "generated_paper_mask": 1,
    REPLAY: 2,
    "generated_screen": 2,
}


class PadRecipe(RunRecipe):
    """All that decides a run; an image is one face, seen twice."""

    bona_fide_share: float = Field(gt=0, lt=1)
    kind_shares: dict[str, float] = Field(description="Of each kind of attack, any unit.")
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    tight_share: float = Field(ge=0, le=1, description="Pictures cut close around the face.")
    whole_share: float = Field(ge=0, le=1, description="Of these, shown whole to both views.")
    coarse_share: float = Field(
        ge=0, le=1,
        description="Pictures of fewer pixels than there were: attacks were mostly photographed "
        "smaller than live faces, which tells nothing about the next camera.",
    )  # fmt: skip
    branch_weight: float = Field(0.5, ge=0, description="Of the loss of each branch by itself.")


class PadViews:
    """Draws views of pooled pictures, as inexact boxes would cut them."""

    def __init__(self, regions: PreparedRegions, recipe: PadRecipe) -> None:
        self._regions, self._recipe = regions, recipe
        self._numbers: dict[str, list[npt.NDArray[np.int64]]] = {}
        for kind in (BONA_FIDE, *recipe.kind_shares):
            if kind not in CLASS_OF_KIND:
                raise InputError(f"{kind!r} is no kind of presentation.")
            numbers = regions.numbers(kind=kind, validates=False)
            sources = regions.sources[numbers]
            if len(numbers):
                self._numbers[kind] = [numbers[sources == one] for one in np.unique(sources)]
        kinds = [kind for kind in self._numbers if kind != BONA_FIDE]
        if BONA_FIDE not in self._numbers or not kinds:
            raise InputError("Both bona fide faces and attacks are needed to learn from.")
        shares = np.array([recipe.kind_shares[kind] for kind in kinds])
        self._kinds, self._shares = kinds, shares / shares.sum()

    def __len__(self) -> int:
        return sum(len(numbers) for parts in self._numbers.values() for numbers in parts)

    def draw(self, random: np.random.Generator) -> tuple[ImageArray, int]:
        """Views (2, 80, 80, 3) uint8 BGR of one picture, and its class."""
        kind = BONA_FIDE
        if random.random() >= self._recipe.bona_fide_share:
            kind = str(random.choice(self._kinds, p=self._shares))
        region = self._regions[self._choose(self._numbers[kind], random)]
        bgr, box = region.bgr, region.bbox_xyxy
        if random.random() < self._recipe.coarse_share:
            bgr, box = _coarse(bgr, box, random)
        if random.random() < self._recipe.tight_share:
            bgr, box = _tight(bgr, box, random)
            if random.random() < self._recipe.whole_share:
                return _varied(whole_views(bgr, len(ZOOMS), SIDE_PX), random), CLASS_OF_KIND[kind]
        size = float(np.sqrt(max(4.0, (box[2] - box[0]) * (box[3] - box[1]))))
        height, width = bgr.shape[:2]
        jittered = box + random.normal(0, 0.03, 4).astype(np.float32) * size
        middle = np.clip((jittered[:2] + jittered[2:]) / 2, 2, (width - 2, height - 2))
        half = np.maximum((jittered[2:] - jittered[:2]) / 2, 5)
        grown = np.float32(np.exp(random.normal(0, 0.07)))
        jittered = np.concatenate([middle - half * grown, middle + half * grown])
        views = context_views(bgr, jittered, ZOOMS, SIDE_PX)
        return _varied(views, random), CLASS_OF_KIND[kind]

    @staticmethod
    def _choose(parts: list[npt.NDArray[np.int64]], random: np.random.Generator) -> int:
        """A picture of any collection; hardly oftener of a large one, since frames are alike."""
        roots = np.array([len(part) for part in parts]) ** 0.25
        return int(random.choice(parts[random.choice(len(parts), p=roots / roots.sum())]))


def _coarse(
    bgr: ImageArray, box: FloatArray, random: np.random.Generator
) -> tuple[ImageArray, FloatArray]:
    """Average pixels, until the face is of so many or as large as it was."""
    face = float(np.sqrt(max(4.0, (box[2] - box[0]) * (box[3] - box[1]))))
    scale = float(np.exp(random.uniform(np.log(32), np.log(160)))) / face
    if scale >= 1:
        return bgr, box
    small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), box * np.float32(scale)


def _tight(
    bgr: ImageArray, box: FloatArray, random: np.random.Generator
) -> tuple[ImageArray, FloatArray]:
    """Cut away most of what is around a face, more on one side than on another."""
    height, width = bgr.shape[:2]
    size = box[2:] - box[:2]
    reach = random.uniform(-0.12, 0.45, 4).astype(np.float32)
    left, top = np.maximum(0, box[:2] - reach[:2] * size).astype(int)
    right, bottom = np.minimum((width, height), box[2:] + reach[2:] * size).astype(int)
    if right - left < 24 or bottom - top < 24:
        return bgr, box
    return bgr[top:bottom, left:right], box - np.array([left, top, left, top], np.float32)


def _varied(views: ImageArray, random: np.random.Generator) -> ImageArray:
    """Mirrored, lighter or darker, of other colors, both views alike."""
    if random.random() < 0.5:
        views = views[:, :, ::-1]
    if random.random() < 0.15:
        side = int(random.uniform(32, 72))
        views = np.stack(
            [cv2.resize(cv2.resize(one, (side, side)), (SIDE_PX, SIDE_PX)) for one in views]
        )
    gain = np.exp(random.normal(0, 0.12) + random.normal(0, 0.04, 3)).astype(np.float32)
    changed = views * gain + np.float32(random.normal(0, 6))
    if random.random() < 0.06:
        changed = np.repeat(changed.mean(axis=3, keepdims=True), 3, axis=3)
    return np.clip(changed, 0, 255).astype(np.uint8)


def open_run(
    recipe: PadRecipe,
    folder: Path,
    start: tuple[Path, Path] | None = None,
    device: str = "cpu",
) -> TrainingRun:
    """Begin a run, or take up the one in the folder.

    Args:
        recipe: what to do.
        folder: of the run.
        start: published checkpoints of the near and the far branch; None: random.
        device: torch device.
    """
    torch.manual_seed(recipe.seed)
    network = PadNet()
    if start is not None:
        begin_with(network, *start)
    return TrainingRun(network, recipe, folder, device)


def train(run: TrainingRun, recipe: PadRecipe, views: PadViews) -> Iterator[dict[str, float]]:
    """Go to the end of the recipe; yields reports, see TrainingRun.learn."""

    def make(random: np.random.Generator, _seen: int) -> tuple[ImageArray, npt.NDArray[np.int64]]:
        drawn = [views.draw(random) for _ in range(recipe.batch)]
        return np.stack([one for one, _ in drawn]), np.array([kind for _, kind in drawn])

    network = cast(PadNet, run.network)

    def losses(batch: tuple[ImageArray, npt.NDArray[np.int64]]) -> dict[str, Tensor]:
        seen, kinds = (torch.from_numpy(part).to(run.device) for part in batch)
        near, far = network.branches(seen.permute(0, 1, 4, 2, 3).float())
        parts = {"both": (near + far) / 2, "near": near, "far": far}
        found = {
            name: F.cross_entropy(logits, kinds, label_smoothing=recipe.label_smoothing)
            for name, logits in parts.items()
        }
        found["total"] = found["both"] + recipe.branch_weight * (found["near"] + found["far"])
        found["wrong"] = ((parts["both"].argmax(dim=1) == 0) != (kinds == 0)).float().mean()
        return found

    return run.learn(make, losses)


def scores(
    network: PadNet, regions: PreparedRegions, numbers: npt.NDArray[np.int64], batch: int = 64
) -> FloatArray:
    """PAD scores (n,) of regions as they are, by the torch network."""
    found = []
    network.eval()
    with torch.no_grad():
        for first in range(0, len(numbers), batch):
            several = [regions[int(number)] for number in numbers[first : first + batch]]
            views = np.stack(
                [context_views(one.bgr, _inside(one), ZOOMS, SIDE_PX) for one in several]
            )
            logits = network(torch.from_numpy(views).permute(0, 1, 4, 2, 3).float())
            found.append(logits.softmax(dim=1)[:, 0].numpy())
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def _inside(region: Region) -> FloatArray:
    height, width = region.bgr.shape[:2]
    box = np.clip(region.bbox_xyxy, 0, np.array([width, height] * 2, np.float32) - 8)
    box[2:] = np.maximum(box[2:], box[:2] + 8)
    return np.asarray(box, np.float32)

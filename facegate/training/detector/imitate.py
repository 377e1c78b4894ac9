"""Teaches the narrow network to compute what the whole YuNet computes, layer by layer.

Drawn boxes of few scenes are learned by heart. YuNet has learned from ten times as many; what it
knows is in its layers, and every place of every picture shows it, whether there are faces or not
(FitNets: Romero et al., 2015).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from facegate.models.yolo import FIT, YoloFace, joined
from facegate.training.detector.augment import mixed
from facegate.training.detector.canvases import CanvasRecipe, canvas_maker, first_look
from facegate.training.detector.data import PreparedSamples
from facegate.training.detector.start import start_from_yunet, whole_yunet
from facegate.training.run import CHECKPOINT, TrainingRun

MAPS = 6
"""Maps that are compared: into stride 8, out of the three stages, out of two laterals."""

NARROW = "stem", "widest", "fine"
"""Parts up to stride 4; all others are as wide as YuNet's."""

LEAST_VARIANCE = 1e-3
"""Keeps a channel of YuNet that says nothing from counting for much."""

LIKELY, POSSIBLE = 0.3, 0.1
"""YuNet's chances from which on a cell is counted as a face, and its places are compared."""

LEAST_COUNT = 8.0
"""Faces' cells that a batch has at least, so that empty ones do not count for much."""


class ImitationRecipe(CanvasRecipe):
    """All that decides a run; nothing in it wants drawn boxes."""

    copied_rate: float = Field(ge=0, description="Share of the rate for layers as wide as YuNet's.")
    weight_maps: tuple[float, ...] = Field(min_length=MAPS, max_length=MAPS)
    weight_chances: float = Field(ge=0, description="Of its p_c and fit, the mirrored look's too.")
    weight_places: float = Field(ge=0, description="Of its boxes and landmarks.")


def open_imitation(
    recipe: ImitationRecipe, folder: Path, yunet: Path, samples: PreparedSamples, device: str
) -> TrainingRun:
    """Begin a run with what YuNet's layers tell ours, or take up the one in the folder.

    Raises:
        ModelError: `yunet` does not hold YuNet's weights.
    """
    torch.manual_seed(recipe.seed)
    network = YoloFace()
    if not (folder / CHECKPOINT).is_file():
        start_from_yunet(network, yunet, first_look(recipe, samples))

    def share(name: str) -> float:
        return 1.0 if name.split(".", maxsplit=1)[0] in NARROW else recipe.copied_rate

    return TrainingRun(network, recipe, folder, device, share)


def imitate(
    run: TrainingRun, recipe: ImitationRecipe, yunet: Path, samples: PreparedSamples
) -> Iterator[dict[str, float]]:
    """Go to the end of the recipe; yields reports, see TrainingRun.learn."""
    maker = canvas_maker(recipe, samples)
    whole = whole_yunet(yunet).to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def make(random: np.random.Generator, _: int) -> Tensor:
        side = int(random.choice(recipe.sides_px))
        canvases = [maker.make(random, side) for _ in range(recipe.batch)]
        canvases = mixed(canvases, recipe.mixed_share, random)
        return torch.from_numpy(np.stack([canvas.frame_bgr for canvas in canvases]))

    def losses(frames_bgr: Tensor) -> dict[str, Tensor]:
        images = frames_bgr.to(run.device).permute(0, 3, 1, 2).float()
        return imitation_losses(run.network, whole, images, recipe)

    return run.learn(make, losses)


def imitation_losses(
    network: nn.Module, whole: YoloFace, images_bgr: Tensor, recipe: ImitationRecipe
) -> dict[str, Tensor]:
    """How far a network is from YuNet, each a scalar; `total` is their weighted sum.

    Its batch normalization keeps YuNet's measure where its layers are YuNet's.

    Args:
        network: a YoloFace.
        whole: YuNet.
        images_bgr: (n, 3, h, w) float, 0 to 255.
        recipe: weights.
    """
    for name, part in network.named_children():
        part.train(name in NARROW)
    with torch.no_grad():
        wanted, grids = whole.maps_and_grids(whole.stem(images_bgr))
        chances, places = _told(grids, whole.after_stem(whole.stem(images_bgr.flip(3))))
    maps, ours = network.maps_and_grids(network.stem(images_bgr))  # type: ignore[operator]
    raw = joined(ours).float()
    sure = (chances[..., 0] * chances[..., 1]).sqrt()
    count = (sure > LIKELY).sum().clamp(min=LEAST_COUNT)
    apart = F.binary_cross_entropy_with_logits(raw[..., [0, FIT]], chances, reduction="none")
    least = F.binary_cross_entropy(chances, chances, reduction="none")
    shifts = (raw[..., 1:FIT] - places).abs() * sure[..., None]
    parts = {
        "maps": torch.stack(
            [
                weight * _map_loss(map_.float(), theirs.float())
                for weight, map_, theirs in zip(recipe.weight_maps, maps, wanted, strict=True)
            ]
        ).sum(),
        "chances": (apart - least).sum() / count,
        "places": shifts[sure > POSSIBLE].sum() / count,
    }
    total = (
        parts["maps"]
        + recipe.weight_chances * parts["chances"]
        + recipe.weight_places * parts["places"]
    )
    return {"total": total, **parts}


def _told(grids: list[Tensor], mirrored: list[Tensor]) -> tuple[Tensor, Tensor]:
    """YuNet's chances (n, cells, 2), mean of two looks, and places (n, cells, 14) of the first."""
    raw = joined(grids).float()
    other = joined([grid.flip(3) for grid in mirrored]).float()
    chances = (raw[..., [0, FIT]].sigmoid() + other[..., [0, FIT]].sigmoid()) / 2
    return chances, raw[..., 1:FIT]


def _map_loss(ours: Tensor, theirs: Tensor) -> Tensor:
    """Mean square of the difference, in variances of YuNet's channels."""
    square = (ours - theirs).square().mean((0, 2, 3))
    return (square / (theirs.var((0, 2, 3)) + LEAST_VARIANCE)).mean()

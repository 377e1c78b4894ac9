"""Starts the detector from YuNet's published weights, with some channels left out.

Where our network has fewer channels than YuNet, those stay that carry most of what the next layer
reads; the next layer's weights are then fitted anew, so that it reads nearly the same from what is
left (channel pruning with reconstruction: He, Zhang and Sun, 2017; here greedy selection and least
squares, in closed form).
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facegate.errors import ModelError
from facegate.models.yolo import POOLED, STRIDES, YUNET, Unit, YoloFace

FINE = ("model1.conv1", "model1.conv2", "model2.conv1", "model2.conv2")
"""YuNet's units at stride 4."""

PREDICTED = ("obj", "bbox", "kps", "cls")
"""YuNet's heads in the order of our values."""

PLACES = slice(1, 3), slice(5, 15)
"""Values that are places: YuNet counts from a cell's corner, we count from its center."""

LOADING_FAILS = (
    OSError, EOFError, LookupError, TypeError, RuntimeError, ValueError, pickle.UnpicklingError,
)  # fmt: skip
"""What torch.load and copying raise for files that are something else."""

SAMPLED_PIXELS = 60_000
RIDGE = 1e-7


def start_from_yunet(network: YoloFace, weights: Path, images_bgr: Tensor) -> None:
    """Take over YuNet's layers.

    Args:
        network: where it has all of YuNet's channels it says what YuNet says.
        weights: `yunet_n.pth` of ShiqiYu/libfacedetection.train (Apache-2.0).
        images_bgr: (n, 3, h, w) float, 0 to 255; what channels carry is measured on them.

    Raises:
        ModelError: the file is not that network.
    """
    try:
        checkpoint = torch.load(weights, map_location="cpu", weights_only=True)
        state: Mapping[str, Tensor] = checkpoint["state_dict"]
        with torch.no_grad():
            _copy_head(network, state)
            _copy_fine(network, state, images_bgr)
            _copy_rest(network, state)
    except LOADING_FAILS as error:
        raise ModelError(f"{weights} does not hold YuNet's weights.") from error


def whole_yunet(weights: Path) -> YoloFace:
    """YuNet with all its channels, in our form, to be learned from. Raises ModelError."""
    network = YoloFace(YUNET)
    start_from_yunet(network, weights, torch.zeros(1, 3, 32, 32))
    return network.eval().requires_grad_(False)


def _copy_head(network: YoloFace, state: Mapping[str, Tensor]) -> None:
    first = "backbone.model0"
    cast(nn.Conv2d, network.stem[0]).weight.copy_(state[f"{first}.conv1.weight"])
    _copy_norm(network.stem[1], state, f"{first}.bn1", state[f"{first}.conv1.bias"])
    _copy_unit(network.widest, state, f"{first}.conv2")


def _copy_fine(network: YoloFace, state: Mapping[str, Tensor], images_bgr: Tensor) -> None:
    """Copy the units at stride 4, in their order, each with the channels that ours has."""
    network.eval()
    ours = F.max_pool2d(network.widest(F.relu(network.stem(images_bgr))), POOLED)
    theirs = ours
    fitted: tuple[Tensor, Tensor] | None = None
    for place, name in enumerate(FINE):
        unit = cast(Unit, network.fine[place])
        full = _whole_unit(state, f"backbone.{name}")
        wanted = unit.pointwise.out_channels
        theirs = full(theirs)
        if fitted:
            # All channels as the channels kept before give them; then choose among these.
            weight, bias = fitted
            full.pointwise = nn.Conv2d(weight.shape[1], weight.shape[0], 1)
            full.pointwise.weight.copy_(weight[:, :, None, None])
            cast(Tensor, full.pointwise.bias).copy_(bias)
        whole = full(ours)
        kept = torch.arange(whole.shape[1])
        if place + 1 < len(FINE) and (fitted or wanted < whole.shape[1]):
            after = _whole_unit(state, f"backbone.{FINE[place + 1]}").pointwise
            read, told = _pixels(whole), _pixels(after(theirs))
            if wanted < whole.shape[1]:
                kept = choose_channels(read, told, wanted)
            fitted = fit_linear(read[:, kept], told)
        _keep(unit, full, kept)
        ours = unit(ours)


def choose_channels(read: Tensor, told: Tensor, count: int) -> Tensor:
    """Choose, one after the other, the columns from which a linear layer tells most.

    Args:
        read: (n, c) float64.
        told: (n, o) float64, what the layer should say.
        count: columns to choose.

    Returns:
        (count,) their numbers, rising.
    """
    centered, wanted = read - read.mean(0), told - told.mean(0)
    within, between = centered.T @ centered, centered.T @ wanted
    within += torch.eye(len(within), dtype=within.dtype) * within.trace() * RIDGE
    chosen: list[int] = []
    for _ in range(count):
        gains: dict[int, float] = {}
        for column in range(read.shape[1]):
            if column not in chosen:
                some = [*chosen, column]
                solved = torch.linalg.solve(within[some][:, some], between[some])
                gains[column] = float((solved * between[some]).sum())
        chosen.append(max(gains, key=lambda column: gains[column]))
    return torch.tensor(sorted(chosen))


def fit_linear(read: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares with a constant: (n, c) and (n, o) float64 to weight (o, c) and bias (o,)."""
    mean, aim = read.mean(0), told.mean(0)
    centered = read - mean
    within = centered.T @ centered
    within += torch.eye(len(within), dtype=within.dtype) * within.trace() * RIDGE
    weight = torch.linalg.solve(within, centered.T @ (told - aim)).T
    return weight.float(), (aim - weight @ mean).float()


def _pixels(features: Tensor) -> Tensor:
    """(n, c, h, w) to (pixels, c) float64, some at random."""
    rows = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    return rows[order[:SAMPLED_PIXELS]].double()


def _copy_rest(network: YoloFace, state: Mapping[str, Tensor]) -> None:
    for level in range(len(STRIDES)):
        stage, grid = f"backbone.model{level + 3}", network.heads[level]
        for number in (0, 1):
            _copy_unit(network.stages[level][number], state, f"{stage}.conv{number + 1}")  # type: ignore[index]
        _copy_unit(network.laterals[level], state, f"neck.lateral_convs.{level}")
        _copy_unit(grid.unit, state, f"bbox_head.multi_level_share_convs.{level}.0")  # type: ignore[arg-type]
        for ours, theirs in (("pointwise", "conv1"), ("depthwise", "conv2")):
            for kind in ("weight", "bias"):
                parts = [
                    state[f"bbox_head.multi_level_{part}.{level}.{theirs}.{kind}"]
                    for part in PREDICTED
                ]
                getattr(getattr(grid, ours), kind).copy_(torch.cat(parts))
        for places in PLACES:
            grid.depthwise.bias[places] -= 0.5  # type: ignore[union-attr,operator,index]


def _whole_unit(state: Mapping[str, Tensor], name: str) -> Unit:
    outputs, inputs = state[f"{name}.conv1.weight"].shape[:2]
    unit = Unit(inputs, outputs).eval()
    _copy_unit(unit, state, name)
    return unit


def _keep(unit: Unit, full: Unit, kept: Tensor) -> None:
    """Copy some channels of a unit."""
    unit.pointwise.weight.copy_(full.pointwise.weight[kept])
    unit.pointwise.bias.copy_(full.pointwise.bias[kept])  # type: ignore[union-attr,index]
    unit.depthwise[0].weight.copy_(full.depthwise[0].weight[kept])  # type: ignore[operator,index]
    for part in ("weight", "bias", "running_mean", "running_var"):
        getattr(unit.depthwise[1], part).copy_(getattr(full.depthwise[1], part)[kept])


def _copy_unit(unit: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    unit = cast(Unit, unit)
    unit.pointwise.weight.copy_(state[f"{name}.conv1.weight"])
    unit.pointwise.bias.copy_(state[f"{name}.conv1.bias"])  # type: ignore[union-attr]
    unit.depthwise[0].weight.copy_(state[f"{name}.conv2.weight"])  # type: ignore[operator]
    _copy_norm(unit.depthwise[1], state, f"{name}.bn", state[f"{name}.conv2.bias"])


def _copy_norm(norm: Any, state: Mapping[str, Tensor], name: str, bias: Tensor) -> None:
    """The bias of the convolution before goes into the mean: ours has none."""
    for part in ("weight", "bias", "running_var"):
        getattr(norm, part).copy_(state[f"{name}.{part}"])
    norm.running_mean.copy_(state[f"{name}.running_mean"] - bias)

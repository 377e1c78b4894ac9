"""Starts the detector from YuNet's published weights, where the two have the same units."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from facegate.errors import ModelError
from facegate.models.yolo import STRIDES, Unit, YoloFace

PREDICTED = ("obj", "bbox", "kps", "cls")
"""YuNet's heads in the order of our values."""

PLACES = slice(1, 3), slice(5, 15)
"""Values that are places: YuNet counts from a cell's corner, we count from its center."""


def start_from_yunet(network: YoloFace, weights: Path) -> None:
    """Copy all of YuNet's layers from stride 8 on, and its first convolution.

    Args:
        network: all other layers are left as they are.
        weights: `yunet_n.pth` of ShiqiYu/libfacedetection.train (Apache-2.0).

    Raises:
        ModelError: the file is not that network.
    """
    try:
        checkpoint = torch.load(weights, map_location="cpu", weights_only=True)
        state: Mapping[str, Tensor] = checkpoint["state_dict"]
        with torch.no_grad():
            _copy(network, state)
    except (OSError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ModelError(f"{weights} does not hold YuNet's weights.") from error


def _copy(network: YoloFace, state: Mapping[str, Tensor]) -> None:
    head = "backbone.model0"
    network.stem[0].weight.copy_(state[f"{head}.conv1.weight"])
    _copy_norm(network.stem[1], state, f"{head}.bn1", state[f"{head}.conv1.bias"])
    for level in range(len(STRIDES)):
        stage, grid = f"backbone.model{level + 3}", network.heads[level]
        for number in (0, 1):
            _copy_unit(network.stages[level][number], state, f"{stage}.conv{number + 1}")  # type: ignore[index]
        _copy_unit(network.laterals[level], state, f"neck.lateral_convs.{level}")
        _copy_unit(grid.unit, state, f"bbox_head.multi_level_share_convs.{level}.0")
        for ours, theirs in (("pointwise", "conv1"), ("depthwise", "conv2")):
            for kind in ("weight", "bias"):
                parts = [
                    state[f"bbox_head.multi_level_{p}.{level}.{theirs}.{kind}"] for p in PREDICTED
                ]
                getattr(getattr(grid, ours), kind).copy_(torch.cat(parts))
        for places in PLACES:
            grid.depthwise.bias[places] -= 0.5


def _copy_unit(unit: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    assert isinstance(unit, Unit)
    unit.pointwise.weight.copy_(state[f"{name}.conv1.weight"])
    unit.pointwise.bias.copy_(state[f"{name}.conv1.bias"])  # type: ignore[union-attr]
    unit.depthwise[0].weight.copy_(state[f"{name}.conv2.weight"])
    _copy_norm(unit.depthwise[1], state, f"{name}.bn", state[f"{name}.conv2.bias"])


def _copy_norm(norm: nn.Module, state: Mapping[str, Tensor], name: str, bias: Tensor) -> None:
    """The bias of the convolution before goes into the mean: ours has none."""
    assert isinstance(norm, nn.BatchNorm2d)
    for part in ("weight", "bias", "running_var"):
        getattr(norm, part).copy_(state[f"{name}.{part}"])
    norm.running_mean.copy_(state[f"{name}.running_mean"] - bias)  # type: ignore[union-attr]

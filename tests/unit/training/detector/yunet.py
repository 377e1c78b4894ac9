"""A file like YuNet's published one, with random weights."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from facegate.models.yolo import WIDTH
from facegate.training.detector.start import FINE

HEADS = {"obj": 1, "bbox": 4, "kps": 10, "cls": 1}
State = dict[str, Tensor]


def _conv(state: State, name: str, out: int, inputs: int, kernel: int) -> None:
    state[f"{name}.weight"] = torch.randn(out, inputs, kernel, kernel) / (inputs * kernel**2) ** 0.5
    state[f"{name}.bias"] = torch.randn(out) * 0.1


def _norm(state: State, name: str, channels: int) -> None:
    state[f"{name}.weight"] = torch.rand(channels) + 0.5
    state[f"{name}.bias"] = torch.randn(channels) * 0.2
    state[f"{name}.running_mean"] = torch.randn(channels) * 0.2
    state[f"{name}.running_var"] = torch.rand(channels) + 0.5


def _unit(state: State, name: str, norm: bool, out: int = WIDTH, inputs: int = WIDTH) -> None:
    _conv(state, f"{name}.conv1", out, inputs, 1)
    _conv(state, f"{name}.conv2", out, 1, 3)
    if norm:
        _norm(state, f"{name}.bn", out)


def published_state() -> State:
    """Random weights under the names of YuNet's published file."""
    torch.manual_seed(7)
    state: State = {}
    _conv(state, "backbone.model0.conv1", 16, 3, 3)
    _norm(state, "backbone.model0.bn1", 16)
    _unit(state, "backbone.model0.conv2", norm=True, out=16, inputs=16)
    for name, inputs, out in zip(FINE, (16, 16, 64, 64), (16, 64, 64, 64), strict=True):
        _unit(state, f"backbone.{name}", norm=True, out=out, inputs=inputs)
    for level in range(3):
        for number in (1, 2):
            _unit(state, f"backbone.model{level + 3}.conv{number}", norm=True)
        _unit(state, f"neck.lateral_convs.{level}", norm=True)
        _unit(state, f"bbox_head.multi_level_share_convs.{level}.0", norm=True)
        for head, channels in HEADS.items():
            _unit(state, f"bbox_head.multi_level_{head}.{level}", norm=False, out=channels)
    return state


def saved(state: object, tmp_path: Path) -> Path:
    torch.save(state, tmp_path / "yunet_n.pth")
    return tmp_path / "yunet_n.pth"

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from facegate.errors import ModelError
from facegate.models.yolo import WIDTH, YoloFace, cell_grid, decode
from facegate.training.detector.start import (
    FINE,
    choose_channels,
    fit_linear,
    start_from_yunet,
    whole_yunet,
)
from tests.unit.training.detector.yunet import HEADS, State, saved


def _plain_norm(state: State, name: str, x: Tensor) -> Tensor:
    shape = (1, -1, 1, 1)
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    scaled = (x - mean.view(shape)) / (variance.view(shape) + 1e-5).sqrt()
    return scaled * state[f"{name}.weight"].view(shape) + state[f"{name}.bias"].view(shape)


def _plain_unit(state: State, name: str, x: Tensor) -> Tensor:
    x = F.conv2d(x, state[f"{name}.conv1.weight"], state[f"{name}.conv1.bias"])
    weight = state[f"{name}.conv2.weight"]
    x = F.conv2d(x, weight, state[f"{name}.conv2.bias"], padding=1, groups=len(weight))
    return _plain_norm(state, f"{name}.bn", x).relu() if f"{name}.bn.weight" in state else x


def plain_tail(state: State, fine: Tensor) -> dict[str, list[Tensor]]:
    """YuNet from stride 8 on, as its authors' code does it; each head (n, cells, values)."""
    features, x = [], fine
    for level in range(3):
        if level:
            x = F.max_pool2d(x, 2)
        for number in (1, 2):
            x = _plain_unit(state, f"backbone.model{level + 3}.conv{number}", x)
        features.append(x)
    for level in (2, 1):
        features[level] = _plain_unit(state, f"neck.lateral_convs.{level}", features[level])
        features[level - 1] = features[level - 1] + F.interpolate(features[level], scale_factor=2.0)
    features[0] = _plain_unit(state, "neck.lateral_convs.0", features[0])
    said: dict[str, list[Tensor]] = {head: [] for head in HEADS}
    for level, feature in enumerate(features):
        shared = _plain_unit(state, f"bbox_head.multi_level_share_convs.{level}.0", feature)
        for head in HEADS:
            values = _plain_unit(state, f"bbox_head.multi_level_{head}.{level}", shared)
            said[head].append(values.flatten(2).transpose(1, 2))
    return said


def plain_fine(state: State, images: Tensor) -> Tensor:
    """YuNet up to stride 8."""
    name = "backbone.model0.conv1"
    x = F.conv2d(images, state[f"{name}.weight"], state[f"{name}.bias"], 2, 1)
    x = _plain_norm(state, "backbone.model0.bn1", x).relu()
    x = F.max_pool2d(_plain_unit(state, "backbone.model0.conv2", x), 2)
    for name in FINE:
        x = _plain_unit(state, f"backbone.{name}", x)
    return F.max_pool2d(x, 2)


def assert_same(state: State, raw: Tensor, fine: Tensor, size_hw: tuple[int, int]) -> None:
    """What our cells say is what YuNet's heads say, in pixels."""
    centers, strides = cell_grid(*size_hw)
    logits, boxes, landmarks = decode(raw, centers, strides)
    said = {head: torch.cat(parts, 1) for head, parts in plain_tail(state, fine).items()}
    corners = centers - strides[:, None] / 2
    middles = corners + said["bbox"][..., :2] * strides[:, None]
    halves = said["bbox"][..., 2:].clamp(-4, 5).exp() * strides[:, None] / 2
    points = said["kps"].reshape(len(raw), -1, 5, 2) * strides[:, None, None] + corners[:, None]
    assert torch.allclose(logits, torch.cat([said["obj"], said["cls"]], dim=2), atol=2e-3)
    assert torch.allclose(boxes, torch.cat([middles - halves, middles + halves], 2), atol=0.05)
    assert torch.allclose(landmarks, points, atol=0.05)


def test_with_all_channels_the_network_says_what_yunet_says(
    published: State, images: Tensor, tmp_path: Path
) -> None:
    network = whole_yunet(saved({"state_dict": published}, tmp_path))
    assert not any(parameter.requires_grad for parameter in network.parameters())
    fine = network.maps_and_grids(network.stem(images))[0][0]
    wanted = plain_fine(published, images)
    assert torch.allclose(fine, wanted, atol=1e-4 * float(wanted.abs().max()))
    assert_same(published, network(images), wanted, (64, 96))


def test_from_stride_8_on_all_is_yunets(published: State, images: Tensor, tmp_path: Path) -> None:
    network = YoloFace()
    start_from_yunet(network, saved({"state_dict": published}, tmp_path), images)
    network.eval()
    features = torch.rand(2, WIDTH, 8, 12)
    for part in ("stem", "widest", "fine"):
        setattr(network, part, torch.nn.Identity())
    with torch.no_grad():
        enlarged = features.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
        assert_same(published, network(enlarged), features, (64, 96))


def test_with_fewer_channels_it_still_says_nearly_the_same(
    published: State, images: Tensor, tmp_path: Path
) -> None:
    """Nearer than the same network whose channels are the first ones, unfitted."""
    network = YoloFace().eval()
    start_from_yunet(network, saved({"state_dict": published}, tmp_path), images)
    wanted = plain_fine(published, images)

    def error() -> float:
        with torch.no_grad():
            x = F.max_pool2d(network.eval().widest(network.stem(images).relu()), 2)
            return float((F.max_pool2d(network.fine(x), 2) - wanted).square().mean())

    fitted = error()
    with torch.no_grad():
        last = network.fine[-1]
        inputs = last.pointwise.in_channels  # type: ignore[union-attr]
        name = "backbone.model2.conv2.conv1"
        last.pointwise.weight.copy_(published[f"{name}.weight"][:, :inputs])  # type: ignore[union-attr, operator]
        last.pointwise.bias.copy_(published[f"{name}.bias"])  # type: ignore[union-attr, operator]
    assert fitted < 0.5 * error()
    assert fitted < 0.5 * float(wanted.var())


def test_the_best_channels_are_chosen() -> None:
    random = torch.Generator().manual_seed(3)
    read = torch.randn(200, 6, generator=random, dtype=torch.float64)
    told = read[:, [1]] * 5 + read[:, [4]] * 2 + read[:, [2]] * 0.1 + 7
    assert choose_channels(read, told, 1).tolist() == [1]
    assert choose_channels(read, told, 2).tolist() == [1, 4]
    assert choose_channels(read, told, 3).tolist() == [1, 2, 4]


def test_the_fit_is_that_of_least_squares() -> None:
    random = np.random.default_rng(0)
    read, told = random.normal(3, 2, (300, 5)), random.normal(-1, 2, (300, 3))
    told += read @ random.normal(0, 1, (5, 3))
    weight, bias = fit_linear(torch.tensor(read), torch.tensor(told))
    plain, *_ = np.linalg.lstsq(np.column_stack([read, np.ones(300)]), told, rcond=None)
    assert np.allclose(weight.numpy(), plain[:5].T, atol=1e-4)
    assert np.allclose(bias.numpy(), plain[5], atol=1e-3)


def test_other_files_are_refused(published: State, images: Tensor, tmp_path: Path) -> None:
    missing = {name: value for name, value in published.items() if "lateral_convs.1" not in name}
    smaller = {**published, "neck.lateral_convs.0.conv1.weight": torch.zeros(32, 32, 1, 1)}
    for contents in (published, {"state_dict": missing}, {"state_dict": smaller}, [1, 2]):
        with pytest.raises(ModelError, match="does not hold YuNet"):
            start_from_yunet(YoloFace(), saved(contents, tmp_path), images)
    (tmp_path / "text.pth").write_bytes(b"not a checkpoint")
    for name in ("text.pth", "absent.pth"):
        with pytest.raises(ModelError, match="does not hold YuNet"):
            start_from_yunet(YoloFace(), tmp_path / name, images)

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from facegate.errors import ModelError
from facegate.models.yolo import STRIDES, WIDTH, YoloFace, cell_grid, decode
from facegate.training.detector.loop import DetectorRecipe, open_run
from facegate.training.detector.start import start_from_yunet

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


def _unit(state: State, name: str, norm: bool, out: int = WIDTH) -> None:
    _conv(state, f"{name}.conv1", out, WIDTH, 1)
    _conv(state, f"{name}.conv2", out, 1, 3)
    if norm:
        _norm(state, f"{name}.bn", out)


@pytest.fixture
def published() -> State:
    """Random weights under the names of YuNet's published file."""
    torch.manual_seed(7)
    state: State = {}
    _conv(state, "backbone.model0.conv1", 16, 3, 3)
    _norm(state, "backbone.model0.bn1", 16)
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


def test_the_tail_says_what_yunet_says(published: State, tmp_path: Path) -> None:
    network = YoloFace().eval()
    start_from_yunet(network, saved({"state_dict": published}, tmp_path))
    features = torch.rand(2, WIDTH, 12, 16)
    network.stem = torch.nn.Identity()  # type: ignore[assignment]
    network.fine = torch.nn.Identity()  # type: ignore[assignment]
    centers, strides = cell_grid(96, 128)
    with torch.no_grad():
        logits, boxes, landmarks = decode(network(features), centers, strides)
        said = {head: torch.cat(parts, 1) for head, parts in plain_tail(published, features).items()}
    corners = centers - strides[:, None] / 2
    middles = corners + said["bbox"][..., :2] * strides[:, None]
    halves = said["bbox"][..., 2:].exp() * strides[:, None] / 2
    points = said["kps"].reshape(2, -1, 5, 2) * strides[:, None, None] + corners[:, None]
    assert torch.allclose(logits, torch.cat([said["obj"], said["cls"]], dim=2), atol=1e-4)
    assert torch.allclose(boxes, torch.cat([middles - halves, middles + halves], 2), atol=1e-3)
    assert torch.allclose(landmarks, points, atol=1e-3)


def test_the_first_convolution_is_yunets(published: State, tmp_path: Path) -> None:
    network = YoloFace().eval()
    start_from_yunet(network, saved({"state_dict": published}, tmp_path))
    image = torch.rand(1, 3, 32, 64) * 255
    name = "backbone.model0.conv1"
    plain = F.conv2d(image, published[f"{name}.weight"], published[f"{name}.bias"], 2, 1)
    with torch.no_grad():
        assert torch.allclose(
            network.stem(image), _plain_norm(published, "backbone.model0.bn1", plain), atol=1e-3
        )


def test_what_yunet_has_not_stays_as_it_was(published: State, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = YoloFace()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    start_from_yunet(network, saved({"state_dict": published}, tmp_path))
    for name, value in network.state_dict().items():
        own = name.startswith("fine.") or (
            name.startswith("stages.") and int(name.split(".")[2]) >= 2
        )
        if own or name.endswith("num_batches_tracked"):
            assert torch.equal(value, before[name]), name
        else:
            assert not torch.equal(value, before[name]), name
    assert len(STRIDES) == len(network.heads)


def test_other_files_are_refused(published: State, tmp_path: Path) -> None:
    missing = {name: value for name, value in published.items() if "lateral_convs.1" not in name}
    smaller = {**published, "neck.lateral_convs.0.conv1.weight": torch.zeros(32, 32, 1, 1)}
    for contents in (published, {"state_dict": missing}, {"state_dict": smaller}, [1, 2]):
        with pytest.raises(ModelError, match="does not hold YuNet"):
            start_from_yunet(YoloFace(), saved(contents, tmp_path))
    (tmp_path / "text.pth").write_bytes(b"not a checkpoint")
    for name in ("text.pth", "absent.pth"):
        with pytest.raises(ModelError, match="does not hold YuNet"):
            start_from_yunet(YoloFace(), tmp_path / name)


def test_copied_layers_learn_at_their_share_of_the_rate(published: State, tmp_path: Path) -> None:
    recipe = DetectorRecipe(
        seed=0,
        images=8,
        batch=4,
        sides_px=(64,),
        learning_rate=1e-3,
        started_rate=0.25,
        warm_up_images=0,
        weight_decay=0.0,
        ema=0.9,
        scene_share=0.5,
        background_share=0.0,
        weight_objectness=1.0,
        weight_fit=1.0,
        weight_box=1.0,
        weight_landmarks=1.0,
    )
    run = open_run(recipe, tmp_path / "run", start=saved({"state_dict": published}, tmp_path))
    names = [name for name, p in run.network.named_parameters() if p.requires_grad]
    shares = {
        name: group["scale"]
        for name, group in zip(names, run.optimizer.param_groups, strict=True)
    }
    assert shares["fine.0.depthwise.0.weight"] == 1.0
    assert shares["stages.1.2.pointwise.0.weight"] == 1.0
    assert shares["stages.1.1.pointwise.weight"] == 0.25
    assert shares["stem.0.weight"] == shares["heads.2.depthwise.bias"] == 0.25
    stem = published["backbone.model0.conv1.weight"]
    assert torch.equal(run.network.stem[0].weight.detach().cpu(), stem)  # type: ignore[union-attr, operator]
    assert {g["scale"] for g in open_run(recipe, tmp_path / "other").optimizer.param_groups} == {1.0}

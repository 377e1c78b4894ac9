from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from facegate.cli.train.detector import app
from facegate.errors import ConfigError, ModelError
from facegate.models.yolo import FIT, YUNET, YoloFace
from facegate.training.detector.data import PreparedSamples
from facegate.training.detector.imitate import (
    NARROW,
    ImitationRecipe,
    imitate,
    imitation_losses,
    open_imitation,
)
from facegate.training.detector.start import whole_yunet
from facegate.training.recipe import read_recipe
from tests.unit.training.detector.samples import SMALL_RUN
from tests.unit.training.detector.yunet import State, saved

RECIPE = ImitationRecipe(
    **SMALL_RUN,
    weight_decay=0.0,
    mixed_share=0.5,
    copied_rate=0.0,
    weight_maps=(0.5, 1, 1, 1, 1, 1),
    weight_chances=2.0,
    weight_places=0.3,
)


@pytest.fixture
def yunet(published: State, tmp_path: Path) -> Path:
    return saved({"state_dict": published}, tmp_path)


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No layer's normalization measures anew."""
    monkeypatch.setattr("facegate.training.detector.imitate.NARROW", ())


def test_yunet_itself_is_not_apart_from_yunet(yunet: Path, images: Tensor, still: None) -> None:
    """But for its chances, which are asked to be the mean of what it says of both sides."""
    whole, same = whole_yunet(yunet), YoloFace(YUNET)
    same.load_state_dict(whole.state_dict())
    with torch.no_grad():
        parts = imitation_losses(same, whole, images, RECIPE)
    assert float(parts["maps"]) == float(parts["places"]) == 0
    assert float(parts["chances"]) > 0.1


def test_the_losses_are_those_of_plain_loops(yunet: Path, images: Tensor, still: None) -> None:
    whole = whole_yunet(yunet)
    torch.manual_seed(1)
    network = YoloFace().eval()
    with torch.no_grad():
        parts = imitation_losses(network, whole, images, RECIPE)
        ours, raw = network.maps_and_grids(network.stem(images))[0], network(images)
        theirs, told = whole.maps_and_grids(whole.stem(images))[0], whole(images)
        mirrored = whole(images.flip(3))
    maps = 0.0
    for weight, mine, wanted in zip(RECIPE.weight_maps, ours, theirs, strict=True):
        channels = [
            float(((mine[:, c] - wanted[:, c]) ** 2).mean() / (wanted[:, c].var() + 1e-3))
            for c in range(wanted.shape[1])
        ]
        maps += weight * sum(channels) / len(channels)
    assert float(parts["maps"]) == pytest.approx(maps, rel=1e-4)
    chances, places, count, first = 0.0, 0.0, 0, 0
    for stride in (8, 16, 32):
        rows, columns = 64 // stride, 96 // stride
        for row in range(rows):
            for column in range(columns):
                cell = first + row * columns + column
                opposite = first + row * columns + columns - 1 - column
                for picture in range(len(images)):
                    wanted = [
                        (
                            told[picture, cell, k].sigmoid()
                            + mirrored[picture, opposite, k].sigmoid()
                        )
                        / 2
                        for k in (0, FIT)
                    ]
                    for k, chance in zip((0, FIT), wanted, strict=True):
                        logit = raw[picture, cell, k]
                        lost = chance * (chance.log() - torch.nn.functional.logsigmoid(logit))
                        other = 1 - chance
                        lost += other * (other.log() - torch.nn.functional.logsigmoid(-logit))
                        chances += float(lost)
                    sure = float((wanted[0] * wanted[1]).sqrt())
                    count += sure > 0.3
                    if sure > 0.1:
                        moved = (raw[picture, cell, 1:FIT] - told[picture, cell, 1:FIT]).abs()
                        places += sure * float(moved.sum())
        first += rows * columns
    assert count > 8
    assert float(parts["chances"]) == pytest.approx(chances / count, rel=1e-3)
    assert float(parts["places"]) == pytest.approx(places / count, rel=1e-3)
    total = parts["maps"] + 2.0 * parts["chances"] + 0.3 * parts["places"]
    assert float(parts["total"]) == pytest.approx(float(total), rel=1e-5)


def test_only_narrow_layers_change_where_the_copied_ones_get_no_rate(
    yunet: Path, prepared: PreparedSamples, tmp_path: Path
) -> None:
    run = open_imitation(RECIPE, tmp_path / "run", yunet, prepared, "cpu")
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    reports = list(imitate(run, RECIPE, yunet, prepared))
    assert reports[-1]["seen"] == RECIPE.images
    for name, value in run.network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(value, before[name]) == (name.split(".")[0] not in NARROW), name


def test_it_comes_nearer(
    yunet: Path, prepared: PreparedSamples, images: Tensor, tmp_path: Path
) -> None:
    recipe = RECIPE.model_copy(update={"images": 160, "copied_rate": 0.1})
    run, whole = (
        open_imitation(recipe, tmp_path / "run", yunet, prepared, "cpu"),
        whole_yunet(yunet),
    )
    before = imitation_losses(run.network, whole, images, recipe)
    list(imitate(run, recipe, yunet, prepared))
    after = imitation_losses(run.network, whole, images, recipe)
    assert after["maps"] < 0.9 * before["maps"]
    assert after["total"] < before["total"]


def test_an_interrupted_run_ends_as_one_that_was_not(
    yunet: Path, prepared: PreparedSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facegate.training.run.LOG_STEPS", 1)
    whole = open_imitation(RECIPE, tmp_path / "whole", yunet, prepared, "cpu")
    list(imitate(whole, RECIPE, yunet, prepared))
    part = open_imitation(RECIPE, tmp_path / "parts", yunet, prepared, "cpu")
    for report in imitate(part, RECIPE, yunet, prepared):
        if report["seen"] == 16:
            break
    part.save()
    again = open_imitation(RECIPE, tmp_path / "parts", yunet, prepared, "cpu")
    assert again.seen == 16
    list(imitate(again, RECIPE, yunet, prepared))
    theirs = whole.network.state_dict()
    for name, value in again.network.state_dict().items():
        assert torch.equal(value, theirs[name]), name


def test_the_command_learns_and_its_run_is_exported(
    yunet: Path, prepared: PreparedSamples, tmp_path: Path
) -> None:
    recipe, output = tmp_path / "recipe.toml", tmp_path / "face.onnx"
    lines = RECIPE.model_dump(mode="json", exclude={"source_weights"}) | {"images": 8}
    recipe.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items()))

    def run(command: str, folder: str, *more: object) -> BaseException | None:
        line = [command, "--run", tmp_path / folder, *more]
        return CliRunner().invoke(app, [str(word) for word in line]).exception

    how = ("--recipe", recipe, "--data", tmp_path / "prepared", "--yunet")
    assert run("imitate", "run", *how, yunet) is None
    assert run("export", "run", "--output", output) is None
    assert output.stat().st_size > 50_000
    assert isinstance(run("imitate", "other", *how, recipe), ModelError)
    error = run("imitate", "run", "--recipe", recipe, "--data", tmp_path, "--yunet", yunet)
    assert isinstance(error, ConfigError)


def test_the_shipped_recipe_can_be_read() -> None:
    recipe = read_recipe(ImitationRecipe, "detector_imitate")
    assert all(side % 32 == 0 for side in recipe.sides_px)

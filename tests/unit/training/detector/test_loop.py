from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import ModelError
from facegate.models.yolo import YoloFace, cell_grid, decode
from facegate.training.detector.augment import Canvas, CanvasMaker
from facegate.training.detector.begin import begin_with, run_weights
from facegate.training.detector.data import PreparedSamples
from facegate.training.detector.loop import (
    DetectorBatch,
    DetectorRecipe,
    batch_losses,
    open_run,
    train,
)
from tests.unit.training.detector.samples import SMALL_RUN

RECIPE = DetectorRecipe(
    **SMALL_RUN,
    weight_decay=0.01,
    weight_objectness=1.0,
    weight_fit=1.0,
    weight_box=2.0,
    weight_landmarks=2.0,
)


class Calm:
    """A teacher that is sure of nothing; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, frames_bgr: ImageArray) -> FloatArray:
        self.asked += 1
        side = frames_bgr.shape[1]
        cells = sum((side // stride) ** 2 for stride in (8, 16, 32))
        return np.zeros((len(frames_bgr), cells, 2), np.float32)


def batch_of(prepared: PreparedSamples, count: int = 8, side: int = 64) -> DetectorBatch:
    maker = CanvasMaker(prepared)
    return DetectorBatch([maker.make(np.random.default_rng(n), side) for n in range(count)], None)


def test_training_lowers_the_loss(prepared: PreparedSamples, tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"images": 64})
    run = open_run(recipe, tmp_path / "run")
    batch = batch_of(prepared)

    def loss() -> float:
        run.network.train()
        with torch.no_grad():
            found = batch_losses(run.network, batch, *cell_grid(64, 64), RECIPE)
        return float(found["total"])

    before = loss()
    list(train(run, recipe, prepared))
    assert loss() < 0.85 * before
    assert run.seen == recipe.images


def test_an_interrupted_training_goes_on_bit_for_bit(
    prepared: PreparedSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = open_run(RECIPE, tmp_path / "whole")
    list(train(whole, RECIPE, prepared))
    monkeypatch.setattr("facegate.training.run.LOG_STEPS", 1)
    part = open_run(RECIPE, tmp_path / "parts")
    for report in train(part, RECIPE, prepared):
        if report["seen"] >= 20:
            break
    part.save()
    again = open_run(RECIPE, tmp_path / "parts")
    assert again.seen == 20
    list(train(again, RECIPE, prepared))
    for kind in ("network", "average"):
        ours = getattr(again, kind).state_dict()
        for name, theirs in getattr(whole, kind).state_dict().items():
            assert torch.equal(ours[name], theirs), name
    assert open_run(RECIPE, tmp_path / "parts").seen == RECIPE.images


def test_the_teacher_is_asked_for_every_batch_if_its_word_counts(
    prepared: PreparedSamples, tmp_path: Path
) -> None:
    for weight, asked in ((2.0, RECIPE.images // RECIPE.batch), (0.0, 0)):
        recipe, teacher = RECIPE.model_copy(update={"weight_teacher": weight}), Calm()
        list(train(open_run(recipe, tmp_path / f"run{weight}"), recipe, prepared, teacher))
        assert teacher.asked == asked


def test_agreeing_with_the_teacher_costs_nothing(prepared: PreparedSamples) -> None:
    torch.manual_seed(0)
    network = YoloFace().eval()
    batch = batch_of(prepared, 2)
    grid = cell_grid(64, 64)
    frames = np.stack([canvas.frame_bgr for canvas in batch.canvases])
    with torch.no_grad():
        raw = network(torch.from_numpy(frames).permute(0, 3, 1, 2).float())
        said = decode(raw, *grid)[0]
        recipe = RECIPE.model_copy(update={"weight_teacher": 1.5})
        parts = [
            batch_losses(network, DetectorBatch(batch.canvases, told), *grid, recipe)
            for told in (said.sigmoid(), (said + 1.0).sigmoid())
        ]
        plain = batch_losses(network, batch, *grid, RECIPE)
    assert float(parts[0]["teacher"]) == pytest.approx(0, abs=1e-3)
    assert float(parts[1]["teacher"]) > 0.01
    assert float(parts[1]["total"]) == pytest.approx(
        float(plain["total"]) + 1.5 * float(parts[1]["teacher"]), rel=1e-4
    )


def test_the_total_is_the_weighted_sum(prepared: PreparedSamples) -> None:
    torch.manual_seed(0)
    batch = batch_of(prepared, 3)
    with torch.no_grad():
        found = batch_losses(YoloFace().eval(), batch, *cell_grid(64, 64), RECIPE)
    weighted = sum(
        getattr(RECIPE, f"weight_{name}") * float(found[name])
        for name in ("objectness", "fit", "box", "landmarks")
    )
    assert float(found["total"]) == pytest.approx(weighted, rel=1e-5)


def test_canvases_without_faces_have_finite_losses(prepared: PreparedSamples) -> None:
    maker = CanvasMaker(prepared, 0.0, 1.0)
    canvases = [maker.make(np.random.default_rng(n), 64) for n in range(2)]
    network = YoloFace()
    found = batch_losses(network, DetectorBatch(canvases, None), *cell_grid(64, 64), RECIPE)
    assert found["box"] == found["landmarks"] == found["fit"] == 0
    found["total"].backward()  # type: ignore[no-untyped-call]
    for parameter in network.parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all()


def test_ignored_faces_teach_nothing(prepared: PreparedSamples) -> None:
    torch.manual_seed(0)
    network = YoloFace().eval()
    frame = np.zeros((64, 64, 3), np.uint8)
    box = np.array([[8, 8, 56, 56]], np.float32)
    points = np.full((1, 5, 2), 32, np.float32)
    nobody = Canvas(frame, box[:0], points[:0], np.zeros(0, bool))
    ignored = Canvas(frame, box, points, np.array([True]))
    with torch.no_grad():
        one, other = (
            batch_losses(network, DetectorBatch([c], None), *cell_grid(64, 64), RECIPE)
            for c in (ignored, nobody)
        )
    assert one["box"] == one["fit"] == one["landmarks"] == 0
    # Where the face may be, saying yes is not punished.
    assert 0 < one["objectness"] < 0.8 * other["objectness"]


def test_a_run_begins_with_what_another_has_learned(tmp_path: Path) -> None:
    torch.manual_seed(5)
    first = open_run(RECIPE.model_copy(update={"seed": 8}), tmp_path / "first")
    first.seen = 100
    first.save()
    weights = run_weights(first.file)
    assert weights is not None
    second = open_run(RECIPE, tmp_path / "second")
    begin_with(second, weights)
    assert second.seen == 0
    for part in (second.network, second.average):
        for name, value in part.state_dict().items():
            assert torch.equal(value, first.average.state_dict()[name])
    going = open_run(RECIPE, tmp_path / "first")
    begin_with(going, {})  # is on its way already
    with pytest.raises(ModelError, match="another network"):
        begin_with(second, {"stem": torch.zeros(1)})


def test_files_that_are_no_run_are_told_apart(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "published.pth")
    assert run_weights(tmp_path / "published.pth") is None
    (tmp_path / "text.pt").write_bytes(b"not a checkpoint")
    for name in ("text.pt", "absent.pt"):
        with pytest.raises(ModelError, match="does not hold weights"):
            run_weights(tmp_path / name)


def test_learning_rate_rises_then_falls() -> None:
    rates = [RECIPE.rate_at(seen) for seen in range(0, 33, 4)]
    assert rates[0] < rates[1] == max(rates)
    assert rates[-1] == pytest.approx(0.01 * RECIPE.learning_rate)

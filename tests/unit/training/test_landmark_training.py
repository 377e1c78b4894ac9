from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facegate.models.landmarker import Landmarker
from facegate.training.detector.data import PreparedSamples, Sample, write_samples
from facegate.training.landmarks.export import export_onnx
from facegate.training.landmarks.loop import FaceCrops, LandmarkRecipe, open_run, train
from facegate.vision.align import TEMPLATE_112
from facegate.vision.landmark_crop import CROP_LANDMARKS_XY

RECIPE = LandmarkRecipe(
    seed=1, images=960, batch=16, learning_rate=4e-3, warm_up_images=30, weight_decay=0.01, ema=0.9,
    rotation_deg=5, shift=0.03, zoom=0.05, wild=0.1, far=0.2, hidden=0.1,
)  # fmt: skip


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedSamples:
    """White dots on gray where the landmarks are, one face whose landmarks nobody knows, and one
    near face in a scene."""
    samples = []
    for number in range(4):
        frame = np.full((150, 150, 3), 60 + 20 * number, np.uint8)
        points = TEMPLATE_112 * 0.8 + 25
        for x, y in points.round().astype(int):
            frame[y - 4 : y + 5, x - 4 : x + 5] = 255
        landmarks = points[None].astype(np.float32)
        if number == 3:
            landmarks = np.full_like(landmarks, np.nan)
        samples.append(Sample(frame, np.array([[25, 25, 115, 115]], np.float32), landmarks, False))
    near = Sample(
        np.ascontiguousarray(samples[0].frame_bgr.repeat(4, axis=0).repeat(4, axis=1)),
        samples[0].bboxes_xyxy * 4,
        samples[0].landmarks_xy * 4 + 1.5,
        is_scene=True,
    )
    samples.append(near)  # is shrunk to less than half
    write_samples(samples, tmp_path / "data")
    return PreparedSamples(tmp_path / "data")


def _plain(prepared: PreparedSamples, monkeypatch: pytest.MonkeyPatch, **changes: float):
    monkeypatch.setattr("facegate.training.landmarks.loop.spoiled", lambda frame, _: frame)
    still = {"rotation_deg": 0.0, "shift": 0.0, "zoom": 0.0, "wild": 0.0, "far": 0.0, "hidden": 0.0}
    return FaceCrops(prepared, RECIPE.model_copy(update=still | changes))


def test_crops_keep_the_landmarks_on_the_face(
    prepared: PreparedSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = _plain(prepared, monkeypatch, rotation_deg=8, shift=0.03, zoom=0.1, wild=0.2, far=0.2)
    assert len(crops) == 4, "faces without known landmarks teach nothing"
    random = np.random.default_rng(0)
    bright = []
    for _ in range(80):
        frame, points = crops.draw(random)
        assert frame.shape == (96, 96, 3)
        assert points[0, 0] < points[1, 0]
        assert points[3, 0] < points[4, 0]
        x, y = np.clip(points.round().astype(int).T, 0, 95)
        bright.append((frame[y, x, 0] > frame.min() + 50).mean())
    assert np.mean(bright) > 0.95


def test_faces_stand_where_exact_landmarks_would_place_them(
    prepared: PreparedSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = _plain(prepared, monkeypatch)
    random = np.random.default_rng(1)
    for _ in range(12):
        _, points = crops.draw(random)
        # A mirrored face is not quite the template's: one eye of the template stands higher.
        assert points == pytest.approx(CROP_LANDMARKS_XY, abs=0.6)


def test_displacements_are_as_the_recipe_says(
    prepared: PreparedSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = _plain(prepared, monkeypatch, shift=0.05, rotation_deg=6, zoom=0.08)
    random = np.random.default_rng(2)
    points = np.array([crops.draw(random)[1] for _ in range(600)])
    eyes = points[:, 1] - points[:, 0]
    turned = np.rad2deg(np.arctan2(eyes[:, 1], eyes[:, 0]))
    sizes = np.log(np.linalg.norm(eyes, axis=1))
    assert turned.std() == pytest.approx(6, rel=0.15)
    assert sizes.std() == pytest.approx(0.08, rel=0.15)
    middles = points.mean(axis=1)
    assert middles.std(axis=0) == pytest.approx([0.05 * 96] * 2, rel=0.2)


def test_something_covers_as_many_faces_as_the_recipe_says(
    prepared: PreparedSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, hidden = _plain(prepared, monkeypatch), _plain(prepared, monkeypatch, hidden=1.0)
    # Without displacement there are eight crops: four faces, straight and mirrored.
    whole = {plain.draw(np.random.default_rng(seed))[0].tobytes() for seed in range(60)}
    assert len(whole) <= 8
    covered = [hidden.draw(np.random.default_rng(seed))[0].tobytes() for seed in range(20)]
    assert not whole & set(covered)


def test_training_learns_and_goes_on_after_an_interruption(
    prepared: PreparedSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facegate.training.run.LOG_STEPS", 10)
    crops = FaceCrops(prepared, RECIPE)
    first = open_run(RECIPE, tmp_path / "run")
    losses = []
    for report in train(first, RECIPE, crops):
        losses.append(report["total"])
        if report["seen"] >= 480:
            break
    first.save()
    again = open_run(RECIPE, tmp_path / "run")
    assert again.seen == first.seen
    losses += [report["total"] for report in train(again, RECIPE, crops)]
    assert again.seen == RECIPE.images
    assert losses[-1] < 0.6 * losses[0]


def test_a_run_begins_with_the_weights_of_a_network(tmp_path: Path) -> None:
    network = Landmarker().eval()
    export_onnx(network, tmp_path / "start.onnx")
    begun = open_run(RECIPE, tmp_path / "run", start=tmp_path / "start.onnx")
    for name, weight in begun.network.state_dict().items():
        assert torch.equal(weight, network.state_dict()[name]), name

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facegate.training.detector.data import PreparedSamples, Sample, write_samples
from facegate.training.landmarks.loop import FaceCrops, LandmarkRecipe, open_run, train
from facegate.vision.align import TEMPLATE_112

RECIPE = LandmarkRecipe(
    seed=1, images=960, batch=16, learning_rate=4e-3, warm_up_images=30, weight_decay=0.01, ema=0.9,
    rotation_deg=20, shift=0.03, zoom=0.05,
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


def test_crops_keep_the_landmarks_on_the_face(
    prepared: PreparedSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facegate.training.landmarks.loop.spoiled", lambda frame, _: frame)
    crops = FaceCrops(prepared, prepared, RECIPE)
    assert len(crops) == 4, "faces without known landmarks teach nothing"
    random = np.random.default_rng(0)
    bright = []
    for _ in range(80):
        frame, points = crops.draw(random)
        assert frame.shape == (96, 96, 3)
        assert points[0, 0] < points[1, 0]
        assert points[3, 0] < points[4, 0]
        x, y = points.round().astype(int).T
        bright.append((frame[y, x, 0] > frame.min() + 50).mean())
    assert np.mean(bright) > 0.95


def test_training_learns_and_goes_on_after_an_interruption(
    prepared: PreparedSamples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facegate.training.run.LOG_STEPS", 10)
    crops = FaceCrops(prepared, prepared, RECIPE)
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

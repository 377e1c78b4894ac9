from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.models.yolo import STRIDES, YoloFace, cell_grid, decode
from facegate.training.detector.augment import MIRRORED_LANDMARKS, CanvasMaker
from facegate.training.detector.data import (
    PreparedSamples,
    Sample,
    matched_landmarks,
    write_samples,
)
from facegate.training.detector.export import export_onnx, read_onnx
from facegate.training.detector.loop import DetectorRecipe, batch_losses, open_run, train
from facegate.training.detector.losses import giou_loss, landmark_loss, objectness_loss
from facegate.training.detector.targets import IGNORED_BELOW_PX, assign
from facegate.vision.align import TEMPLATE_112

CENTERS, CELL_STRIDES = cell_grid(128, 192)


def random_boxes(random: np.random.Generator, count: int) -> torch.Tensor:
    corners = random.uniform(0, 50, (count, 2))
    return torch.tensor(np.concatenate([corners, corners + random.uniform(1, 60, (count, 2))], 1))


def test_giou_equals_plain_loops_and_its_bounds() -> None:
    random = np.random.default_rng(0)
    a, b = random_boxes(random, 50), random_boxes(random, 50)
    for found, p, q in zip(giou_loss(a, b).tolist(), a.tolist(), b.tolist(), strict=True):
        width = max(0, min(p[2], q[2]) - max(p[0], q[0]))
        height = max(0, min(p[3], q[3]) - max(p[1], q[1]))
        union = sum((r[2] - r[0]) * (r[3] - r[1]) for r in (p, q)) - width * height
        hull = (max(p[2], q[2]) - min(p[0], q[0])) * (max(p[3], q[3]) - min(p[1], q[1]))
        giou = width * height / union - (hull - union) / hull
        assert found == pytest.approx(1 - giou, abs=1e-9)
        assert 0 <= found <= 2
    assert giou_loss(a, a).abs().max() < 1e-9


def test_landmark_loss_equals_plain_loops_and_unknown_ones_weigh_nothing() -> None:
    random = np.random.default_rng(0)
    boxes = random_boxes(random, 8)
    predicted = torch.tensor(random.uniform(0, 60, (8, 5, 2)), requires_grad=True)
    wanted = torch.tensor(random.uniform(0, 60, (8, 5, 2)))
    wanted[0] = torch.nan
    wanted[1, 2:] = torch.nan
    losses = landmark_loss(predicted, wanted, boxes)
    for i in range(8):
        box = boxes[i]
        size = float(((box[2] - box[0]) * (box[3] - box[1])) ** 0.5)
        size = max(size, 1.0)
        terms = []
        for j in range(5):
            for k in range(2):
                if torch.isfinite(wanted[i, j, k]):
                    error = abs(float(predicted.detach()[i, j, k] - wanted[i, j, k])) / size
                    terms.append(error**2 / 0.04 if error < 0.02 else error - 0.01)
        assert float(losses.detach()[i]) == pytest.approx(sum(terms) / max(1, len(terms)))
    losses.sum().backward()
    assert predicted.grad is not None
    assert torch.isfinite(predicted.grad).all()
    assert predicted.grad[0].abs().sum() == 0


def test_objectness_loss_equals_plain_loops() -> None:
    random = np.random.default_rng(0)
    logits = torch.tensor(random.normal(0, 3, (2, 9)))
    wanted = torch.tensor(random.integers(0, 2, (2, 9)).astype(float))
    counted = torch.tensor(random.random((2, 9)) < 0.7)
    plain = 0.0
    for i in range(2):
        for j in range(9):
            p = 1 / (1 + np.exp(-float(logits[i, j])))
            p_true = p if wanted[i, j] else 1 - p
            if counted[i, j]:
                plain -= (1 - p_true) ** 1.5 * np.log(p_true)
    assert float(objectness_loss(logits, wanted, counted)) == pytest.approx(plain)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0, 191),
    st.floats(0, 127),
    st.floats(IGNORED_BELOW_PX + 0.1, 180),
    st.floats(0.6, 1.6),
)
def test_the_cell_that_holds_a_face_answers_for_it(
    x: float, y: float, width: float, ratio: float
) -> None:
    height = width * ratio
    box = torch.tensor([[x - width / 2, y - height / 2, x + width / 2, y + height / 2]])
    targets = assign(box.float(), CENTERS, CELL_STRIDES)
    answering = targets.face == 0
    assert answering.any()
    assert targets.counted[answering].all()
    holds = (CENTERS - torch.tensor([x, y])).abs().amax(dim=1) <= CELL_STRIDES / 2 + 1e-4
    grids = CELL_STRIDES[answering].unique()
    for grid in grids:
        assert (answering & holds & (grid == CELL_STRIDES)).any()


def test_of_two_faces_in_one_cell_the_nearer_is_taught() -> None:
    boxes = torch.tensor([[82.0, 42, 122, 82], [94.5, 54.5, 105.5, 65.5]])
    targets = assign(boxes, CENTERS, CELL_STRIDES)
    cell = (CELL_STRIDES == 8) & ((CENTERS - torch.tensor([100.0, 60.0])).abs() <= 4).all(dim=1)
    assert set(targets.face[cell].tolist()) == {1}


def test_tiny_faces_are_neither_taught_nor_punished() -> None:
    targets = assign(torch.tensor([[50.0, 50, 54, 54]]), CENTERS, CELL_STRIDES)
    assert (targets.face == -1).all()
    near = (CENTERS - 52).abs().amax(dim=1) < 4
    assert not targets.counted[near].any()
    assert targets.counted.float().mean() > 0.9


def test_without_faces_every_cell_says_no() -> None:
    targets = assign(torch.zeros(0, 4), CENTERS, CELL_STRIDES)
    assert (targets.face == -1).all()
    assert targets.counted.all()


def test_decoding_undoes_encoding() -> None:
    cell = 37
    center, stride = CENTERS[cell], CELL_STRIDES[cell]
    raw = torch.zeros(len(CENTERS), 15)
    raw[cell, 1:3] = (torch.tensor([41.0, 22.0]) - center) / stride
    raw[cell, 3:5] = torch.log(torch.tensor([30.0, 44.0]) / stride)
    points = torch.tensor(TEMPLATE_112, dtype=torch.float32)
    raw[cell, 5:] = ((points - center) / stride).flatten()
    _, boxes, landmarks = decode(raw, CENTERS, CELL_STRIDES)
    assert boxes[cell].tolist() == pytest.approx([26, 0, 56, 44], abs=1e-4)
    assert torch.allclose(landmarks[cell], points, atol=1e-4)


def test_drawn_boxes_get_the_teachers_landmarks_only_where_both_agree() -> None:
    boxes = np.array([[0, 0, 10, 10], [50, 50, 60, 60]], np.float32)
    teacher = np.array([[1, 1, 10, 10], [90, 90, 99, 99]], np.float32)
    points = np.arange(20, dtype=np.float32).reshape(2, 5, 2)
    landmarks = matched_landmarks(boxes, teacher, points)
    assert np.array_equal(landmarks[0], points[0])
    assert np.isnan(landmarks[1]).all()
    assert np.isnan(matched_landmarks(boxes, teacher[:0], points[:0])).all()


def colored_samples() -> list[Sample]:
    """Portraits and scenes in which each landmark is a dot of its own color."""
    samples = []
    for number in range(6):
        frame = np.full((150, 150, 3), 90, np.uint8)
        points = TEMPLATE_112 * 0.8 + 25
        for place, (x, y) in enumerate(points.round().astype(int)):
            frame[y - 4 : y + 5, x - 4 : x + 5] = DOTS[place]
        box = np.array([[25, 25, 115, 115]], np.float32)
        samples.append(Sample(frame, box, points[None].astype(np.float32), number % 2 == 0))
    return samples


DOTS = np.array([[0, 0, 255], [255, 0, 0], [0, 255, 255], [255, 0, 255], [0, 255, 0]], np.uint8)


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedSamples:
    assert write_samples(colored_samples(), tmp_path / "data") == 6
    return PreparedSamples(tmp_path / "data")


def test_prepared_samples_come_back_as_they_were(prepared: PreparedSamples) -> None:
    for number, sample in enumerate(colored_samples()):
        back = prepared[number]
        assert np.array_equal(back.frame_bgr, sample.frame_bgr)
        assert np.array_equal(back.bboxes_xyxy, sample.bboxes_xyxy)
        assert np.array_equal(back.landmarks_xy, sample.landmarks_xy)
    assert prepared.scenes.tolist() == [0, 2, 4]
    assert prepared.portraits.tolist() == [1, 3, 5]


def test_labels_stay_on_the_face_through_every_change(
    prepared: PreparedSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facegate.training.detector.augment.spoiled", lambda frame, _: frame)
    maker = CanvasMaker(prepared, side_px=192)
    mirrored_dots = DOTS[MIRRORED_LANDMARKS]
    checked = mirrored = hits = 0
    for seed in range(60):
        canvas = maker.make(np.random.default_rng(seed))
        for box, points in zip(canvas.bboxes_xyxy, canvas.landmarks_xy, strict=True):
            size = box[2] - box[0]
            if size < 45 or (points < 3).any() or (points > 188).any():
                continue
            colors = canvas.frame_bgr[points[:, 1].astype(int), points[:, 0].astype(int)]
            plain = np.abs(colors.astype(int) - DOTS).max(axis=1) < 60
            swapped = np.abs(colors.astype(int) - mirrored_dots).max(axis=1) < 60
            hits += max(plain.sum(), swapped.sum())
            mirrored += int(swapped.sum() > plain.sum())
            checked += 1
            # After mirroring, the first landmark is again the image's left eye.
            assert points[0, 0] < points[1, 0]
    assert checked > 30
    # In a mosaic, a neighboring tile may cover a part of a face.
    assert hits > 0.85 * 5 * checked
    assert 0 < mirrored < checked


RECIPE = DetectorRecipe(
    seed=3,
    images=48,
    batch=4,
    side_px=96,
    learning_rate=2e-3,
    warm_up_images=8,
    weight_decay=0.01,
    ema=0.9,
    scene_share=0.5,
    background_share=0.2,
    backgrounds_from=16,
    weight_objectness=1.0,
    weight_box=1.0,
    weight_landmarks=1.0,
)


def test_training_lowers_the_loss(prepared: PreparedSamples, tmp_path: Path) -> None:
    trainer = open_run(RECIPE, tmp_path / "run")
    maker = CanvasMaker(prepared, RECIPE.side_px)
    batch = [maker.make(np.random.default_rng(n)) for n in range(8)]
    centers, strides = cell_grid(96, 96)

    def loss() -> float:
        trainer.network.train()
        with torch.no_grad():
            return float(batch_losses(trainer.network, batch, centers, strides, RECIPE)["total"])

    before = loss()
    list(train(trainer, RECIPE, prepared))
    assert loss() < 0.8 * before
    assert trainer.seen == RECIPE.images


def test_an_interrupted_training_goes_on_where_it_stopped(
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
    for ours, theirs in zip(
        again.average.state_dict().values(), whole.average.state_dict().values(), strict=True
    ):
        assert torch.allclose(ours.float(), theirs.float(), atol=1e-4)
    assert open_run(RECIPE, tmp_path / "parts").seen == RECIPE.images


def test_learning_rate_rises_then_falls() -> None:
    rates = [RECIPE.rate_at(seen) for seen in range(0, 49, 4)]
    assert rates[0] < rates[1] == max(rates)
    assert rates[-1] == pytest.approx(0.01 * RECIPE.learning_rate)


def test_an_exported_network_comes_back_and_agrees(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = YoloFace().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    export_onnx(network, tmp_path / "x.onnx")
    back = read_onnx(tmp_path / "x.onnx")
    image = torch.rand(1, 3, 64, 96) * 255
    with torch.no_grad():
        assert torch.equal(back(image), network(image))


def test_the_grids_cover_the_picture() -> None:
    assert len(CENTERS) == sum(128 // s * (192 // s) for s in STRIDES)
    assert CENTERS.min() == 4
    assert CENTERS[:, 0].max() == 188

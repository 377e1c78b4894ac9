from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facegate.errors import InputError
from facegate.models.yolo import cell_grid
from facegate.training.detector.augment import (
    MIRRORED_LANDMARKS,
    CanvasMaker,
    _within,
    mixed,
    spoiled,
)
from facegate.training.detector.data import PreparedSamples, write_sets
from facegate.training.detector.targets import assign
from tests.unit.training.detector.samples import DOTS, dotted_sample, empty_sample

SIDE = 192


@pytest.fixture
def unspoiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facegate.training.detector.augment.spoiled", lambda frame, _: frame)


@pytest.mark.usefixtures("unspoiled")
@pytest.mark.parametrize("scene_share", [0.0, 1.0])
def test_landmarks_stay_on_the_face_through_every_change(
    prepared: PreparedSamples, scene_share: float
) -> None:
    maker = CanvasMaker(prepared, scene_share)
    mirrored_dots = DOTS[MIRRORED_LANDMARKS]
    checked = mirrored = hits = 0
    for seed in range(60):
        canvas = maker.make(np.random.default_rng(seed), SIDE)
        for box, points in zip(canvas.bboxes_xyxy, canvas.landmarks_xy, strict=True):
            size = box[2] - box[0]
            if size < 45 or (points < 3).any() or (points > SIDE - 4).any():
                continue
            colors = canvas.frame_bgr[points[:, 1].astype(int), points[:, 0].astype(int)]
            plain = np.abs(colors.astype(int) - DOTS).max(axis=1) < 60
            swapped = np.abs(colors.astype(int) - mirrored_dots).max(axis=1) < 60
            hits += max(plain.sum(), swapped.sum())
            mirrored += int(swapped.sum() > plain.sum())
            checked += 1
            # After mirroring, the first landmark is again the image's left eye.
            assert points[0, 0] < points[1, 0]
    assert checked > 15
    # In a mosaic, a neighboring tile may cover a part of a face.
    assert hits > 0.85 * 5 * checked
    assert 0 < mirrored < checked


@pytest.mark.usefixtures("unspoiled")
def test_boxes_follow_the_warp(prepared: PreparedSamples) -> None:
    """Where nothing is turned, the darker square of the face is exactly its box."""
    maker = CanvasMaker(prepared, 1.0, rotation_deg=0.0)
    checked = 0
    for seed in range(150):
        canvas = maker.make(np.random.default_rng(seed), SIDE)
        for box in canvas.bboxes_xyxy:
            if (box < 2).any() or (box > SIDE - 2).any() or box[2] - box[0] < 30:
                continue
            tones = canvas.frame_bgr.astype(int)
            x1, y1, x2, y2 = box
            middle_x, middle_y = int((x1 + x2) / 2), int((y1 + y2) / 2)
            inside = [(x1 + 3, middle_y), (x2 - 3, middle_y), (middle_x, y1 + 3)]
            outside = [(x1 - 3, middle_y), (x2 + 2, middle_y), (middle_x, y1 - 3)]
            for x, y in inside:
                assert abs(tones[int(y), int(x)] - 70).max() < 8
            for x, y in outside:
                assert abs(tones[int(y), int(x)] - 70).max() > 8
            checked += 1
    assert checked > 8


@pytest.mark.usefixtures("unspoiled")
def test_a_mosaic_shows_four_scenes_with_their_labels(prepared: PreparedSamples) -> None:
    maker = CanvasMaker(prepared, 1.0, mosaic_share=1.0)
    most = 0
    for seed in range(20):
        canvas = maker.make(np.random.default_rng(seed), 2 * SIDE)
        assert canvas.frame_bgr.shape == (2 * SIDE, 2 * SIDE, 3)
        most = max(most, len(canvas.bboxes_xyxy))
        for points in canvas.landmarks_xy:
            tile = (points[2] // SIDE) * SIDE
            if (points < tile + 3).any() or (points > tile + SIDE - 4).any():
                continue
            if np.ptp(points[:, 0]) < 15:
                continue
            colors = canvas.frame_bgr[points[:, 1].astype(int), points[:, 0].astype(int)]
            nose = colors[2].astype(int)
            assert np.abs(nose - DOTS[2]).max() < 60
    assert 3 <= most <= 4


@pytest.mark.usefixtures("unspoiled")
def test_scenes_cover_the_canvas_if_they_can(
    prepared: PreparedSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    def empty_share() -> float:
        maker = CanvasMaker(prepared, 1.0, rotation_deg=0.0)
        canvases = (maker.make(np.random.default_rng(seed), 256).frame_bgr for seed in range(60))
        # All colors of a scene are in these tones or saturated dots; what lies beyond is random.
        return float(np.mean([(np.abs(c[0, 0].astype(int) - 90) > 8).any() for c in canvases]))

    monkeypatch.setattr("facegate.training.detector.augment.FILLED", 0.0)
    before = empty_share()
    monkeypatch.setattr("facegate.training.detector.augment.FILLED", 1.0)
    assert empty_share() < 0.75 * before


def test_every_label_of_a_canvas_has_its_place(prepared: PreparedSamples) -> None:
    maker = CanvasMaker(prepared, 0.4, 0.2, mosaic_share=0.3)
    for seed in range(40):
        canvas = maker.make(np.random.default_rng(seed), 128)
        count = len(canvas.bboxes_xyxy)
        assert canvas.frame_bgr.shape == (128, 128, 3)
        assert canvas.frame_bgr.dtype == np.uint8
        assert canvas.bboxes_xyxy.shape == (count, 4)
        assert canvas.landmarks_xy.shape == (count, 5, 2)
        assert canvas.ignored.shape == (count,)
        assert canvas.ignored.dtype == bool
        middles = (canvas.bboxes_xyxy[:, :2] + canvas.bboxes_xyxy[:, 2:]) / 2
        assert ((middles >= 0) & (middles < 128)).all()


def test_the_same_random_state_makes_the_same_canvas(prepared: PreparedSamples) -> None:
    one, other = (CanvasMaker(prepared).make(np.random.default_rng(4), 96) for _ in range(2))
    assert np.array_equal(one.frame_bgr, other.frame_bgr)
    assert np.array_equal(one.bboxes_xyxy, other.bboxes_xyxy)


def test_backgrounds_have_no_faces(prepared: PreparedSamples) -> None:
    maker = CanvasMaker(prepared, 0.0, 1.0)
    assert not len(maker.make(np.random.default_rng(0), 96).bboxes_xyxy)


@pytest.mark.parametrize("is_scene", [True, False])
def test_ignored_boxes_stay_ignored(tmp_path: Path, is_scene: bool) -> None:
    both = dotted_sample(is_scene)
    wide = np.concatenate([both.frame_bgr, both.frame_bgr], axis=1)
    sample = type(both)(
        wide,
        np.concatenate(
            [
                both.bboxes_xyxy,
                both.bboxes_xyxy + np.float32([1, 0, 1, 0]) * both.frame_bgr.shape[1],
            ]
        ),
        np.concatenate([both.landmarks_xy, np.full((1, 5, 2), np.nan, np.float32)]),
        is_scene,
        ignored=np.array([False, True]),
    )
    write_sets({"all": [sample]}, tmp_path / "data")
    maker = CanvasMaker(PreparedSamples(tmp_path / "data"), float(is_scene))
    seen = set()
    for seed in range(30):
        canvas = maker.make(np.random.default_rng(seed), 128)
        # Only the ignored face has no landmarks. The other may be ignored, too: cut in the middle.
        unknown = np.isnan(canvas.landmarks_xy).all(axis=(1, 2))
        assert canvas.ignored[unknown].all()
        seen |= set(canvas.ignored.tolist())
    assert seen == {False, True}


def test_a_face_cut_in_its_middle_is_neither_taught_nor_punished() -> None:
    boxes = np.array(
        [[10, 10, 30, 30], [-15, 10, 5, 30], [-5, 10, 15, 30], [90, 90, 120, 99], [101, 0, 120, 9]],
        np.float32,
    )
    seen, ignored = _within(boxes, np.array([False, False, False, False, True]), (0, 0, 100, 100))
    assert seen.tolist() == [True, True, True, True, False]
    assert ignored.tolist() == [False, True, False, True]


def weighed(folder: Path) -> PreparedSamples:
    plain, doubted = dotted_sample(is_scene=True), dotted_sample(is_scene=True)
    doubted.frame_bgr[:] = 10
    write_sets({"bright": [plain] * 3, "dark": [doubted], "background": [empty_sample()]}, folder)
    return PreparedSamples(folder)


@pytest.mark.usefixtures("unspoiled")
@pytest.mark.parametrize(("weight", "expected"), [(0.0, 0.0), (1.0, 0.25), (3.0, 0.5), (9.0, 0.75)])
def test_sets_are_drawn_by_their_weights(tmp_path: Path, weight: float, expected: float) -> None:
    drawn = []
    samples = weighed(tmp_path / "data")
    maker = CanvasMaker(samples, 1.0, source_weights={"dark": weight})
    numbers: list[int] = []
    original = PreparedSamples.__getitem__

    class Watched(PreparedSamples):
        def __getitem__(self, number: int):  # type: ignore[no-untyped-def]
            numbers.append(number)
            return original(self, number)

    samples.__class__ = Watched
    for seed in range(200):
        maker.make(np.random.default_rng(seed), 64)
    drawn = [samples.source_names[samples.sources[number]] == "dark" for number in numbers]
    assert np.mean(drawn) == pytest.approx(expected, abs=0.1)


def test_unknown_sets_and_empty_choices_are_told(tmp_path: Path) -> None:
    samples = weighed(tmp_path / "data")
    with pytest.raises(InputError, match="no set named night"):
        CanvasMaker(samples, source_weights={"night": 2.0})
    with pytest.raises(InputError, match="no scene"):
        CanvasMaker(samples, source_weights={"dark": 0.0, "bright": 0.0})


def test_spoiling_keeps_shape_and_changes_light() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    before = frame.copy()
    changed = [spoiled(frame, np.random.default_rng(seed)) for seed in range(20)]
    assert all(c.shape == frame.shape and c.dtype == np.uint8 for c in changed)
    assert sum(not np.array_equal(c, frame) for c in changed) > 10
    assert np.array_equal(frame, before)


def test_mixed_canvases_are_means_that_only_a_teacher_labels(prepared: PreparedSamples) -> None:
    maker = CanvasMaker(prepared)
    canvases = [maker.make(np.random.default_rng(n), 64) for n in range(6)]
    assert mixed(canvases, 0.0, np.random.default_rng(0)) == canvases
    found = mixed(canvases, 1.0, np.random.default_rng(0))
    for number, canvas in enumerate(found):
        own, other = (canvases[n].frame_bgr.astype(float).ravel() for n in (number, number - 1))
        weight = np.linalg.lstsq(
            np.stack([own, other], 1), canvas.frame_bgr.astype(float).ravel(), rcond=None
        )[0]
        assert weight.sum() == pytest.approx(1, abs=0.02)
        assert 0.38 < weight[0] < 0.87
        targets = assign(
            torch.from_numpy(canvas.bboxes_xyxy),
            torch.from_numpy(canvas.ignored),
            torch.zeros(84, 2),
            torch.ones(84, 4),
            *cell_grid(64, 64),
        )
        assert (targets.face < 0).all()
        assert not targets.counted.any()
    some = mixed(canvases * 50, 0.3, np.random.default_rng(1))
    assert 60 < sum(a is not b for a, b in zip(some, canvases * 50, strict=True)) < 120

"""The shipped detector: torch and onnxruntime must say the same, and real faces must be found."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from fakes import face_at
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facegate.bootstrap import models_folder, start
from facegate.domain.overlaps import iou_matrix
from facegate.domain.tiling import TileMode
from facegate.errors import ModelError, ShapeError
from facegate.models import yolo, yolo_cells
from facegate.models.onnx_detector import DetectorSettings, OnnxFaceDetector, without_doubles
from facegate.models.registry import Task, choose_card, read_cards
from facegate.models.runtime import open_session
from facegate.training.detector.export import export_onnx, read_onnx
from facegate.vision import alter
from facegate.vision.align import TEMPLATE_112
from facegate.vision.images import load_image


@pytest.fixture(scope="module")
def weights() -> Path:
    return choose_card(read_cards(models_folder()), Task.DETECTION).path


@pytest.fixture
def detector() -> OnnxFaceDetector:
    return start().detector


@pytest.fixture
def collins(portrait_paths: dict[str, Path]) -> np.ndarray:
    return load_image(portrait_paths["collins"]).frame_bgr


def test_torch_and_onnxruntime_agree_on_a_real_face(weights: Path, collins: np.ndarray) -> None:
    frame = np.ascontiguousarray(collins[:320, 96:416])
    with torch.no_grad():
        expected = yolo.ExportedYolo(read_onnx(weights))(torch.from_numpy(frame[None])).numpy()
    session = open_session(weights.read_bytes(), 1)
    (found,) = session.run(None, {session.get_inputs()[0].name: frame[None]})
    assert found == pytest.approx(expected, abs=2e-3)


def test_both_decodings_agree() -> None:
    random = np.random.default_rng(0)
    centers, strides = yolo.cell_grid(64, 96)
    our_centers, our_strides = yolo_cells.cell_grid(64, 96)
    assert np.array_equal(centers.numpy(), our_centers)
    assert np.array_equal(strides.numpy(), our_strides)
    raw = random.normal(0, 1, (len(strides), 16)).astype(np.float32)
    logits, boxes, landmarks = yolo.decode(torch.from_numpy(raw), centers, strides)
    scores, our_boxes, our_landmarks = yolo_cells.decode(raw, our_centers, our_strides)
    expected = torch.sigmoid(logits).prod(dim=1).sqrt()
    assert scores == pytest.approx(expected.numpy(), abs=1e-6)
    assert our_boxes == pytest.approx(boxes.numpy(), abs=1e-3)
    assert our_landmarks == pytest.approx(landmarks.numpy(), abs=1e-3)
    assert (yolo_cells.STRIDES, yolo_cells.VALUES, yolo_cells.FIT) == (
        yolo.STRIDES, yolo.VALUES, yolo.FIT,
    )  # fmt: skip


odd = st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -1e30, 100.0, -100.0])


@given(
    arrays(np.float32, (21, 16), elements=st.one_of(st.floats(-8, 8, width=32), odd)),
    st.floats(0.001, 0.99),
)
@settings(deadline=None, max_examples=50)
def test_the_faces_of_any_cells_are_those_of_a_plain_loop(cells: np.ndarray, least: float) -> None:
    boxes, landmarks, scores = yolo_cells.faces_in_cells(cells, 32, 32, least)
    centers, strides = yolo_cells.cell_grid(32, 32)
    expected = []
    for cell, center, stride in zip(cells.astype(float), centers, strides, strict=True):
        parts = [1 / (1 + math.exp(-min(max(cell[i], -60), 60))) for i in (0, 15)]
        score = math.sqrt(parts[0] * parts[1])
        if abs(score - least) < 1e-6:
            return  # rounding may decide either way
        finite = np.isfinite(cell[[1, 2, *range(5, 15)]]).all() and not np.isnan(cell[3:5]).any()
        if score >= least and finite:
            half = math.exp(min(max(cell[3], -4), 5)) * stride / 2
            expected.append((score, center[0] + cell[1] * stride - half))
    assert np.isfinite(boxes).all()
    assert np.isfinite(landmarks).all()
    assert scores == pytest.approx([score for score, _ in expected], abs=1e-5)
    assert boxes[:, 0] == pytest.approx([left for _, left in expected], rel=1e-5, abs=0.01)


def test_a_fresh_export_can_be_run(tmp_path: Path) -> None:
    export_onnx(yolo.YoloFace(), tmp_path / "x.onnx")
    session = open_session((tmp_path / "x.onnx").read_bytes(), 1)
    assert OnnxFaceDetector(session, DetectorSettings(), "x").detect(
        np.zeros((70, 50, 3), np.uint8)
    ) == []  # fmt: skip


def test_another_network_is_refused() -> None:
    card = choose_card(read_cards(models_folder()), Task.EMBEDDING)
    with pytest.raises(ModelError, match="not a face detector"):
        OnnxFaceDetector(open_session(card.read_weights(), 1), DetectorSettings(), "x")


@pytest.mark.parametrize("who", ["collins", "hopper"])
@pytest.mark.parametrize("scale", [0.3, 0.6, 1.0, 2.5])
def test_a_portrait_has_one_face_at_every_size(
    detector: OnnxFaceDetector, portrait_paths: dict[str, Path], who: str, scale: float
) -> None:
    frame = alter.shrunk(load_image(portrait_paths[who]).frame_bgr, scale)
    faces = detector.detect(frame)
    assert len(faces) == 1
    left_eye, right_eye, nose, left_mouth, right_mouth = faces[0].landmarks_xy
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    x1, y1, x2, y2 = faces[0].bbox_xyxy
    assert ((faces[0].landmarks_xy > (x1, y1)) & (faces[0].landmarks_xy < (x2, y2))).all()


def test_a_face_that_fills_the_picture_is_found(
    detector: OnnxFaceDetector, collins: np.ndarray
) -> None:
    x1, y1, x2, y2 = detector.detect(collins)[0].bbox_xyxy.astype(int)
    near = alter.shrunk(np.ascontiguousarray(collins[y1 - 8 : y2 + 8, x1 - 8 : x2 + 8]), 12.0)
    face = detector.detect(near)[0]
    assert face.size_px > 0.6 * near.shape[1]


def test_landmarks_follow_when_the_picture_is_shifted(
    detector: OnnxFaceDetector, collins: np.ndarray
) -> None:
    whole = detector.detect(collins)[0]
    moved = detector.detect(np.ascontiguousarray(collins[13:, 21:]))[0]
    eyes_px = np.linalg.norm(whole.landmarks_xy[0] - whole.landmarks_xy[1])
    shift = np.linalg.norm(whole.landmarks_xy - (21, 13) - moved.landmarks_xy, axis=1)
    assert shift.max() < 0.15 * eyes_px


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3), (31, 33)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_pictures_without_a_face_have_none(
    detector: OnnxFaceDetector, shape: tuple[int, int], value: int
) -> None:
    assert detector.detect(np.full((*shape, 3), value, np.uint8)) == []


def test_noise_has_no_face(detector: OnnxFaceDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (400, 600, 3), np.uint8)
    assert detector.detect(noise) == []


def test_frames_that_are_none_are_refused(detector: OnnxFaceDetector) -> None:
    for bad in (np.zeros((50, 50), np.uint8), np.zeros((50, 50, 4), np.uint8), np.zeros((9, 9, 3))):
        with pytest.raises(ShapeError):
            detector.detect(bad)
    assert detector.detect(np.zeros((0, 10, 3), np.uint8)) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_network_that_says_no_numbers_finds_nothing(value: float) -> None:
    class Broken:
        """A session whose every value is not a number."""

        def __init__(self) -> None:
            real = start().detector._session
            self.value = value
            self.get_inputs, self.get_outputs = real.get_inputs, real.get_outputs

        def run(self, _: object, feed: dict) -> list[np.ndarray]:
            (frames,) = feed.values()
            cells = len(yolo_cells.cell_grid(*frames.shape[1:3])[1])
            return [np.full((1, 16, cells), self.value, np.float32)]

    detector = OnnxFaceDetector(Broken(), DetectorSettings(), "x")
    assert detector.detect(np.zeros((100, 100, 3), np.uint8)) == []


def test_limits_are_kept(collins: np.ndarray) -> None:
    gate = start()
    session = open_session(gate.detector_card.read_weights(), 1)
    everything = OnnxFaceDetector(
        session, DetectorSettings(score_threshold=0.001, min_face_px=1, max_faces=3), "x"
    ).detect(collins)
    assert len(everything) == 3
    areas = [float(np.prod(face.bbox_xyxy[2:] - face.bbox_xyxy[:2])) for face in everything]
    assert areas == sorted(areas, reverse=True)
    large = OnnxFaceDetector(session, DetectorSettings(min_face_px=300), "x")
    assert large.detect(collins) == []


class Squares:
    """A session that takes every white square for a face; cut ones look like smaller ones."""

    def __init__(self) -> None:
        real = start().detector._session
        self.get_inputs, self.get_outputs = real.get_inputs, real.get_outputs
        self.seen: list[tuple[int, ...]] = []

    def run(self, _: object, feed: dict) -> list[np.ndarray]:
        (frames,) = feed.values()
        self.seen.append(frames.shape[1:3])
        centers, strides = yolo_cells.cell_grid(*frames.shape[1:3])
        cells = np.full((1, len(strides), 16), -9, np.float32)
        white = (frames[0, :, :, 0] > 127).astype(np.uint8)
        for left, top, width, height, _ in cv2.connectedComponentsWithStats(white)[2][1:]:
            if min(width, height) < 10:
                continue
            middle = np.array([left + width / 2, top + height / 2])
            near = int(np.abs(centers - middle).sum(axis=1).argmin())
            points = TEMPLATE_112 / 112 * (width, height) + (left, top)
            stride = float(strides[near])
            cells[0, near, [0, 15]] = 4 + width / 1000
            cells[0, near, 1:3] = (middle - centers[near]) / stride
            cells[0, near, 3:5] = np.log(np.array([width, height]) / stride)
            cells[0, near, 5:15] = ((points - centers[near]) / stride).ravel()
        return [cells.transpose(0, 2, 1)]


def with_squares(
    size_wh: tuple[int, int], places: list[tuple[int, int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    frame = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    for x, y, size in places:
        frame[y : y + size, x : x + size] = 255
    return frame, np.array([[x, y, x + s, y + s] for x, y, s in places], np.float32)


def looking(tiles: TileMode, **limits: Any) -> OnnxFaceDetector:
    return OnnxFaceDetector(Squares(), DetectorSettings(tiles=tiles, **limits), "x")


def test_tiles_find_small_faces_and_the_whole_look_large_ones() -> None:
    frame, truth = with_squares((2600, 1500), [(100, 100, 20), (630, 300, 24), (1000, 200, 1200)])
    large = looking(TileMode.OFF).detect(frame)
    assert [face.size_px for face in large] == pytest.approx([1200], abs=4)
    for mode in (TileMode.ON, TileMode.AUTO):
        found = looking(mode).detect(frame)
        overlaps = iou_matrix(np.stack([face.bbox_xyxy for face in found]), truth)
        assert len(found) == 3
        assert overlaps.max(axis=0) == pytest.approx(1, abs=0.2)


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_face_anywhere_across_tiles_is_found_once(data: st.DataObject) -> None:
    size_wh = data.draw(st.sampled_from([(1700, 900), (900, 2000), (3000, 641)]))
    places: list[tuple[int, int, int]] = []
    for _ in range(data.draw(st.integers(1, 5))):
        size = data.draw(st.sampled_from([16, 40, 90, 159, 200, 500]))
        x = data.draw(st.integers(0, size_wh[0] - size))
        y = data.draw(st.integers(0, size_wh[1] - size))
        if all(x > a + s + 8 or a > x + size + 8 or y > b + s + 8 or b > y + size + 8
               for a, b, s in places):  # fmt: skip
            places.append((x, y, size))
    frame, truth = with_squares(size_wh, places)
    found = looking(TileMode.ON, min_face_px=12).detect(frame)
    overlaps = iou_matrix(np.stack([face.bbox_xyxy for face in found]), truth)
    assert len(found) == len(places)
    assert (overlaps.max(axis=0) > 0.6).all()
    assert len(set(overlaps.argmax(axis=0))) == len(places)


class Doubtful(Squares):
    """Sees squares under 20 pixels badly, and larger ones well."""

    def run(self, _: object, feed: dict) -> list[np.ndarray]:
        (cells,) = super().run(_, feed)
        found = cells[0, 0] > 0
        small = found & (np.exp(cells[0, 3]) * yolo_cells.cell_grid(*self.seen[-1])[1] < 20)
        cells[0, 0, small] = cells[0, 15, small] = -0.8
        return [cells]


def test_far_faces_get_a_second_look_where_the_first_is_unsure() -> None:
    frame, truth = with_squares((1280, 720), [(300, 200, 30), (900, 500, 26), (1000, 40, 90)])
    for crops, faces in ((0, 1), (1, 2), (4, 3)):
        session = Doubtful()
        detector = OnnxFaceDetector(session, DetectorSettings(zoom_crops=crops), "x")
        found = detector.detect(frame)
        assert len(found) == faces
        assert len(session.seen) == 1 + min(crops, 2)
        assert session.seen[1:] == [(320, 320)] * min(crops, 2)
        overlaps = iou_matrix(np.stack([face.bbox_xyxy for face in found]), truth)
        assert (overlaps.max(axis=1) > 0.7).all()


def test_a_frame_with_one_sure_face_is_looked_at_once() -> None:
    session = Doubtful()
    frame, _ = with_squares((1280, 720), [(300, 200, 300)])
    assert len(OnnxFaceDetector(session, DetectorSettings(zoom_crops=4), "x").detect(frame)) == 1
    assert len(session.seen) == 1


def test_the_network_never_sees_more_than_its_side() -> None:
    squares = Squares()
    detector = OnnxFaceDetector(squares, DetectorSettings(tiles=TileMode.ON), "x")
    detector.detect(np.zeros((1333, 2777, 3), np.uint8))
    assert max(max(shape) for shape in squares.seen) == 640
    assert all(side % 32 == 0 for shape in squares.seen for side in shape)


def test_the_steps_give_what_detect_gives(detector: OnnxFaceDetector, collins: np.ndarray) -> None:
    looks = detector.looks(collins)
    found = [
        detector.candidates(detector.cells(detector.canvas(collins, look)), look) for look in looks
    ]
    found += [detector.look(collins, zoom) for zoom in detector.zooms(found, looks)]
    stepwise = detector.refined(collins, detector.merged(found))
    (at_once,) = detector.detect(collins)
    assert np.array_equal(stepwise[0].landmarks_xy, at_once.landmarks_xy)
    assert stepwise[0].score == at_once.score


def test_other_settings_leave_a_detector_as_it_was(
    detector: OnnxFaceDetector, collins: np.ndarray
) -> None:
    other = detector.with_settings(replace(detector.settings, min_face_px=400))
    assert other.detect(collins) == []
    assert other.model_id == detector.model_id
    assert len(detector.detect(collins)) == 1


def test_two_boxes_around_one_face_are_one_face() -> None:
    small, large = face_at(100, 100, 80, score=0.99), face_at(60, 60, 170, score=0.8)
    same = replace(large, landmarks_xy=small.landmarks_xy + 5)
    neighbor = face_at(190, 100, 80, score=0.9)
    kept = without_doubles([same, neighbor, small])
    assert kept == [small, neighbor]
    assert without_doubles([large, small]) == [small, large]  # a face before a larger one
    assert without_doubles([]) == []


@pytest.mark.parametrize("who", ["collins", "hopper"])
def test_a_face_in_near_darkness_is_found_where_it_is_in_the_light(
    who: str, portrait_paths: dict[str, Path], detector: OnnxFaceDetector
) -> None:
    frame = load_image(portrait_paths[who]).frame_bgr
    (lit,) = detector.detect(frame)
    night = alter.darkened(frame, 0.03)
    as_it_is = detector.with_settings(replace(detector.settings, brighten_below=0.0))
    assert as_it_is.detect(night) == []
    before = night.copy()
    (found,) = detector.detect(night)
    assert np.array_equal(night, before)
    assert iou_matrix(found.bbox_xyxy[None], lit.bbox_xyxy[None])[0, 0] > 0.9
    eyes = np.linalg.norm(lit.landmarks_xy[1] - lit.landmarks_xy[0])
    assert np.linalg.norm(found.landmarks_xy - lit.landmarks_xy, axis=1).max() < 0.08 * eyes


def test_darkness_without_anybody_stays_empty(detector: OnnxFaceDetector) -> None:
    random = np.random.default_rng(5)
    assert detector.detect(np.zeros((360, 640, 3), np.uint8)) == []
    assert detector.detect(random.integers(0, 12, (360, 640, 3), dtype=np.uint8)) == []


def test_the_settings_of_the_program_are_those_of_the_detector() -> None:
    assert start().detector.settings == DetectorSettings()

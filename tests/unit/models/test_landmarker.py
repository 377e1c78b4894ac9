"""The shipped landmark network: parity, and landmarks where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from facegate.bootstrap import models_folder, start
from facegate.domain.faces import DetectedFace
from facegate.errors import ModelError
from facegate.models import landmarker
from facegate.models.onnx_landmarker import OnnxLandmarker
from facegate.models.registry import Task, choose_card, read_cards
from facegate.models.runtime import open_session
from facegate.training.landmarks.export import export_onnx, read_onnx
from facegate.vision import alter
from facegate.vision.images import load_image


@pytest.fixture(scope="module")
def weights() -> Path:
    return choose_card(read_cards(models_folder()), Task.LANDMARKS).path


def test_torch_and_onnxruntime_agree(weights: Path) -> None:
    crops = np.random.default_rng(0).integers(0, 255, (3, 96, 96, 3)).astype(np.uint8)
    with torch.no_grad():
        expected = landmarker.ExportedLandmarker(read_onnx(weights))(torch.from_numpy(crops))
    session = open_session(weights.read_bytes(), 1)
    (found,) = session.run(None, {session.get_inputs()[0].name: crops})
    assert found == pytest.approx(expected.numpy(), abs=2e-3)


def test_an_export_comes_back(tmp_path: Path) -> None:
    network = landmarker.Landmarker().eval()
    export_onnx(network, tmp_path / "x.onnx")
    back = read_onnx(tmp_path / "x.onnx")
    image = torch.rand(2, 3, 96, 96) * 255
    with torch.no_grad():
        assert torch.equal(back(image), network(image))
    with pytest.raises(ModelError):
        read_onnx(choose_card(read_cards(models_folder()), Task.EMBEDDING).path)


def test_another_network_is_refused() -> None:
    card = choose_card(read_cards(models_folder()), Task.EMBEDDING)
    with pytest.raises(ModelError, match="not a landmark network"):
        OnnxLandmarker(open_session(card.read_weights(), 1), "x")


@pytest.mark.parametrize("who", ["collins", "hopper"])
@pytest.mark.parametrize("turn_deg", [-8, 0, 8])
def test_landmarks_that_begin_elsewhere_come_back(
    portrait_paths: dict[str, Path], who: str, turn_deg: float
) -> None:
    gate = start()
    frame = load_image(portrait_paths[who]).frame_bgr
    face = gate.detector.detect(frame)[0]
    eyes_px = float(np.linalg.norm(face.landmarks_xy[0] - face.landmarks_xy[1]))
    angle = np.deg2rad(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = face.landmarks_xy.mean(axis=0)
    rough = (face.landmarks_xy - middle) @ turn.T * 1.06 + middle + 0.1 * eyes_px
    (again,) = gate.landmarker.refine(
        frame, [DetectedFace(face.bbox_xyxy, rough.astype(np.float32), face.score)]
    )
    change = np.linalg.norm(again.landmarks_xy - face.landmarks_xy, axis=1).mean()
    assert change < 0.08 * eyes_px
    assert np.array_equal(again.bbox_xyxy, face.bbox_xyxy)


def test_mirroring_the_picture_mirrors_the_landmarks(portrait_paths: dict[str, Path]) -> None:
    gate = start()
    frame = load_image(portrait_paths["hopper"]).frame_bgr
    face = gate.detector.detect(frame)[0]
    width = frame.shape[1]
    x1, y1, x2, y2 = face.bbox_xyxy
    box = [width - 1 - x2, y1, width - 1 - x1, y2]
    points = face.landmarks_xy[[1, 0, 2, 4, 3]] * [-1, 1] + [width - 1, 0]
    flipped = DetectedFace(box, points.astype(np.float32), face.score)
    (straight,) = gate.landmarker.refine(frame, [face])
    (mirrored,) = gate.landmarker.refine(np.ascontiguousarray(frame[:, ::-1]), [flipped])
    back = mirrored.landmarks_xy[[1, 0, 2, 4, 3]].copy()
    back[:, 0] = width - 1 - back[:, 0]
    eyes_px = float(np.linalg.norm(face.landmarks_xy[0] - face.landmarks_xy[1]))
    assert np.abs(back - straight.landmarks_xy).max() < 0.01 * eyes_px


@pytest.mark.parametrize(
    "box", [(0, 0, 1, 1), (-500, -500, -400, -400), (5000, 5000, 6000, 6000), (-90, -90, 300, 300)]
)
def test_boxes_anywhere_give_finite_landmarks(box: tuple[float, ...]) -> None:
    frame = np.full((120, 160, 3), 127, np.uint8)
    face = DetectedFace(box, np.zeros((5, 2)), 0.9)
    (refined,) = start().landmarker.refine(frame, [face])
    assert np.isfinite(refined.landmarks_xy).all()
    assert start().landmarker.refine(frame, []) == []


def test_points_that_are_not_numbers_leave_the_detectors() -> None:
    class Broken:
        def __init__(self) -> None:
            real = start().landmarker._session
            self.get_inputs, self.get_outputs = real.get_inputs, real.get_outputs

        def run(self, _: object, feed: dict) -> list[np.ndarray]:
            (crops,) = feed.values()
            return [np.full((len(crops), 5, 2), np.nan, np.float32)]

    face = DetectedFace((10, 10, 60, 60), np.arange(10).reshape(5, 2), 0.9)
    (same,) = OnnxLandmarker(Broken(), "x").refine(np.zeros((99, 99, 3), np.uint8), [face])
    assert same is face


def test_looks_are_those_that_the_mean_is_made_of(portrait_paths: dict[str, Path]) -> None:
    gate = start()
    frame = load_image(portrait_paths["collins"]).frame_bgr
    face = gate.detector.detect(frame)[0]
    faces = [face, DetectedFace(face.bbox_xyxy + 3, face.landmarks_xy, 0.9)]
    looks = gate.landmarker.looks(frame, faces)
    assert looks.shape == (2, 2, 5, 2)
    refined = gate.landmarker.refine(frame, faces)
    for one, several in zip(refined, looks, strict=True):
        assert one.landmarks_xy == pytest.approx(several.mean(axis=0), abs=1e-3)
    assert gate.landmarker.looks(frame, []).shape == (0, 2, 5, 2)


def test_in_the_dark_landmarks_are_looked_for_brightened(portrait_paths: dict[str, Path]) -> None:
    gate = start()
    frame = load_image(portrait_paths["collins"]).frame_bgr
    face = gate.detector.detect(frame)[0]
    eyes_px = float(np.linalg.norm(face.landmarks_xy[0] - face.landmarks_xy[1]))
    rough = DetectedFace(face.bbox_xyxy, face.landmarks_xy + 0.1 * eyes_px, face.score)
    night = alter.darkened(frame, 0.03)
    (lit,) = gate.landmarker.refine(frame, [rough])
    away = [
        float(np.abs(found.landmarks_xy - lit.landmarks_xy).max()) / eyes_px
        for below in (0.0, 60.0)
        for found in gate.landmarker.refine(night, [rough], below)
    ]
    assert away[1] < 0.05 < away[0]

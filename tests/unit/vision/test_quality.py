from __future__ import annotations

import numpy as np
import pytest

from facegate.domain.faces import DetectedFace
from facegate.vision import alter
from facegate.vision.align import TEMPLATE_112, align_face
from facegate.vision.images import load_image
from facegate.vision.quality import _DEPTH_PX, head_pose_deg, measure_quality


def test_a_face_as_the_template_is_frontal() -> None:
    assert head_pose_deg(TEMPLATE_112.astype(np.float32)) == pytest.approx((0, 0, 0), abs=0.5)


@pytest.mark.parametrize("roll", [-40, -10, 25])
def test_roll_is_the_turn_in_the_picture(roll: float) -> None:
    angle = np.deg2rad(roll)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = ((TEMPLATE_112 - 56) @ turn.T * 3 + 200).astype(np.float32)
    assert head_pose_deg(points)[2] == pytest.approx(roll, abs=1)


@pytest.mark.parametrize("yaw", [-40, -15, 20, 45])
def test_a_turned_head_shows_its_yaw(yaw: float) -> None:
    angle = np.deg2rad(yaw)
    head = np.column_stack([TEMPLATE_112 - TEMPLATE_112.mean(axis=0), _DEPTH_PX])
    turned_x = head[:, 0] * np.cos(angle) + head[:, 2] * np.sin(angle)
    points = np.column_stack([turned_x, head[:, 1]]).astype(np.float32)
    assert head_pose_deg(points)[0] == pytest.approx(yaw, abs=3)


@pytest.mark.parametrize("pitch", [-25, 20])
def test_a_nodding_head_shows_its_pitch(pitch: float) -> None:
    angle = np.deg2rad(pitch)
    head = np.column_stack([TEMPLATE_112 - TEMPLATE_112.mean(axis=0), _DEPTH_PX])
    turned_y = head[:, 1] * np.cos(angle) + head[:, 2] * np.sin(angle)
    points = np.column_stack([head[:, 0], turned_y]).astype(np.float32)
    assert head_pose_deg(points)[1] == pytest.approx(pitch, abs=3)


def test_landmarks_on_one_point_are_no_pose_to_trust() -> None:
    assert head_pose_deg(np.full((5, 2), 7, np.float32)) == (90, 90, 90)


def quality_of(crop: np.ndarray, size: float = 120.0):
    return measure_quality(DetectedFace([0, 0, size, size], TEMPLATE_112, 0.9), crop)


FACE = DetectedFace([0, 0, 120, 120], TEMPLATE_112, 0.9)


@pytest.fixture
def crop(portrait_paths: dict) -> np.ndarray:
    frame = load_image(portrait_paths["collins"]).frame_bgr
    # Where the eyes, the nose and the mouth are in this portrait, by eye.
    points = np.array([[205, 110], [247, 108], [228, 133], [212, 153], [246, 152]], np.float32)
    return align_face(frame, points)


def test_blur_lowers_sharpness_and_score(crop: np.ndarray) -> None:
    sharp, soft = quality_of(crop), quality_of(alter.blurred(crop, 0.03))
    assert soft.sharpness < 0.5 * sharp.sharpness
    assert soft.score < sharp.score


def test_the_black_beyond_the_frames_edge_counts_for_nothing(crop: np.ndarray) -> None:
    inside = np.ones((112, 112), bool)
    inside[80:] = inside[:, :35] = False
    whole = quality_of(crop)
    part = measure_quality(FACE, crop * inside[:, :, None], inside)
    assert part.sharpness == pytest.approx(whole.sharpness, abs=0.06)
    assert part.brightness == pytest.approx(whole.brightness, abs=0.1)
    assert part.visible == pytest.approx(60 * 57 / (82 * 72))
    assert part.score < 0.5 * whole.score
    shadows = quality_of(crop * inside[:, :, None])
    assert shadows.brightness < 0.7 * whole.brightness, "black inside the frame is dark"
    nothing = measure_quality(FACE, np.zeros_like(crop), np.zeros((112, 112), bool))
    assert (nothing.sharpness, nothing.brightness, nothing.visible) == (0, 0, 0)


def test_noise_does_not_make_a_blurred_face_sharp(crop: np.ndarray) -> None:
    soft = alter.blurred(crop, 0.05)
    noise = np.random.default_rng(0).normal(0, 3, crop.shape)
    noisy = np.clip(soft + noise, 0, 255).astype(np.uint8)
    assert quality_of(noisy).sharpness < 0.6 * quality_of(crop).sharpness


def test_dim_light_is_not_taken_for_blur(crop: np.ndarray) -> None:
    bright, dim = quality_of(crop), quality_of(alter.darkened(crop, 0.4))
    assert dim.brightness == pytest.approx(0.4 * bright.brightness, rel=0.05)
    assert dim.sharpness == pytest.approx(bright.sharpness, rel=0.2)
    assert dim.score < bright.score


def test_a_larger_face_is_better(crop: np.ndarray) -> None:
    scores = [quality_of(crop, size).score for size in (20, 40, 80, 160)]
    assert scores == sorted(scores)
    assert all(0 <= score <= 1 for score in scores)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_blank_crop_has_a_finite_and_low_score(value: int) -> None:
    quality = quality_of(np.full((112, 112, 3), value, np.uint8))
    assert 0 <= quality.score < 0.3

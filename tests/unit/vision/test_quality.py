from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from facegate.domain.faces import DetectedFace
from facegate.vision import alter
from facegate.vision.align import TEMPLATE_112, align_face
from facegate.vision.images import load_image
from facegate.vision.quality import measure_quality


def quality_of(crop: np.ndarray, size: float = 120.0):
    face = DetectedFace([0, 0, size, size], TEMPLATE_112 * (size / 120.0), 0.9)
    return measure_quality(face, crop)


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
    assert scores[0] < 0.8 * scores[-1]
    assert all(0 <= score <= 1 for score in scores)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_blank_crop_has_a_finite_and_low_score(value: int) -> None:
    quality = quality_of(np.full((112, 112, 3), value, np.uint8))
    assert 0 <= quality.score < 0.3


def test_a_mirrored_face_is_as_good_and_turned_the_other_way(crop: np.ndarray) -> None:
    points = (TEMPLATE_112 + np.array([[0, 0], [1, 2], [4, -1], [0, 0], [2, 1]])).astype(np.float32)
    mirrored = points[[1, 0, 2, 4, 3]] * np.float32([-1, 1]) + np.float32([111, 0])
    one = asdict(measure_quality(DetectedFace([0, 0, 111, 111], points, 0.9), crop))
    other = measure_quality(
        DetectedFace([0, 0, 111, 111], mirrored, 0.9), np.ascontiguousarray(crop[:, ::-1])
    )
    for name, value in asdict(other).items():
        expected = -one[name] if name in {"yaw_deg", "roll_deg"} else one[name]
        # The template of the pose is not quite even.
        slack = 1.0 if name.endswith("_deg") else 0.02 * max(1.0, abs(expected))
        assert value == pytest.approx(expected, abs=slack), name


def test_real_portraits_keep_their_measures(crop: np.ndarray) -> None:
    """A change of any of these is a change of what is stored; raise READING_REVISION with it."""
    found = quality_of(crop)
    expected = {
        "sharpness": 0.419, "brightness": 0.659, "contrast": 0.172, "luminance_mean": 0.423,
        "luminance_variance": 0.038, "under_exposed": 0.061, "over_exposed": 0.0,
        "dynamic_range_bits": 7.529, "light_uniformity": 0.640, "color_cast": 0.0,
        "covered": 0.041, "noise": 0.006, "score": 0.824,
    }  # fmt: skip
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, abs=0.02), name


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_odd_landmarks_give_finite_measures(seed: int) -> None:
    random = np.random.default_rng(seed)
    noise = random.integers(0, 256, (112, 112, 3)).astype(np.uint8)
    points = random.normal(0, 10.0 ** random.integers(-3, 5), (5, 2)).astype(np.float32)
    inside = random.random((112, 112)) < random.random()
    quality = measure_quality(DetectedFace([5, 5, 4, 4], points, 1.0), noise, inside)
    assert all(np.isfinite(value) for value in asdict(quality).values())
    assert 0 <= quality.score <= 1

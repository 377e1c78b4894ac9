"""Makes a moving picture of a visit from one photograph: for benchmarks and drills."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray

NOISE = 2.5
"""Deviation of a webcam's noise in daylight, in 8-bit steps."""


@lru_cache(maxsize=4)
def empty_scene(size_wh: tuple[int, int], seed: int = 0) -> ImageArray:
    """A wall in soft light with nothing on it, (h, w, 3) uint8 BGR."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(90, 150, (6, 8, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, size_wh, interpolation=cv2.INTER_CUBIC)
    scene = np.asarray(np.clip(smooth, 0, 255), np.uint8)
    scene.setflags(write=False)
    return scene


def with_noise(frame_bgr: ImageArray, random: np.random.Generator) -> ImageArray:
    """Add a camera's noise: no two frames of a real camera are the same."""
    height, width = frame_bgr.shape[:2]
    noise = _noise(height, width)
    y, x = (int(one) for one in random.integers(0, _SLACK_PX, 2))
    moved = noise[y : y + height, x : x + width]
    return np.asarray(cv2.add(frame_bgr, moved, dtype=cv2.CV_8U), np.uint8)


_SLACK_PX = 97
"""The noise is made once, larger than a frame; every frame gets another part of it."""


@lru_cache(maxsize=2)
def _noise(height: int, width: int) -> npt.NDArray[np.int16]:
    shape = (height + _SLACK_PX, width + _SLACK_PX, 3)
    noise = np.random.default_rng(0).normal(0, NOISE, shape).round().astype(np.int16)
    noise.setflags(write=False)
    return noise


def visit_film(
    photo_bgr: ImageArray,
    landmarks_xy: FloatArray,
    frames: int,
    size_wh: tuple[int, int] = (1280, 720),
    eyes_px: tuple[float, float] = (36.0, 62.0),
    seed: int = 0,
) -> Iterator[ImageArray]:
    """Let the person of a photograph walk up to the camera and stand there.

    The photograph is enlarged, moved and turned a little from frame to frame, as a person sways;
    beyond its edges its colors go on, blurred, so that no edge of a picture shows.

    Args:
        photo_bgr: (h, w, 3) uint8, with one face.
        landmarks_xy: (5, 2) of that face, pixels of the photograph.
        frames: how many to make; the person walks in the first third.
        size_wh: of the frames.
        eyes_px: distance of the eyes at the beginning and when standing, pixels.
        seed: decides the swaying and the noise.

    Yields:
        (h, w, 3) uint8 BGR frames.
    """
    random = np.random.default_rng(seed)
    width, height = size_wh
    eyes = float(np.linalg.norm(landmarks_xy[1] - landmarks_xy[0]))
    nose_x, nose_y = (float(value) for value in landmarks_xy[2])
    phases = random.uniform(0, 2 * math.pi, 4)
    for number in range(frames):
        walked = min(1.0, 3 * number / max(1, frames))
        scale = (eyes_px[0] + (eyes_px[1] - eyes_px[0]) * walked) / max(eyes, 1.0)
        time = number / 15
        sway = [math.sin(rate * time + phase) for rate, phase in zip((1.1, 1.7, 0.9, 2.3), phases)]  # noqa: B905
        angle = 2.5 * sway[0]
        matrix = cv2.getRotationMatrix2D((nose_x, nose_y), angle, scale * (1 + 0.01 * sway[3]))
        matrix[0, 2] += width / 2 + 12 * sway[1] - nose_x
        matrix[1, 2] += height / 2 + 8 * sway[2] - nose_y
        yield with_noise(_placed(photo_bgr, matrix, size_wh), random)


def _placed(photo_bgr: ImageArray, matrix: FloatArray, size_wh: tuple[int, int]) -> ImageArray:
    """Put a photograph into a frame; its edges fade into a blurred continuation of its colors."""
    frame = cv2.warpAffine(photo_bgr, matrix, size_wh, borderMode=cv2.BORDER_REPLICATE)
    far = cv2.blur(cv2.resize(frame, (80, 45), interpolation=cv2.INTER_AREA), (9, 9))
    far = cv2.resize(far, size_wh, interpolation=cv2.INTER_CUBIC)
    inside = np.zeros(photo_bgr.shape[:2], np.float32)
    margin = max(2, min(inside.shape) // 16)
    inside[margin:-margin, margin:-margin] = 1.0
    inside = cv2.blur(inside, (2 * margin + 1, 2 * margin + 1))
    share = cv2.warpAffine(inside, matrix, size_wh)[..., np.newaxis]
    return np.asarray(np.clip(share * frame + (1 - share) * far, 0, 255), np.uint8)

"""Makes aligned crops look as they do at a gate: dim, blurred, compressed, small, half covered."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facegate.domain.arrays import ImageArray
from facegate.vision.align import CROP_PX


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How often each change is made; probabilities in [0, 1], each drawn by itself.

    Attributes:
        mirror: left and right change places.
        jitter: the alignment is a little off, as landmarks are.
        light: brightness, contrast and gamma change, down to a dim room.
        gray: no color, as from an infrared or old camera.
        blur: out of focus or moving.
        low_resolution: from far away; down to a quarter of the size and back.
        jpeg: compressed hard.
        occlusion: a plain patch covers a part.
    """

    mirror: float = 0.5
    jitter: float = 0.0
    light: float = 0.0
    gray: float = 0.0
    blur: float = 0.0
    low_resolution: float = 0.0
    jpeg: float = 0.0
    occlusion: float = 0.0


def augment(crop_rgb: ImageArray, how: Augmentation, rng: np.random.Generator) -> ImageArray:
    """Change one crop at random.

    Args:
        crop_rgb: (112, 112, 3) uint8; left as it is.
        how: how often each change is made.
        rng: source of chance; the same state gives the same crop.

    Returns:
        a new (112, 112, 3) uint8 crop.
    """
    drawn = rng.random(8)
    crop = np.array(crop_rgb)
    if drawn[0] < how.mirror:
        crop = np.ascontiguousarray(crop[:, ::-1])
    if drawn[1] < how.jitter:
        crop = _jitter(crop, rng)
    if drawn[2] < how.light:
        crop = _relight(crop, rng)
    if drawn[3] < how.gray:
        crop = cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if drawn[4] < how.blur:
        crop = _blur(crop, rng)
    if drawn[5] < how.low_resolution:
        side = int(rng.integers(CROP_PX // 4, CROP_PX))
        small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
        crop = cv2.resize(small, (CROP_PX, CROP_PX), interpolation=cv2.INTER_LINEAR)
    if drawn[6] < how.jpeg:
        crop = _compress(crop, int(rng.integers(20, 80)))
    if drawn[7] < how.occlusion:
        crop = _cover(crop, rng)
    return np.asarray(crop, dtype=np.uint8)


def _jitter(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Turn up to 4 degrees, scale up to 5 %, shift up to 3 pixels."""
    middle = (CROP_PX - 1) / 2
    matrix = cv2.getRotationMatrix2D(
        (middle, middle), float(rng.uniform(-4, 4)), float(rng.uniform(0.95, 1.05))
    )
    matrix[:, 2] += rng.uniform(-3, 3, 2)
    return np.asarray(cv2.warpAffine(crop, matrix, (CROP_PX, CROP_PX)), dtype=np.uint8)


def _relight(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    gamma, gain = np.exp(rng.uniform(-0.6, 0.6)), rng.uniform(0.3, 1.2)
    tint = rng.uniform(0.9, 1.1, 3)
    levels = (np.arange(256) / 255.0) ** gamma * 255.0 * gain
    table = np.clip(levels[:, None] * tint, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(crop, table[None]), dtype=np.uint8)


def _blur(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(crop, (0, 0), float(rng.uniform(0.5, 2.0))), np.uint8)
    length = int(rng.integers(3, 8))
    line = np.zeros((length, length), dtype=np.float32)
    angle = rng.uniform(0, np.pi)
    reach = (length - 1) / 2
    for along in np.linspace(-reach, reach, 2 * length):
        column = round(reach + along * np.cos(angle))
        line[round(reach + along * np.sin(angle)), column] = 1.0
    return np.asarray(cv2.filter2D(crop, -1, line / line.sum()), dtype=np.uint8)


def _compress(crop: ImageArray, quality: int) -> ImageArray:
    encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)


def _cover(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Lay one patch of one color over it, up to a little under half of each side."""
    height, width = rng.integers(CROP_PX // 8, CROP_PX // 2, 2)
    top, left = rng.integers(0, CROP_PX - height), rng.integers(0, CROP_PX - width)
    crop[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return crop

"""Makes aligned crops look as they do at a gate: dim, blurred, compressed, small, half covered."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facegate.domain.arrays import ImageArray
from facegate.vision.align import CROP_PX, TEMPLATE_112

_LEFT_EYE, _RIGHT_EYE, _NOSE, _MOUTH_LEFT, _MOUTH_RIGHT = TEMPLATE_112
"""Where the landmarks of every aligned crop lie, in pixels."""

_COLOR_AXES = np.array([[0.68, 0.55, 0.49], [-0.68, 0.23, 0.69], [0.27, -0.80, 0.54]])
"""Principal axes of skin and light in RGB, over 1,990 FairFace crops, one a row."""

_COLOR_SPREAD = np.array([113.0, 24.0, 8.6])
"""Standard deviation along each, of values from 0 to 255."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How often each change is made; probabilities in [0, 1], each drawn by itself.

    Attributes:
        mirror: left and right change places.
        jitter: the alignment is a little off, as landmarks are: turn, scale, shift.
        shear: slanted, as by a wrong landmark or a turned head.
        crop: a part of it, from a tenth less on each side, at full size.
        warp: bent locally, like rubber.
        light: brightness, contrast and gamma change, down to a dim room.
        color: shifted along the principal axes of color.
        gray: no color, as from an infrared or old camera.
        blur: out of focus or moving.
        low_resolution: from far away; down to a quarter of the size and back.
        jpeg: compressed hard.
        occlusion: a plain patch covers a part.
        glasses: drawn-on glasses, clear or dark.
        mask: a drawn-on mask over mouth and nose.
    """

    mirror: float = 0.5
    jitter: float = 0.0
    shear: float = 0.0
    crop: float = 0.0
    warp: float = 0.0
    light: float = 0.0
    color: float = 0.0
    gray: float = 0.0
    blur: float = 0.0
    low_resolution: float = 0.0
    jpeg: float = 0.0
    occlusion: float = 0.0
    glasses: float = 0.0
    mask: float = 0.0


def augment(crop_rgb: ImageArray, how: Augmentation, rng: np.random.Generator) -> ImageArray:
    """Change one crop at random.

    Args:
        crop_rgb: (112, 112, 3) uint8; left as it is.
        how: how often each change is made.
        rng: source of chance; the same state gives the same crop.

    Returns:
        a new (112, 112, 3) uint8 crop.
    """
    crop = np.array(crop_rgb)
    drawn = rng.random(len(_CHANGES))
    for (name, change), chance in zip(_CHANGES.items(), drawn, strict=True):
        if chance < getattr(how, name):
            crop = np.asarray(change(crop, rng), dtype=np.uint8)
    return crop


def _mirror(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    del rng
    return np.ascontiguousarray(crop[:, ::-1])


def _jitter(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Turn up to 4 degrees, scale up to 5 %, shift up to 3 pixels."""
    middle = (CROP_PX - 1) / 2
    matrix = cv2.getRotationMatrix2D(
        (middle, middle), float(rng.uniform(-4, 4)), float(rng.uniform(0.95, 1.05))
    )
    matrix[:, 2] += rng.uniform(-3, 3, 2)
    return np.asarray(cv2.warpAffine(crop, matrix, (CROP_PX, CROP_PX)), dtype=np.uint8)


def _shear(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Slant rows and columns by up to 6 %; the middle stays where it is."""
    middle = (CROP_PX - 1) / 2
    along, down = rng.uniform(-0.06, 0.06, 2)
    matrix = np.array([[1.0, along, -along * middle], [down, 1.0, -down * middle]])
    return np.asarray(cv2.warpAffine(crop, matrix, (CROP_PX, CROP_PX)), dtype=np.uint8)


def _crop_part(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    left, top, right, bottom = rng.integers(0, CROP_PX // 20 + 1, 4)
    part = crop[top : CROP_PX - bottom, left : CROP_PX - right]
    return np.asarray(cv2.resize(part, (CROP_PX, CROP_PX), interpolation=cv2.INTER_LINEAR))


def _warp(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Move a coarse grid of points by about 1.5 pixels each, and all between them along."""
    coarse = rng.normal(0.0, 1.5, (7, 7, 2)).astype(np.float32)
    moved = cv2.resize(coarse, (CROP_PX, CROP_PX), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[0:CROP_PX, 0:CROP_PX].astype(np.float32)
    bent = cv2.remap(
        crop,
        columns + moved[..., 0],
        rows + moved[..., 1],
        cv2.INTER_LINEAR,
        None,
        cv2.BORDER_REFLECT,
    )
    return np.asarray(bent, dtype=np.uint8)


def _relight(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    gamma, gain = np.exp(rng.uniform(-0.6, 0.6)), rng.uniform(0.3, 1.2)
    tint = rng.uniform(0.9, 1.1, 3)
    levels = (np.arange(256) / 255.0) ** gamma * 255.0 * gain
    table = np.clip(levels[:, None] * tint, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(crop, table[None]), dtype=np.uint8)


def _shift_color(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Add a tenth of a standard deviation or so along each axis (Krizhevsky et al., 2012)."""
    shift = (rng.normal(0.0, 0.1, 3) * _COLOR_SPREAD) @ _COLOR_AXES
    return np.clip(crop.astype(np.float32) + shift, 0, 255).astype(np.uint8)


def _gray(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    del rng
    return np.asarray(cv2.cvtColor(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB))


def _shrink(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    side = int(rng.integers(CROP_PX // 4, CROP_PX))
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (CROP_PX, CROP_PX), interpolation=cv2.INTER_LINEAR))


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


def _compress(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    quality = int(rng.integers(20, 80))
    encoded = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)


def _cover(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Lay one patch of one color over it, up to a little under half of each side."""
    height, width = rng.integers(CROP_PX // 8, CROP_PX // 2, 2)
    top, left = rng.integers(0, CROP_PX - height), rng.integers(0, CROP_PX - width)
    crop[top : top + height, left : left + width] = rng.integers(0, 256, 3)
    return crop


def _wear_glasses(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Draw two lenses and a bridge around the eyes; one pair in three is dark."""
    color = tuple(int(value) for value in rng.integers(0, 120, 3))
    size = int(rng.integers(11, 17)), int(rng.integers(8, 14))
    thick = int(rng.integers(1, 4))
    centers = [
        (round(x + rng.normal(0, 1)), round(y + rng.normal(0, 1)))
        for x, y in (_LEFT_EYE, _RIGHT_EYE)
    ]
    crop = np.ascontiguousarray(crop)
    if rng.random() < 1 / 3:
        dark = crop.copy()
        for center in centers:
            cv2.ellipse(dark, center, size, 0, 0, 360, color, -1, cv2.LINE_AA)
        share = float(rng.uniform(0.5, 0.95))
        crop = np.asarray(cv2.addWeighted(dark, share, crop, 1 - share, 0), dtype=np.uint8)
    for center in centers:
        cv2.ellipse(crop, center, size, 0, 0, 360, color, thick, cv2.LINE_AA)
    (left, upper), (right, lower) = centers
    cv2.line(crop, (left + size[0], upper), (right - size[0], lower), color, thick, cv2.LINE_AA)
    cv2.line(crop, (left - size[0], upper), (0, upper - 2), color, thick, cv2.LINE_AA)
    cv2.line(crop, (right + size[0], lower), (CROP_PX, lower - 2), color, thick, cv2.LINE_AA)
    return crop


def _wear_mask(crop: ImageArray, rng: np.random.Generator) -> ImageArray:
    """Draw a mask from the bridge of the nose to below the chin, shaded a little at the edges."""
    color = np.array([[235, 240, 245], [150, 195, 225], [40, 40, 45], [200, 200, 205]])[
        int(rng.integers(4))
    ] + rng.integers(-10, 10, 3)
    nose_y = float(_NOSE[1] - rng.uniform(2, 14))
    cheek_y = nose_y + float(rng.uniform(2, 8))
    middle = float(_NOSE[0])
    outline = np.array(
        [
            (middle, nose_y),
            (CROP_PX - 10, cheek_y),
            (CROP_PX - 18, CROP_PX - 12),
            (middle, CROP_PX + 4),
            (18, CROP_PX - 12),
            (10, cheek_y),
        ]
    )
    area = np.zeros((CROP_PX, CROP_PX), np.float32)
    cv2.fillPoly(area, [np.round(outline).astype(np.int32)], 1.0, cv2.LINE_AA)
    columns = np.abs(np.arange(CROP_PX) - middle) / CROP_PX
    shade = (1.05 - 0.6 * columns)[None, :, None] * (color.clip(0, 255))[None, None]
    area = np.asarray(cv2.GaussianBlur(area, (0, 0), 0.7))[..., None]
    return np.clip(crop * (1 - area) + shade * area, 0, 255).astype(np.uint8)


_CHANGES = {
    "mirror": _mirror,
    "jitter": _jitter,
    "shear": _shear,
    "crop": _crop_part,
    "warp": _warp,
    "glasses": _wear_glasses,
    "mask": _wear_mask,
    "light": _relight,
    "color": _shift_color,
    "gray": _gray,
    "blur": _blur,
    "low_resolution": _shrink,
    "jpeg": _compress,
    "occlusion": _cover,
}
"""In the order they happen before and in a camera."""

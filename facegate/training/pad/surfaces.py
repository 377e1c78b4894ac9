"""What paper and screens do to a picture that is shown on them. All is float32 BGR, 0 to 255."""

from __future__ import annotations

import cv2
import numpy as np

from facegate.domain.arrays import FloatArray


def printed(image: FloatArray, random: np.random.Generator) -> FloatArray:
    """Ink on paper: fewer colors, no true black, fiber, maybe dots, a bend and gloss."""
    gray = image.mean(axis=2, keepdims=True)
    image = gray + (image - gray) * np.float32(random.uniform(0.45, 1.1))
    paper = np.array([random.uniform(205, 255)] * 3, np.float32)
    paper *= np.exp(random.normal(0, 0.03, 3)).astype(np.float32)
    black = np.float32(random.uniform(5, 60))
    image = black + image / 255 * (paper - black)
    if random.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), float(random.uniform(0.4, 1.3)))
    if random.random() < 0.4:
        image = image * _halftone(image.shape[:2], random)
    if random.random() < 0.25:
        image = image * _bands(image.shape[:2], random, float(random.uniform(0.02, 0.08)))
    fiber = random.standard_normal(image.shape[:2], np.float32)[..., None]
    if random.random() < 0.5:
        fiber = cv2.GaussianBlur(fiber, (0, 0), 0.8)[..., None] * 2
    image = image + fiber * np.float32(random.uniform(0, 5))
    if random.random() < 0.6:
        image = image * _bend(image.shape[:2], random)
    if random.random() < 0.45:
        image = with_gloss(image, random)
    return image.astype(np.float32)


def displayed(image: FloatArray, random: np.random.Generator) -> FloatArray:
    """Light of a screen: its gamma, its blue, its grid; its moiré is `moire`, on the sensor."""
    image = 255 * np.clip(image / 255, 0, 1) ** np.float32(random.uniform(0.7, 1.5))
    tint = np.array([random.uniform(0.95, 1.3), 1.0, random.uniform(0.75, 1.12)], np.float32)
    if random.random() < 0.35:  # brighter than the room, for which the camera is set
        image = (image - 60) * np.float32(random.uniform(1.1, 2.4)) + np.float32(
            random.uniform(60, 110)
        )
    glow = np.float32(random.uniform(0, 45))
    image = glow * tint + image * tint * (1 - glow / 255)
    if random.random() < 0.4:
        gray = image.mean(axis=2, keepdims=True)
        image = gray + (image - gray) * np.float32(random.uniform(0.6, 1.35))
    shape = image.shape[:2]
    if random.random() < 0.4:
        image = image * _pixel_grid(shape, random)
    if random.random() < 0.2:
        image = image * _bands(shape, random, float(random.uniform(0.03, 0.15)))
    if random.random() < 0.35:
        image = with_gloss(image, random)
    if random.random() < 0.3:  # what the glass mirrors
        image = image + _blotches(shape, random) * np.float32(random.uniform(5, 35))
    return image.astype(np.float32)


def with_gloss(image: FloatArray, random: np.random.Generator) -> FloatArray:
    """Add a lamp's reflection: a soft streak or spot."""
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = random.uniform(0, np.pi)
    u = (x - random.uniform(0, width)) * np.cos(angle) + (y - random.uniform(0, height)) * np.sin(
        angle
    )
    v = (y - random.uniform(0, height)) * np.cos(angle) - (x - random.uniform(0, width)) * np.sin(
        angle
    )
    narrow = width * random.uniform(0.03, 0.2)
    long = width * random.uniform(0.1, 1.2)
    light = np.exp(-((u / narrow) ** 2) - (v / long) ** 2).astype(np.float32)
    return np.asarray(image + light[..., None] * np.float32(random.uniform(25, 190)), np.float32)


def moire(shape: tuple[int, int], random: np.random.Generator) -> FloatArray:
    """Bands of one or two waves, bent, of slightly different phase in each color."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    bend = np.float32(random.normal(0, 6)) * np.sin(
        y * np.float32(2 * np.pi / random.uniform(60, 400)) + np.float32(random.uniform(0, 6))
    ) + np.float32(random.normal(0, 6)) * np.sin(
        x * np.float32(2 * np.pi / random.uniform(60, 400)) + np.float32(random.uniform(0, 6))
    )
    pattern = np.ones((*shape, 3), np.float32)
    colored = random.uniform(0, 1.2) if random.random() < 0.6 else 0.0
    # The waves are as often along the axes, as a screen held straight makes them.
    straight = random.random() < 0.5
    for _ in range(int(random.integers(1, 3))):
        angle = random.normal(0, 0.08) if straight else random.uniform(0, np.pi)
        if straight and random.random() < 0.35:
            angle += np.pi / 2
        period = float(np.exp(random.uniform(np.log(2.1), np.log(22))))
        along = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle)) + bend) * np.float32(
            2 * np.pi / period
        )
        strength = np.float32(random.uniform(0.02, 0.16))
        phase = random.uniform(0, 6)
        wave = [np.sin(along + np.float32(phase + colored * c)) for c in range(3)]
        pattern = pattern * (1 + strength * np.stack(wave, axis=-1))
    if random.random() < 0.5:  # strong in one place, weak in another
        share = np.clip(_blotches(shape, random) + 0.3, 0, 1)
        pattern = 1 + (pattern - 1) * share
    return pattern.astype(np.float32)


def _pixel_grid(shape: tuple[int, int], random: np.random.Generator) -> FloatArray:
    """The screen's own pixels, seen from near: dark lines between, colors side by side."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    period = np.float32(random.uniform(2.0, 5.0))
    strength = np.float32(random.uniform(0.03, 0.2))
    wave = np.float32(2 * np.pi) / period
    phases = np.arange(3, dtype=np.float32) * np.float32(2 * np.pi / 3)
    columns = np.sin(x[..., None] * wave + phases)
    rows = np.sin(y * wave)[..., None]
    share = np.float32(random.uniform(0, 1))
    return np.asarray(1 + strength * (share * columns + (1 - share) * rows), np.float32)


def _halftone(shape: tuple[int, int], random: np.random.Generator) -> FloatArray:
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    angle, period = random.uniform(0, np.pi), random.uniform(2.0, 4.5)
    wave = np.float32(2 * np.pi / period)
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    dots = np.sin((x * cosine + y * sine) * wave) * np.sin((y * cosine - x * sine) * wave)
    return np.asarray(1 + np.float32(random.uniform(0.02, 0.14)) * dots[..., None], np.float32)


def _bands(shape: tuple[int, int], random: np.random.Generator, strength: float) -> FloatArray:
    """Broad stripes: a printer's passes, or a screen's refresh against the shutter."""
    y = np.arange(shape[0], dtype=np.float32) + np.float32(random.uniform(0, 200))
    wave = np.sin(y * np.float32(2 * np.pi / random.uniform(12, 150)))
    if random.random() < 0.3:
        wave = np.sign(wave)
    return np.asarray(1 + np.float32(strength) * wave[:, None, None], np.float32)


def _bend(shape: tuple[int, int], random: np.random.Generator) -> FloatArray:
    """Light and shade of a sheet that is not flat."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    angle = random.uniform(0, 2 * np.pi)
    along = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) / shape[1]
    wave = np.sin(along * np.float32(random.uniform(1, 7)) + np.float32(random.uniform(0, 6)))
    return np.asarray(1 + np.float32(random.uniform(0.03, 0.25)) * wave[..., None], np.float32)


def _blotches(shape: tuple[int, int], random: np.random.Generator) -> FloatArray:
    """A smooth random field in [0, 1], (h, w, 1)."""
    coarse = random.random((int(random.integers(2, 6)),) * 2, np.float32)
    return np.asarray(
        cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)[..., None],
        np.float32,
    )

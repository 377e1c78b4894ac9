"""Pictures that the detector's tests are trained on: drawn, of nobody."""

from __future__ import annotations

from typing import Any

import numpy as np

from facegate.training.detector.data import Sample
from facegate.vision.align import TEMPLATE_112

DOTS = np.array([[0, 0, 255], [255, 0, 0], [0, 255, 255], [255, 0, 255], [0, 255, 0]], np.uint8)
"""Colors (BGR) of the landmarks of `dotted_sample`, in their order."""

SMALL_RUN: dict[str, Any] = {
    "seed": 3,
    "images": 32,
    "batch": 4,
    "sides_px": (64,),
    "learning_rate": 2e-3,
    "warm_up_images": 8,
    "ema": 0.9,
    "scene_share": 0.5,
    "background_share": 0.2,
}
"""What the recipes of short runs share."""


def dotted_sample(is_scene: bool, ignored: bool = False) -> Sample:
    """A face whose landmarks are dots of their own colors; its box is a tone darker.

    It fills a portrait, and is about a fifth of a scene.
    """
    side, left = (450, 170) if is_scene else (150, 25)
    frame = np.full((side, side, 3), 90, np.uint8)
    frame[left : left + 90, left : left + 90] = 70
    points = TEMPLATE_112 * 0.8 + left
    for place, (x, y) in enumerate(points.round().astype(int)):
        frame[y - 4 : y + 5, x - 4 : x + 5] = DOTS[place]
    box = np.array([[left, left, left + 90, left + 90]], np.float32)
    return Sample(
        frame, box, points[None].astype(np.float32), is_scene, ignored=np.array([ignored])
    )


def empty_sample() -> Sample:
    return Sample(
        np.full((80, 120, 3), 160, np.uint8),
        np.zeros((0, 4), np.float32),
        np.zeros((0, 5, 2), np.float32),
        is_scene=True,
    )

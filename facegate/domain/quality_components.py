"""The measures of a face on one scale: 0, a severe fault, to 100, none.

Names and formulas are after ISO/IEC 29794-5:2025 as its open reference implementation (OFIQ) has
them. After, not conforming to: it measures with networks and on crops that are not used here, so
the values are alike in kind and not to the digit. Measures of our own are marked so.

Left out, because a box, five landmarks and a small crop do not tell them honestly: background,
compression, head size (the share of a portrait that the head fills; `size_px` is its size in
pixels), eyes open, mouth closed, expression, head coverings, and what covers the eyes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from facegate.domain.quality import FaceQuality


@dataclass(frozen=True, slots=True)
class Component:
    """One measure of a face.

    Attributes:
        name: stable, part of the JSON contract.
        value: as measured.
        unit: of the value; empty for shares and pure numbers.
        score: 0 to 100, higher is better.
        own: whether it is not of the standard.
    """

    name: str
    value: float
    unit: str
    score: float
    own: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The measure as the JSON contract has it."""
        return {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
            "score": round(self.score, 1),
            "own": self.own,
        }


def components(quality: FaceQuality) -> tuple[Component, ...]:
    """All measures of a face, in the order of the standard; its own first, then ours."""
    one = quality
    return (
        Component("illumination_uniformity", one.light_uniformity, "", uniform(one)),
        Component("luminance_mean", one.luminance_mean, "", mean_luminance(one)),
        Component("luminance_variance", one.luminance_variance, "", luminance_variance(one)),
        Component("under_exposure_prevention", one.under_exposed, "", not_too_dark(one)),
        Component("over_exposure_prevention", one.over_exposed, "", not_too_bright(one)),
        Component("dynamic_range", one.dynamic_range_bits, "bit", 12.5 * one.dynamic_range_bits),
        Component("natural_color", one.color_cast, "CIELAB", natural_color(one)),
        Component("inter_eye_distance", one.eye_distance_px, "px", eye_distance(one)),
        Component("head_pose_yaw", one.yaw_deg, "deg", pose(one.yaw_deg)),
        Component("head_pose_pitch", one.pitch_deg, "deg", pose(one.pitch_deg)),
        Component("head_pose_roll", one.roll_deg, "deg", pose(one.roll_deg)),
        Component("sharpness", one.sharpness, "", 100 * ramp(one.sharpness, 0.08, 0.35), own=True),
        Component("noise", one.noise, "", 100 - 100 * ramp(one.noise, 0.003, 0.04), own=True),
        Component("inside_picture", one.visible, "", 100 * ramp(one.visible, 0.5, 1.0), own=True),
        Component("uncovered", one.covered, "", 100 * (1 - one.covered), own=True),
    )


def uniform(quality: FaceQuality) -> float:
    """100 d^0.3 of the histograms' intersection d."""
    return float(100 * quality.light_uniformity**0.3)


def mean_luminance(quality: FaceQuality) -> float:
    """Full between 0.35 and 0.65 of linear light, half at 0.2 and 0.8."""
    mean = quality.luminance_mean
    return 100 * sigmoid(mean, 0.2, 0.05) * (1 - sigmoid(mean, 0.8, 0.05))


def luminance_variance(quality: FaceQuality) -> float:
    """Full at a deviation of 0.13 of linear light; less is flat, more is harsh."""
    spread = 60 * quality.luminance_variance
    return 100 * math.sin(math.pi * spread / (spread + 1))


def not_too_dark(quality: FaceQuality) -> float:
    """Falls only when nearly all pixels are dark: a dark skin has many."""
    return _bounded(120 * (0.832 - sigmoid(quality.under_exposed, 0.92, 0.05)))


def not_too_bright(quality: FaceQuality) -> float:
    """Half when a hundredth of the pixels is too bright."""
    return _bounded(1 / (quality.over_exposed + 0.01))


def natural_color(quality: FaceQuality) -> float:
    """Full for the colors of skin in white light, half 11 CIELAB units beside them."""
    return 200 * (1 - sigmoid(quality.color_cast, 0.0, 10.0))


def eye_distance(quality: FaceQuality) -> float:
    """Half at 70 pixels."""
    return 100 * sigmoid(quality.eye_distance_px, 70.0, 20.0)


def pose(angle_deg: float) -> float:
    """The squared cosine of an angle, 0 from 90 degrees on."""
    return 100 * max(0.0, math.cos(math.radians(angle_deg))) ** 2


def sigmoid(value: float, middle: float, width: float) -> float:
    """The logistic function of (value - middle) / width."""
    return 1 / (1 + math.exp(max(-700.0, min(700.0, (middle - value) / width))))


def ramp(value: float, zero_at: float, one_at: float) -> float:
    """Rise from 0 to 1 in a straight line between two values."""
    return min(1.0, max(0.0, (value - zero_at) / (one_at - zero_at)))


def _bounded(score: float) -> float:
    return min(100.0, max(0.0, score))

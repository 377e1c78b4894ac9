"""How a head is turned, from its five landmarks."""

from __future__ import annotations

import math

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.vision.align import TEMPLATE_112

_DEPTH_PX = np.array([0.0, 0.0, 16.0, 3.0, 3.0])
"""How far each landmark stands before the eyes, in pixels of the 112 template. A nose tip stands
about 28 mm before the eyes and mouth corners about 5 mm (Farkas, Anthropometry of the Head and
Face, 1994); eyes 63 mm apart are 35 px apart in the template."""

_MODEL = np.column_stack([TEMPLATE_112, _DEPTH_PX])
_FIT = np.linalg.pinv(_MODEL - _MODEL.mean(axis=0))
"""(3, 5) least squares: times centered image points it gives the head's axes in the image."""

_FORESHORTENED = 0.5
"""Least cosine by which a distance between turned eyes is divided: beyond 60 degrees the farther
eye is hidden, its place is a guess, and so would the distance be."""


def head_pose_deg(landmarks_xy: FloatArray) -> tuple[float, float, float]:
    """Estimate the head's turn from five landmarks.

    Fits the template's points, with typical depths, under scaled orthography (the first step of
    DeMenthon and Davis, Model-Based Object Pose in 25 Lines of Code, 1995).

    Args:
        landmarks_xy: (5, 2) frame pixels.

    Returns:
        yaw (positive: the nose points to the image's right), pitch (positive: down) and roll
        (positive: clockwise as seen), degrees; 90 each when the landmarks fall on one point.
    """
    image = landmarks_xy.astype(np.float64) - landmarks_xy.mean(axis=0)
    axes = _FIT @ image
    right, down = axes[:, 0], axes[:, 1]
    lengths = float(np.linalg.norm(right)), float(np.linalg.norm(down))
    if min(lengths) < 1e-6:
        return 90.0, 90.0, 90.0
    right, down = right / lengths[0], down / lengths[1]
    # Rows of the rotation: `right` and `down` as the head's axes appear in the image.
    yaw = math.degrees(math.asin(float(np.clip(right[2], -1.0, 1.0))))
    pitch = math.degrees(math.asin(float(np.clip(down[2], -1.0, 1.0))))
    (lx, ly), (rx, ry) = landmarks_xy[0], landmarks_xy[1]
    roll = math.degrees(math.atan2(float(ry - ly), float(rx - lx)))
    return yaw, pitch, roll


def eye_distance_px(landmarks_xy: FloatArray, yaw_deg: float) -> float:
    """Distance between the eyes as it would be if the head were not turned to the side.

    Args:
        landmarks_xy: (5, 2) frame pixels.
        yaw_deg: see `head_pose_deg`; counts up to 60 degrees.

    Returns:
        Frame pixels.

    Source:
        After the inter-eye distance of ISO/IEC 29794-5:2025, which divides by the cosine too.
    """
    between = float(np.linalg.norm(landmarks_xy[1].astype(np.float64) - landmarks_xy[0]))
    return between / max(_FORESHORTENED, math.cos(math.radians(yaw_deg)))

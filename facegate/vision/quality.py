"""Measures how usable a detected face is."""

from __future__ import annotations

import math

import cv2
import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.faces import DetectedFace
from facegate.domain.quality import FaceQuality
from facegate.vision.align import TEMPLATE_112

_DEPTH_PX = np.array([0.0, 0.0, 16.0, 3.0, 3.0])
"""How far each landmark stands before the eyes, in pixels of the 112 template. A nose tip stands
about 28 mm before the eyes and mouth corners about 5 mm (Farkas, Anthropometry of the Head and
Face, 1994); eyes 63 mm apart are 35 px apart in the template."""

GOOD_FACE_PX = 112.0
"""From this size on a face fills the embedding network's input without enlargement."""


def measure_quality(face: DetectedFace, crop_rgb: ImageArray) -> FaceQuality:
    """Judge one face from its landmarks and its aligned crop.

    Args:
        face: as detected, in frame pixels.
        crop_rgb: (112, 112, 3) uint8, aligned.

    Returns:
        The measured properties; `score` multiplies how well each keeps clear of its limit.
    """
    gray = cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2GRAY)[20:102, 20:92]  # without background
    luminance = gray.astype(np.float32) / 255.0
    brightness, contrast = float(luminance.mean()), float(luminance.std())
    detail = float(cv2.Laplacian(luminance, cv2.CV_32F).std())
    sharpness = detail / max(contrast, 0.02)  # dim light must not read as blur
    yaw, pitch, roll = head_pose_deg(face.landmarks_xy)
    size_px = face.size_px
    parts = (
        _ramp(size_px, 24.0, GOOD_FACE_PX),
        _ramp(sharpness, 0.1, 0.5),
        _ramp(brightness, 0.05, 0.25) * _ramp(1.0 - brightness, 0.05, 0.2),
        _ramp(contrast, 0.03, 0.12),
        _ramp(60.0 - abs(yaw), 0.0, 45.0) * _ramp(50.0 - abs(pitch), 0.0, 35.0),
        _ramp(float(face.score), 0.3, 0.8),
    )
    score = math.prod(0.2 + 0.8 * part for part in parts)
    return FaceQuality(size_px, sharpness, brightness, contrast, yaw, pitch, roll, score)


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
    model = np.column_stack([TEMPLATE_112, _DEPTH_PX])
    model = model - model.mean(axis=0)
    image = landmarks_xy.astype(np.float64) - landmarks_xy.mean(axis=0)
    axes, *_ = np.linalg.lstsq(model, image, rcond=None)
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


def _ramp(value: float, zero_at: float, one_at: float) -> float:
    """Rise from 0 to 1 in a straight line between two values."""
    return min(1.0, max(0.0, (value - zero_at) / (one_at - zero_at)))

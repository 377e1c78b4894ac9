"""Measures how usable a detected face is."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.faces import DetectedFace
from facegate.domain.quality import FaceQuality
from facegate.vision.align import TEMPLATE_112

_DEPTH_PX = np.array([0.0, 0.0, 16.0, 3.0, 3.0])
"""How far each landmark stands before the eyes, in pixels of the 112 template. A nose tip stands
about 28 mm before the eyes and mouth corners about 5 mm (Farkas, Anthropometry of the Head and
Face, 1994); eyes 63 mm apart are 35 px apart in the template."""

_FACE = (slice(20, 102), slice(20, 92))
"""The part of an aligned crop that is face, without background."""

_REBLUR_PX = 9
_NOISE_PX = 1.0
"""Deviation of the blur that takes a camera's noise away first: noise is sharp, and no detail."""

GOOD_FACE_PX = 112.0
"""From this size on a face fills the embedding network's input without enlargement."""


def measure_quality(
    face: DetectedFace, crop_rgb: ImageArray, inside: npt.NDArray[np.bool_] | None = None
) -> FaceQuality:
    """Judge one face from its landmarks and its aligned crop.

    Args:
        face: as detected, in frame pixels.
        crop_rgb: (112, 112, 3) uint8, aligned.
        inside: (112, 112), see `facegate.vision.align.inside_frame`; None for all of it.

    Returns:
        The measured properties; `score` multiplies how well each keeps clear of its limit.
    """
    luminance = cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255.0
    known = np.ones(luminance.shape, dtype=bool) if inside is None else inside
    visible = float(known[_FACE].mean())
    # Beyond the frame's edge an aligned crop is black; neither that nor its edge tells anything.
    known = cv2.erode(known.astype(np.uint8), np.ones((_REBLUR_PX, _REBLUR_PX))) > 0
    if not known[_FACE].any():
        known = np.ones_like(known)
    brightness = float(luminance[_FACE][known[_FACE]].mean())
    contrast = float(luminance[_FACE][known[_FACE]].std())
    sharpness = _sharpness(luminance, known)
    yaw, pitch, roll = head_pose_deg(face.landmarks_xy)
    size_px = face.size_px
    parts = (
        _ramp(size_px, 24.0, GOOD_FACE_PX),
        _ramp(sharpness, 0.08, 0.35),
        _ramp(brightness, 0.05, 0.25) * _ramp(1.0 - brightness, 0.05, 0.2),
        _ramp(contrast, 0.03, 0.12),
        _ramp(60.0 - abs(yaw), 0.0, 45.0) * _ramp(50.0 - abs(pitch), 0.0, 35.0),
        _ramp(float(face.score), 0.3, 0.8),
        _ramp(visible, 0.5, 1.0),
    )
    score = math.prod(0.2 + 0.8 * part for part in parts)
    return FaceQuality(size_px, sharpness, brightness, contrast, visible, yaw, pitch, roll, score)


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


def _sharpness(luminance: FloatArray, known: npt.NDArray[np.bool_]) -> float:
    """How much of the differences between neighboring pixels another blur takes away, 0 to 1.

    What is blurred already has little left to lose; light and contrast do not matter. Noise is
    taken away first, as far as that goes.

    Source:
        Crété, Dolmiere, Ladret and Nicolas, The blur effect: perception and estimation with a new
        no-reference perceptual blur metric, 2007; here the plain ratio of sums.
    """
    luminance = cv2.GaussianBlur(luminance, (0, 0), _NOISE_PX)
    reblurred = cv2.blur(luminance, (_REBLUR_PX, _REBLUR_PX))
    kept, had = 0.0, 0.0
    for axis in (0, 1):
        both = np.diff(known[_FACE].astype(np.int8), axis=axis) == 0
        both &= np.delete(known[_FACE], -1, axis=axis)
        kept += float(np.abs(np.diff(reblurred[_FACE], axis=axis))[both].sum())
        had += float(np.abs(np.diff(luminance[_FACE], axis=axis))[both].sum())
    return max(0.0, 1.0 - kept / had) if had > 0 else 0.0


def _ramp(value: float, zero_at: float, one_at: float) -> float:
    """Rise from 0 to 1 in a straight line between two values."""
    return min(1.0, max(0.0, (value - zero_at) / (one_at - zero_at)))

"""Measures how usable a detected face is."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import ImageArray
from facegate.domain.faces import DetectedFace
from facegate.domain.quality import FaceQuality
from facegate.domain.quality_score import with_score
from facegate.vision.covering import covered
from facegate.vision.detail import noise, sharpness, without_edge
from facegate.vision.light import FACE, measure_light
from facegate.vision.pose import eye_distance_px, head_pose_deg


def measure_quality(
    face: DetectedFace, crop_rgb: ImageArray, inside: npt.NDArray[np.bool_] | None = None
) -> FaceQuality:
    """Judge one face from its landmarks and its aligned crop.

    Args:
        face: as detected, in frame pixels.
        crop_rgb: (112, 112, 3) uint8, aligned.
        inside: (112, 112), see `facegate.vision.align.inside_frame`; None for all of it.

    Returns:
        The measured properties and the score, see `facegate.domain.quality_score`.
    """
    luma = np.asarray(cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    inside = np.ones(luma.shape, dtype=bool) if inside is None else inside
    # Beyond the frame's edge an aligned crop is black; neither that nor its edge tells anything.
    known = without_edge(inside)
    fine = luma.astype(np.float32) / 255.0
    light = measure_light(crop_rgb, luma, known)
    yaw, pitch, roll = head_pose_deg(face.landmarks_xy)
    measured = FaceQuality(
        size_px=face.size_px,
        sharpness=sharpness(fine, known),
        brightness=light.brightness,
        contrast=light.contrast,
        visible=float(inside[FACE].mean()),
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        score=0.0,
        eye_distance_px=eye_distance_px(face.landmarks_xy, yaw),
        luminance_mean=light.luminance_mean,
        luminance_variance=light.luminance_variance,
        under_exposed=light.under_exposed,
        over_exposed=light.over_exposed,
        dynamic_range_bits=light.dynamic_range_bits,
        light_uniformity=light.uniformity,
        color_cast=light.color_cast,
        covered=covered(crop_rgb, inside),
        noise=noise(fine, known),
    )
    return with_score(measured)

"""The crop in which landmarks are looked for: turned, scaled and placed by rough landmarks.

A face that always stands upright, at one size and in one place leaves a small network nothing to
learn but what differs between faces. Training and gate cut by the same code.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import ShapeError
from facegate.vision.align import TEMPLATE_112, umeyama

SIDE_PX = 96
"""Side of the crop."""

_SCALE = 0.75
"""Of the crop over the aligned crop of 112 pixels: 26 pixels between the eyes."""

_MIDDLE_112 = np.array([56.0, 72.0])
"""What of the aligned crop is in the middle: the nose of a face that looks ahead."""

CROP_LANDMARKS_XY = (TEMPLATE_112 - _MIDDLE_112) * _SCALE + (SIDE_PX - 1) / 2
"""(5, 2) where the landmarks of such a face stand in the crop."""
CROP_LANDMARKS_XY.setflags(write=False)

_TEMPLATE_PX_OF_BOX = 106.0
"""Longer side of the detector's box in pixels of the aligned crop, mean over 2,600 faces of CelebA
and FairFace; on average the box's middle lies 5.7 of these above _MIDDLE_112."""

_ABOVE = 5.7

_MOST_UNLIKE = 1.7
"""Landmarks that make a face larger or smaller by this than its box does are wrong."""

Matrix = npt.NDArray[np.float64]


def crop_matrix(landmarks_xy: FloatArray, bbox_xyxy: FloatArray) -> Matrix:
    """Which crop shows a face whose landmarks are known roughly.

    Args:
        landmarks_xy: (5, 2) frame pixels.
        bbox_xyxy: (4,) frame pixels; takes the place of landmarks that do not fit it.

    Returns:
        (2, 3) from frame pixels to pixels of the crop.
    """
    side = max(1.0, float((bbox_xyxy[2:] - bbox_xyxy[:2]).max()))
    scale = _SCALE * _TEMPLATE_PX_OF_BOX / side
    try:
        matrix = umeyama(landmarks_xy, CROP_LANDMARKS_XY)
    except ShapeError:
        matrix = np.zeros((2, 3))
    middle = (bbox_xyxy[:2] + bbox_xyxy[2:]).astype(np.float64) / 2
    found = scale_of(matrix)
    placed = matrix[:, :2] @ middle + matrix[:, 2]
    fits = scale / _MOST_UNLIKE <= found <= scale * _MOST_UNLIKE
    if fits and bool((np.abs(placed - SIDE_PX / 2) < SIDE_PX / 2).all()):
        return matrix
    above = np.array([0.0, _ABOVE * _SCALE])
    return np.column_stack([scale * np.eye(2), (SIDE_PX - 1) / 2 - above - scale * middle])


def scale_of(matrix: Matrix) -> float:
    """Pixels of the crop for a pixel of the frame."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def cut_crop(frame_bgr: ImageArray, matrix: Matrix) -> ImageArray:
    """Cut the crop out of a frame; what lies outside is black.

    Args:
        frame_bgr: (h, w, 3) uint8.
        matrix: (2, 3) from frame pixels to the crop's; may mirror.

    Returns:
        (96, 96, 3) uint8.
    """
    height, width = frame_bgr.shape[:2]
    inverse = np.linalg.inv(matrix[:, :2])
    corners = np.array([[0, 0], [SIDE_PX, 0], [0, SIDE_PX], [SIDE_PX, SIDE_PX]], np.float64)
    seen = (corners - matrix[:, 2]) @ inverse.T
    # Only the part around the face is sampled, also in a frame of 100 megapixels.
    left, top = np.clip(seen.min(axis=0) - 2, 0, [width, height]).astype(int)
    right, bottom = np.clip(seen.max(axis=0) + 3, 0, [width, height]).astype(int)
    if left >= right or top >= bottom:
        return np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    region = np.ascontiguousarray(frame_bgr[top:bottom, left:right])
    ratio = np.ones(2)
    scale = scale_of(matrix)
    if scale < 0.5:  # shrink by averaging first; sampling alone would make grain
        size = np.array(region.shape[1::-1])
        wanted = np.maximum(1, np.round(size * 2 * scale)).astype(int)
        region = np.asarray(cv2.resize(region, wanted.tolist(), interpolation=cv2.INTER_AREA))
        ratio = wanted / size
    # Pixel i has its center at i + 0.5: only so does shrinking leave points where they were.
    linear = matrix[:, :2] / ratio
    start = np.array([left, top]) + 0.5 / ratio - 0.5
    sampling = np.column_stack([linear, matrix[:, 2] + matrix[:, :2] @ start])
    return np.asarray(cv2.warpAffine(region, sampling, (SIDE_PX, SIDE_PX)), np.uint8)

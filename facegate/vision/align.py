"""Brings a face to the standard pose that the embedding network expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import ImageArray
from facegate.errors import ShapeError

CROP_PX = 112
"""Side of an aligned crop; the embedding network's input."""

TEMPLATE_112: npt.NDArray[np.float64] = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
"""(5, 2) where the landmarks stand in an aligned crop, pixels, order as LANDMARK_NAMES.

Source: the alignment of ArcFace (Deng et al., 2019) as published in InsightFace, which SphereFace's
96x112 template began; SFace and MobileFaceNet were trained on it too.
"""
TEMPLATE_112.setflags(write=False)


@dataclass(frozen=True, slots=True)
class CropGeometry:
    """The crop that a network wants.

    Attributes:
        size_px: side of the square.
        template_xy: where the five landmarks stand in it, pixels, order as LANDMARK_NAMES.
    """

    size_px: int
    template_xy: tuple[tuple[float, float], ...]

    @classmethod
    def arcface(cls, size_px: int = CROP_PX) -> CropGeometry:
        """TEMPLATE_112, grown or shrunk to a side of `size_px`."""
        # Pixel i covers [i, i + 1) and has its center at i + 0.5, whatever the size of the crop.
        points = (TEMPLATE_112 + 0.5) * (size_px / CROP_PX) - 0.5
        return cls(size_px, tuple((float(x), float(y)) for x, y in points))


STANDARD_CROP = CropGeometry.arcface()
"""What the networks that ship take."""

_MAX_SUPERSAMPLING = 16
_WARP_LIMIT_PX = 32_766  # opencv's warp addresses pixels with 16 bits
_DEGENERATE_PX = 1e-3  # landmarks closer together than this have no direction


def umeyama(
    source_xy: npt.NDArray[np.floating[Any]], target_xy: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.float64]:
    """Find the rotation, scale and shift that best bring points onto others.

    Minimizes the sum of squared distances over all similarity transforms; mirror images are not
    among them, so a mirrored face stays mirrored.

    Args:
        source_xy: (n, 2) points, n >= 2.
        target_xy: (n, 2) where they should be.

    Returns:
        (2, 3) matrix M; a point p goes to M[:, :2] @ p + M[:, 2].

    Raises:
        ShapeError: shapes differ, a value is not finite, or the points all fall on one spot.

    Source:
        Umeyama, Least-Squares Estimation of Transformation Parameters Between Two Point Patterns,
        IEEE TPAMI 13(4), 1991. In the plane its SVD has a closed form: with complex numbers the
        best scaled rotation is sum(conj(source) * target) / sum(|source|^2) about the means.
    """
    source = np.asarray(source_xy, dtype=np.float64)
    target = np.asarray(target_xy, dtype=np.float64)
    if source.ndim != 2 or source.shape[1] != 2 or len(source) < 2:
        raise ShapeError("source_xy", "of shape (n, 2)", f"of shape {source.shape}")
    if target.shape != source.shape:
        raise ShapeError("target_xy", f"of shape {source.shape}", f"of shape {target.shape}")
    if not (np.isfinite(source).all() and np.isfinite(target).all()):
        raise ShapeError("points", "finite", "NaN or infinite")
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    (sx, sy), (tx, ty) = (source - source_mean).T, (target - target_mean).T
    spread = float(sx @ sx + sy @ sy)
    if spread < len(source) * _DEGENERATE_PX**2:
        raise ShapeError("source_xy", "points at different places", "all on one spot")
    cosine = float(sx @ tx + sy @ ty) / spread
    sine = float(sx @ ty - sy @ tx) / spread
    if cosine**2 + sine**2 == 0.0:
        raise ShapeError("target_xy", "points at different places", "all on one spot")
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([turn, target_mean - turn @ source_mean])


def align_face(
    frame_bgr: ImageArray,
    landmarks_xy: npt.NDArray[np.floating[Any]],
    size_px: int = CROP_PX,
    template_xy: npt.ArrayLike | None = None,
) -> ImageArray:
    """Cut one face out of a frame, upright and at the standard size.

    A face larger than the crop is sampled several times per pixel and averaged, so that fine
    texture does not turn into false patterns. What lies outside the frame is black.

    Args:
        frame_bgr: (h, w, 3) uint8.
        landmarks_xy: (5, 2) frame pixels, see LANDMARK_NAMES; may lie outside the frame.
        size_px: side of the crop.
        template_xy: (5, 2) where the landmarks shall stand, crop pixels; None: TEMPLATE_112, grown
            with the crop.

    Returns:
        (size_px, size_px, 3) uint8, RGB.

    Raises:
        ShapeError: not such a frame; landmarks not finite, all on one spot, or so placed that the
            crop would not touch the frame.
    """
    if frame_bgr.ndim != 3 or frame_bgr.shape[2] != 3 or frame_bgr.dtype != np.uint8:
        actual = f"{frame_bgr.dtype} of shape {frame_bgr.shape}"
        raise ShapeError("frame_bgr", "uint8 of shape (h, w, 3)", actual)
    if landmarks_xy.shape != (5, 2):
        raise ShapeError("landmarks_xy", "of shape (5, 2)", f"of shape {landmarks_xy.shape}")
    if template_xy is None:
        template_xy = CropGeometry.arcface(size_px).template_xy
    template = np.asarray(template_xy, dtype=np.float64)
    transform = umeyama(landmarks_xy, template)
    x1, y1, x2, y2 = _region(transform, size_px, frame_bgr)
    region = frame_bgr[y1:y2, x1:x2]
    transform[:, 2] += transform[:, :2] @ (x1, y1)
    times = _supersampling(transform)
    fine = transform * times
    fine[:, 2] += (times - 1) / 2
    warped = cv2.warpAffine(
        np.ascontiguousarray(region),
        fine,
        (size_px * times, size_px * times),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
    )
    if times > 1:
        warped = cv2.resize(warped, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(warped[:, :, ::-1])


def inside_frame(
    landmarks_xy: npt.NDArray[np.floating[Any]], resolution_wh: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    """Which pixels of an aligned crop show the frame, and not the black around it.

    Args:
        landmarks_xy: (5, 2) frame pixels, as given to `align_face`.
        resolution_wh: of the frame.

    Returns:
        (112, 112) bool.

    Raises:
        ShapeError: landmarks not finite or all on one spot.
    """
    transform = umeyama(landmarks_xy, TEMPLATE_112)
    back = np.linalg.inv(transform[:, :2])
    least, most = -0.5, np.asarray(resolution_wh) - 0.5

    def inside(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        source = np.stack([x - transform[0, 2], y - transform[1, 2]], axis=-1) @ back.T
        return np.asarray(((source >= least) & (source <= most)).all(axis=-1))

    end = CROP_PX - 1.0
    if inside(np.array([0.0, end, 0.0, end]), np.array([0.0, 0.0, end, end])).all():
        return np.ones((CROP_PX, CROP_PX), dtype=bool)  # nearly always: the frame is convex
    y, x = np.indices((CROP_PX, CROP_PX), dtype=np.float64)
    return inside(x, y)


def _supersampling(transform: npt.NDArray[np.float64]) -> int:
    """How many frame pixels fall on one crop pixel along a side, at least 1."""
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    return int(np.clip(round(1.0 / scale), 1, _MAX_SUPERSAMPLING))


def _region(
    transform: npt.NDArray[np.float64], size_px: int, frame: ImageArray
) -> tuple[int, int, int, int]:
    """The part of the frame that the crop can show, as x1, y1, x2, y2."""
    ends = np.array([[-1, -1], [size_px, -1], [-1, size_px], [size_px, size_px]], dtype=np.float64)
    corners = (ends - transform[:, 2]) @ np.linalg.inv(transform[:, :2]).T
    height, width = frame.shape[:2]
    x1, y1 = np.floor(np.clip(corners.min(axis=0) - 1, 0, (width, height))).astype(int)
    x2, y2 = np.ceil(np.clip(corners.max(axis=0) + 2, 0, (width, height))).astype(int)
    if x1 >= x2 or y1 >= y2:
        raise ShapeError("landmarks_xy", "in or near the frame", "far outside")
    if max(x2 - x1, y2 - y1) > _WARP_LIMIT_PX:
        raise ShapeError("landmarks_xy", "of a face the warp can reach", "too far apart")
    return int(x1), int(y1), int(x2), int(y2)

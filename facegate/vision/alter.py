"""Makes altered copies of a picture, as bad cameras and bad days do. For the demo and for tests."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from facegate.domain.arrays import ImageArray

Alteration = Callable[[ImageArray], ImageArray]


def turned(frame_bgr: ImageArray, degrees: float = 18.0) -> ImageArray:
    """Rotate about the center; corners are filled with the border's pixels."""
    height, width = frame_bgr.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(frame_bgr, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


def cropped(frame_bgr: ImageArray, share: float = 0.12) -> ImageArray:
    """Cut a share of the width off the left and of the height off the bottom."""
    height, width = frame_bgr.shape[:2]
    kept = frame_bgr[: height - round(height * share), round(width * share) :]
    return np.ascontiguousarray(kept)


def darkened(frame_bgr: ImageArray, factor: float = 0.35) -> ImageArray:
    """Dim the light: every value times a factor."""
    return cv2.convertScaleAbs(frame_bgr, alpha=factor)


def brightened(frame_bgr: ImageArray, offset: float = 60.0) -> ImageArray:
    """Add light until the brightest parts are lost."""
    return cv2.convertScaleAbs(frame_bgr, alpha=1.1, beta=offset)


def noisy(frame_bgr: ImageArray, deviation: float = 18.0, seed: int = 7) -> ImageArray:
    """Add normal noise of the given deviation, in 8-bit steps."""
    noise = np.random.default_rng(seed).normal(0.0, deviation, frame_bgr.shape)
    return np.clip(frame_bgr + noise, 0, 255).astype(np.uint8)


def shrunk(frame_bgr: ImageArray, factor: float = 0.4) -> ImageArray:
    """Make the picture smaller."""
    return cv2.resize(frame_bgr, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def blurred(frame_bgr: ImageArray, share: float = 0.004) -> ImageArray:
    """Defocus: a Gaussian whose deviation is a share of the longer side."""
    return cv2.GaussianBlur(frame_bgr, (0, 0), max(frame_bgr.shape[:2]) * share)


def gray(frame_bgr: ImageArray) -> ImageArray:
    """Take the color away."""
    return cv2.cvtColor(cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)


def mirrored(frame_bgr: ImageArray) -> ImageArray:
    """Swap left and right, as a selfie camera does."""
    return cv2.flip(frame_bgr, 1)


def recompressed(frame_bgr: ImageArray, quality: int = 12) -> ImageArray:
    """Save as a strongly compressed JPEG and load again."""
    _, data = cv2.imencode(".jpg", frame_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)


ALTERATIONS: dict[str, Alteration] = {
    "as it is": np.copy,
    "cropped": cropped,
    "turned by 18°": turned,
    "a third of the light": darkened,
    "overexposed": brightened,
    "noise": noisy,
    "40 % of the size": shrunk,
    "out of focus": blurred,
    "gray": gray,
    "mirrored": mirrored,
    "strong JPEG": recompressed,
}
"""Every alteration of the demo, by the words it is shown with."""

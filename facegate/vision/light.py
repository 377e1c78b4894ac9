"""How a face is lit: measures of its luminance and color, after ISO/IEC 29794-5.

The standard looks at a crop of 616 pixels within a face's outline of many landmarks; here it is the
aligned crop of 112 within a rectangle that five landmarks place. So these are its measures in kind,
not to the digit.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import ImageArray

BoolArray = npt.NDArray[np.bool_]

FACE = (slice(20, 102), slice(20, 92))
"""The part of an aligned crop that is face, without background; even about the crop's middle."""

LEFT_CHEEK = (slice(56, 90), slice(24, 46))
RIGHT_CHEEK = (slice(56, 90), slice(66, 88))
"""Both sides of the nose, from below the eyes to the mouth, the one the other's mirror image."""

DARK_UP_TO, BRIGHT_FROM = 25, 247
"""Linear luminance, of 255, of pixels that are too dark or too bright to show anything (the
standard's ranges, 0 to 25 and 247 to 255)."""

_CHEEKS = (LEFT_CHEEK, RIGHT_CHEEK)
_VALUES = np.arange(256) / 255.0

_NO_COLOR = 0.5
"""Distance from gray, CIELAB units, up to which a picture has no color that could be wrong."""

_CHEEK_BINS = 32
"""The standard takes 256 bins; a cheek here has 748 pixels, too few to fill as many."""

_LEAST_PIXELS = 40
"""A cheek of which fewer pixels are inside the frame is not compared."""

_LINEAR_STEPS = np.where(
    np.arange(256) / 255.0 <= 0.04045,
    np.arange(256) / 255.0 / 12.92,
    ((np.arange(256) / 255.0 + 0.055) / 1.055) ** 2.4,
).astype(np.float32)
"""Linear light of each value of sRGB (IEC 61966-2-1)."""

_NATURAL_A, _NATURAL_B = (5.0, 25.0), (5.0, 35.0)
"""CIELAB a* and b* of skin in white light (ISO/IEC 29794-5:2025, natural color)."""


@dataclass(frozen=True, slots=True)
class Light:
    """What light does to a face.

    Attributes:
        brightness, contrast: mean and deviation of the luma (as displayed), [0, 1] and [0, 0.5].
        luminance_mean, luminance_variance: of linear light, [0, 1] and [0, 0.25].
        under_exposed, over_exposed: shares of pixels that are too dark or too bright, [0, 1].
        dynamic_range_bits: entropy of the luminance, [0, 8].
        uniformity: how alike the light on both cheeks is, [0, 1].
        color_cast: how far the cheeks are from the colors of skin in white light, CIELAB units
            from 0 on; 0 for gray pictures, which have no color to be wrong.
    """

    brightness: float
    contrast: float
    luminance_mean: float
    luminance_variance: float
    under_exposed: float
    over_exposed: float
    dynamic_range_bits: float
    uniformity: float
    color_cast: float


def measure_light(crop_rgb: ImageArray, luma: npt.NDArray[np.uint8], known: BoolArray) -> Light:
    """Measure the light on a face.

    Args:
        crop_rgb: (112, 112, 3) uint8, aligned.
        luma: (112, 112) uint8, of the same crop.
        known: (112, 112), which pixels show the frame; at least one of FACE must.
    """
    linear = linear_luminance(crop_rgb)
    displayed = _levels(luma[FACE], known[FACE], 256)
    levels = _levels(linear[FACE], known[FACE], 256)
    brightness, luminance = float(displayed @ _VALUES), float(levels @ _VALUES)
    filled = levels[levels > 0]
    return Light(
        brightness=brightness,
        contrast=float(np.sqrt(displayed @ (_VALUES - brightness) ** 2)),
        luminance_mean=luminance,
        luminance_variance=float(levels @ (_VALUES - luminance) ** 2),
        under_exposed=float(levels[: DARK_UP_TO + 1].sum()),
        over_exposed=float(levels[BRIGHT_FROM:].sum()),
        dynamic_range_bits=max(0.0, -float(filled @ np.log2(filled))),
        uniformity=_uniformity(linear, known),
        color_cast=_color_cast(crop_rgb, known),
    )


def linear_luminance(crop_rgb: ImageArray) -> npt.NDArray[np.uint8]:
    """Linear luminance Y of sRGB pixels, (h, w) uint8 where 255 is white (IEC 61966-2-1)."""
    light = cv2.LUT(crop_rgb, _LINEAR_STEPS)
    weighted = cv2.transform(light, np.array([[0.2126, 0.7152, 0.0722]], np.float32) * 255.0)
    return np.asarray(weighted + 0.5, np.uint8).reshape(crop_rgb.shape[:2])


def _uniformity(linear: npt.NDArray[np.uint8], known: BoolArray) -> float:
    """Intersection of the cheeks' histograms; 1 when one of them cannot be seen.

    What cannot be seen is told by other measures (visible share, yaw), and is not to count twice.
    """
    if min(np.count_nonzero(known[cheek]) for cheek in _CHEEKS) < _LEAST_PIXELS:
        return 1.0
    left, right = (_levels(linear[cheek], known[cheek], _CHEEK_BINS) for cheek in _CHEEKS)
    return float(np.minimum(left, right).sum())


def _color_cast(crop_rgb: ImageArray, known: BoolArray) -> float:
    """Distance of the cheeks' mean color from the range of skin in white light."""
    weights = [np.count_nonzero(known[cheek]) for cheek in _CHEEKS]
    if not any(weights):
        return 0.0
    means = [cv2.mean(crop_rgb[c], known[c].astype(np.uint8))[:3] for c in _CHEEKS]
    mean = np.average(means, axis=0, weights=weights).astype(np.float32) / np.float32(255.0)
    _, a, b = cv2.cvtColor(mean.reshape(1, 1, 3), cv2.COLOR_RGB2Lab)[0, 0].tolist()
    if np.hypot(a, b) < _NO_COLOR:
        return 0.0
    return float(np.hypot(_beyond(a, *_NATURAL_A), _beyond(b, *_NATURAL_B)))


def _levels(pixels: npt.NDArray[np.uint8], known: BoolArray, bins: int) -> npt.NDArray[np.float64]:
    """Shares of the known pixels in equal steps of 0 to 255, (bins,); they sum to 1."""
    counted = cv2.calcHist([pixels], [0], known.astype(np.uint8), [bins], [0, 256])
    shares = counted.ravel().astype(np.float64)
    return np.asarray(shares / shares.sum())


def _beyond(value: float, least: float, most: float) -> float:
    return max(0.0, least - value, value - most)

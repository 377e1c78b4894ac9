"""How much detail a face shows: sharpness and noise of its aligned crop."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray
from facegate.vision.light import FACE

_REBLUR_PX = 9
_NOISE_PX = 1.0
"""Deviation of the blur that takes a camera's noise away first: noise is sharp, and no detail."""

_LAPLACIANS = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def without_edge(known: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The known pixels of a crop but for those so near the frame's edge that a blur reaches it.

    All pixels when none of the face would be left, so that there is something to measure.
    """
    if known.all():
        return known
    kept = cv2.erode(known.astype(np.uint8), np.ones((_REBLUR_PX, _REBLUR_PX))) > 0
    return kept if kept[FACE].any() else np.ones_like(known)


def sharpness(luma: FloatArray, known: npt.NDArray[np.bool_]) -> float:
    """How much of the differences between neighboring pixels another blur takes away, 0 to 1.

    What is blurred already has little left to lose; light and contrast do not matter. Noise is
    taken away first, as far as that goes.

    Args:
        luma: (112, 112) float32.
        known: (112, 112), see `without_edge`.

    Source:
        Crété, Dolmiere, Ladret and Nicolas, The blur effect: perception and estimation with a new
        no-reference perceptual blur metric, 2007; here the plain ratio of sums.
    """
    luma = cv2.GaussianBlur(luma, (0, 0), _NOISE_PX)
    reblurred = cv2.blur(luma, (_REBLUR_PX, _REBLUR_PX))
    kept, had = 0.0, 0.0
    if known[FACE].all():  # nearly always
        for image in (reblurred[FACE], luma[FACE]):
            level = cv2.norm(image[1:], image[:-1], cv2.NORM_L1)
            upright = cv2.norm(image[:, 1:], image[:, :-1], cv2.NORM_L1)
            kept, had = had, level + upright
        return max(0.0, 1.0 - kept / had) if had > 0 else 0.0
    for axis in (0, 1):
        both = np.diff(known[FACE].astype(np.int8), axis=axis) == 0
        both &= np.delete(known[FACE], -1, axis=axis)
        kept += float(np.abs(np.diff(reblurred[FACE], axis=axis))[both].sum())
        had += float(np.abs(np.diff(luma[FACE], axis=axis))[both].sum())
    return max(0.0, 1.0 - kept / had) if had > 0 else 0.0


def noise(luma: FloatArray, known: npt.NDArray[np.bool_]) -> float:
    """Estimate the deviation of a picture's noise.

    Args:
        luma: (112, 112) float32 in [0, 1].
        known: (112, 112), which pixels count.

    Returns:
        In the unit of `luma`. The grain of fine texture counts too.

    Source:
        Immerkær, Fast Noise Variance Estimation, 1996; with the median, which edges move less
        than his mean (0.6745 is the median of a standard normal's absolute value).
    """
    residual = np.abs(cv2.filter2D(luma[FACE], cv2.CV_32F, _LAPLACIANS))
    if not known[FACE].all():
        residual = residual[known[FACE]]
    return float(np.median(residual) / 0.6745 / 6.0)

"""Whether nose and mouth of a face are covered, by a mask or a hand.

A bare face shows red lips, a line between them, nostrils, and below the eyes the same skin as above
the mouth; what covers it shows little of that. Gray pictures have only the lines to go by, and are
judged by them. The eyes are not judged, so sunglasses are not seen.

The weights are a logistic regression, both classes weighing the same, on 703 aligned faces of one
half of the ILC 2021 face mask pictures, 416 with a mask. On the other half (492 with, 317 without)
the area under the curve is 0.970 with colors and 0.933 without; above 0.9 are 78 % (54 %) of the
masked and 0.6 % (0.6 %) of the bare faces, and of 1,200 bare LFW faces one (none).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.vision.light import FACE

_EYES = (slice(42, 62), slice(26, 86))
_BELOW_EYES = (slice(56, 66), slice(28, 84))
_NOSE = (slice(62, 82), slice(44, 68))
_MOUTH = (slice(82, 104), slice(40, 72))
_NOSTRIL_ROWS = (slice(66, 84), slice(46, 66))
_LIP_ROWS = (slice(78, 108), slice(44, 68))
"""Parts of an aligned crop; each is even about its middle, so that a mirrored face is the same."""

_LOOKED_AT = (slice(20, 108), slice(20, 92))
"""All of them, and FACE."""

_LEAST_KNOWN = 0.9
"""Least share of nose and mouth inside the frame; what is outside is cut off, not covered."""

_GRAY_BELOW = 1.5
"""Mean distance from gray, CIELAB units, below which a picture is taken for a gray one."""

_SMALL = 0.3
"""Added before logarithms, so that a flat part of a picture has one; about the grain of 8 bits."""

_COLOR_WEIGHTS = np.array([-0.132, 2.46, -1.472, -0.936, -1.16])
_COLOR_BIAS = -5.38
_GRAY_WEIGHTS = np.array([-1.82, -0.542, 1.721, -1.902, -1.14])
_GRAY_BIAS = -5.36


def covered(crop_rgb: ImageArray, known: npt.NDArray[np.bool_]) -> float:
    """Judge whether nose and mouth are covered.

    Args:
        crop_rgb: (112, 112, 3) uint8, aligned.
        known: (112, 112), which pixels show the frame.

    Returns:
        A probability in [0, 1] where as many faces are covered as not, higher is more surely
        covered; 0 when too little of nose and mouth is inside the frame to tell.
    """
    if not known.all() and min(known[_NOSE].mean(), known[_MOUTH].mean()) < _LEAST_KNOWN:
        return 0.0
    lab = np.zeros((*crop_rgb.shape[:2], 3), np.float32)
    lab[_LOOKED_AT] = cv2.cvtColor(crop_rgb[_LOOKED_AT] * np.float32(1 / 255), cv2.COLOR_RGB2Lab)
    if _distance_from_gray(lab) < _GRAY_BELOW:
        logit = float(line_signs(lab) @ _GRAY_WEIGHTS) + _GRAY_BIAS
    else:
        logit = float(color_signs(lab) @ _COLOR_WEIGHTS) + _COLOR_BIAS
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


def color_signs(lab: FloatArray) -> npt.NDArray[np.float64]:
    """What tells bare from covered in a picture with colors.

    Args:
        lab: (112, 112, 3) CIELAB.

    Returns:
        (5,): how much redder the mouth is than the skin below the eyes; how far the nose's color is
        from that skin's (log); how much the mouth's colors differ among themselves (log); how
        strong the nostrils and the line of the mouth are (log, in contrasts of the face).
    """
    skin, nose, mouth = (cv2.mean(lab[part])[1:3] for part in (_BELOW_EYES, _NOSE, _MOUTH))
    spread = float(cv2.meanStdDev(lab[_MOUTH])[1][1:].sum())
    away = math.hypot(nose[0] - skin[0], nose[1] - skin[1])
    return np.array([mouth[0] - skin[0], math.log1p(away), math.log(spread + _SMALL), *_rows(lab)])


def line_signs(lab: FloatArray) -> npt.NDArray[np.float64]:
    """What tells bare from covered without colors.

    Args:
        lab: (112, 112, 3) CIELAB; only the lightness is used.

    Returns:
        (5,): how strong upright and level edges of the mouth and level edges of the nose are, in
        level edges of the eyes (log); and the nostrils and the line of the mouth, as above.
    """
    lightness = np.ascontiguousarray(lab[..., 0])
    eyes = math.log(_level_edges(lightness, _EYES) + 1.0)
    edges = (
        _level_edges(np.ascontiguousarray(lightness.T), (_MOUTH[1], _MOUTH[0])),
        _level_edges(lightness, _MOUTH),
        _level_edges(lightness, _NOSE),
    )
    return np.array([*(math.log(one + _SMALL) - eyes for one in edges), *_rows(lab)])


def _level_edges(lightness: FloatArray, part: tuple[slice, slice]) -> float:
    """Mean difference of each pixel of a part to the one below."""
    rows, columns = part
    here = lightness[rows, columns]
    below = lightness[rows.start + 1 : rows.stop + 1, columns]
    return float(cv2.norm(here, below, cv2.NORM_L1)) / here.size


def _distance_from_gray(lab: FloatArray) -> float:
    """Mean of the face's |a*| and |b*|."""
    face = lab[FACE]
    whole = cv2.norm(face, cv2.NORM_L1)
    lightness = cv2.norm(np.ascontiguousarray(face[..., 0]), cv2.NORM_L1)
    return max(0.0, whole - lightness) / (2 * face[..., 0].size)


def _rows(lab: FloatArray) -> tuple[float, float]:
    """How far the rows of the nostrils and of the lips differ, without a steady slope."""
    contrast = math.log(float(cv2.meanStdDev(lab[FACE])[1][0, 0]) + 2.0)
    nostrils, lips = (
        math.log(_bend(cv2.reduce(lab[part], 1, cv2.REDUCE_AVG)[:, 0, 0]) + _SMALL) - contrast
        for part in (_NOSTRIL_ROWS, _LIP_ROWS)
    )
    return nostrils, lips


def _bend(rows: FloatArray) -> float:
    """Deviation of values from the straight line through them."""
    steps = np.arange(len(rows)) - (len(rows) - 1) / 2
    centered = rows - rows.mean()
    return float((centered - steps * (steps @ centered) / (steps @ steps)).std())

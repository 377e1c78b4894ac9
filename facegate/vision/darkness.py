"""Lifts dark pictures before faces are looked for: networks have learned from few of them."""

from __future__ import annotations

import cv2
import numpy as np

from facegate.domain.arrays import ImageArray

DARK_BELOW = 60.0
"""Typical luma under which a picture counts as dark, 0 to 255."""

LEAST_GAMMA = 0.4
"""The strongest brightening; more would lift little but grain."""

SAMPLES = 64
"""Pixels along each side that tell how dark a picture is."""

OFFSET = 4.0
"""Added before the logarithm, so that black borders do not decide alone."""

_LOGARITHMS = np.log(np.arange(256) + OFFSET)


def lifted(pictures_bgr: ImageArray, frame_bgr: ImageArray, below: float) -> ImageArray:
    """Lift the middle tones of what was cut out of a dark frame; other frames' stay as they are.

    Gamma correction with the exponent that brings the frame's typical luma to `below`, but none
    under LEAST_GAMMA. It is 1 where darkness begins, so that nothing jumps there.

    Args:
        pictures_bgr: (..., 3) uint8, the frame itself or parts of it, at any scale.
        frame_bgr: (h, w, 3) uint8 of at least a pixel.
        below: typical luma under which a frame is dark, in [0, 255); 0: none is.

    Returns:
        The pictures, the same array if the frame is not dark.
    """
    if below <= 0 or (typical := typical_luma(frame_bgr)) >= below:
        return pictures_bgr
    wanted = np.log(below / 255.0) / np.log(max(typical, 1.0) / 255.0)
    table = 255.0 * (np.arange(256) / 255.0) ** max(LEAST_GAMMA, wanted)
    return np.asarray(cv2.LUT(pictures_bgr, np.round(table).astype(np.uint8)), np.uint8)


def typical_luma(frame_bgr: ImageArray) -> float:
    """Geometric mean of the luma as displayed, 0 to 255, of (h, w, 3) uint8 of at least a pixel.

    A few lamps in the dark raise an arithmetic mean, and hardly this one.
    """
    steps = [max(1, side // SAMPLES) for side in frame_bgr.shape[:2]]
    few = np.ascontiguousarray(frame_bgr[:: steps[0], :: steps[1]])
    luma = cv2.cvtColor(few, cv2.COLOR_BGR2GRAY)
    return max(0.0, float(np.exp(_LOGARITHMS[luma].mean())) - OFFSET)

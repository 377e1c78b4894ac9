"""Where a detector should look again, nearer: at small things that may be faces.

Far faces are a few pixels after scaling down, and what the detector says of them is a guess. A few
crops at twice the scale cost less than a second look at everything.
"""

from __future__ import annotations

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.tiling import Look

DOUBT_FROM = 0.1
"""What scores less is mostly nothing."""

DOUBT_TO = 0.5
"""What scores more is seldom changed by a second look, and is left in peace unless it would be
dropped."""

SMALL_PX = 48.0
"""Larger faces, in pixels of the first look, gain nothing from being seen larger."""

CROP_PX = 160
"""Side of what is looked at again, in pixels of the first look; at twice the scale it costs a
quarter of a picture of 640 by 640."""

ZOOM = 2.0


def zoom_looks(
    bboxes_xyxy: FloatArray, scores: FloatArray, look: Look, most: int, min_face_px: float = 0.0
) -> list[Look]:
    """Choose the crops.

    Args:
        bboxes_xyxy: (n, 4) what the first look found, frame pixels, surest first.
        scores: (n,) in [0, 1]; those that are sure enough are to be left out by the caller.
        look: the first look.
        most: at most so many crops.
        min_face_px: smaller things are not looked at again, frame pixels.

    Returns:
        Looks around the surest of the small ones; one crop serves all that lie in its middle.
    """
    sides = (bboxes_xyxy[:, 2:] - bboxes_xyxy[:, :2]).max(axis=1)
    # The first look's boxes of small faces are inexact: a bit less may be enough in truth.
    small = (sides * look.scale < SMALL_PX) & (sides >= 0.7 * min_face_px)
    middles = (bboxes_xyxy[:, :2] + bboxes_xyxy[:, 2:])[small & (scores >= DOUBT_FROM)] / 2
    side = CROP_PX / look.scale
    chosen: list[FloatArray] = []
    for middle in middles:
        if len(chosen) == most:
            break
        if all(np.abs(middle - other).max() >= 0.3 * side for other in chosen):
            chosen.append(middle)
    return [crop for middle in chosen if (crop := _around(middle, side, look)) is not None]


def _around(middle: FloatArray, side: float, look: Look) -> Look | None:
    width, height = look.frame_wh
    left, top = (max(0, int(value - side / 2)) for value in middle)
    right = min(width, int(middle[0] + side / 2))
    bottom = min(height, int(middle[1] + side / 2))
    if left >= right or top >= bottom:  # a box outside the frame
        return None
    return Look(left, top, right, bottom, ZOOM * look.scale, look.frame_wh)

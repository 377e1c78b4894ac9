"""Cuts a face out together with what is around it: a print's border tells more than its skin."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import ImageArray
from facegate.errors import ShapeError

LEAST_SIDE_PX = 8
"""A square smaller than this shows nothing that could be judged."""


def context_square(
    bbox_xyxy: npt.NDArray[np.floating[Any]], resolution_wh: tuple[int, int], zoom: float
) -> tuple[int, int, int]:
    """The square around a face that lies wholly inside the frame.

    Its side is `zoom` times the root of the box's area, or the frame's shorter side when that is
    less; at an edge it is moved, never filled up, since a black margin would look like a bezel.

    Args:
        bbox_xyxy: (4,) frame pixels; may reach outside the frame.
        resolution_wh: of the frame.
        zoom: side of the square in sides of the box.

    Returns:
        Left, top and side, pixels.

    Raises:
        ShapeError: the box is not finite, has no area, its middle is outside the frame, or the
            square would be smaller than LEAST_SIDE_PX.
    """
    x1, y1, x2, y2 = (float(value) for value in bbox_xyxy)
    width, height = resolution_wh
    if not all(map(math.isfinite, (x1, y1, x2, y2))) or x2 <= x1 or y2 <= y1:
        raise ShapeError("bbox_xyxy", "finite and of some area", f"({x1}, {y1}, {x2}, {y2})")
    middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
    if not (0 <= middle_x <= width and 0 <= middle_y <= height):
        raise ShapeError("bbox_xyxy", "around a point of the frame", "outside")
    side = round(min(zoom * math.sqrt((x2 - x1) * (y2 - y1)), width, height))
    if side < LEAST_SIDE_PX:
        raise ShapeError("bbox_xyxy", f"at least {LEAST_SIDE_PX} pixels large", f"{side} pixels")
    left = min(max(round(middle_x - side / 2), 0), width - side)
    top = min(max(round(middle_y - side / 2), 0), height - side)
    return left, top, side


def resized(image_bgr: ImageArray, side_px: int) -> ImageArray:
    """A picture as a square of side_px, averaged where it shrinks; its sides' ratio is lost."""
    height, width = image_bgr.shape[:2]
    shrinks = max(height, width) > side_px
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(
        cv2.resize(image_bgr, (side_px, side_px), interpolation=interpolation), np.uint8
    )


def context_views(
    frame_bgr: ImageArray,
    bbox_xyxy: npt.NDArray[np.floating[Any]],
    zooms: tuple[float, ...],
    side_px: int,
    detail_px: float = math.inf,
) -> ImageArray:
    """Show a face from near and from far.

    Args:
        frame_bgr: (h, w, 3) uint8.
        bbox_xyxy: (4,) frame pixels.
        zooms: of the views, see `context_square`.
        side_px: of each view.
        detail_px: a face of a larger box (the root of its area) is shrunk to this first, so that a
            near face is seen no finer than those that a network has learned from.

    Returns:
        (views, side_px, side_px, 3) uint8.

    Raises:
        ShapeError: see `context_square`.
    """
    height, width = frame_bgr.shape[:2]
    views = []
    for zoom in zooms:
        left, top, side = context_square(bbox_xyxy, (width, height), zoom)
        part = frame_bgr[top : top + side, left : left + side]
        x1, y1, x2, y2 = (float(value) for value in bbox_xyxy)
        shrink = detail_px / math.sqrt((x2 - x1) * (y2 - y1))
        if shrink < 1:
            part = resized(part, max(LEAST_SIDE_PX, round(side * shrink)))
        views.append(resized(part, side_px))
    return np.stack(views)


def whole_views(image_bgr: ImageArray, count: int, side_px: int) -> ImageArray:
    """A picture that was cut to the face before: every view shows all of it.

    Returns:
        (count, side_px, side_px, 3) uint8.
    """
    return np.repeat(resized(image_bgr, side_px)[np.newaxis], count, axis=0)

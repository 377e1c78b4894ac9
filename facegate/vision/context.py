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
    width, height = resolution_wh
    middle_x, middle_y, box_w, box_h = _checked(bbox_xyxy, resolution_wh)
    side = round(min(zoom * math.sqrt(box_w * box_h), width, height))
    if side < LEAST_SIDE_PX:
        raise ShapeError("bbox_xyxy", f"at least {LEAST_SIDE_PX} pixels large", f"{side} pixels")
    left = min(max(round(middle_x - side / 2), 0), width - side)
    top = min(max(round(middle_y - side / 2), 0), height - side)
    return left, top, side


def context_views(
    frame_bgr: ImageArray,
    bbox_xyxy: npt.NDArray[np.floating[Any]],
    zooms: tuple[float, ...],
    side_px: int,
) -> ImageArray:
    """Show a face from near and from far.

    A view is the box, so many times as wide and as high, moved into the frame and shrunk to what
    fits there, at a square's size. Pixels are picked, not averaged: the pattern that a screen or a
    printer leaves is finer than the view, and averaging would remove it.

    Args:
        frame_bgr: (h, w, 3) uint8.
        bbox_xyxy: (4,) frame pixels; may reach outside the frame.
        zooms: of the views.
        side_px: of each view.

    Returns:
        (views, side_px, side_px, 3) uint8.

    Raises:
        ShapeError: the box is not finite, has no area, its middle is outside the frame, or a view
            would be smaller than LEAST_SIDE_PX.

    Source:
        after the crops of Silent-Face (minivision-ai), generate_patches.py, which are up to a pixel
        wider: its own networks get theirs in `facegate.models.silent_face`.
    """
    height, width = frame_bgr.shape[:2]
    middle_x, middle_y, box_w, box_h = _checked(bbox_xyxy, (width, height))
    views = []
    for zoom in zooms:
        fits = min(zoom, (width - 1) / box_w, (height - 1) / box_h)
        wide, high = fits * box_w, fits * box_h
        if min(wide, high) < LEAST_SIDE_PX:
            raise ShapeError("bbox_xyxy", f"at least {LEAST_SIDE_PX} pixels large", "smaller")
        left = int(min(max(middle_x - wide / 2, 0.0), width - 1 - wide))
        top = int(min(max(middle_y - high / 2, 0.0), height - 1 - high))
        part = frame_bgr[top : int(top + high) + 1, left : int(left + wide) + 1]
        views.append(_picked(part, side_px))
    return np.stack(views)


def whole_views(image_bgr: ImageArray, count: int, side_px: int) -> ImageArray:
    """A picture that was cut to the face before: every view shows all of it.

    Returns:
        (count, side_px, side_px, 3) uint8.
    """
    return np.repeat(_picked(image_bgr, side_px)[np.newaxis], count, axis=0)


def _picked(image_bgr: ImageArray, side_px: int) -> ImageArray:
    return np.asarray(cv2.resize(image_bgr, (side_px, side_px)), np.uint8)


def _checked(
    bbox_xyxy: npt.NDArray[np.floating[Any]], resolution_wh: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Middle and size of a box that shows something, else a ShapeError."""
    x1, y1, x2, y2 = (float(value) for value in bbox_xyxy)
    if not all(map(math.isfinite, (x1, y1, x2, y2))) or x2 <= x1 or y2 <= y1:
        raise ShapeError("bbox_xyxy", "finite and of some area", f"({x1}, {y1}, {x2}, {y2})")
    middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
    if not (0 <= middle_x <= resolution_wh[0] and 0 <= middle_y <= resolution_wh[1]):
        raise ShapeError("bbox_xyxy", "around a point of the frame", "outside")
    return middle_x, middle_y, x2 - x1, y2 - y1

"""Cuts the part around a face out of a picture and outlines boxes in it, for people to look at."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from PIL import Image, ImageDraw

from facegate.domain.arrays import FloatArray, ImageArray

SIZE_WH = (480, 360)
"""Of every cutout, so that they stand in even rows."""

CONTEXT = 3.0
"""Heights of the face that a cutout shows: the face and what is around it."""

MIN_HEIGHT_PX = 72
"""Least height of the part that is cut: more would show pixels, not a face."""

_BACKGROUND = (32, 36, 42)


class Outline(Enum):
    """What a box means, with its color: red, green, blue."""

    TRUTH = (34, 197, 94)
    FOUND = (40, 140, 255)
    WRONG = (239, 68, 68)


@dataclass(frozen=True, slots=True, eq=False)
class OutlinedBox:
    """A box to draw.

    Attributes:
        bbox_xyxy: (4,) frame pixels.
        outline: what it means; TRUTH is dashed, so that it tells without color too.
        strong: the one that the cutout is about.
    """

    bbox_xyxy: FloatArray
    outline: Outline
    strong: bool = False


def cut_out(frame_bgr: ImageArray, focus_xyxy: FloatArray, boxes: Sequence[OutlinedBox]) -> bytes:
    """Cut out the surroundings of a box and draw boxes on them.

    Args:
        frame_bgr: (h, w, 3) uint8.
        focus_xyxy: (4,) what it is about, frame pixels; may reach outside the frame.
        boxes: to draw, the last on top.

    Returns:
        The bytes of a JPEG of SIZE_WH without any metadata.
    """
    left, top, right, bottom = _region(frame_bgr, focus_xyxy)
    part = np.ascontiguousarray(frame_bgr[top:bottom, left:right, ::-1])
    scale = min(SIZE_WH[0] / part.shape[1], SIZE_WH[1] / part.shape[0])
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    shift = np.array([(SIZE_WH[0] - size[0]) // 2, (SIZE_WH[1] - size[1]) // 2], np.float64)
    image = Image.new("RGB", SIZE_WH, _BACKGROUND)
    resample = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.LANCZOS
    image.paste(Image.fromarray(part).resize(size, resample), (int(shift[0]), int(shift[1])))
    draw = ImageDraw.Draw(image)
    for box in boxes:
        corners = (box.bbox_xyxy.reshape(2, 2) - (left, top)) * scale + shift
        _outline(draw, corners.ravel().tolist(), box)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=86)
    return buffer.getvalue()


def _region(frame_bgr: ImageArray, focus_xyxy: FloatArray) -> tuple[int, int, int, int]:
    """What is cut: in the proportions of SIZE_WH, and moved into the frame as far as it fits."""
    frame_h, frame_w = frame_bgr.shape[:2]
    x1, y1, x2, y2 = (float(value) for value in focus_xyxy)
    aspect = SIZE_WH[0] / SIZE_WH[1]
    height = max(MIN_HEIGHT_PX, CONTEXT * (y2 - y1), 1.5 * (x2 - x1) / aspect)
    width = height * aspect
    spans = []
    for middle, wanted, whole in (
        ((x1 + x2) / 2, width, frame_w),
        ((y1 + y2) / 2, height, frame_h),
    ):
        length = max(1, min(round(wanted), whole))
        begin = min(max(0, round(middle - length / 2)), whole - length)
        spans.append((begin, begin + length))
    return spans[0][0], spans[1][0], spans[0][1], spans[1][1]


def _outline(draw: ImageDraw.ImageDraw, box: list[float], what: OutlinedBox) -> None:
    x1, y1, x2, y2 = box
    if x2 <= 0 or y2 <= 0 or x1 >= SIZE_WH[0] or y1 >= SIZE_WH[1]:
        return
    line_px = 5 if what.strong else 3
    corners = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
    for begin, end in zip(corners, corners[1:] + corners[:1], strict=True):
        for first, last in _strokes(begin, end, dashed=what.outline is Outline.TRUTH):
            # Black below makes the line stand out on any picture.
            draw.line((first, last), fill=(0, 0, 0), width=line_px + 2)
            draw.line((first, last), fill=what.outline.value, width=line_px)


def _strokes(
    begin: tuple[float, float], end: tuple[float, float], *, dashed: bool, dash_px: float = 9.0
) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """A side of a box, whole or in dashes."""
    length = max(abs(end[0] - begin[0]), abs(end[1] - begin[1]))
    pieces = int(length / dash_px) if dashed else 1
    # A box far larger than the cutout would make dashes without end; most are not seen anyway.
    pieces = min(max(1, pieces | 1), 999)
    for number in range(0, pieces, 2):
        yield _between(begin, end, number / pieces), _between(begin, end, (number + 1) / pieces)


def _between(
    begin: tuple[float, float], end: tuple[float, float], share: float
) -> tuple[float, float]:
    return begin[0] + (end[0] - begin[0]) * share, begin[1] + (end[1] - begin[1]) * share

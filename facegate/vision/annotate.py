"""Draws boxes, names and similarities on pictures for people to look at."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.decisions import Outcome

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

MAX_SIDE_PX = 1600
"""Longest side of an annotated picture; larger ones are scaled down."""

_COLORS = {  # distinguishable with any color vision (Okabe and Ito, 2008)
    Outcome.MATCH: (0, 158, 115),
    Outcome.UNKNOWN: (213, 94, 0),
    Outcome.AMBIGUOUS: (230, 159, 0),
    Outcome.LOW_QUALITY: (120, 120, 120),
}


@dataclass(frozen=True, slots=True, eq=False)
class FaceMark:
    """One face to draw.

    Attributes:
        bbox_xyxy: (4,) frame pixels.
        landmarks_xy: (5, 2) frame pixels.
        outcome: chooses the color.
        label: the text at the box, for example "Ana 0.71".
    """

    bbox_xyxy: FloatArray
    landmarks_xy: FloatArray
    outcome: Outcome
    label: str


def annotate(frame_bgr: ImageArray, marks: Sequence[FaceMark]) -> bytes:
    """Draw marks on a copy of a frame and encode it.

    Returns:
        The bytes of a JPEG without any metadata.
    """
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(frame_bgr[:, :, ::-1]))
    scale = min(1.0, MAX_SIDE_PX / max(image.size))
    if scale < 1.0:
        image = image.resize((round(image.width * scale), round(image.height * scale)))
    _draw(image, marks, scale)
    return _jpeg(image)


def contact_sheet(
    tiles: Sequence[tuple[ImageArray, Sequence[FaceMark], str]], columns: int, side_px: int = 200
) -> bytes:
    """Lay marked pictures out in a grid, each with a title below.

    Args:
        tiles: frame, marks and title of each picture.
        columns: pictures in a row.
        side_px: longest side of a picture on the sheet.

    Returns:
        The bytes of a JPEG without any metadata.
    """
    from PIL import Image, ImageDraw

    gap, line = 10, 22
    rows = -(-len(tiles) // columns)
    size = (columns * (side_px + gap) + gap, rows * (side_px + line + gap) + gap)
    sheet = Image.new("RGB", size, (250, 250, 250))
    draw = ImageDraw.Draw(sheet)
    font = _font(14)
    for number, (frame_bgr, marks, title) in enumerate(tiles):
        x = gap + (number % columns) * (side_px + gap)
        y = gap + (number // columns) * (side_px + line + gap)
        image = Image.fromarray(np.ascontiguousarray(frame_bgr[:, :, ::-1]))
        scale = side_px / max(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)))
        _draw(image, marks, scale)
        sheet.paste(image, (x + (side_px - image.width) // 2, y + (side_px - image.height) // 2))
        width = draw.textlength(title, font=font)
        draw.text((x + (side_px - width) / 2, y + side_px + 3), title, font=font, fill=(60, 60, 60))
    return _jpeg(sheet)


def _draw(image: Image.Image, marks: Sequence[FaceMark], scale: float) -> None:
    from PIL import ImageDraw

    draw = ImageDraw.Draw(image)
    unit = max(image.size) / 400  # line widths and letters grow with the picture
    for mark in sorted(marks, key=lambda mark: -float(mark.bbox_xyxy[3])):
        color = _COLORS[mark.outcome]
        x1, y1, x2, y2 = (float(value) * scale for value in mark.bbox_xyxy)
        # Letters follow the face in a crowd, but never shrink below what can be read.
        font = _font(max(11, round(min(13 * unit, max(5 * unit, (y2 - y1) / 7)))))
        line_px = max(1, round(min(unit, (y2 - y1) / 40) + 0.5))
        draw.rectangle((x1, y1, max(x1, x2), max(y1, y2)), outline=color, width=line_px)
        for x, y in mark.landmarks_xy * scale:
            radius = max(1.0, line_px * 0.9)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
        _label(draw, mark.label, (x1, y1, y2), font, color, image.size)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=90)
    return buffer.getvalue()


def _label(
    draw: ImageDraw.ImageDraw,
    text: str,
    x_top_bottom: tuple[float, float, float],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    color: tuple[int, int, int],
    size_wh: tuple[int, int],
) -> None:
    """Write white text on a colored strip above the box, or below or inside it at the border."""
    x, top, bottom = x_top_bottom
    left, upper, right, lower = draw.textbbox((0, 0), text, font=font)
    pad = max(2.0, (lower - upper) / 5)
    width, height = right - left + 2 * pad, lower - upper + 2 * pad
    x = min(max(0.0, x), max(0.0, size_wh[0] - width))
    y = top - height
    if y < 0:
        y = bottom if bottom + height <= size_wh[1] else max(0.0, top)
    draw.rectangle((x, y, x + width, y + height), fill=color)
    draw.text((x + pad - left, y + pad - upper), text, font=font, fill=(255, 255, 255))


def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans as matplotlib ships it (names need more than ASCII), else Pillow's own."""
    from PIL import ImageFont

    spec = importlib.util.find_spec("matplotlib")  # found without importing it
    for folder in (spec.submodule_search_locations if spec else None) or ():
        file = Path(folder) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if file.is_file():
            return ImageFont.truetype(str(file), size_px)
    return ImageFont.load_default(size_px)

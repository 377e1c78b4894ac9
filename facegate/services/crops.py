"""Cuts single faces out of pictures again, for people to look at."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from facegate.domain.arrays import ImageArray
from facegate.errors import UnreadableImage
from facegate.services.reading import FaceReader, load_ahead

SHOWN_PX = 168
"""Side of a crop: half as much again as the network's, for fine screens and print."""

_JPEG_QUALITY = 88


def face_jpegs(reader: FaceReader, paths: Iterable[Path]) -> dict[Path, bytes]:
    """The aligned main face of each picture as JPEG; pictures without one are left out."""
    found = {}
    for path, image in load_ahead(dict.fromkeys(paths)):
        if isinstance(image, UnreadableImage):
            continue
        crop = reader.main_crop(image.frame_bgr, SHOWN_PX)
        if crop is not None:
            found[path] = _jpeg(crop)
    return found


def _jpeg(crop_rgb: ImageArray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(crop_rgb).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()

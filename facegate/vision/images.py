"""Reads image files that may be anything at all.

Decoding is Pillow's: unlike opencv it tells a truncated file from a whole one, and it can say how
large a picture is before a single pixel is decoded.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facegate.domain.arrays import ImageArray
from facegate.errors import InputError, UnreadableImage

if TYPE_CHECKING:
    from PIL import Image

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
)
"""Files with these endings are picked from folders; any file may be named outright."""

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "MPO")
"""Decoders that hostile bytes may reach; Pillow knows more, some of which start other programs."""

MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_PIXELS = 128_000_000
"""Largest picture that is decoded: 100 megapixels and a little. That takes about a gigabyte, and up
to three with transparency or 16 bits."""

REDUCE_PIXELS = 32_000_000
"""Larger JPEG files are decoded at a half, a quarter or an eighth. The detector looks at a picture
scaled down much further, so no face is lost; a face's size is then that of the reduced picture."""

MAX_JPEG_PIXELS = 1_000_000_000
"""Largest JPEG that is decoded at a fraction; progressive ones, whose decoder holds the whole
picture, only up to MAX_PIXELS."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedImage:
    """A decoded picture.

    Attributes:
        frame_bgr: (h, w, 3) uint8, upright (EXIF orientation applied).
        width, height: of the upright original in pixels; larger than the frame when a huge JPEG
            was decoded at a fraction of its size.
        sha256: digest of the file's bytes, hex.
    """

    frame_bgr: ImageArray
    width: int
    height: int
    sha256: str

    @property
    def pixels_per_frame_pixel(self) -> float:
        """Factor from frame coordinates to the original's; 1 unless decoded reduced."""
        return self.width / int(self.frame_bgr.shape[1])


def load_image(path: Path) -> LoadedImage:
    """Read one picture as upright 8-bit BGR.

    Gray, palette, CMYK and 16-bit pictures are converted; transparency is laid over white; of an
    animation or multi-page file the first picture counts.

    Raises:
        UnreadableImage: with one of its stable reasons.
    """
    return decode_image(_read_bytes(path), path)


def decode_image(data: bytes, path: Path) -> LoadedImage:
    """Decode a picture's bytes; `path` is for messages only. Raises UnreadableImage."""
    from PIL import Image, ImageOps

    if not data:
        raise UnreadableImage(path, "empty", "the file is empty.")
    # Pillow's own limit would refuse large JPEG files that can be decoded at a fraction; MAX_PIXELS
    # takes its place, and is checked before any pixel is decoded.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is no reason to refuse a picture
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                original_wh = image.size
                _check_size(image, path)
                image.load()
                decoded_wh = image.size
                ImageOps.exif_transpose(image, in_place=True)
                turned = image.size != decoded_wh
                frame_bgr = np.ascontiguousarray(np.asarray(_to_rgb(image))[:, :, ::-1])
    except UnreadableImage:
        raise
    except MemoryError as error:
        raise UnreadableImage(path, "too_large", "not enough memory to decode it.") from error
    except Exception as error:
        # Decoders of hostile bytes fail in every way there is, from SyntaxError to struct.error.
        cut_short = "truncated" in str(error).lower()
        reason = "truncated" if cut_short else "not_an_image"
        message = (
            "the picture is cut short; copy it again."
            if cut_short
            else "not a picture that can be read (JPEG, PNG, WebP, TIFF, BMP, GIF)."
        )
        raise UnreadableImage(path, reason, message) from error
    width, height = original_wh[::-1] if turned else original_wh
    return LoadedImage(frame_bgr, width, height, hashlib.sha256(data).hexdigest())


def find_images(paths: Iterable[Path], *, recursive: bool = True) -> Iterator[Path]:
    """Expand files and folders to picture files, sorted within each folder, each once.

    A file that is named outright is given back whatever its ending, also when it does not exist:
    it then becomes a row with an error. Hidden files and folders inside a folder are left out.

    Raises:
        InputError: a named folder cannot be listed.
    """
    seen: set[Path] = set()
    for path in paths:
        found: Iterable[Path] = (path,)
        if path.is_dir():
            found = _images_below(path, recursive=recursive)
        for image in found:
            if image not in seen:
                seen.add(image)
                yield image


def _images_below(folder: Path, *, recursive: bool) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be listed ({error.strerror}).") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():  # a link could lead round in a circle
            if recursive:
                yield from _images_below(entry, recursive=True)
        elif entry.suffix.lower() in IMAGE_SUFFIXES:
            yield entry


def _read_bytes(path: Path) -> bytes:
    try:
        # Never wait for a pipe's writer; regular files are not concerned.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnreadableImage(path, "not_an_image", "not a file.")
            if status.st_size > MAX_FILE_BYTES:
                raise UnreadableImage(path, "too_large", "larger than 512 MB.")
            return file.read()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UnreadableImage(path, "missing", "there is no such file.") from error
    except PermissionError as error:
        raise UnreadableImage(path, "permission", "you may not read this file.") from error
    except IsADirectoryError as error:
        raise UnreadableImage(path, "not_an_image", "a folder, not a file.") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise UnreadableImage(path, "io", f"cannot be read ({error}).") from error


def _check_size(image: Image.Image, path: Path) -> None:
    """Refuse what would not fit into memory; a huge JPEG can be decoded at a fraction instead."""
    pixels = image.width * image.height
    most = MAX_PIXELS if image.info.get("progressive") else MAX_JPEG_PIXELS
    if image.format in {"JPEG", "MPO"} and pixels <= most:
        divisor = 1
        while divisor < 8 and image.width * image.height > REDUCE_PIXELS * divisor**2:
            divisor *= 2
        if divisor > 1:
            image.draft("RGB", (image.width // divisor, image.height // divisor))
    if image.width * image.height <= MAX_PIXELS:
        return
    megapixels = pixels / 1e6
    raise UnreadableImage(
        path,
        "too_large",
        f"{image.width}x{image.height} pixels ({megapixels:.0f} megapixels) is more than "
        f"the {MAX_PIXELS / 1e6:.0f} that are decoded; make it smaller.",
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        # Pillow clips deep gray at 255; spread what a 16-bit (or float) picture holds instead.
        values = np.asarray(image, dtype=np.float64)
        values = np.nan_to_num(values, nan=0.0, posinf=65535.0, neginf=0.0)
        if values.max(initial=0.0) > 255:
            values = values / 257.0  # 65535 = 257 * 255
        elif image.mode == "F" and values.max(initial=0.0) <= 1.0:
            values = values * 255.0
        image = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")

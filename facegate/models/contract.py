"""What an embedding network expects and gives: enough to use one that somebody else made."""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import ModelError
from facegate.vision.align import CropGeometry

LAYOUTS = ("nhwc", "nchw")
COLOR_ORDERS = ("RGB", "BGR")
DTYPES = ("uint8", "float32", "float16")
SIZES_PX = (32, 512)
"""Smallest and largest side of a crop; face networks take 96 to 256."""

MAX_DIM = 4096
MAX_NAME_LETTERS = 64
MAX_TEXT_LETTERS = 200
KEYS = frozenset(
    {
        "name", "license", "input", "size", "layout", "dtype", "color_order", "mean", "scale",
        "template", "output", "dim", "unit_length", "tau",
    }
)  # fmt: skip
"""Everything that a contract file may say."""

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class EncoderContract:
    """How crops go into a network and embeddings come out.

    Attributes:
        input_name, output_name: of the ONNX graph.
        size_px: side of the square crop.
        layout: `nhwc` or `nchw`.
        dtype: of the input, one of DTYPES.
        color_order: `RGB` or `BGR`.
        mean, scale: per channel in that order; the network gets (x - mean) * scale of pixels in
            [0, 255].
        template_xy: five points (LANDMARK_NAMES) in the crop, pixels.
        dim: length of an embedding.
        unit_length: whether the output already has unit length.
    """

    input_name: str
    output_name: str
    size_px: int
    layout: str
    dtype: str
    color_order: str
    mean: Triple
    scale: Triple
    template_xy: tuple[tuple[float, float], ...]
    dim: int
    unit_length: bool

    @property
    def geometry(self) -> CropGeometry:
        """How crops for this network are cut."""
        return CropGeometry(self.size_px, self.template_xy)

    @property
    def digest(self) -> str:
        """SHA-256 of everything that changes an embedding, hex; the same on every machine."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """The keys of a contract file; all but name, license and tau."""
        return {
            "input": self.input_name,
            "output": self.output_name,
            "size": self.size_px,
            "layout": self.layout,
            "dtype": self.dtype,
            "color_order": self.color_order,
            "mean": list(self.mean),
            "scale": list(self.scale),
            "template": [list(point) for point in self.template_xy],
            "dim": self.dim,
            "unit_length": self.unit_length,
        }

    def prepare(self, crops_rgb: ImageArray) -> npt.NDArray[Any]:
        """Turn (n, size, size, 3) uint8 RGB crops into what the network takes."""
        pixels: npt.NDArray[Any] = crops_rgb
        if self.color_order == "BGR":
            pixels = pixels[..., ::-1]
        if self.dtype != "uint8":
            mean, scale = np.array(self.mean, np.float32), np.array(self.scale, np.float32)
            pixels = ((pixels.astype(np.float32) - mean) * scale).astype(self.dtype)
        if self.layout == "nchw":
            pixels = pixels.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(pixels)

    def embeddings(self, output: npt.NDArray[Any], count: int) -> FloatArray:
        """Turn the network's output into (count, d) float32 vectors; of unit length if they can be.

        Raises:
            ModelError: the output has another size.
        """
        if output.size != count * self.dim or output.shape[:1] != (count,):
            raise ModelError(
                f"The network gave an output of shape {output.shape} for {count} face(s); "
                f"({count}, {self.dim}) was promised."
            )
        vectors = np.asarray(output, dtype=np.float32).reshape(count, self.dim)
        if not self.unit_length:
            with np.errstate(all="ignore"):  # zero, NaN and infinity stay so and are refused later
                vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def clean_model_name(name: str) -> str:
    """Check a network's name: letters (of any script), digits, dot, dash and underscore.

    The name becomes a file's, so it cannot lead anywhere else.

    Raises:
        ModelError: it has other characters, starts with none of letter or digit, or is too long.
    """
    cleaned = unicodedata.normalize("NFC", name.strip())
    fits = (
        0 < len(cleaned) <= MAX_NAME_LETTERS
        and len(cleaned.encode("utf-8", "replace")) <= 3 * MAX_NAME_LETTERS
        and cleaned[0].isalnum()
        and not cleaned.endswith(".")
        and all(c.isalnum() or c in "._-" for c in cleaned)
    )
    if not fits:
        raise ModelError(
            f"{name!r} cannot be the name of a network.",
            hint=f"Use up to {MAX_NAME_LETTERS} letters, digits, dots, dashes and underscores, "
            "and begin with a letter or digit.",
        )
    return cleaned


def read_contract(keys: Mapping[str, Any]) -> EncoderContract:
    """Read a complete contract.

    Args:
        keys: as in a contract file or a model card; `name`, `license` and `tau` are left alone.

    Raises:
        ModelError: a key is missing, unknown, or its value cannot be.
    """
    unknown = sorted(set(keys) - KEYS)
    if unknown:
        raise ModelError(
            f"The contract has the unknown key {unknown[0]!r}.",
            hint=f"It may have: {', '.join(sorted(KEYS))}.",
        )
    size_px = _whole(keys, "size", *SIZES_PX)
    dtype = _word(keys, "dtype", DTYPES)
    contract = EncoderContract(
        input_name=_text(keys, "input"),
        output_name=_text(keys, "output"),
        size_px=size_px,
        layout=_word(keys, "layout", LAYOUTS),
        dtype=dtype,
        color_order=_word(keys, "color_order", COLOR_ORDERS),
        mean=_triple(keys, "mean"),
        scale=_triple(keys, "scale"),
        template_xy=_template(keys.get("template", "arcface"), size_px),
        dim=_whole(keys, "dim", 2, MAX_DIM),
        unit_length=_flag(keys, "unit_length"),
    )
    if any(one == 0 for one in contract.scale):
        raise ModelError("The contract's scale must not be 0: every picture would be the same.")
    if dtype == "uint8" and (contract.mean, contract.scale) != ((0.0,) * 3, (1.0,) * 3):
        raise ModelError(
            "A network that takes uint8 gets the pixels as they are: mean must be 0 and scale 1."
        )
    return contract


def read_tau(keys: Mapping[str, Any]) -> float | None:
    """The contract's tau, or None when it has none.

    Raises:
        ModelError: it is not between 0 and 1; at 0 and below half of all strangers would match.
    """
    if "tau" not in keys:
        return None
    tau = _number(keys["tau"], "tau")
    if not 0 < tau < 1:
        raise ModelError(f"The contract's tau must lie between 0 and 1, not {tau:g}.")
    return tau


def _missing(key: str) -> ModelError:
    return ModelError(f"The contract lacks {key!r}.")


def _text(keys: Mapping[str, Any], key: str) -> str:
    if key not in keys:
        raise _missing(key)
    value = keys[key]
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_LETTERS:
        raise ModelError(f"The contract's {key} must be a text, not {value!r:.60}.")
    return value


def _word(keys: Mapping[str, Any], key: str, words: Sequence[str]) -> str:
    if key not in keys:
        raise _missing(key)
    found = [word for word in words if word.lower() == str(keys[key]).strip().lower()]
    if not found:
        raise ModelError(f"The contract's {key} must be {' or '.join(words)}, not {keys[key]!r}.")
    return found[0]


def _number(value: Any, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ModelError(f"The contract's {key} must be a number, not {value!r:.60}.")
    return float(value)


def _whole(keys: Mapping[str, Any], key: str, least: int, most: int) -> int:
    if key not in keys:
        raise _missing(key)
    value = keys[key]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ModelError(
            f"The contract's {key} must be a whole number from {least} to {most}, "
            f"not {value!r:.60}."
        )
    return value


def _flag(keys: Mapping[str, Any], key: str) -> bool:
    if key not in keys:
        raise _missing(key)
    if not isinstance(keys[key], bool):
        raise ModelError(f"The contract's {key} must be true or false, not {keys[key]!r:.60}.")
    return bool(keys[key])


def _triple(keys: Mapping[str, Any], key: str) -> Triple:
    if key not in keys:
        raise _missing(key)
    value = keys[key]
    listed = list(value) if isinstance(value, list | tuple) else [value] * 3
    if len(listed) != 3:
        raise ModelError(f"The contract's {key} must be one number or three, not {len(listed)}.")
    first, second, third = (_number(one, key) for one in listed)
    return first, second, third


def _template(value: Any, size_px: int) -> tuple[tuple[float, float], ...]:
    if isinstance(value, str) and value.strip().lower() == "arcface":
        return CropGeometry.arcface(size_px).template_xy
    problem = (
        "The contract's template must be `arcface` or five points [x, y] in the crop: the image's "
        "left eye, right eye, nose, left and right corner of the mouth."
    )
    if not isinstance(value, list | tuple) or len(value) != 5:
        raise ModelError(problem)
    points = []
    for point in value:
        if not isinstance(point, list | tuple) or len(point) != 2:
            raise ModelError(problem)
        x, y = (_number(one, "template") for one in point)
        if not (-size_px <= x <= 2 * size_px and -size_px <= y <= 2 * size_px):
            raise ModelError(f"The contract's template has a point far outside the crop: {point}.")
        points.append((x, y))
    left_eye, right_eye, _, left_mouth, _ = points
    # A template in another order would turn every face upside down or mirror nothing at all.
    if left_eye[0] >= right_eye[0] or left_eye[1] >= left_mouth[1]:
        raise ModelError(problem)
    return tuple(points)

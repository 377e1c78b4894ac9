"""Lists of faces with five drawn landmarks, a picture a line, as MTFL and its kin have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.errors import InputError

MTFL_MARKS = 4
"""Gender, smile, glasses and pose, which MTFL's own lists carry behind the points."""


@dataclass(frozen=True, slots=True, eq=False)
class MarkedFace:
    """One picture with the landmarks of one face.

    Attributes:
        name: of the picture, with `/`, from the folder of the list.
        landmarks_xy: (5, 2) float32, pixels of the file, see LANDMARK_NAMES.
    """

    name: str
    landmarks_xy: FloatArray


def read_landmark_list(
    path: Path, leave_out: Sequence[str] = ()
) -> tuple[list[MarkedFace], list[str]]:
    """Read a list.

    A line is a name and the points x1 … x5 y1 … y5, with MTFL's four marks or without; or, as in
    the lists of Sun et al. (2013), a name, the face's box (left, right, top, bottom) and the points
    x1 y1 … x5 y5.

    Args:
        path: the list.
        leave_out: names that begin with one of these are not read, such as `lfw_5590/` where LFW
            must stay a test set.

    Returns:
        The faces, and what could not be read, in words.

    Raises:
        InputError: the list cannot be read, or holds no face.
    """
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    faces: list[MarkedFace] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        name = words[0].replace("\\", "/")
        if any(name.startswith(start) for start in leave_out):
            continue
        points = _points(words[1:])
        pure = PurePosixPath(name)
        if points is None or pure.is_absolute() or ".." in pure.parts or "\0" in name:
            problems.append(f"line {number} is no picture with five points")
        else:
            faces.append(MarkedFace(name, points))
    if not faces:
        raise InputError(
            f"{path} holds no picture with five points.",
            hint="A line is a name and ten numbers: x1 to x5, then y1 to y5.",
        )
    return faces, problems


def _points(words: Sequence[str]) -> FloatArray | None:
    """(5, 2) from the words behind a name; None when they are something else."""
    try:
        values = np.array([float(word) for word in words], np.float32)
    except ValueError:
        return None
    if not np.isfinite(values).all():
        return None
    if len(values) == 10:
        return values.reshape(2, 5).T
    if len(values) != 10 + MTFL_MARKS:
        return None
    marks = values[10:]
    if np.isin(marks, range(1, 6)).all():
        return values[:10].reshape(2, 5).T
    return values[4:].reshape(5, 2)

"""Does a face move like a head, or like a picture of one?

Seen from some distance, the points of a flat thing move from frame to frame by an affine map,
however it is turned. A turned head's do not: the nose stands out from the plane of eyes and mouth
and moves against it. Both foreshorten what they show, and only while something is foreshortened can
the two be told apart.

Source:
    Tomasi and Kanade, Shape and Motion from Image Streams under Orthography, 1992: tracks of a flat
    object have rank 2, those of a solid one rank 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray

MIN_FORESHORTENING = 0.12
"""Least loss of one direction against the other: that of a turn by about 28 degrees. A head turned
so far moves its nose by about a fifth of the eyes' distance."""

FLAT_RESIDUAL = 0.025
"""Largest deviation from an affine map that a flat thing may show, in distances of the eyes: twice
to three times the noise of our landmarks, a third of what a turned head shows."""

MOST_NOISE = 1 / 8
"""Largest share of the foreshortening that a flat thing's residual may be: landmarks that only
jitter foreshorten a little, too, and about five times as much as they deviate."""

SOLID_RESIDUAL = 0.05
"""From this deviation on, depth was seen."""


class Motion(str, Enum):
    """What the landmarks' motion says."""

    TOO_LITTLE = "too_little"
    FLAT = "flat"
    SOLID = "solid"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class MotionEvidence:
    """How much was seen.

    Attributes:
        foreshortening: largest in [0, 1): 1 less the ratio of the map's smaller to larger stretch.
        residual: deviation from an affine map where that was seen, in distances of the eyes.
    """

    foreshortening: float
    residual: float

    @property
    def motion(self) -> Motion:
        """The conclusion."""
        if self.foreshortening < MIN_FORESHORTENING:
            return Motion.TOO_LITTLE
        if self.residual <= min(FLAT_RESIDUAL, MOST_NOISE * self.foreshortening):
            return Motion.FLAT
        return Motion.SOLID if self.residual >= SOLID_RESIDUAL else Motion.UNCLEAR


def motion_evidence(tracks_xy: npt.NDArray[np.floating]) -> MotionEvidence:
    """Compare every frame with the one in which the face is seen least foreshortened.

    The frames of the strongest quarter of foreshortening count, by their median: one frame with
    badly placed landmarks decides nothing.

    Args:
        tracks_xy: (frames, 5, 2) landmarks of one face in any unit; NaN is not allowed.

    Returns:
        Zeros for fewer than two frames or points that lie on one line.
    """
    tracks = np.asarray(tracks_xy, dtype=np.float64)
    if len(tracks) < 2:
        return MotionEvidence(0.0, 0.0)
    centered = tracks - tracks.mean(axis=1, keepdims=True)
    # The frame of largest area against its size is the one that faces the camera most.
    reference = centered[int(np.argmax(_fullness(centered)))]
    moment = reference.T @ reference
    eyes = float(np.hypot(*(reference[1] - reference[0])))
    if eyes < 1e-6 or np.linalg.cond(moment) > 1e4:
        return MotionEvidence(0.0, 0.0)
    solve = np.linalg.inv(moment) @ reference.T
    found = []
    for points in centered:
        affine = solve @ points
        stretches = np.linalg.svd(affine, compute_uv=False)
        size = float(np.sqrt(max(stretches[0] * stretches[0], 1e-12)))
        rest = points - reference @ affine
        residual = float(np.sqrt((rest**2).sum(axis=1).mean())) / (eyes * size)
        found.append((1 - float(stretches[1] / max(stretches[0], 1e-9)), residual))
    found.sort(reverse=True)
    strongest = np.array(found[: max(2, len(found) // 4)])
    return MotionEvidence(*(float(value) for value in np.median(strongest, axis=0)))


def _fullness(centered: npt.NDArray[np.float64]) -> FloatArray:
    """How far the points of each frame spread in both directions, of the most they could."""
    values = np.linalg.svd(centered, compute_uv=False)
    return np.asarray(values[:, 1] / np.maximum(values[:, 0], 1e-9), np.float32)

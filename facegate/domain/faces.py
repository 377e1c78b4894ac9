"""Faces as the detector and the embedder report them."""

from __future__ import annotations

from dataclasses import dataclass

from facegate.domain.arrays import FloatArray, locked
from facegate.domain.quality import FaceQuality

LANDMARK_NAMES = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
"""Order of every `landmarks_xy`; left and right are the image's, not the person's."""


@dataclass(frozen=True, slots=True, eq=False)
class DetectedFace:
    """One face found in a frame.

    Attributes:
        bbox_xyxy: (4,) float32, frame pixels, width = x2 - x1; may reach outside the frame.
        landmarks_xy: (5, 2) float32, frame pixels, see LANDMARK_NAMES.
        score: detector score in [0, 1], higher is surer; not a similarity.
    """

    bbox_xyxy: FloatArray
    landmarks_xy: FloatArray
    score: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "bbox_xyxy", locked(self.bbox_xyxy, (4,), "bbox_xyxy"))
        object.__setattr__(self, "landmarks_xy", locked(self.landmarks_xy, (5, 2), "landmarks_xy"))

    @property
    def size_px(self) -> float:
        """Shorter side of the box in pixels."""
        x1, y1, x2, y2 = self.bbox_xyxy
        return float(min(x2 - x1, y2 - y1))

    @property
    def area_px(self) -> float:
        """Area of the box in pixels."""
        x1, y1, x2, y2 = (float(value) for value in self.bbox_xyxy)
        return max(0.0, x2 - x1) * max(0.0, y2 - y1)


@dataclass(frozen=True, slots=True, eq=False)
class FaceReading:
    """One face of a picture, ready to be compared.

    Attributes:
        face: box, landmarks and score in frame pixels.
        quality: see FaceQuality.
        embedding: (d,) float32, unit length.
    """

    face: DetectedFace
    quality: FaceQuality
    embedding: FloatArray

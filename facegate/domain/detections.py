"""What a detector says of one picture, as arrays: candidates come by the hundred."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, locked
from facegate.domain.faces import DetectedFace


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Faces and mere candidates of one picture.

    Attributes:
        bboxes_xyxy: (n, 4) float32, pixels of the picture.
        landmarks_xy: (n, 5, 2) float32, the same pixels, see LANDMARK_NAMES.
        scores: (n,) float32 in [0, 1], higher is surer.
    """

    bboxes_xyxy: FloatArray
    landmarks_xy: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        count = len(self.scores)
        for name, shape in (
            ("bboxes_xyxy", (count, 4)),
            ("landmarks_xy", (count, 5, 2)),
            ("scores", (count,)),
        ):
            object.__setattr__(self, name, locked(getattr(self, name), shape, name))

    @classmethod
    def of(cls, faces: Iterable[DetectedFace]) -> Detections:
        """Put faces into arrays, in their order."""
        faces = list(faces)
        return cls(
            np.array([face.bbox_xyxy for face in faces], np.float32).reshape(-1, 4),
            np.array([face.landmarks_xy for face in faces], np.float32).reshape(-1, 5, 2),
            np.array([face.score for face in faces], np.float32),
        )

    @classmethod
    def joined(cls, parts: Sequence[Detections]) -> Detections:
        """What was found in several looks, one after the other; at least one look."""
        return cls(
            np.concatenate([one.bboxes_xyxy for one in parts]),
            np.concatenate([one.landmarks_xy for one in parts]),
            np.concatenate([one.scores for one in parts]),
        )

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, places: npt.NDArray[np.integer[Any] | np.bool_]) -> Detections:
        """Some of them, by numbers or by a mask."""
        taken = object.__new__(Detections)  # parts of what was checked are not checked again
        for name in ("bboxes_xyxy", "landmarks_xy", "scores"):
            part = getattr(self, name)[places]
            part.setflags(write=False)
            object.__setattr__(taken, name, part)
        return taken

    def surest(self, most: int) -> Detections:
        """The surest, the surest first; the earlier one of equals."""
        return self.take(np.argsort(-self.scores, kind="stable")[:most])

    def from_score(self, least: float) -> Detections:
        """Only those with at least this score."""
        return self.take(self.scores >= least)

    def faces(self) -> list[DetectedFace]:
        """Each by itself, in their order."""
        each = zip(self.bboxes_xyxy, self.landmarks_xy, self.scores.tolist(), strict=True)
        return [DetectedFace(*one) for one in each]

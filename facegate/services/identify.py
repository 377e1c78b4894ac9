"""Identify everyone in a picture against the gallery."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.calibration import Calibration
from facegate.domain.decisions import Decision
from facegate.domain.faces import FaceReading
from facegate.domain.quality import FaceQuality, QualityRules
from facegate.errors import EmbeddingSpaceMismatch, UnreadableImage
from facegate.services.reading import FaceReader, load_ahead
from facegate.services.recognize import Recognizer
from facegate.vision.images import LoadedImage


@dataclass(frozen=True, slots=True, eq=False)
class IdentifiedFace:
    """One face with the decision about it.

    Attributes:
        bbox_xyxy: (4,) pixels of the original picture.
        landmarks_xy: (5, 2) pixels of the original picture.
        score: detector score in [0, 1].
        quality: see FaceQuality.
        decision: the open-set outcome.
        subject: name of the person, only for a match.
        model_id: the embedding network.
        probability: that the comparison with the best candidate is mated, as one comparison;
            None without a calibration or a candidate. For operators only.
        prior: the share of mated comparisons which that probability assumes.
    """

    bbox_xyxy: FloatArray
    landmarks_xy: FloatArray
    score: float
    quality: FaceQuality
    decision: Decision
    subject: str | None
    model_id: str
    probability: float | None = None
    prior: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The face as the JSONL contract has it."""
        threshold = self.decision.threshold
        return {
            "bbox_xyxy": [round(float(value), 2) for value in self.bbox_xyxy],
            "landmarks_xy": [[round(float(v), 2) for v in point] for point in self.landmarks_xy],
            "score": round(self.score, 4),
            "quality": round(self.quality.score, 4),
            "outcome": self.decision.outcome.value,
            "subject": self.subject,
            "similarity": _rounded(self.decision.similarity),
            "second_similarity": _rounded(self.decision.second_similarity),
            "threshold": round(self.decision.tau, 6),
            "model": self.model_id,
            "operating_point": None if threshold is None else threshold.evidence(),
            "probability": None if self.probability is None else round(self.probability, 6),
            "probability_prior": self.prior,
        }


@dataclass(frozen=True, slots=True, eq=False)
class IdentifiedImage:
    """One picture: its faces, or why it could not be read."""

    path: Path
    width: int | None
    height: int | None
    error: str | None
    faces: tuple[IdentifiedFace, ...]

    def as_dict(self) -> dict[str, Any]:
        """The picture as the JSONL contract has it: one row."""
        return {
            "path": str(self.path),
            "width": self.width,
            "height": self.height,
            "error": self.error,
            "faces": [face.as_dict() for face in self.faces],
        }


class Identifier:
    """Says who is in a picture, if anyone enrolled is."""

    def __init__(
        self,
        reader: FaceReader,
        recognizer: Recognizer,
        rules: QualityRules,
        calibration: Calibration | None = None,
    ) -> None:
        if recognizer.model_id != reader.model_id:
            raise EmbeddingSpaceMismatch(have=recognizer.model_id, need=reader.model_id)
        self._reader = reader
        self._recognizer = recognizer
        self._rules = rules
        self._calibration = calibration

    def identify_image(self, path: Path, image: LoadedImage) -> IdentifiedImage:
        """Identify all faces of one loaded picture."""
        readings = self._reader.read(image.frame_bgr)
        faces = tuple(self._faces(readings, image.pixels_per_frame_pixel)) if readings else ()
        return IdentifiedImage(path, image.width, image.height, None, faces)

    def identify_files(
        self, paths: Iterable[Path]
    ) -> Iterator[tuple[IdentifiedImage, LoadedImage | None]]:
        """Identify pictures in order; one that cannot be read becomes a row with an error.

        Yields:
            The row, and the loaded picture to draw on (None when it could not be read).
        """
        for path, image in load_ahead(paths):
            if isinstance(image, UnreadableImage):
                yield IdentifiedImage(path, None, None, str(image), ()), None
            else:
                yield self.identify_image(path, image), image

    def _faces(self, readings: list[FaceReading], scale: float) -> Iterator[IdentifiedFace]:
        probes = np.stack([reading.embedding for reading in readings])
        flaws = [self._rules.flaws(reading.quality) for reading in readings]
        recognized = self._recognizer.recognize(probes, flaws)
        for reading, one in zip(readings, recognized, strict=True):
            yield IdentifiedFace(
                bbox_xyxy=reading.face.bbox_xyxy * np.float32(scale),
                landmarks_xy=reading.face.landmarks_xy * np.float32(scale),
                score=reading.face.score,
                quality=reading.quality,
                decision=one.decision,
                subject=one.name or None,
                model_id=self._reader.model_id,
                probability=self._probability(one.decision.similarity),
                prior=None if self._calibration is None else self._calibration.prior,
            )

    def _probability(self, similarity: float | None) -> float | None:
        if self._calibration is None or similarity is None:
            return None
        return self._calibration.probability(similarity)


def _rounded(similarity: float | None) -> float | None:
    return None if similarity is None else round(similarity, 6)

"""Compare two pictures: one person or two?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facegate.domain.calibration import Calibration
from facegate.domain.decisions import Threshold
from facegate.domain.quality import Flaw
from facegate.errors import InputError
from facegate.services.reading import FaceReader
from facegate.vision.images import load_image


class NoFaceFound(InputError):
    """A picture that needs a face has none."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: {Flaw.NO_FACE.sentence}.")
        self.path = path


@dataclass(frozen=True, slots=True)
class Verification:
    """Two faces compared.

    Attributes:
        same: whether the similarity reaches tau.
        similarity: cosine in [-1, 1], higher is more alike.
        threshold: what it was judged by.
        qualities: FaceQuality.score of both faces.
        calibration: gives the operator a probability; None when none was fitted.
    """

    path_a: Path
    path_b: Path
    same: bool
    similarity: float
    threshold: Threshold
    qualities: tuple[float, float]
    calibration: Calibration | None = None

    def as_dict(self) -> dict[str, Any]:
        """The comparison as JSON has it."""
        curve = self.calibration
        return {
            "path_a": str(self.path_a),
            "path_b": str(self.path_b),
            "same": self.same,
            "similarity": round(self.similarity, 6),
            "threshold": round(self.threshold.tau, 6),
            "quality_a": round(self.qualities[0], 4),
            "quality_b": round(self.qualities[1], 4),
            "model": self.threshold.model_id,
            "operating_point": self.threshold.evidence(),
            "probability": None if curve is None else round(curve.probability(self.similarity), 6),
            "probability_prior": None if curve is None else curve.prior,
        }


def verify(
    reader: FaceReader,
    threshold: Threshold,
    path_a: Path,
    path_b: Path,
    calibration: Calibration | None = None,
) -> Verification:
    """Compare the main faces of two pictures.

    Args:
        threshold: for one comparison (a gallery of one template).

    Raises:
        UnreadableImage: a file cannot be read.
        NoFaceFound: a picture has no face.
    """
    readings = []
    for path in (path_a, path_b):
        reading = reader.read_main(load_image(path).frame_bgr)
        if reading is None:
            raise NoFaceFound(path)
        readings.append(reading)
    first, second = readings
    similarity = float(first.embedding @ second.embedding)
    qualities = (first.quality.score, second.quality.score)
    same = similarity >= threshold.tau
    return Verification(path_a, path_b, same, similarity, threshold, qualities, calibration)

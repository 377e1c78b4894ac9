"""How far found landmarks are from given ones, for several detectors on the same faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Rate
from facegate.evaluation.detection import normalized_mean_error
from facegate.evaluation.rates import rate
from facegate.evaluation.verification import rate_dict

FAILED_FROM = 0.1
"""Error from which landmarks count as failed, as Sun et al., 2013, count them."""

EYES, BOX = "distance between the eyes", "root of the box's area"


@dataclass(frozen=True, slots=True)
class LandmarkFigures:
    """The errors of one detector.

    Attributes:
        found: faces it found, of those given.
        mean, median: normalized mean error over the faces that all detectors found; NaN without.
        failed: of these, with an error above FAILED_FROM.
    """

    found: Rate
    mean: float
    median: float
    failed: Rate

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        return {
            "found": rate_dict(self.found),
            "nme_mean": self.mean,
            "nme_median": self.median,
            "failed": rate_dict(self.failed),
        }


@dataclass(frozen=True, slots=True)
class LandmarkReport:
    """Several detectors against the same landmarks.

    Attributes:
        reference: where the landmarks come from, in words.
        divided_by: EYES or BOX.
        faces: given ones.
        common: found by all detectors; errors are over these.
        detectors: figures by the detector's name.
    """

    reference: str
    divided_by: str
    faces: int
    common: int
    detectors: dict[str, LandmarkFigures]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "reference": self.reference,
            "divided_by": self.divided_by,
            "faces": self.faces,
            "found_by_all": self.common,
            "detectors": {name: one.as_dict() for name, one in self.detectors.items()},
        }


def report_landmarks(
    reference: str,
    truth_xy: FloatArray,
    found_xy: Mapping[str, FloatArray],
    bboxes_xyxy: FloatArray | None = None,
) -> LandmarkReport:
    """Compare detectors with given landmarks.

    Args:
        reference: where the landmarks come from, in words.
        truth_xy: (n, 5, 2).
        found_xy: (n, 5, 2) of each detector, NaN for a face that it did not find.
        bboxes_xyxy: (n, 4) boxes to divide errors by; None divides by the distance between the
            eyes, which is short where a face looks aside.
    """
    if bboxes_xyxy is None:
        distances = np.linalg.norm(truth_xy[:, 1] - truth_xy[:, 0], axis=1)
    else:
        sides = bboxes_xyxy[:, 2:] - bboxes_xyxy[:, :2]
        distances = np.sqrt(np.clip(sides, 0, None).prod(axis=1))
    usable = np.isfinite(truth_xy).all(axis=(1, 2)) & (distances > 0)
    errors = {
        name: normalized_mean_error(found[usable], truth_xy[usable], distances[usable])
        for name, found in found_xy.items()
    }
    faces = int(np.count_nonzero(usable))
    seen = {name: np.isfinite(error) for name, error in errors.items()}
    common = np.logical_and.reduce([np.ones(faces, bool), *seen.values()])
    return LandmarkReport(
        reference=reference,
        divided_by=EYES if bboxes_xyxy is None else BOX,
        faces=faces,
        common=int(common.sum()),
        detectors={
            name: _figures(error[common], int(seen[name].sum()), faces)
            for name, error in errors.items()
        },
    )


def _figures(errors: FloatArray, found: int, faces: int) -> LandmarkFigures:
    return LandmarkFigures(
        found=rate(found, faces),
        mean=float(errors.mean()) if len(errors) else float("nan"),
        median=float(np.median(errors)) if len(errors) else float("nan"),
        failed=rate(int(np.count_nonzero(errors > FAILED_FROM)), len(errors)),
    )

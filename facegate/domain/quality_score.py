"""One number for how usable a face is: a prediction of how well it will be recognized."""

from __future__ import annotations

from dataclasses import replace

from facegate.domain.quality import FaceQuality


def with_score(quality: FaceQuality, detector_score: float) -> FaceQuality:
    """The same measures with the score that they and the detector give."""
    return replace(quality, score=detector_score)

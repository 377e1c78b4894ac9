"""Fits what the agreement of the landmark looks says about a face, for the landmark card.

The weights belong to one detector: with another one's candidates and scores they must be fitted
anew, on scenes that neither network is measured with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import EvaluationError
from facegate.evaluation.detection import IGNORED, TRUE, SceneResult, match
from facegate.models.onnx_detector import OnnxFaceDetector
from facegate.models.onnx_landmarker import Agreement, OnnxLandmarker, longer_side, spread_of_looks

RIDGE = 1e-3
"""Pull of the weights towards 0; keeps them finite where a threshold divides all candidates."""

MAX_STEPS = 50


@dataclass(frozen=True, slots=True, eq=False)
class JudgedCandidates:
    """Candidates of a detector, and what people say they are.

    Attributes:
        scores: (n,) of the detector, fractions.
        spreads: (n,) of the looks, see `spread_of_looks`.
        are_faces: (n,) bool.
    """

    scores: FloatArray
    spreads: FloatArray
    are_faces: npt.NDArray[np.bool_]


def judged_candidates(
    scenes: Iterable[tuple[ImageArray, FloatArray]],
    detector: OnnxFaceDetector,
    landmarker: OnnxLandmarker,
    min_height_px: float = 16.0,
) -> JudgedCandidates:
    """Let both networks look at scenes.

    Args:
        scenes: (h, w, 3) uint8 BGR pictures with the (m, 4) boxes that people drew.
        detector: without a landmark network, its score threshold at the least score that the
            landmark network is to judge.
        landmarker: the landmark network; whether it judges does not matter.
        min_height_px: lower faces, and what is found there, count neither way.
    """
    scores: list[float] = []
    spreads: list[float] = []
    are_faces: list[bool] = []
    for frame_bgr, truth_xyxy in scenes:
        faces = detector.detect(frame_bgr)
        if not faces:
            continue
        found = SceneResult(
            np.stack([face.bbox_xyxy for face in faces]),
            np.array([face.score for face in faces], np.float32),
            np.asarray(truth_xyxy, np.float32).reshape(-1, 4),
        )
        looks = landmarker.looks(frame_bgr, faces)
        for face, looks_xy, fate in zip(faces, looks, match(found, min_height_px), strict=True):
            if fate != IGNORED and np.isfinite(looks_xy).all():
                scores.append(face.score)
                spreads.append(spread_of_looks(looks_xy, longer_side(face)))
                are_faces.append(bool(fate == TRUE))
    return JudgedCandidates(
        np.array(scores, np.float32), np.array(spreads, np.float32), np.array(are_faces, bool)
    )


def fit_agreement(candidates: JudgedCandidates) -> Agreement:
    """Fit the three weights by logistic regression.

    Raises:
        EvaluationError: the candidates are all faces, or none is.

    Source:
        Newton's method on the log-likelihood, Hastie, Tibshirani and Friedman, The Elements of
        Statistical Learning, 2009, section 4.4.1.
    """
    faces = int(np.count_nonzero(candidates.are_faces))
    if faces in {0, len(candidates.are_faces)}:
        raise EvaluationError(
            f"{faces} of {len(candidates.are_faces)} candidates are faces; both kinds are needed.",
            hint="Give more scenes, or let the detector propose less sure candidates.",
        )
    p = np.clip(candidates.scores.astype(np.float64), 1e-6, 1 - 1e-6)
    logs = np.log(np.maximum(candidates.spreads.astype(np.float64), 1e-6))
    inputs = np.stack([np.log(p / (1 - p)), logs, np.ones(len(p))], axis=1)
    wanted, weights = candidates.are_faces.astype(np.float64), np.zeros(3)
    for _ in range(MAX_STEPS):
        said = 1 / (1 + np.exp(-np.clip(inputs @ weights, -60, 60)))
        slope = inputs.T @ (wanted - said) - RIDGE * weights
        bend = (inputs * (said * (1 - said))[:, None]).T @ inputs + RIDGE * np.eye(3)
        step = np.linalg.solve(bend, slope)
        # Far from the optimum a whole step may overshoot; no single weight needs to move by more.
        step *= min(1.0, 5.0 / max(1e-12, float(np.abs(step).max())))
        weights += step
        if float(np.abs(step).max()) < 1e-8:
            break
    return Agreement(*(float(weight) for weight in weights))


def as_toml(agreement: Agreement, candidates: JudgedCandidates) -> str:
    """The fit as the section of a landmark card."""
    faces = int(np.count_nonzero(candidates.are_faces))
    return (
        "[agreement]\n"
        f"# Fitted on {len(candidates.scores):,} candidates, {faces:,} of them faces.\n"
        f"first_score = {agreement.first_score:.4f}\n"
        f"log_spread = {agreement.log_spread:.4f}\n"
        f"bias = {agreement.bias:.4f}\n"
    )

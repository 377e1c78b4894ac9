"""What the looks' agreement says about faces, fitted anew for another detector."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import pytest
from fakes import face_at

from facegate.domain.faces import DetectedFace
from facegate.errors import EvaluationError
from facegate.training.landmarks.agreement import (
    JudgedCandidates,
    as_toml,
    fit_agreement,
    judged_candidates,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def drawn(count: int, weights: tuple[float, float, float]) -> JudgedCandidates:
    random = np.random.default_rng(0)
    scores, spreads = random.uniform(0.1, 0.95, count), np.exp(random.normal(-3.5, 0.7, count))
    logit = weights[0] * np.log(scores / (1 - scores)) + weights[1] * np.log(spreads) + weights[2]
    are_faces = random.random(count) < 1 / (1 + np.exp(-logit))
    return JudgedCandidates(scores.astype(np.float32), spreads.astype(np.float32), are_faces)


def test_the_weights_that_made_the_data_are_found() -> None:
    found = fit_agreement(drawn(40_000, (1.5, -2.0, -7.0)))
    assert (found.first_score, found.log_spread, found.bias) == pytest.approx(
        (1.5, -2.0, -7.0), rel=0.06
    )


def test_the_fit_is_the_best_of_its_neighbors() -> None:
    data = drawn(500, (1.0, -1.0, -3.0))
    best = fit_agreement(data)

    def likelihood(change: Sequence[float]) -> float:
        total = 0.0
        for score, spread, is_face in zip(data.scores, data.spreads, data.are_faces, strict=True):
            logit = (best.first_score + change[0]) * np.log(score / (1 - score))
            logit += (best.log_spread + change[1]) * np.log(spread) + best.bias + change[2]
            p = 1 / (1 + np.exp(-logit))
            total += np.log(p if is_face else 1 - p)
        return total

    here = likelihood((0, 0, 0))
    for place in range(3):
        for step in (-0.05, 0.05):
            change = [0.0, 0.0, 0.0]
            change[place] = step
            assert likelihood(change) < here


def test_candidates_that_one_threshold_divides_give_finite_weights() -> None:
    scores = np.linspace(0.05, 0.95, 50, dtype=np.float32)
    found = fit_agreement(JudgedCandidates(scores, np.full(50, 0.03, np.float32), scores > 0.5))
    assert found.score(0.9, 0.03) > 0.9
    assert found.score(0.1, 0.03) < 0.1


@pytest.mark.parametrize("are_faces", [[], [True, True], [False]])
def test_one_kind_alone_teaches_nothing(are_faces: list[bool]) -> None:
    values = np.full(len(are_faces), 0.5, np.float32)
    with pytest.raises(EvaluationError, match="both kinds"):
        fit_agreement(JudgedCandidates(values, values, np.array(are_faces, bool)))


def test_the_section_is_what_a_card_holds() -> None:
    data = drawn(200, (1.0, -1.0, -3.0))
    best = fit_agreement(data)
    section = tomllib.loads(as_toml(best, data))["agreement"]
    assert section["log_spread"] == pytest.approx(best.log_spread, abs=1e-4)
    assert set(section) == {"first_score", "log_spread", "bias"}


def test_drawn_boxes_say_which_candidates_are_faces() -> None:
    face, wall, tiny = face_at(10, 10, 80), face_at(200, 10, 60, 0.4), face_at(300, 300, 9, 0.6)

    class Finds:
        def detect(self, frame: np.ndarray) -> list[DetectedFace]:
            return [face, wall, tiny] if frame.any() else []

    class Looks:
        def looks(self, _: np.ndarray, faces: list[DetectedFace]) -> np.ndarray:
            looks = np.stack([[one.landmarks_xy] * 6 for one in faces]).astype(np.float32)
            looks[1, ::2] += 12  # the wall's looks disagree: by 6 to both sides in x and y
            return looks

    bright, dark = np.full((400, 400, 3), 9, np.uint8), np.zeros((40, 40, 3), np.uint8)
    scenes = [(bright, face.bbox_xyxy[None] + 3), (dark, np.zeros((0, 4), np.float32))]
    found = judged_candidates(scenes, Finds(), Looks())
    assert found.are_faces.tolist() == [True, False]
    assert found.scores == pytest.approx([0.9, 0.4])
    assert found.spreads == pytest.approx([0, np.sqrt(72) / 60], abs=1e-6)

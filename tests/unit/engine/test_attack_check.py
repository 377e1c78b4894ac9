"""Verdicts over time: nothing odd is ever bona fide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.domain.attacks import Presentation
from facegate.domain.faces import DetectedFace
from facegate.domain.frames import Frame
from facegate.domain.pad_limits import PadLimits
from facegate.engine.attack_check import (
    FLAT_MOTION,
    FROZEN_FRAMES,
    MIXED_SCORES,
    REPEATING_FRAMES,
    UNREADABLE,
    AttackCheck,
)
from facegate.errors import ConfigError
from tests.fakes import NOW, face_at
from tests.unit.engine.test_flat_motion import FLAT, HEAD, tracks

LIMITS = PadLimits(0.3, 0.7)


class ScriptedScores:
    """Gives one score after the other; an exception is raised."""

    model_id = "scripted@000000000000"

    def __init__(self, scores: Sequence[float | Exception]) -> None:
        self._scores = list(scores)

    def scores(self, frame_bgr: np.ndarray, faces: Sequence[DetectedFace]) -> np.ndarray:
        """The next one, the last one for ever."""
        score = self._scores.pop(0) if len(self._scores) > 1 else self._scores[0]
        if isinstance(score, Exception):
            raise score
        return np.full(len(faces), score, np.float32)


def frame(number: int, seed: int | None = None) -> Frame:
    random = np.random.default_rng(number if seed is None else seed)
    pixels = random.integers(0, 255, (60, 80, 3), dtype=np.uint8)
    return Frame(pixels, NOW, number / 15, number)


def fed(
    scores: Sequence[float | Exception], count: int = 10, seeds: Sequence[int] = ()
) -> AttackCheck:
    check = AttackCheck(ScriptedScores(scores), LIMITS)
    for number in range(count):
        check.add(frame(number, seeds[number] if seeds else None), face_at(20, 10, 30))
    return check


def test_good_scores_are_bona_fide_once_there_are_enough() -> None:
    assert fed([0.95], 2).verdict().presentation is Presentation.UNSURE
    assert fed([0.95], 9).verdict().presentation is Presentation.UNSURE, "8 / 15 s is too short"
    verdict = fed([0.95], 10).verdict()
    assert verdict.presentation is Presentation.BONA_FIDE
    assert verdict.pad_score == pytest.approx(0.95, abs=1e-4)
    assert (verdict.frames, verdict.cues) == (10, ())


def test_low_scores_are_an_attack_and_middling_ones_unsure() -> None:
    assert fed([0.05]).verdict().presentation is Presentation.ATTACK
    assert fed([0.5]).verdict().presentation is Presentation.UNSURE


def test_one_lucky_frame_does_not_pass() -> None:
    assert fed([1.0, 0.1, 0.1, 0.1, 0.1], 5).verdict().presentation is Presentation.ATTACK


def test_many_low_frames_convince_although_the_mean_is_high() -> None:
    verdict = fed([0.2, 0.2, 0.2, 0.2, 0.999], 10).verdict()
    assert verdict.pad_score is not None
    assert verdict.pad_score > LIMITS.bona_fide_from
    assert verdict.presentation is Presentation.UNSURE
    assert verdict.cues == (MIXED_SCORES,)


@given(st.lists(st.floats(width=32), min_size=1, max_size=12))
@settings(deadline=None)
def test_no_score_that_is_none_is_ever_bona_fide(scores: list[float]) -> None:
    verdict = fed(scores, 12).verdict()
    if any(not 0 <= score <= 1 for score in scores):
        assert verdict.presentation is Presentation.ATTACK
        assert UNREADABLE in verdict.cues
    if verdict.presentation is Presentation.BONA_FIDE:
        assert all(0 <= score <= 1 for score in scores)


@pytest.mark.parametrize("error", [RuntimeError("x"), MemoryError(), ValueError("y")])
def test_a_failure_makes_an_attack_for_good(error: Exception) -> None:
    verdict = fed([0.99, error, 0.99], 30).verdict()
    assert verdict.presentation is Presentation.ATTACK
    assert UNREADABLE in verdict.cues


def test_a_face_outside_the_frame_and_a_broken_clock_are_attacks() -> None:
    check = AttackCheck(ScriptedScores([0.99]), LIMITS)
    check.add(frame(0), face_at(500, 500, 30))
    assert check.verdict().presentation is Presentation.ATTACK
    check = AttackCheck(ScriptedScores([0.99]), LIMITS)
    check.add(Frame(frame(0).bgr, NOW, float("nan"), 0), face_at(20, 10, 30))
    assert check.verdict().presentation is Presentation.ATTACK


def test_nothing_seen_and_no_network_are_unsure() -> None:
    assert AttackCheck(ScriptedScores([1.0]), LIMITS).verdict().presentation is Presentation.UNSURE
    check = AttackCheck(None)
    for number in range(10):
        check.add(frame(number), face_at(20, 10, 30))
    verdict = check.verdict()
    assert verdict.presentation is Presentation.UNSURE
    assert (verdict.pad_score, verdict.model_id) == (None, "")


def test_a_frame_counts_once() -> None:
    check = AttackCheck(ScriptedScores([0.99]), LIMITS)
    for _ in range(5):
        check.add(frame(7), face_at(20, 10, 30))
    assert check.verdict().frames == 1


def test_the_same_pixels_for_long_are_frozen_and_stay_so() -> None:
    verdict = fed([0.99], 9, [5] * 9).verdict()
    assert verdict.presentation is Presentation.ATTACK
    assert verdict.cues == (FROZEN_FRAMES,)
    check = fed([0.99], 40, [5] * 9 + list(range(100, 131)))
    assert check.verdict().presentation is Presentation.ATTACK


def test_a_camera_may_send_a_picture_three_times() -> None:
    verdict = fed([0.99], 30, [number // 3 for number in range(30)]).verdict()
    assert verdict.presentation is Presentation.BONA_FIDE


def test_a_loop_is_noticed_at_any_length_that_is_remembered() -> None:
    for length in (4, 7, 30):
        seeds = [number % length for number in range(length * 2 + 4)]
        verdict = fed([0.99], len(seeds), seeds).verdict()
        assert verdict.presentation is Presentation.ATTACK, length
        assert REPEATING_FRAMES in verdict.cues


def test_a_loop_with_a_running_clock_in_the_corner_is_noticed() -> None:
    check = AttackCheck(ScriptedScores([0.99]), LIMITS)
    for number in range(20):
        pixels = frame(0, number % 6).bgr.copy()
        pixels[:2, :2] = number
        check.add(Frame(pixels, NOW, number / 15, number), face_at(30, 20, 20))
    assert REPEATING_FRAMES in check.verdict().cues


def landmark_check(points: np.ndarray) -> AttackCheck:
    check = AttackCheck(ScriptedScores([0.99]), LIMITS)
    for number, landmarks in enumerate(tracks(points, 40, 0, 0.01)):
        face = DetectedFace(np.array([20, 10, 50, 45]), landmarks, 0.9)
        check.add(frame(number), face)
    return check


def test_flat_motion_makes_unsure_and_never_more() -> None:
    verdict = landmark_check(FLAT).verdict()
    assert verdict.presentation is Presentation.UNSURE
    assert verdict.cues == (FLAT_MOTION,)
    assert landmark_check(HEAD).verdict().presentation is Presentation.BONA_FIDE


def test_a_detector_needs_limits_and_limits_an_order() -> None:
    with pytest.raises(ValueError, match="limits"):
        AttackCheck(ScriptedScores([1.0]))
    for pair in ((0.8, 0.2), (0.0, 0.5), (0.5, float("nan")), (0.5, 1.5)):
        with pytest.raises(ConfigError):
            PadLimits(*pair)

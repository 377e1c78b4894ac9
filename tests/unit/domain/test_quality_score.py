from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.domain.quality import FaceQuality
from facegate.domain.quality_score import LEVEL_PITCH_DEG, score_of, with_score

BEST = FaceQuality(
    size_px=200, sharpness=0.5, brightness=0.55, contrast=0.15, visible=1.0, yaw_deg=0,
    pitch_deg=LEVEL_PITCH_DEG, roll_deg=0, score=0.0, eye_distance_px=80, luminance_mean=0.4,
    luminance_variance=0.02, under_exposed=0.05, over_exposed=0.0, dynamic_range_bits=7.5,
    light_uniformity=0.9, color_cast=0.0, covered=0.0, noise=0.002,
)  # fmt: skip


def test_a_face_without_fault_has_the_full_score() -> None:
    assert score_of(BEST) == 1
    assert with_score(BEST) == dataclasses.replace(BEST, score=1.0)


WORSE = {
    "sharpness": (0.4, 0.0),
    "visible": (1.0, 0.0),
    "yaw_deg": (45.0, 90.0),
    "pitch_deg": (LEVEL_PITCH_DEG, 90.0),
    "roll_deg": (0.0, 90.0),
    "eye_distance_px": (35.0, 0.0),
    "luminance_mean": (0.25, 0.0),
    "over_exposed": (0.0, 1.0),
    "covered": (0.0, 1.0),
    "noise": (0.003, 1.0),
}


@pytest.mark.parametrize("name", WORSE)
@settings(deadline=None, max_examples=30)
@given(shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_worse_is_never_better(name: str, shares: tuple[float, float]) -> None:
    good, bad = WORSE[name]
    less, more = sorted(shares)
    scores = [
        score_of(dataclasses.replace(BEST, **{name: good + share * (bad - good)}))
        for share in (less, more)
    ]
    assert 0 <= scores[1] <= scores[0] <= 1


@pytest.mark.parametrize("name", WORSE)
def test_every_measure_counts(name: str) -> None:
    assert score_of(dataclasses.replace(BEST, **{name: WORSE[name][1]})) < 0.75


def test_left_and_right_are_alike() -> None:
    for name in ("yaw_deg", "roll_deg"):
        left, right = (dataclasses.replace(BEST, **{name: angle}) for angle in (-50.0, 50.0))
        assert score_of(left) == score_of(right)

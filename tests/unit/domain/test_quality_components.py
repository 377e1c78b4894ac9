from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.domain.quality import FaceQuality
from facegate.domain.quality_components import Component, components

GOOD = FaceQuality(
    size_px=200, sharpness=0.4, brightness=0.55, contrast=0.15, visible=1.0, yaw_deg=0,
    pitch_deg=0, roll_deg=0, score=0.9, eye_distance_px=120, luminance_mean=0.45,
    luminance_variance=1 / 60, under_exposed=0.05, over_exposed=0.0, dynamic_range_bits=7.6,
    light_uniformity=0.9, color_cast=0.0, covered=0.02, noise=0.003,
)  # fmt: skip


def scores(quality: FaceQuality) -> dict[str, float]:
    return {one.name: one.score for one in components(quality)}


def test_a_good_face_has_good_components() -> None:
    assert min(scores(GOOD).values()) > 85


@pytest.mark.parametrize(
    ("change", "name", "score"),
    [
        # Worked out by hand from the published formulas.
        ({"light_uniformity": 0.5}, "illumination_uniformity", 100 * 0.5**0.3),
        ({"luminance_mean": 0.2}, "luminance_mean", 50),
        ({"luminance_mean": 0.8}, "luminance_mean", 50),
        ({"luminance_variance": 1 / 60}, "luminance_variance", 100),
        ({"luminance_variance": 1 / 180}, "luminance_variance", 100 * math.sqrt(0.5)),
        ({"under_exposed": 0.92}, "under_exposure_prevention", 120 * 0.332),
        ({"over_exposed": 0.01}, "over_exposure_prevention", 50),
        ({"over_exposed": 0.0}, "over_exposure_prevention", 100),
        ({"dynamic_range_bits": 4.0}, "dynamic_range", 50),
        ({"color_cast": 10 * math.log(3)}, "natural_color", 50),
        ({"eye_distance_px": 70}, "inter_eye_distance", 50),
        ({"yaw_deg": -45}, "head_pose_yaw", 50),
        ({"pitch_deg": 60}, "head_pose_pitch", 25),
        ({"roll_deg": 180}, "head_pose_roll", 0),
        ({"covered": 0.75}, "uncovered", 25),
    ],
)
def test_scores_are_those_of_the_formulas(
    change: dict[str, float], name: str, score: float
) -> None:
    assert scores(dataclasses.replace(GOOD, **change))[name] == pytest.approx(score, abs=0.01)


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high)


@settings(deadline=None, max_examples=30)
@given(
    st.builds(
        FaceQuality,
        size_px=numbers(0, 1e5), sharpness=numbers(0, 1), brightness=numbers(0, 1),
        contrast=numbers(0, 0.5), visible=numbers(0, 1), yaw_deg=numbers(-90, 90),
        pitch_deg=numbers(-90, 90), roll_deg=numbers(-180, 180), score=numbers(0, 1),
        eye_distance_px=numbers(0, 1e5), luminance_mean=numbers(0, 1),
        luminance_variance=numbers(0, 0.25), under_exposed=numbers(0, 1),
        over_exposed=numbers(0, 1), dynamic_range_bits=numbers(0, 8),
        light_uniformity=numbers(0, 1), color_cast=numbers(0, 300), covered=numbers(0, 1),
        noise=numbers(0, 1),
    )
)  # fmt: skip
def test_every_score_is_a_number_from_0_to_100(quality: FaceQuality) -> None:
    for one in components(quality):
        assert -1e-9 <= one.score <= 100 + 1e-9, one.name
        assert set(one.as_dict()) == {"name", "value", "unit", "score", "own"}


def test_names_are_unique_and_ours_are_marked() -> None:
    found = components(GOOD)
    assert len({one.name for one in found}) == len(found)
    assert [one.name for one in found if one.own] == [
        "sharpness", "noise", "inside_picture", "uncovered",
    ]  # fmt: skip
    assert isinstance(found[0], Component)

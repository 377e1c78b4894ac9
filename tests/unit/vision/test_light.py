from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.vision.light import (
    FACE,
    LEFT_CHEEK,
    RIGHT_CHEEK,
    Light,
    linear_luminance,
    measure_light,
)

ALL = np.ones((112, 112), bool)


def crops(seed: int) -> np.ndarray:
    """A crop of random patches, random but with surfaces."""
    random = np.random.default_rng(seed)
    return np.kron(random.integers(0, 256, (14, 14, 3)), np.ones((8, 8, 1))).astype(np.uint8)


def light(crop: np.ndarray, known: np.ndarray = ALL) -> Light:
    luma = np.round(crop @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return measure_light(crop, luma, known)


def slow_linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def test_luminance_is_that_of_the_srgb_standard() -> None:
    crop = crops(0)
    found = linear_luminance(crop)
    for y, x in ((0, 0), (20, 50), (60, 100), (111, 111)):
        r, g, b = (slow_linear(float(value) / 255) for value in crop[y, x])
        assert found[y, x] == pytest.approx(255 * (0.2126 * r + 0.7152 * g + 0.0722 * b), abs=0.51)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_measures_equal_plain_loops(seed: int) -> None:
    crop = crops(seed)
    found = light(crop)
    pixels = [int(value) for value in linear_luminance(crop)[FACE].ravel()]
    n = len(pixels)
    mean = sum(pixels) / n / 255
    shares = [pixels.count(level) / n for level in sorted(set(pixels))]
    assert found.luminance_mean == pytest.approx(mean)
    assert found.luminance_variance == pytest.approx(
        sum((value / 255 - mean) ** 2 for value in pixels) / n
    )
    assert found.under_exposed == pytest.approx(sum(value <= 25 for value in pixels) / n)
    assert found.over_exposed == pytest.approx(sum(value >= 247 for value in pixels) / n)
    assert found.dynamic_range_bits == pytest.approx(-sum(p * math.log2(p) for p in shares))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000))
def test_a_mirrored_face_is_lit_the_same(seed: int) -> None:
    crop = crops(seed)
    mirrored = light(np.ascontiguousarray(crop[:, ::-1]))
    for name, value in ((name, getattr(light(crop), name)) for name in Light.__slots__):
        assert getattr(mirrored, name) == pytest.approx(value, abs=1e-5), name


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.05, 0.9))
def test_darkening_lowers_the_mean_and_raises_the_dark_share(seed: int, factor: float) -> None:
    crop = crops(seed)
    dark = light((crop * factor).astype(np.uint8))
    bright = light(crop)
    assert dark.brightness < bright.brightness
    assert dark.luminance_mean < bright.luminance_mean
    assert dark.under_exposed >= bright.under_exposed
    assert dark.over_exposed <= bright.over_exposed


@pytest.mark.parametrize(("value", "dark", "bright"), [(0, 1, 0), (128, 0, 0), (255, 0, 1)])
def test_one_flat_color(value: int, dark: float, bright: float) -> None:
    found = light(np.full((112, 112, 3), value, np.uint8))
    assert (found.under_exposed, found.over_exposed) == (dark, bright)
    assert found.dynamic_range_bits == found.luminance_variance == 0
    assert found.uniformity == 1
    assert found.color_cast == 0, "gray is no wrong color"


def test_shadow_on_one_side_is_uneven() -> None:
    random = np.random.default_rng(0)
    crop = random.normal(150, 20, (112, 112, 3)).clip(0, 255).astype(np.uint8)
    shadowed = crop.copy()
    shadowed[:, :56] = shadowed[:, :56] * 0.4
    assert light(crop).uniformity > 0.85
    assert light(shadowed).uniformity < 0.1


def test_a_cheek_outside_the_frame_is_not_taken_for_shadow() -> None:
    crop = crops(3)
    crop[:, :50] = 0
    known = ALL.copy()
    known[:, :50] = False
    assert light(crop, known).uniformity == 1
    assert light(crop).uniformity < 0.5


def test_skin_has_no_cast_and_blue_light_has() -> None:
    skin = np.full((112, 112, 3), (198, 150, 125), np.uint8)
    assert light(skin).color_cast == 0
    assert light(np.full((112, 112, 3), (110, 140, 220), np.uint8)).color_cast > 20


def test_only_what_is_known_counts() -> None:
    crop = crops(5)
    known = ALL.copy()
    known[:, 60:] = False
    changed = crop.copy()
    changed[:, 60:] = 255 - changed[:, 60:]
    one, other = light(crop, known), light(changed, known)
    assert (one.luminance_mean, one.over_exposed) == (other.luminance_mean, other.over_exposed)


def test_the_cheeks_are_mirror_images() -> None:
    left, right = np.zeros((112, 112)), np.zeros((112, 112))
    left[LEFT_CHEEK] = right[RIGHT_CHEEK] = 1
    assert np.array_equal(left[:, ::-1], right)

from __future__ import annotations

import math

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facegate.vision.darkness import DARK_BELOW, LEAST_GAMMA, lifted, typical_luma

pictures = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))


@given(pictures)
@settings(deadline=None, max_examples=50)
def test_typical_luma_is_that_of_a_plain_loop(picture: np.ndarray) -> None:
    luma = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    logarithms = [math.log(int(value) + 4) for value in luma.ravel()]
    expected = math.exp(sum(logarithms) / len(logarithms)) - 4
    assert abs(typical_luma(picture) - max(0.0, expected)) < 1e-6


def test_lamps_and_a_border_do_not_hide_the_dark_or_make_it() -> None:
    night = np.full((480, 640, 3), 12, np.uint8)
    night[:100, :100] = 255
    assert typical_luma(night) < DARK_BELOW / 2
    day = np.full((480, 640, 3), 120, np.uint8)
    day[:40] = 0
    assert typical_luma(day) > DARK_BELOW


@given(pictures, pictures, st.one_of(st.just(0.0), st.floats(1, 254)))
@settings(deadline=None, max_examples=100)
def test_every_value_is_that_of_the_formula_and_none_gets_darker(
    frame: np.ndarray, picture: np.ndarray, below: float
) -> None:
    found = lifted(picture, frame, below)
    typical = typical_luma(frame)
    if typical >= below:
        assert found is picture
        return
    exponent = math.log(below / 255) / math.log(max(typical, 1.0) / 255)
    exponent = max(LEAST_GAMMA, exponent)
    for before, after in zip(picture.ravel().tolist(), found.ravel().tolist(), strict=True):
        assert abs(after - 255 * (before / 255) ** exponent) <= 0.51
        assert after >= before


def test_many_pictures_are_lifted_as_each_is() -> None:
    random = np.random.default_rng(2)
    crops = random.integers(0, 99, (5, 8, 6, 3), dtype=np.uint8)
    found = lifted(crops, crops[0] // 4, DARK_BELOW)
    assert found.shape == crops.shape
    for crop, one in zip(crops, found, strict=True):
        assert np.array_equal(one, lifted(crop, crops[0] // 4, DARK_BELOW))


def test_what_is_hardly_dark_is_hardly_changed() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    dusk = np.full((4, 4, 3), DARK_BELOW - 1, np.uint8)
    assert np.abs(lifted(ramp, dusk, DARK_BELOW).astype(int) - ramp).max() <= 2


def test_a_picture_becomes_as_light_as_asked() -> None:
    dusk = np.full((64, 64, 3), 30, np.uint8)
    assert abs(typical_luma(lifted(dusk, dusk, DARK_BELOW)) - DARK_BELOW) < 1


def test_nothing_is_dark_if_so_set() -> None:
    night = np.full((64, 64, 3), 3, np.uint8)
    assert lifted(night, night, 0.0) is night

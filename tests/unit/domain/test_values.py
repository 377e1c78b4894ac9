from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fakes import ANY_QUALITY, NOW

from facegate.domain.arrays import locked, locked_unit
from facegate.domain.faces import DetectedFace
from facegate.domain.people import MAX_NAME_LENGTH, Template, clean_name
from facegate.domain.quality import FaceQuality, Flaw, QualityRules
from facegate.errors import InputError, ShapeError


def test_locked_arrays_are_copies_that_cannot_change() -> None:
    original = np.ones(4)
    array = locked(original, (4,), "x")
    original[0] = 7
    assert array[0] == 1
    assert array.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 2


@pytest.mark.parametrize("value", [[1, 2, 3], [[1, 2]], [1, np.nan], [1, np.inf], 5.0])
def test_wrong_arrays_are_refused(value: object) -> None:
    with pytest.raises(ShapeError, match="x must be"):
        locked(value, (2,), "x")


def test_embeddings_must_have_unit_length() -> None:
    locked_unit([0.6, 0.8], "embedding")
    for bad in ([1.0, 1.0], [0.0, 0.0], [np.nan, 1.0]):
        with pytest.raises(ShapeError):
            locked_unit(bad, "embedding")
    with pytest.raises(ShapeError):
        Template(0, 0, np.zeros(4), "m", 0.5, "a", "b", NOW)


def test_detected_face_checks_its_shapes() -> None:
    face = DetectedFace([1, 2, 11, 32], np.zeros((5, 2)), 0.5)
    assert face.size_px == 10
    with pytest.raises(ShapeError):
        DetectedFace([1, 2, 3], np.zeros((5, 2)), 0.5)
    with pytest.raises(ShapeError):
        DetectedFace([1, 2, 3, 4], np.zeros((4, 2)), 0.5)


@pytest.mark.parametrize(
    ("given", "cleaned"),
    [
        ("Ana Lima", "Ana Lima"),
        ("  Ana \t Lima\n", "Ana Lima"),
        ("Zoe\u0308", "Zoë"),
        ("a\x1b[31mb", "a [31mb"),
        ("李 小龍", "李 小龍"),
        ("a\u2028b", "a b"),
    ],
)
def test_names_are_normalized(given: str, cleaned: str) -> None:
    assert clean_name(given) == cleaned
    assert clean_name(cleaned) == cleaned


@pytest.mark.parametrize("name", ["", "   ", "\n\t", "\x00", "x" * (MAX_NAME_LENGTH + 1)])
def test_names_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        clean_name(name)


GOOD = FaceQuality(
    120, 0.5, 0.5, 0.2, 1.0, 0, 0, 0, 0.9,
    eye_distance_px=60, luminance_mean=0.3, luminance_variance=0.02, under_exposed=0.1,
    over_exposed=0.0, dynamic_range_bits=7.0, light_uniformity=0.8, color_cast=0.0, covered=0.1,
    noise=0.003,
)  # fmt: skip
RULES = QualityRules(50, 0.2, 0.2, 0.9, 0.1, 0.8, 30, 30, 40, 0.1, 0.2, 0.9)


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        ({"size_px": 40}, Flaw.TOO_SMALL),
        ({"sharpness": 0.1}, Flaw.BLURRED),
        ({"brightness": 0.1}, Flaw.TOO_DARK),
        ({"brightness": 0.95}, Flaw.TOO_BRIGHT),
        ({"contrast": 0.05}, Flaw.LOW_CONTRAST),
        ({"visible": 0.7}, Flaw.CUT_OFF),
        ({"yaw_deg": -31}, Flaw.EXTREME_POSE),
        ({"pitch_deg": 31}, Flaw.EXTREME_POSE),
        ({"roll_deg": -41}, Flaw.EXTREME_POSE),
        ({"light_uniformity": 0.05}, Flaw.UNEVEN_LIGHT),
        ({"over_exposed": 0.3}, Flaw.OVEREXPOSED),
        ({"covered": 0.95}, Flaw.COVERED),
    ],
)
def test_each_limit_has_its_flaw(change: dict[str, float], flaw: Flaw) -> None:
    assert RULES.flaws(GOOD) == ()
    broken = dataclasses.replace(GOOD, **change)
    assert RULES.flaws(broken) == (flaw,)
    assert ANY_QUALITY.flaws(broken) == ()


def test_every_flaw_has_words_for_people() -> None:
    assert all(len(flaw.sentence) > 10 for flaw in Flaw)

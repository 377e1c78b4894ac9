from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from facegate.domain.decisions import Outcome
from facegate.vision.alter import ALTERATIONS
from facegate.vision.annotate import MAX_SIDE_PX, FaceMark, annotate, contact_sheet

POINTS = np.array([[40, 40], [60, 40], [50, 50], [42, 62], [58, 62]], np.float32)


def mark(x1: float, y1: float, x2: float, y2: float, label: str = "Ana 0.71") -> FaceMark:
    return FaceMark(np.array([x1, y1, x2, y2], np.float32), POINTS, Outcome.MATCH, label)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("label", ["Ana 0.71", "Zoë Łukasz 李", "", "x" * 200])
@pytest.mark.parametrize(
    "box",
    [(30, 30, 70, 70), (-20, -20, 20, 20), (90, 90, 140, 140), (50, 50, 50, 50), (9, 8, 2, 1)],
)
def test_marks_are_drawn_wherever_they_are(label: str, box: tuple[float, ...]) -> None:
    frame = np.full((100, 100, 3), 128, np.uint8)
    before = frame.copy()
    image = opened(annotate(frame, [mark(*box, label)]))
    assert image.size == (100, 100)
    assert (frame == before).all(), "the frame itself must not be drawn on"


def test_a_mark_changes_the_picture_and_metadata_is_not_carried() -> None:
    frame = np.full((100, 100, 3), 128, np.uint8)
    image = opened(annotate(frame, [mark(30, 30, 70, 70)]))
    assert np.asarray(image).std() > 5
    assert not image.getexif()


def test_one_pixel_and_very_large_pictures() -> None:
    assert opened(annotate(np.zeros((1, 1, 3), np.uint8), [mark(0, 0, 1, 1)])).size == (1, 1)
    large = opened(annotate(np.zeros((900, 4000, 3), np.uint8), []))
    assert max(large.size) == MAX_SIDE_PX


def test_contact_sheet_holds_every_picture() -> None:
    tiles = [(np.full((50, 80, 3), i * 20, np.uint8), [], f"title {i}") for i in range(7)]
    image = opened(contact_sheet(tiles, columns=3, side_px=100))
    assert image.size == (3 * 110 + 10, 3 * 132 + 10)


@pytest.mark.parametrize("title", ALTERATIONS)
def test_alterations_change_the_picture_but_not_its_kind(title: str) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    before = frame.copy()
    altered = ALTERATIONS[title](frame)
    assert altered.dtype == np.uint8
    assert altered.ndim == 3
    assert (frame == before).all()
    same = altered.shape == frame.shape and (altered == frame).all()
    assert same == (title == "as it is")

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from facegate.errors import ShapeError, UnreadableImage
from facegate.vision.align import TEMPLATE_112, align_face
from facegate.vision.keep import MARGIN, MAX_SCALE, cut_kept_crop, open_kept_crop


def frame(height: int = 400, width: int = 500) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    waves = [128 + 100 * np.sin(x / a) * np.cos(y / b) for a, b in ((23, 31), (40, 17), (29, 50))]
    return np.stack(waves, axis=-1).astype(np.uint8)


def turned(scale: float, degrees: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return ((TEMPLATE_112 - 56) @ turn.T + shift).astype(np.float32)


@pytest.mark.parametrize(
    ("scale", "degrees", "shift"),
    [(1.0, 0, (200, 200)), (0.5, 35, (250, 180)), (1.8, -60, (240, 200)), (1.0, 10, (30, 380)),
     (1.2, 180, (480, 20))],
)  # fmt: skip
@pytest.mark.parametrize("size_px", [112, 160, 224])
def test_what_is_kept_gives_the_same_crops_as_the_frame(
    scale: float, degrees: float, shift: tuple[float, float], size_px: int
) -> None:
    points = turned(scale, degrees, shift)
    data, kept_points = cut_kept_crop(frame(), points)
    direct = align_face(frame(), points, size_px).astype(int)
    again = align_face(open_kept_crop(data), kept_points, size_px).astype(int)
    difference = np.abs(direct - again)
    assert difference.mean() < 1.5
    assert np.quantile(difference, 0.99) <= 6


def test_a_large_face_is_made_smaller_and_stays_in_place() -> None:
    big = np.repeat(np.repeat(frame(), 6, axis=0), 6, axis=1)
    points = (turned(1.2, 20, (250, 200)) + 0.5) * 6 - 0.5
    data, kept_points = cut_kept_crop(big, points)
    side = max(open_kept_crop(data).shape)
    assert side <= MAX_SCALE * 112 * (1 + 2 * MARGIN) * 1.5 + 4
    direct = align_face(big, points).astype(int)
    again = align_face(open_kept_crop(data), kept_points).astype(int)
    assert np.abs(direct - again).mean() < 2


def test_only_the_face_and_a_little_around_it_is_kept_and_no_metadata() -> None:
    data, _ = cut_kept_crop(frame(1200, 1600), turned(1.0, 0, (800, 600)))
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert max(image.size) <= 112 * (1 + 2 * MARGIN) + 3
        assert not image.getexif()
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert len(data) < 60_000


def test_faces_outside_and_damaged_bytes_are_refused() -> None:
    with pytest.raises(ShapeError):
        cut_kept_crop(frame(), turned(1.0, 0, (5000, 5000)))
    with pytest.raises(ShapeError):
        cut_kept_crop(frame(), np.full((5, 2), 9.0))
    data, _ = cut_kept_crop(frame(), turned(1.0, 0, (200, 200)))
    for broken in (b"", b"nothing", data[: len(data) // 2]):
        with pytest.raises(UnreadableImage):
            open_kept_crop(broken)

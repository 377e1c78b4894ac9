"""Cutouts are of one size, in the frame, and show boxes in their colors."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from facegate.vision.cutouts import SIZE_WH, Outline, OutlinedBox, cut_out


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "JPEG"
        assert not image.getexif()
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    ("size_wh", "focus"),
    [
        ((640, 480), (100, 100, 180, 200)), ((640, 480), (-20, -30, 10, 15)),
        ((640, 480), (600, 460, 700, 700)), ((3, 2), (0, 0, 2, 2)), ((1, 1), (0, 0, 1, 1)),
        ((4000, 60), (2000, 0, 2040, 60)), ((50, 900), (0, 0, 50, 900)),
        ((640, 480), (-1e6, -1e6, 1e6, 1e6)), ((640, 480), (9000, 9000, 9050, 9050)),
    ],
)  # fmt: skip
def test_every_place_gives_a_cutout_of_one_size(
    size_wh: tuple[int, int], focus: tuple[float, ...]
) -> None:
    frame = np.full((*size_wh[::-1], 3), 128, np.uint8)
    box = np.array(focus, np.float32)
    outlines = [OutlinedBox(box, kind, strong=kind is Outline.WRONG) for kind in Outline]
    assert opened(cut_out(frame, box, outlines)).shape == (*SIZE_WH[::-1], 3)


@pytest.mark.parametrize("kind", list(Outline))
def test_a_box_stands_where_it_is_and_dashes_mean_people(kind: Outline) -> None:
    frame = np.full((480, 640, 3), 128, np.uint8)
    box = np.array([280, 200, 360, 280], np.float32)
    image = opened(cut_out(frame, box, [OutlinedBox(box, kind, strong=True)]))
    # The cut is 320 x 240 around the middle, enlarged by 1.5.
    side = image[120, 180:300]
    colored = np.abs(side - np.array(kind.value)).sum(axis=1) < 120
    assert colored.mean() > 0.4
    assert (colored.mean() < 0.8) == (kind is Outline.TRUTH)
    assert np.abs(image[180, 240] - 128).max() < 12  # what is inside can be seen

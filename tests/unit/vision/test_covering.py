from __future__ import annotations

import cv2
import numpy as np
import pytest

from facegate.vision.align import align_face
from facegate.vision.covering import color_signs, covered, line_signs
from facegate.vision.images import load_image

ALL = np.ones((112, 112), bool)


@pytest.fixture
def bare(portrait_paths: dict) -> list[np.ndarray]:
    """Two aligned portraits; where their landmarks are was set by eye."""
    points = {
        "collins": [[205, 110], [247, 108], [228, 133], [212, 153], [246, 152]],
        "hopper": [[232, 223], [299, 222], [264, 258], [238, 299], [295, 298]],
    }
    return [
        align_face(load_image(portrait_paths[name]).frame_bgr, np.array(xy, np.float32))
        for name, xy in points.items()
    ]


def with_mask(crop: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Cloth with a few folds from the nose to the chin."""
    masked = crop.copy()
    rows = np.arange(66, 112)[:, None, None]
    cloth = np.array(color) + 6 * np.sin(rows / 5.0) + np.zeros((46, 84, 1))
    masked[66:, 14:98] = cloth.clip(0, 255).astype(np.uint8)
    return masked


@pytest.mark.parametrize("color", [(150, 190, 215), (30, 30, 35), (235, 235, 235)])
def test_a_mask_is_seen(bare: list[np.ndarray], color: tuple[int, int, int]) -> None:
    for crop in bare:
        assert covered(crop, ALL) < 0.3
        assert covered(with_mask(crop, color), ALL) > 0.9


def test_a_mask_is_seen_without_colors(bare: list[np.ndarray]) -> None:
    for crop in bare:
        gray = [
            np.repeat(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
            for one in (crop, with_mask(crop, (150, 190, 215)))
        ]
        assert covered(gray[0], ALL) < 0.5 < covered(gray[1], ALL)


def test_a_mirrored_face_is_as_covered(bare: list[np.ndarray]) -> None:
    for crop in (*bare, with_mask(bare[0], (90, 20, 20))):
        mirrored = np.ascontiguousarray(crop[:, ::-1])
        assert covered(mirrored, ALL) == pytest.approx(covered(crop, ALL), abs=1e-4)


def test_what_is_outside_the_frame_is_not_covered(bare: list[np.ndarray]) -> None:
    known = ALL.copy()
    known[80:] = False
    assert covered(bare[0] * known[..., None], known) == 0


@pytest.mark.parametrize("value", [0, 128, 255])
def test_blank_and_noisy_crops_have_finite_signs(value: int) -> None:
    blank = np.full((112, 112, 3), value, np.uint8)
    noisy = np.random.default_rng(value).integers(0, 256, (112, 112, 3)).astype(np.uint8)
    for crop in (blank, noisy):
        assert 0 <= covered(crop, ALL) <= 1
        lab = cv2.cvtColor(crop.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab)
        assert np.isfinite(color_signs(lab)).all()
        assert np.isfinite(line_signs(lab)).all()

"""Makes a pool of bona fide and attack pictures once: a network learns faster than these are made.

Every picture of the pool, photographed prints too, has gone through the same camera.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import InputError
from facegate.training.pad import attacks
from facegate.training.pad.data import BONA_FIDE, PRINT, PreparedRegions, Region

POOL_SHARES: Mapping[str, float] = {
    BONA_FIDE: 0.40,
    PRINT: 0.12,
    "generated_print": 0.12,
    "generated_screen": 0.24,
    "generated_cutout": 0.05,
    "generated_paper_mask": 0.07,
}
NUAA_SHARE = 0.3
"""Of the bona fide pictures, when there are any: they are few, and the only ones of a camera at
which attacks were photographed too."""


def pool(
    regions: PreparedRegions,
    count: int,
    seed: int,
    *,
    validates: bool,
    shares: Mapping[str, float] = POOL_SHARES,
) -> Iterator[Region]:
    """Make pictures of all kinds, each from a random state of its own.

    Args:
        regions: prepared faces.
        count: about so many.
        seed: the same one makes the same pool.
        validates: take the pictures that validate, else those to learn from.
        shares: of each kind.

    Raises:
        InputError: there are no bona fide faces.
    """
    sources = regions.numbers(kind=BONA_FIDE, validates=validates)
    if not len(sources):
        raise InputError("There are no bona fide faces to make attacks from.")
    is_nuaa = regions.sources[sources] == "nuaa"
    for place, (kind, share) in enumerate(shares.items()):
        for number in range(round(count * share)):
            random = np.random.default_rng([seed, place, number, int(validates)])
            if kind == PRINT:
                photographed = regions.numbers(kind=PRINT, validates=validates)
                if not len(photographed):
                    break
                region = regions[int(random.choice(photographed))]
            elif kind == BONA_FIDE and is_nuaa.any() and random.random() < NUAA_SHARE:
                region = regions[int(random.choice(sources[is_nuaa]))]
            else:
                region = regions[int(random.choice(sources))]
            shown = region.bgr, region.bbox_xyxy
            if kind in {BONA_FIDE, PRINT}:
                made = attacks.bona_fide(*shown, random)
            else:
                made = attacks.attack(kind, shown, _behind(regions, sources, random), random)
            yield Region(made.bgr, made.bbox_xyxy, kind, region.source, validates)


def _behind(
    regions: PreparedRegions, sources: np.ndarray, random: np.random.Generator
) -> tuple[ImageArray, FloatArray]:
    region = regions[int(random.choice(sources))]
    return region.bgr, region.bbox_xyxy

"""How a large picture is divided for a detector that sees a certain size best.

A picture scaled down to the detector's size loses its small faces. Tiles show them at full size,
but cut the large ones. So the whole picture is always looked at too, and where it is so large that
faces would fall between both, there are tiles at sizes in between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

OVERLAP_SHARE = 0.25
"""Neighboring tiles share this much of their side, so a face up to that size is whole in one."""

LEVEL_RATIO = 4.0
"""From one level of tiles to the next coarser one at most so much is lost: the largest face that is
sure to be whole on the finer one, a quarter of a tile, still has a sixteenth of a tile (40 pixels
of 640) on the coarser one."""

AUTO_FROM = 2.0
"""`auto` divides pictures longer than so many times the detector's side: from there on a face of 32
pixels is seen with less than 16."""

SEEN_PX = 24.0
"""A face that the detector sees at this size gains little from being seen larger."""


class TileMode(str, Enum):
    """When pictures are divided. Values are part of the settings and of the command line."""

    OFF = "off"
    AUTO = "auto"
    ON = "on"


@dataclass(frozen=True, slots=True)
class Look:
    """One part of a frame, seen at one scale.

    Attributes:
        left, top, right, bottom: the part, frame pixels; right and bottom are outside.
        scale: factor from the frame to what the detector sees.
        frame_wh: size of the whole frame.
    """

    left: int
    top: int
    right: int
    bottom: int
    scale: float
    frame_wh: tuple[int, int]

    @property
    def seen_wh(self) -> tuple[int, int]:
        """How large the part is for the detector, pixels."""
        width = max(1, round((self.right - self.left) * self.scale))
        return width, max(1, round((self.bottom - self.top) * self.scale))


def plan_looks(
    frame_wh: tuple[int, int], side_px: int, mode: TileMode, min_face_px: float = 0.0
) -> list[Look]:
    """Say which parts of a frame to look at, and at which scale.

    Args:
        frame_wh: width and height of the frame, at least 1.
        side_px: longest side of what the detector sees at once.
        mode: whether to divide.
        min_face_px: smallest face wanted, frame pixels; tiles need not be finer than it asks.

    Returns:
        The whole frame first, then the tiles, coarse to fine. Small frames are never enlarged.
    """
    width, height = frame_wh
    longest = max(frame_wh)
    coarse = min(1.0, side_px / longest)
    looks = [Look(0, 0, width, height, coarse, frame_wh)]
    fine = min(1.0, SEEN_PX / max(min_face_px, 1.0))
    wanted = mode is TileMode.ON or (mode is TileMode.AUTO and longest > AUTO_FROM * side_px)
    if not wanted or fine <= coarse:
        return looks
    levels = max(1, math.ceil(math.log(fine / coarse, LEVEL_RATIO) - 1e-9))
    for level in range(1, levels + 1):
        scale = coarse * (fine / coarse) ** (level / levels)
        side = math.floor(side_px / scale + 1e-6)
        lefts, tops = _starts(width, side), _starts(height, side)
        looks += [
            Look(left, top, min(left + side, width), min(top + side, height), scale, frame_wh)
            for top in tops
            for left in lefts
        ]
    return looks


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin along one side: evenly, from the first pixel to the last."""
    if length <= side:
        return [0]
    overlap = math.floor(side * OVERLAP_SHARE)
    count = math.ceil((length - overlap) / (side - overlap))
    return [round(number * (length - side) / (count - 1)) for number in range(count)]

"""A moving test clip that needs no camera, file or screen."""

from __future__ import annotations

import numpy as np

from facegate.domain.arrays import ImageArray

_BARS_BGR = ((192, 192, 192), (0, 192, 192), (192, 192, 0), (0, 192, 0), (192, 0, 192), (0, 0, 192))
_NOISE_LEVELS = 3
_PIXELS_PER_FRAME = 4


class TestPattern:
    """Color bars that wander, and a square that goes round.

    Picture number i is the same in every run.
    """

    __test__ = False  # pytest: not a test

    note = ""

    def __init__(self, size_wh: tuple[int, int], fps: float, frames: int = 0) -> None:
        self._width, self._height = size_wh
        self._fps, self._frames = fps, frames
        self._wide: ImageArray | None = None
        self._next = 0

    @property
    def position_s(self) -> float | None:
        """When the picture read last was taken, seconds from the first."""
        return max(self._next - 1, 0) / self._fps

    def open(self) -> None:
        """Paint the bars, once."""
        columns = np.arange(2 * self._width) * len(_BARS_BGR) // self._width % len(_BARS_BGR)
        row = np.array(_BARS_BGR, np.uint8)[columns]
        noise = np.random.default_rng(0).integers(
            0, _NOISE_LEVELS, (self._height, 2 * self._width, 1), dtype=np.uint8
        )
        self._wide = row[None] + noise
        self._next = 0

    def read(self) -> ImageArray | None:
        """The next picture; None after the last."""
        if self._wide is None or (self._frames and self._next >= self._frames):
            return None
        index, self._next = self._next, self._next + 1
        shift = index * _PIXELS_PER_FRAME % self._width
        picture = self._wide[:, shift : shift + self._width].copy()
        side = max(2, min(self._width, self._height) // 6)
        angle = index / self._fps  # one radian a second
        x = int((self._width - side) * (0.5 + 0.4 * np.cos(angle)))
        y = int((self._height - side) * (0.5 + 0.4 * np.sin(angle)))
        picture[y : y + side, x : x + side] = (40, 120, 240)
        return picture

    def close(self) -> None:
        """Forget the bars."""
        self._wide = None

"""Finds pictures that are in several sets, whatever their size and compression."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import ImageArray

SIDE = 16
MOST_BITS = 12
"""Of 256: pictures that differ in no more are the same. Scaled and recompressed copies differ in
less than ten, different pictures in about 128."""


class Doubles:
    """Remembers pictures by the signs of their brightness from left to right (a dHash)."""

    def __init__(self) -> None:
        self._known: npt.NDArray[np.bool_] = np.zeros((256, SIDE * SIDE), bool)
        self._count = 0

    def add(self, frame_bgr: ImageArray) -> bool:
        """Remember a picture; false if it is known already."""
        bits = difference_hash(frame_bgr)
        known = self._known[: self._count]
        if ((known ^ bits).sum(axis=1) <= MOST_BITS).any():
            return False
        if self._count == len(self._known):
            self._known = np.concatenate([self._known, np.zeros_like(self._known)])
        self._known[self._count] = bits
        self._count += 1
        return True


def difference_hash(frame_bgr: ImageArray) -> npt.NDArray[np.bool_]:
    """(256,) bool: whether each of 16 x 16 areas is brighter than its left neighbor."""
    gray = cv2.cvtColor(np.ascontiguousarray(frame_bgr), cv2.COLOR_BGR2GRAY)
    small = cv2.resize(gray, (SIDE + 1, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small[:, 1:] > small[:, :-1]).ravel()

"""What every source of pictures can do, and what its pictures become."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from facegate.domain.arrays import ImageArray
from facegate.errors import CaptureError

MIN_SIDE_PX = 2


class Source(Protocol):
    """One way to get pictures. Used by one thread at a time; may be opened again after `close`."""

    @property
    def note(self) -> str:
        """What an operator should know although pictures come; may be empty."""

    @property
    def position_s(self) -> float | None:
        """When in the recording the picture read last was taken, seconds; None for a camera."""

    def open(self) -> None:
        """Make ready to read. Raises CameraUnavailable."""

    def read(self) -> Any:
        """The next picture, to be passed through `as_bgr`; None when there are no more."""

    def close(self) -> None:
        """Let go of the device. May be called twice, and without `open`."""


def as_bgr(picture: Any) -> ImageArray:
    """Bring what a driver gave into the one form: (h, w, 3) uint8, contiguous, read-only.

    Gray pictures become three equal channels, a fourth channel is dropped.

    Raises:
        CaptureError: not a picture.
    """
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        raise CaptureError("The source gave something that is not an 8-bit picture.")
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.ndim != 3 or min(picture.shape[:2]) < MIN_SIDE_PX:
        raise CaptureError(f"The source gave a picture of shape {picture.shape}.")
    channels = picture.shape[2]
    if channels == 1:
        picture = np.repeat(picture, 3, axis=2)
    elif channels == 4:
        picture = picture[:, :, :3]
    elif channels != 3:
        raise CaptureError(f"The source gave a picture of {channels} channels.")
    frame: ImageArray = np.ascontiguousarray(picture).view()
    frame.setflags(write=False)
    return frame

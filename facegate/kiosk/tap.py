"""A camera that remembers the newest picture the gate took, for a window beside it."""

from __future__ import annotations

import threading

from facegate.domain.arrays import ImageArray
from facegate.domain.frames import CameraStatus, Frame
from facegate.ports.devices import Camera


class TappedCamera:
    """Gives every frame to the gate; fulfils `facegate.doorway.LiveCamera`.

    Args:
        camera: the real one.
        is_live: False for recordings.
    """

    def __init__(self, camera: Camera, *, is_live: bool) -> None:
        self._camera, self.is_live = camera, is_live
        self.has_own_time = False
        self._newest: ImageArray | None = None
        self._guard = threading.Lock()

    @property
    def address(self) -> str:
        """Of the camera."""
        return self._camera.address

    @property
    def dropped(self) -> int:
        """Of the camera."""
        return self._camera.dropped

    @property
    def newest(self) -> ImageArray | None:
        """The last (h, w, 3) uint8 frame that the gate took; None before the first."""
        with self._guard:
            return self._newest

    def start(self) -> None:
        """Begin to read."""
        self._camera.start()

    def next_frame(self, timeout_s: float) -> Frame | None:
        """The gate's next frame, remembered."""
        frame = self._camera.next_frame(timeout_s)
        if frame is not None:
            with self._guard:
                self._newest = frame.bgr
        return frame

    def status(self) -> CameraStatus:
        """Of the camera."""
        return self._camera.status()

    def close(self) -> None:
        """Let go of the camera and of the picture, which shows somebody."""
        self._camera.close()
        with self._guard:
            self._newest = None

"""What looks, recognizes, moves a lock and tells the time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.faces import DetectedFace
from facegate.domain.frames import CameraStatus, Frame


class Clock(Protocol):
    """Tells the time, so that tests can."""

    def __call__(self) -> datetime:
        """Now, time zone aware, in UTC."""


class Detector(Protocol):
    """Finds faces."""

    @property
    def model_id(self) -> str:
        """Name and short digest of the network."""

    def detect(self, frame_bgr: ImageArray) -> list[DetectedFace]:
        """Find all faces of a (h, w, 3) uint8 frame, largest first; empty when there is none."""


class Embedder(Protocol):
    """Turns aligned faces into embeddings."""

    @property
    def model_id(self) -> str:
        """Name and short digest of the network; goes into every template."""

    def embed(self, crops_rgb: ImageArray) -> FloatArray:
        """Encode (n, size, size, 3) uint8 RGB crops as (n, d) float32 unit vectors; n may be 0.

        The networks that ship take a size of 112; others have a `CropGeometry` of their own.
        """


class Camera(Protocol):
    """A source of frames that is read by a thread of its own; only the newest frame is kept."""

    @property
    def address(self) -> str:
        """Where the frames come from, without passwords."""

    @property
    def dropped(self) -> int:
        """How many frames were replaced by newer ones before anybody took them."""

    def start(self) -> None:
        """Begin to read; returns at once, whether the camera is there or not."""

    def next_frame(self, timeout_s: float) -> Frame | None:
        """Take the newest frame that was not taken yet; None when none came in time."""

    def status(self) -> CameraStatus:
        """How the camera is right now."""

    def close(self) -> None:
        """Stop reading and let go of the device. May be called twice."""


class AttackDetector(Protocol):
    """Tells bona fide faces from prints, screens and masks, one frame at a time."""

    @property
    def model_id(self) -> str:
        """Name and short digest of the network."""

    def scores(self, frame_bgr: ImageArray, faces: Sequence[DetectedFace]) -> FloatArray:
        """Give each face a (n,) float32 PAD score in [0, 1], higher is more bona fide."""


class DoorOutput(Protocol):
    """Moves one lock. Locked is the state of rest: it comes back by itself."""

    def unlock(self, pulse_s: float, reference: str) -> None:
        """Open for pulse_s seconds; a second call while open begins the time again.

        Args:
            pulse_s: seconds until it locks again.
            reference: number of the receipt, for the other side's log.

        Raises:
            DoorError: it is not sure that the door opened; it is left locked.
        """

    def lock(self) -> None:
        """Lock now. Raises DoorError."""

    def is_open(self) -> bool | None:
        """What the door contact says: True for a leaf that stands open; None: no contact."""

    def close(self) -> None:
        """Lock and let go of the device. May be called twice."""

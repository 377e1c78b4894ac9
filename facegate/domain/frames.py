"""Pictures from a camera, and how the camera is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from facegate.domain.arrays import ImageArray


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a camera. Whoever receives it must not write to its pixels.

    Attributes:
        bgr: (h, w, 3) uint8; left out of the printed form.
        at: wall clock when it was taken, time zone aware, UTC.
        time_s: seconds of a clock that never goes back; only differences mean something.
        number: counts the frames of one source from 0, dropped ones included.
    """

    bgr: ImageArray = field(repr=False)
    at: datetime
    time_s: float
    number: int


class CameraState(str, Enum):
    """How a camera is. Values are part of the JSON contract.

    OPENING: no picture has been found good yet. UNPLUGGED: it cannot be reached or opened. BUSY:
    another program has it. ASLEEP: it opens, but no picture comes. SILENT: its pictures stopped
    coming. FROZEN: the same picture again and again. ENDED: a recording is over; nothing more will
    come.
    """

    OPENING = "opening"
    LIVE = "live"
    UNPLUGGED = "unplugged"
    BUSY = "busy"
    ASLEEP = "asleep"
    SILENT = "silent"
    FROZEN = "frozen"
    BLACK = "black"
    OVEREXPOSED = "overexposed"
    VIRTUAL = "virtual"
    ENDED = "ended"

    @property
    def may_decide(self) -> bool:
        """Whether its pictures may open a door; anything but a live camera keeps it shut."""
        return self is CameraState.LIVE


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """How a camera is, since when, and in words an operator understands."""

    state: CameraState
    detail: str
    since: datetime

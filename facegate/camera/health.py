"""Notices pictures that cannot be trusted: black, overexposed, frozen, or none at all.

Only differences of times count, so tests and replays bring their own clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import ImageArray
from facegate.domain.frames import CameraState

SAMPLES_PER_SIDE = 96
"""A picture is judged on at most this many pixels a side: 92 x 90 of them at 720p."""

DARK_LEVEL, DARK_LEVEL_LEFT = 30.0, 38.0
"""Black: 95 % of the samples are darker than this in every channel, on the scale to 255; the second
number ends it. Set by eye."""

BRIGHT_LEVEL = 250.0
BRIGHT_SHARE, BRIGHT_SHARE_LEFT = 0.6, 0.5
"""Overexposed: this share of the samples is at the top in all channels; the second number ends it.
Set by eye."""

STILL_LEVELS = 2
STILL_SHARE = 0.002
"""Still: fewer samples than this share differ by this much from those of the picture before. With
Gaussian noise of 0.5 levels 5 % do, of 0.3 levels 0.2 %; a digit of a burnt-in clock is about
0.03 % of the picture.

Encoders leave out the noise of a scene in which nothing moves, so a healthy stream of an empty
room can be called frozen. That costs nothing: whoever steps in front of it changes the picture, and
after `MOVES_TO_THAW` changed pictures it is alive again.
"""
MOVES_TO_THAW = 3
MOVES_WITHIN_S = 2.0
"""Changes farther apart do not add up: key frames of an encoded frozen picture come that rarely."""


@dataclass(frozen=True, slots=True)
class HealthRules:
    """When a state is called out.

    Attributes:
        black_after_s: black for so long.
        overexposed_after_s: overexposed for so long.
        frozen_after_s: the same picture for so long; None: never, for recordings.
        silent_after_s: no picture for so long; None: never, for recordings.
        good_frames: how many good pictures in a row end a fault, and the state OPENING.
    """

    black_after_s: float = 1.0
    overexposed_after_s: float = 2.0
    frozen_after_s: float | None = 5.0
    silent_after_s: float | None = 3.0
    good_frames: int = 3

    @classmethod
    def for_recording(cls) -> HealthRules:
        """Recordings and generated clips may repeat a picture, and wait for whoever takes them."""
        return cls(frozen_after_s=None, silent_after_s=None, good_frames=1)


@dataclass(frozen=True, slots=True, eq=False)
class FrameStatistics:
    """What is needed of a picture to judge it.

    Attributes:
        samples: (rows, columns, 3) uint8, pixels on a coarse grid.
        dark_level: 95th percentile of their brightest channels, 0 to 255.
        bright_share: share of pixels at the top in all channels, [0, 1].
    """

    samples: npt.NDArray[np.uint8] = field(repr=False)
    dark_level: float
    bright_share: float

    @classmethod
    def of(cls, frame_bgr: ImageArray) -> FrameStatistics:
        """Sample a (h, w, 3) uint8 picture."""
        height, width = frame_bgr.shape[:2]
        rows = -(-height // SAMPLES_PER_SIDE)
        columns = -(-width // SAMPLES_PER_SIDE)
        samples = frame_bgr[::rows, ::columns].copy()
        blue, green, red = samples[..., 0], samples[..., 1], samples[..., 2]
        brightest = np.maximum(np.maximum(blue, green), red).ravel()
        darkest = np.minimum(np.minimum(blue, green), red)
        # One place in the order is enough; np.percentile takes three times as long.
        place = (95 * (brightest.size - 1)) // 100
        return cls(
            samples,
            float(np.partition(brightest, place)[place]),
            float(np.count_nonzero(darkest >= BRIGHT_LEVEL)) / darkest.size,
        )

    def differs_from(self, other: FrameStatistics) -> bool:
        """Whether the scene, or at least the sensor's noise, has changed."""
        if self.samples.shape != other.samples.shape:
            return True
        # The difference of two uint8 wraps around; that of the larger and the smaller does not.
        difference = np.maximum(self.samples, other.samples) - np.minimum(
            self.samples, other.samples
        )
        return int(np.count_nonzero(difference >= STILL_LEVELS)) >= STILL_SHARE * difference.size


class Health:
    """Follows one camera's pictures; not safe for threads by itself.

    A fault is called out when it lasted, and ends after some good pictures, so that the state does
    not flicker. Before the first good pictures the state is OPENING.
    """

    def __init__(self, rules: HealthRules) -> None:
        self._rules = rules
        self._state = CameraState.OPENING
        self._last_s: float | None = None
        self._good = 0
        self._dark_since: float | None = None
        self._bright_since: float | None = None
        self._reference: FrameStatistics | None = None
        self._moved_s = 0.0
        self._moves = 0

    def seen(self, statistics: FrameStatistics, time_s: float) -> CameraState:
        """Judge the next picture; gives back the state from now on."""
        if self.silent(time_s):
            self._state = CameraState.SILENT  # until good pictures prove otherwise
            self._good = 0
        self._last_s = time_s
        moving = self._is_moving(statistics, time_s)
        fault = self._fault(statistics, time_s)
        suspicious = self._dark_since is not None or self._bright_since is not None
        self._good = self._good + 1 if moving and not suspicious else 0
        if fault is not None:
            self._state = fault
        elif self._good >= self._rules.good_frames:
            self._state = CameraState.LIVE
        return self._state

    def state_at(self, time_s: float) -> CameraState:
        """The state at a time when perhaps no picture came."""
        return CameraState.SILENT if self.silent(time_s) else self._state

    def silent(self, time_s: float) -> bool:
        """Whether pictures came before, but none for too long."""
        limit = self._rules.silent_after_s
        return limit is not None and self._last_s is not None and time_s - self._last_s > limit

    def _is_moving(self, statistics: FrameStatistics, time_s: float) -> bool:
        """Whether the pictures change often enough to come from a living camera."""
        if self._rules.frozen_after_s is None:
            return True
        if self._reference is None:
            self._reference, self._moved_s = statistics, time_s
        elif statistics.differs_from(self._reference):
            # Compared with the last picture that differed, not with the one before: slow changes
            # must add up.
            recent = time_s - self._moved_s <= MOVES_WITHIN_S
            self._moves = self._moves + 1 if recent else 1
            self._reference, self._moved_s = statistics, time_s
        if self._state is CameraState.LIVE:
            return not self._is_frozen(time_s)
        return self._moves >= MOVES_TO_THAW and time_s - self._moved_s <= MOVES_WITHIN_S

    def _is_frozen(self, time_s: float) -> bool:
        limit = self._rules.frozen_after_s
        return limit is not None and time_s - self._moved_s >= limit

    def _fault(self, statistics: FrameStatistics, time_s: float) -> CameraState | None:
        """The fault that has lasted long enough, if any."""
        level = DARK_LEVEL if self._state is not CameraState.BLACK else DARK_LEVEL_LEFT
        dark = statistics.dark_level < level
        self._dark_since = _since(self._dark_since, dark, time_s)
        share = BRIGHT_SHARE if self._state is not CameraState.OVEREXPOSED else BRIGHT_SHARE_LEFT
        bright = statistics.bright_share >= share
        self._bright_since = _since(self._bright_since, bright, time_s)
        if self._dark_since is not None and time_s - self._dark_since >= self._rules.black_after_s:
            return CameraState.BLACK
        over = self._rules.overexposed_after_s
        if self._bright_since is not None and time_s - self._bright_since >= over:
            return CameraState.OVEREXPOSED
        return CameraState.FROZEN if self._is_frozen(time_s) else None


def _since(since: float | None, holds: bool, time_s: float) -> float | None:
    if not holds:
        return None
    return time_s if since is None else since

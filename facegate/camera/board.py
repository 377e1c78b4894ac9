"""Keeps the present status of one camera, for the thread that reads and everybody who asks."""

from __future__ import annotations

import threading
from datetime import datetime

from facegate.camera.health import FrameStatistics, Health, HealthRules
from facegate.camera.timing import Timing
from facegate.domain.frames import CameraState, CameraStatus, Frame
from facegate.errors import CameraUnavailable

_STATE_OF_CAUSE = {"busy": CameraState.BUSY, "virtual": CameraState.VIRTUAL}
"""What the causes of CameraUnavailable mean; all others: it cannot be reached."""

_DETAILS = {
    CameraState.OPENING: "the first pictures are awaited",
    CameraState.LIVE: "pictures come",
    CameraState.ASLEEP: "it answers but sends no pictures; wake it, or open its cover",
    CameraState.SILENT: "its pictures stopped coming",
    CameraState.FROZEN: "it sends the same picture again and again",
    CameraState.BLACK: "its pictures are black; is it covered, or the light off?",
    CameraState.OVEREXPOSED: "its pictures are white; does a light shine into it?",
}


class StatusBoard:
    """The present status. Safe for threads: one writes, any may ask.

    Silence is found when somebody asks: the thread that reads cannot tell while it waits.
    """

    def __init__(self, rules: HealthRules, timing: Timing) -> None:
        self._rules, self._timing = rules, timing
        self._lock = threading.Lock()
        self._health = Health(rules)
        self._opened_s: float | None = None  # set while it is open and gave no picture yet
        self._last_at: datetime = timing.now()
        self._status = CameraStatus(
            CameraState.OPENING, _DETAILS[CameraState.OPENING], self._last_at
        )

    def opened(self) -> None:
        """It opened; the state stays what it was until pictures come."""
        with self._lock:
            self._health = Health(self._rules)
            self._opened_s, self._last_at = self._timing.time_s(), self._timing.now()

    def seen(self, statistics: FrameStatistics, frame: Frame) -> CameraState:
        """A picture came; gives back the state from now on."""
        with self._lock:
            state = self._health.seen(statistics, frame.time_s)
            self._opened_s, self._last_at = None, frame.at
            self._set(state, _DETAILS[state])
            return state

    def failed(self, error: Exception, *, had_pictures: bool) -> None:
        """It cannot be opened, or broke down. Details never hold what a library says.

        Messages of libraries may hold the address with its password.
        """
        if isinstance(error, CameraUnavailable):
            state = _STATE_OF_CAUSE.get(error.cause, CameraState.UNPLUGGED)
            detail = str(error).removeprefix(f"{error.address}: ")
        else:
            state = CameraState.SILENT if had_pictures else CameraState.ASLEEP
            detail = f"{_DETAILS[state]} ({type(error).__name__})"
        with self._lock:
            self._opened_s, self._health = None, Health(self._rules)
            self._set(state, detail)

    def stopped(self, *, had_pictures: bool) -> None:
        """A live source gave no more."""
        state = CameraState.SILENT if had_pictures else CameraState.ASLEEP
        with self._lock:
            self._opened_s, self._health = None, Health(self._rules)
            self._set(state, _DETAILS[state])

    def ended(self, detail: str) -> None:
        """Nothing will come any more."""
        with self._lock:
            self._opened_s, self._health = None, Health(self._rules)
            self._set(CameraState.ENDED, detail)

    def current(self) -> CameraStatus:
        """How the camera is right now."""
        with self._lock:
            time_s, limit_s = self._timing.time_s(), self._rules.silent_after_s
            if limit_s is None:
                return self._status
            if self._opened_s is not None and time_s - self._opened_s > limit_s:
                return self._late(CameraState.ASLEEP)
            if self._health.silent(time_s):
                return self._late(CameraState.SILENT)
            return self._status

    def _late(self, state: CameraState) -> CameraStatus:
        # A stream that went from silent to hanging while it was opened again is still as it was.
        if self._status.state in {CameraState.ASLEEP, CameraState.SILENT}:
            return self._status
        return CameraStatus(state, _DETAILS[state], self._last_at)

    def _set(self, state: CameraState, detail: str) -> None:
        if state is self._status.state:
            since = self._status.since
        else:
            since = self._last_at if state is CameraState.SILENT else self._timing.now()
        self._status = CameraStatus(state, detail, since)

"""Keeps one gate running: frames in, the camera's state watched, figures kept."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from facegate.domain.frames import CameraState, CameraStatus
from facegate.engine.gate import Gate
from facegate.engine.looks import Look, OnLook, nobody_looks
from facegate.ports.devices import Camera

_log = logging.getLogger(__name__)

MAX_AGE_S = 1.0
"""A frame older than this shows who stood there, not who does; it opens nothing."""

KEPT_TIMES = 2000


@dataclass(slots=True)
class RunnerFigures:
    """How the loop does.

    Attributes:
        frames: looked at.
        stale: left out because they were too old when their turn came.
        started_s, first_frame_s, last_frame_s: seconds of the runner's clock.
        step_s: how long the last frames took, newest last.
    """

    frames: int = 0
    stale: int = 0
    started_s: float = 0.0
    first_frame_s: float | None = None
    last_frame_s: float | None = None
    step_s: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_TIMES))

    @property
    def frames_per_s(self) -> float:
        """Frames looked at a second, from the first to the last."""
        if self.first_frame_s is None or self.last_frame_s is None or self.frames < 2:
            return 0.0
        return (self.frames - 1) / max(1e-9, self.last_frame_s - self.first_frame_s)


class GateRunner:
    """Takes frames from a camera and hands them to a gate, on the thread that calls `run`.

    Args:
        camera: started and closed here.
        gate: decides.
        now_s: the frames' clock.
        is_live: frames come at their own time, so that old ones are left out; False for
            recordings.
        each_round: called once every round, with or without a frame: the door's alarms.
        on_look: told of every frame that was judged, and again and again of a camera that gives
            none; silent while frames fail to come and nobody knows yet why.
    """

    def __init__(
        self,
        camera: Camera,
        gate: Gate,
        now_s: Callable[[], float],
        *,
        is_live: bool = True,
        each_round: Callable[[], None] = lambda: None,
        on_look: OnLook = nobody_looks,
    ) -> None:
        self._camera, self._gate, self._now_s = camera, gate, now_s
        self._on_look = on_look
        self._is_live, self._each_round = is_live, each_round
        self.figures = RunnerFigures()

    def run(self, stop: threading.Event, wait_s: float = 0.25) -> CameraStatus:
        """Work until told to stop, or until a recording ends.

        Returns:
            How the camera was at the end.
        """
        self.figures.started_s = self._now_s()
        self._camera.start()
        try:
            while not stop.is_set():
                if self._round(wait_s):
                    break
            return self._camera.status()
        finally:
            self._camera.close()

    def _round(self, wait_s: float) -> bool:
        """One frame, or a wait without one; gives back whether the source has ended."""
        frame = self._camera.next_frame(wait_s)
        status = self._camera.status()
        self._each_round()
        now_s = self._now_s()
        if frame is None or not status.state.may_decide:
            if status.state is CameraState.ENDED:
                if frame is None:
                    return True
            elif status.state is not CameraState.LIVE:
                self._on_look(Look(None, self._gate.camera_fault(status, now_s)))
                return False
        if frame is None:
            return False
        if self._is_live and now_s - frame.time_s > MAX_AGE_S:
            self.figures.stale += 1
            return False
        view = self._gate.step(frame)
        done_s = self._now_s()
        figures = self.figures
        figures.frames += 1
        figures.step_s.append(done_s - now_s)
        figures.last_frame_s = done_s
        if figures.first_frame_s is None:
            figures.first_frame_s = done_s
        self._on_look(Look(frame, view))
        return False

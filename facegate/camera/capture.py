"""A thread that reads one source, keeps the newest frame and says how the camera is."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

from typing_extensions import Self

from facegate.camera.backoff import Backoff
from facegate.camera.board import StatusBoard
from facegate.camera.buffer import FrameBuffer
from facegate.camera.health import FrameStatistics, HealthRules
from facegate.camera.source import Source, as_bgr
from facegate.camera.timing import Timing
from facegate.domain.arrays import ImageArray
from facegate.domain.frames import CameraState, CameraStatus, Frame
from facegate.errors import CameraUnavailable, CaptureError

MAX_BAD_PICTURES = 30
"""After so many in a row that are no pictures, a second of most cameras, it is opened again."""

CLOSE_WAIT_S = 1.0
"""How long `close` waits for a read under way; a stream that hangs ends by its own timeout."""


@dataclass(frozen=True, slots=True)
class Playback:
    """How pictures are to be taken from a source.

    Attributes:
        live: a real camera: it is opened again when it fails. Anything else ends.
        fast: a recording is read as fast as its frames are taken, and none is dropped. Their times
            are then those of the recording, so that a replay is always the same.
        not_before: when a fast recording begins at the earliest, UTC: its time runs ahead of every
            clock, and must not go back from one recording to the next.
    """

    live: bool = True
    fast: bool = False
    not_before: datetime | None = None


class CaptureCamera:
    """Fulfils `facegate.ports.devices.Camera` for any source.

    The thread owns the source; buffer and board may be used by everybody.
    """

    def __init__(
        self,
        source: Source,
        address: str,
        playback: Playback,
        rules: HealthRules,
        backoff: Backoff | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._source, self._address, self._playback = source, address, playback
        self._backoff = backoff or Backoff()
        self._timing = timing or Timing()
        self._board = StatusBoard(rules, self._timing)
        self._buffer = FrameBuffer()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._number = self._first_number = 0
        self._was_healthy = False
        self._begin()
        self._last_time_s = float("-inf")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address!r})"

    @property
    def address(self) -> str:
        """Where the frames come from, without passwords."""
        return self._address

    @property
    def is_live(self) -> bool:
        """Whether it is a real camera or stream, rather than a recording or a generated picture."""
        return self._playback.live

    @property
    def has_own_time(self) -> bool:
        """Whether its frames' times are those of a recording, which no clock shows."""
        return self._playback.fast

    @property
    def dropped(self) -> int:
        """How many frames were replaced by newer ones before anybody took them."""
        return self._buffer.dropped

    def start(self) -> None:
        """Begin to read; returns at once, whether the camera is there or not.

        Raises:
            CaptureError: it was closed before.
        """
        if self._stop.is_set():
            raise CaptureError(f"{self._address} was closed; open it again.")
        if self._thread is None:
            # A daemon: a driver that hangs must not keep the program from ending.
            name = f"camera {self._address}"
            self._thread = threading.Thread(target=self.run, name=name, daemon=True)
            self._thread.start()

    def next_frame(self, timeout_s: float) -> Frame | None:
        """Take the newest frame that was not taken yet; None when none came in time.

        After the last frame of a recording, and after `close`, None comes at once.
        """
        return self._buffer.take(timeout_s)

    def status(self) -> CameraStatus:
        """How the camera is right now."""
        return self._board.current()

    def close(self) -> None:
        """Stop reading and let go of the device. May be called twice."""
        self._stop.set()
        self._buffer.close()
        if self._thread not in {None, threading.current_thread()}:
            self._thread.join(CLOSE_WAIT_S)

    def run(self) -> None:
        """Read until the source ends or `close` is called; the body of the thread.

        Never raises: whatever happens becomes a status.
        """
        try:
            self._run()
        finally:
            self._buffer.end()

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._first_number, self._was_healthy = self._number, False
            try:
                self._read_until_it_stops()
            except Exception as error:  # drivers fail in every way there is
                self._failed(error)
            if not self._playback.live:
                break
            failures = 1 if self._was_healthy else failures + 1
            self._timing.wait(self._stop, self._backoff.wait_s(failures))

    def _read_until_it_stops(self) -> None:
        """One time from open to close."""
        try:
            self._source.open()
            self._board.opened()
            self._begin()
            bad_pictures = 0
            while not self._stop.is_set():
                picture = self._source.read()
                if picture is None:
                    self._stopped()
                    return
                bgr = self._usable(picture, bad_pictures)
                bad_pictures = bad_pictures + 1 if bgr is None else 0
                if bgr is not None:
                    self._deliver(bgr)
        finally:
            self._source.close()

    def _failed(self, error: Exception) -> None:
        """Tell why it cannot be opened or read."""
        if self._playback.live:
            self._board.failed(error, had_pictures=self._number > self._first_number)
        elif isinstance(error, CameraUnavailable):
            self._end(str(error).removeprefix(f"{error.address}: "))
        else:
            self._end(f"it cannot be read any further ({type(error).__name__})")

    def _stopped(self) -> None:
        """The source gave no more."""
        if self._playback.live:
            self._board.stopped(had_pictures=self._number > self._first_number)
            return
        detail = "the recording is over" if self._number else "there is no picture in it"
        note = self._source.note
        self._end(f"{detail}; {note}" if note else detail)

    def _end(self, detail: str) -> None:
        # Whoever works on the last frame of a replay must not find the camera ended already.
        if not (self._playback.fast and self._number) or self._buffer.wait_for_taker():
            self._board.ended(detail)

    def _begin(self) -> None:
        """From now on count the recording's time."""
        self._start_s, self._start_at = self._timing.time_s(), self._timing.now()
        if self._playback.not_before is not None:
            self._start_at = max(self._start_at, self._playback.not_before)

    def _usable(self, picture: Any, bad_before: int) -> ImageArray | None:
        try:
            return as_bgr(picture)
        except CaptureError:
            if bad_before + 1 >= MAX_BAD_PICTURES:
                raise
            return None

    def _deliver(self, bgr: ImageArray) -> None:
        """Hand a picture over when its time has come."""
        statistics = FrameStatistics.of(bgr)
        position_s = self._source.position_s
        if self._playback.fast:
            # The status must not run ahead of the frame that is being worked on.
            if not self._buffer.wait_for_taker():
                return
            time_s = max(self._start_s + (position_s or 0.0), self._last_time_s)
            at = self._start_at + timedelta(seconds=time_s - self._start_s)
        else:
            if position_s is not None:
                self._wait_until(self._start_s + position_s)
            time_s, at = self._timing.time_s(), self._timing.now()
        self._last_time_s = time_s
        frame = Frame(bgr, at, time_s, self._number)
        self._number += 1
        state = self._board.seen(statistics, frame)
        self._was_healthy = self._was_healthy or state is CameraState.LIVE
        self._buffer.offer(frame)

    def _wait_until(self, time_s: float) -> None:
        while not self._stop.is_set():
            left_s = time_s - self._timing.time_s()
            if left_s <= 0:
                return
            self._timing.wait(self._stop, left_s)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

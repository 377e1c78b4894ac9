"""Scripted sources, clocks that jump instead of waiting, and small video servers."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facegate.camera.timing import Timing

BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def noisy(seed: int = 0, level: int = 120, sigma: float = 3.0, size_wh=(160, 120)) -> np.ndarray:
    """A gray wall, as a sensor sees it."""
    noise = np.random.default_rng(seed).normal(level, sigma, (size_wh[1], size_wh[0], 3))
    return np.clip(np.rint(noise), 0, 255).astype(np.uint8)


class JumpingClock:
    """Waiting moves it on at once; `waits` tells what was waited for."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []
        self.stop_after_waits = 1_000_000
        self.before_wait: Callable[[], None] = lambda: None

    def timing(self) -> Timing:
        return Timing(
            lambda: self.seconds, lambda: BEGIN + timedelta(seconds=self.seconds), self.wait
        )

    def wait(self, stop: threading.Event, seconds: float) -> None:
        self.before_wait()
        self.waits.append(seconds)
        self.seconds += seconds
        if len(self.waits) >= self.stop_after_waits:
            stop.set()


class ScriptedSource:
    """Plays one list of pictures and errors per opening; the last list again and again.

    An error at the first place is raised by `open`. Each read moves the clock on.
    """

    note = ""
    position_s: float | None = None

    def __init__(
        self,
        scripts: Sequence[Sequence[Any]],
        clock: JumpingClock | None = None,
        step_s: float = 1 / 30,
        after_read: Callable[[], None] = lambda: None,
    ) -> None:
        self.scripts, self.clock, self.step_s = scripts, clock, step_s
        self.opened = self.closed = 0
        self.after_read = after_read
        self._rest: Iterator[Any] = iter(())

    def open(self) -> None:
        script = list(self.scripts[min(self.opened, len(self.scripts) - 1)])
        self.opened += 1
        if script and isinstance(script[0], Exception):
            raise script[0]
        self._rest = iter(script)

    def read(self) -> Any:
        self.after_read()
        if self.clock is not None:
            self.clock.seconds += self.step_s
        item = next(self._rest, None)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        self.closed += 1


def write_video(path: Path, frames: int = 10, fps: float = 25.0, size_wh=(160, 120)) -> Path:
    """A motion JPEG file whose picture number i is as gray as 10 + 20 i."""
    scratch = path.parent / "scratch.avi"  # opencv's own writer wants plain names
    writer = cv2.VideoWriter(
        str(scratch), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter_fourcc(*"MJPG"), fps, size_wh
    )
    assert writer.isOpened()
    for index in range(frames):
        writer.write(np.full((size_wh[1], size_wh[0], 3), 10 + 20 * index, np.uint8))
    writer.release()
    return scratch.rename(path)


def jpeg(picture: np.ndarray) -> bytes:
    """The bytes of a JPEG file."""
    return cv2.imencode(".jpg", picture)[1].tobytes()


class StreamServer:
    """Sends motion JPEG over HTTP; `frames` of each connection, then hangs or hangs up."""

    def __init__(self, port: int = 0, frames: int = 1_000_000, hang: bool = False) -> None:
        owner = self
        self.stopping = threading.Event()
        self.authorization: list[str | None] = []
        pictures = [jpeg(noisy(seed)) for seed in range(8)]

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                owner.authorization.append(self.headers.get("Authorization"))
                if self.path.startswith("/closed") and not owner.authorization[-1]:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                    self.end_headers()
                    return
                if self.path.startswith("/missing"):
                    self.send_error(404)
                    return
                self.send_response(200)
                kind = "multipart/x-mixed-replace; boundary=next"
                self.send_header("Content-Type", kind)
                self.end_headers()
                try:
                    for index in range(frames):
                        data = pictures[index % len(pictures)]
                        head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}"
                        self.wfile.write(head.encode() + b"\r\n\r\n" + data + b"\r\n")
                        if owner.stopping.wait(0.01):
                            return
                    if hang:
                        owner.stopping.wait(30)
                except OSError:
                    pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@contextmanager
def stream_server(**options: Any) -> Iterator[StreamServer]:
    """A server for the length of a test."""
    server = StreamServer(**options)
    try:
        yield server
    finally:
        server.stop()


def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Wait until something holds; gives back what the condition gave."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.005)
    return result

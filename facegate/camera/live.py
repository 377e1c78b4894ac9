"""Cameras of this machine and of the network."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from facegate.camera import opencv
from facegate.camera.devices import DeviceRoots, find_device
from facegate.camera.why import Why, why_closed
from facegate.errors import CameraUnavailable


class _LiveSource:
    """What both kinds share."""

    note = ""
    position_s: float | None = None

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._capture: Any = None

    def read(self) -> Any:
        """The next picture; None when the connection is lost."""
        taken, picture = self._capture.read()
        return picture if taken else None

    def close(self) -> None:
        """Let go of the device."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None


class UsbSource(_LiveSource):
    """A camera of this machine.

    It is looked up by its stable id each time it is opened: plugged in again, it may have another
    number.
    """

    def __init__(
        self,
        target: str,
        shown: str,
        size_wh: tuple[int, int],
        fps: float,
        *,
        allow_virtual: bool = False,
        roots: DeviceRoots | None = None,
        opener: Callable[[int, tuple[int, int], float], Any] = opencv.open_device,
    ) -> None:
        super().__init__(shown)
        self._target, self._size_wh, self._fps = target, size_wh, fps
        self._allow_virtual = allow_virtual
        self._roots = roots or DeviceRoots()
        self._opener = opener

    def open(self) -> None:
        """Open the device. Raises CameraUnavailable."""
        number = self._number()
        self._capture = self._opener(number, self._size_wh, self._fps)
        if not self._capture.isOpened():
            raise CameraUnavailable(
                self._shown,
                "busy",
                "it does not open; most likely another program uses it.",
            )

    def _number(self) -> int:
        device = find_device(self._target, self._roots)
        if device is None:
            if sys.platform != "linux" and self._target.isdecimal():
                return int(self._target)  # no list of names there; virtual ones are not recognized
            raise CameraUnavailable(self._shown, "unplugged", "no such camera is plugged in.")
        if device.virtual and not self._allow_virtual:
            raise CameraUnavailable(
                self._shown,
                "virtual",
                f"{device.name} is not a real camera but {device.virtual}; it is not trusted.",
            )
        node = self._roots.dev / f"video{device.number}"
        if node.exists() and not os.access(node, os.R_OK | os.W_OK):
            raise CameraUnavailable(
                self._shown, "refused", "you may not use it; join the group `video`."
            )
        return device.number


class StreamSource(_LiveSource):
    """A camera of the network: RTSP, or motion JPEG and other video over HTTP."""

    def __init__(
        self,
        url: str,
        shown: str,
        open_timeout_s: float = opencv.OPEN_TIMEOUT_S,
        read_timeout_s: float = opencv.READ_TIMEOUT_S,
        *,
        opener: Callable[[str, float, float], Any] = opencv.open_stream,
        why: Callable[[str], Why] = why_closed,
    ) -> None:
        super().__init__(shown)
        self._url = url
        self._open_timeout_s, self._read_timeout_s = open_timeout_s, read_timeout_s
        self._opener, self._why = opener, why

    def open(self) -> None:
        """Connect. Raises CameraUnavailable."""
        self._capture = self._opener(self._url, self._open_timeout_s, self._read_timeout_s)
        if not self._capture.isOpened():
            cause, message = self._why(self._url)
            raise CameraUnavailable(self._shown, cause, message)

"""Loads opencv's video capture with sane timeouts and without chatter."""

from __future__ import annotations

import os
from typing import Any

OPEN_TIMEOUT_S = 8.0
"""Cameras that wake up take some seconds before they answer."""
READ_TIMEOUT_S = 5.0


def load() -> Any:
    """The cv2 module.

    Its messages about streams go straight to standard error, past all logging, and may hold
    addresses; every failure is told by a status instead.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(int(READ_TIMEOUT_S)))
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def open_stream(url: str, open_timeout_s: float, read_timeout_s: float) -> Any:
    """A cv2.VideoCapture of FFmpeg for a URL, opened or not.

    One thread decodes it: with n threads FFmpeg keeps the newest n - 1 pictures of H.264 back, half
    a second on a small PC of eight cores.
    """
    cv2 = load()
    return cv2.VideoCapture(
        url,
        cv2.CAP_FFMPEG,
        [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(open_timeout_s * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(read_timeout_s * 1000),
            cv2.CAP_PROP_N_THREADS, 1,
        ],
    )  # fmt: skip


def open_file(path: str) -> Any:
    """A cv2.VideoCapture of FFmpeg for an absolute path, opened or not."""
    cv2 = load()
    return cv2.VideoCapture(path, cv2.CAP_FFMPEG)


def open_device(number: int, size_wh: tuple[int, int], fps: float) -> Any:
    """A cv2.VideoCapture for a camera of this machine, opened or not.

    Motion JPEG, because USB 2 carries 720p uncompressed at no more than about 10 frames a second.
    A camera that cannot do what is asked gives what is nearest.
    """
    import sys

    cv2 = load()
    backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    capture = cv2.VideoCapture(number, backend)
    if capture.isOpened():
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter_fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, size_wh[0])
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size_wh[1])
        capture.set(cv2.CAP_PROP_FPS, fps)
    return capture

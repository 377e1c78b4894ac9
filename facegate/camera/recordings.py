"""Video files and folders of pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from facegate.camera import opencv
from facegate.errors import CameraUnavailable, InputError, UnreadableImage
from facegate.vision.images import find_images, load_image

FALLBACK_FPS = 25.0
"""Of files that do not say, or say nonsense."""
MAX_FPS = 1000.0
LONGEST_PAUSE_S = 60.0
"""Between two frames; beyond it a file's times are not believed."""


class FileSource:
    """A video file.

    Its frames carry their own times, which need not be evenly spaced: telephones record so.
    """

    note = ""

    def __init__(self, path: Path, shown: str, fps: float | None = None) -> None:
        self._path, self._shown, self._wanted_fps = path, shown, fps
        self._capture: Any = None
        self._step_s = 0.0
        self._position_s: float | None = None
        self._first_s = 0.0

    @property
    def position_s(self) -> float | None:
        """When the picture read last was taken, seconds from the first; never goes back."""
        return self._position_s or 0.0

    def open(self) -> None:
        """Open the file. Raises CameraUnavailable."""
        try:
            size = self._path.stat().st_size
        except OSError as error:
            raise self._unavailable("missing", "there is no such file any more.") from error
        if size == 0:
            raise self._unavailable("unreadable", "the file is empty.")
        try:
            with self._path.open("rb"):
                pass
        except OSError as error:
            raise self._unavailable("unreadable", "you may not read this file.") from error
        self._capture = opencv.open_file(str(self._path))
        if not self._capture.isOpened():
            raise self._unavailable("unreadable", "not a video that can be read.")
        cv2 = opencv.load()
        fps = self._wanted_fps or self._capture.get(cv2.CAP_PROP_FPS)
        self._step_s = 1.0 / (fps if 0 < fps <= MAX_FPS else FALLBACK_FPS)
        self._position_s = None

    def read(self) -> Any:
        """The next picture; None after the last."""
        taken, picture = self._capture.read()
        if not taken:
            return None
        self._position_s = self._position_of_this()
        return picture

    def close(self) -> None:
        """Close the file."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _position_of_this(self) -> float:
        cv2 = opencv.load()
        told = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000.0
        before = self._position_s
        if before is None:
            self._first_s = told if math.isfinite(told) else 0.0
            return 0.0
        told -= self._first_s
        believable = self._wanted_fps is None and before < told <= before + LONGEST_PAUSE_S
        return told if believable else before + self._step_s

    def _unavailable(self, cause: str, message: str) -> CameraUnavailable:
        return CameraUnavailable(self._shown, cause, message)


class FolderSource:
    """Pictures of a folder and those below it, by name; files that cannot be read are skipped."""

    def __init__(self, folder: Path, shown: str, fps: float) -> None:
        self._folder, self._shown, self._fps = folder, shown, fps
        self._paths: Iterator[Path] = iter(())
        self._given = self._skipped = 0

    @property
    def note(self) -> str:
        """How many files were skipped so far."""
        if not self._skipped:
            return ""
        return f"{self._skipped} file{'s' * (self._skipped > 1)} could not be read as pictures"

    @property
    def position_s(self) -> float | None:
        """When the picture read last has its turn, seconds from the first."""
        return max(self._given - 1, 0) / self._fps

    def open(self) -> None:
        """List the pictures. Raises CameraUnavailable."""
        self._given = self._skipped = 0
        try:
            paths = list(find_images([self._folder])) if self._folder.is_dir() else None
        except InputError as error:
            raise CameraUnavailable(
                self._shown, "unreadable", "the folder cannot be listed."
            ) from error
        if paths is None:
            raise CameraUnavailable(self._shown, "missing", "there is no such folder any more.")
        if not paths:
            raise CameraUnavailable(self._shown, "unreadable", "there are no pictures in it.")
        self._paths = iter(paths)

    def read(self) -> Any:
        """The next picture, upright; None after the last."""
        for path in self._paths:
            try:
                picture = load_image(path).frame_bgr
            except UnreadableImage:
                self._skipped += 1
                continue
            self._given += 1
            return picture
        return None

    def close(self) -> None:
        """Forget the list."""
        self._paths = iter(())

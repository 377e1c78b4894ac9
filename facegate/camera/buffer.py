"""Hands frames from the thread that reads them to whoever takes them."""

from __future__ import annotations

import threading

from facegate.domain.frames import Frame


class FrameBuffer:
    """Holds one frame: a newer one replaces it, and the one nobody took counts as dropped.

    A reader that must not lose any calls `wait_for_taker` before it offers.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._takers = 0
        self._over = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many frames were replaced before anybody took them."""
        with self._changed:
            return self._dropped

    def offer(self, frame: Frame) -> None:
        """Put a frame where the next taker finds it."""
        with self._changed:
            if self._over:
                return
            self._dropped += self._frame is not None
            self._frame = frame
            self._changed.notify_all()

    def wait_for_taker(self) -> bool:
        """Wait until somebody waits for a frame; False when it was closed instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or (self._takers and self._frame is None))
            return not self._over

    def take(self, timeout_s: float) -> Frame | None:
        """Take the frame that waits, or the next one; None after the time, or when it is over."""
        with self._changed:
            self._takers += 1
            self._changed.notify_all()
            try:
                self._changed.wait_for(lambda: self._over or self._frame is not None, timeout_s)
            finally:
                self._takers -= 1
            frame, self._frame = self._frame, None
            return frame

    def end(self) -> None:
        """No frame will follow; one that waits can still be taken."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def close(self) -> None:
        """As `end`, and nothing can be taken any more."""
        with self._changed:
            self._frame = None
        self.end()

"""Output that never waits for whoever reads it: a door must not stand still behind a full pipe.

Lines are handed over to a bounded queue, and a thread of its own writes them. When the reader does
not keep up, the oldest lines go, and the next one that is written says how many.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import TextIO, cast

LIMIT = 1000
"""Lines that wait at most; some hundred kilobytes."""

LAST_WORDS_S = 1.0
"""So long the end of a program waits for what was not written yet."""

Render = Callable[[int], str]
"""Makes a line, told how many were lost before it."""


class LineWriter:
    """Writes lines in their order; no method but `close` ever waits. For many threads.

    A reader that went away for good is no reason to stop: its lines are thrown away.

    Args:
        descriptor: where to. It is written to directly, so that nothing is left in a buffer whose
            lock the end of the program would wait for.
        limit: lines that wait at most; above it the oldest is dropped.
    """

    def __init__(self, descriptor: int, limit: int = LIMIT) -> None:
        self._descriptor = descriptor
        self._waiting: deque[Render] = deque()
        self._limit = limit
        self._dropped = 0
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines that were lost since the last one that was written."""
        return self._dropped

    def put(self, line: Render) -> None:
        """Hand a line over."""
        with self._changed:
            if len(self._waiting) >= self._limit:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(line)
            self._changed.notify()

    def close(self, timeout_s: float = LAST_WORDS_S) -> bool:
        """Write what waits, for as long as that may take; gives back whether all was written."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                line = self._waiting.popleft()
                dropped, self._dropped = self._dropped, 0
            self._write(line(dropped).encode("utf-8", "backslashreplace"))

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:  # nobody reads any more, or the disk below is full
            return


class QueuedText(io.TextIOBase):
    """A text stream over a `LineWriter`, for whatever prints."""

    encoding = "utf-8"

    def __init__(self, lines: LineWriter, *, is_terminal: bool) -> None:
        self._lines, self._is_terminal = lines, is_terminal
        self._begun = ""
        self._guard = threading.Lock()

    def write(self, text: str) -> int:
        """Take text; it is handed on from the end of its line."""
        with self._guard:
            self._begun += text
            if "\n" in self._begun:
                self._hand_on()
        return len(text)

    def flush(self) -> None:
        """Hand on what was begun."""
        with self._guard:
            self._hand_on()

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return self._is_terminal

    def _hand_on(self) -> None:
        text, self._begun = self._begun, ""
        if text:
            self._lines.put(lambda dropped: _told(dropped) + text)


def _told(dropped: int) -> str:
    return f"({dropped} lines were not shown: nobody read them in time)\n" if dropped else ""


@dataclass(frozen=True, slots=True)
class Output:
    """Standard output, as long as it is queued.

    Attributes:
        lines: what writes it; None where it has no descriptor of its own, as in a notebook.
    """

    lines: LineWriter | None

    def put(self, line: Render) -> None:
        """Hand over a line that tells by itself how many were lost before it."""
        if self.lines is not None:
            self.lines.put(line)
        else:
            sys.stdout.write(line(0))


@contextmanager
def queued_output() -> Iterator[Output]:
    """Let everything that is printed, logged or warned of meanwhile wait for no reader."""
    (out, lines), (errors, more) = _queued(sys.stdout), _queued(sys.stderr)
    try:
        with redirect_stdout(out), redirect_stderr(errors):
            yield Output(lines)
    finally:
        for stream, writer in ((out, lines), (errors, more)):
            if writer is not None:
                stream.flush()
                writer.close()


def _queued(stream: TextIO) -> tuple[TextIO, LineWriter | None]:
    """A stream that waits for nobody in the place of another, where that one has a descriptor."""
    try:
        descriptor = stream.fileno()
        stream.flush()
    except (OSError, ValueError, AttributeError):  # no file below
        return stream, None
    writer = LineWriter(descriptor)
    return cast(TextIO, QueuedText(writer, is_terminal=stream.isatty())), writer

"""Reads the lines of a keypad from standard input."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TextIO

MAX_LINE = 1000
"""Bytes without an end of line after which they are thrown away: no keypad sends that."""


def keypad_lines(stream: TextIO) -> Iterator[str]:
    """All lines, each as soon as it is there.

    The descriptor is read directly: a thread that waits in a stream's own buffer keeps the program
    from ending in order.
    """
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):  # no file below
        yield from stream
        return
    begun = b""
    while True:
        try:
            data = os.read(descriptor, 4096)
        except OSError:
            return
        *lines, begun = (begun + data).split(b"\n")
        if not data and begun:
            lines.append(begun)
        for line in lines:
            yield line.decode("utf-8", "replace")
        if not data:
            return
        if len(begun) > MAX_LINE:
            begun = b""

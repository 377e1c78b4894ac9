"""The anchor file: read, and appended to so that a full disk or a power cut does no harm."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from facegate.domain.anchors import Anchor
from facegate.errors import ReceiptError

TAIL_BYTES = 1 << 16
"""Looked at to find the newest anchors; a line takes about 330 bytes."""


def read_anchors(path: Path) -> list[Anchor | None]:
    """All lines of an anchor file; None for each one that is damaged or was changed.

    Returns:
        An empty list when there is no such file.

    Raises:
        ReceiptError: it is there and cannot be read.
    """
    try:
        with path.open("rb") as file:
            return [_parsed(line) for line in file]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ReceiptError(f"The anchor file {path} cannot be read ({error.strerror}).") from error


def append_anchor(
    path: Path, following: Callable[[list[Anchor]], Anchor | None]
) -> tuple[list[Anchor], Anchor | None]:
    """Append one line and wait until the disk has it.

    Several processes may do so: one after the other.

    Args:
        path: the file; it and its folder are made when they are missing, private to this user.
        following: gets the newest anchors of the file, oldest first, and gives the one to append,
            or None for none.

    Returns:
        The newest anchors that were there, and the one that was appended.

    Raises:
        ReceiptError: it cannot be written. What was there before is still there, whole.
    """
    try:
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            with _alone(descriptor):
                newest, torn = _tail(descriptor)
                anchor = following(newest)
                if anchor is not None:
                    _write(descriptor, anchor.line().encode(), torn)
        finally:
            os.close(descriptor)
        if new:
            _sync_folder(path.parent)
    except OSError as error:
        raise ReceiptError(
            f"The anchor file {path} cannot be written ({error.strerror}).",
            hint="Make room, mend its rights, or set `anchor_file` to another place.",
        ) from error
    return newest, anchor


def set_aside(path: Path) -> Path | None:
    """Give an anchor file another name, so that a new one can begin; nothing of it is deleted.

    Returns:
        Where it is now; None when there is no such file.

    Raises:
        ReceiptError: it cannot be renamed.
    """
    if not os.path.lexists(path):
        return None
    number = 1
    while os.path.lexists(kept := path.with_name(f"{path.name}.given-up-{number}")):
        number += 1
    try:
        path.rename(kept)
    except OSError as error:
        raise ReceiptError(
            f"The anchor file {path} cannot be set aside ({error.strerror}).",
            hint="Mend its rights, or move it away by hand, and try again.",
        ) from error
    return kept


def _parsed(line: bytes) -> Anchor | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return Anchor.from_line(line.decode("ascii"))
    except ValueError:
        return None


def _tail(descriptor: int) -> tuple[list[Anchor], int]:
    """The newest anchors, and how many bytes a power cut left behind the last whole line."""
    size = os.fstat(descriptor).st_size
    start = max(0, size - TAIL_BYTES)
    os.lseek(descriptor, start, os.SEEK_SET)
    data = b""
    while len(data) < size - start:
        piece = os.read(descriptor, size - start - len(data))
        if not piece:
            break
        data += piece
    lines = data.splitlines(keepends=True)
    if start:
        lines = lines[1:]  # begins in the middle
    torn = len(lines.pop()) if lines and not lines[-1].endswith(b"\n") else 0
    return [anchor for anchor in map(_parsed, lines) if anchor is not None], torn


def _write(descriptor: int, line: bytes, torn: int) -> None:
    whole = os.fstat(descriptor).st_size - torn
    if torn:
        try:
            os.ftruncate(descriptor, whole)
        except OSError:  # the file system lets nobody shorten it (`chattr +a`)
            line = b"\n" + line
    try:
        written = 0
        while written < len(line):
            written += os.write(descriptor, line[written:])
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, whole)
        raise


@contextmanager
def _alone(descriptor: int) -> Iterator[None]:
    """Keep other processes out, where the system can (not on Windows, where one gate runs)."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield  # closing the file lets go


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

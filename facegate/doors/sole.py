"""One program runs a door: two would lock it into each other's pulses."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from facegate.errors import DoorError


class SoleRunner:
    """Keeps other programs of this data folder from running a door, until `close`.

    The system lets go of it however the program ends. Where it cannot (Windows), nobody is kept
    from anything.

    Args:
        folder: where the marks of doors are; made when it is not there.
        door: its name.

    Raises:
        DoorError: another program runs the door, or the mark cannot be made.
    """

    def __init__(self, folder: Path, door: str) -> None:
        self._descriptor: int | None = None
        try:
            import fcntl
        except ImportError:
            return
        path = folder / f"{hashlib.sha256(door.encode()).hexdigest()[:16]}.lock"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DoorError(f"{path} cannot be made ({error.strerror}).") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            told = ""
            with suppress(OSError):
                told = os.read(descriptor, 20).decode(errors="replace").strip()
            os.close(descriptor)
            who = f" (process {told})" if told.isdigit() else ""
            raise DoorError(
                f"{door!r} is run by another program already{who}.",
                hint="End that one first: two would lock the door into each other's pulses.",
            ) from error
        self._descriptor = descriptor
        with suppress(OSError):  # a full disk: the mark counts, the number is for people
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())

    def close(self) -> None:
        """Let others run the door. May be called twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

"""Every error that FaceGate raises, with its command-line exit code.

    FacegateError (1)
    ├ ConfigError (3)
    ├ InputError (4)
    │  ├ ShapeError
    │  ├ UnreadableImage
    │  └ UnknownSubject (5)
    ├ CaptureError (12)
    │  └ CameraUnavailable
    ├ DoorError (13)
    ├ PolicyError (14)
    ├ ReceiptError (15)
    ├ ModelError (6)
    │  ├ WeightsMismatch
    │  └ EmbeddingSpaceMismatch
    ├ StoreError (7)
    │  ├ MigrationNeeded
    │  ├ DatabaseTooNew
    │  └ AlreadyEnrolled
    ├ GalleryError (8)
    │  └ GalleryStale
    └ EvaluationError (9)
       └ TooFewComparisons

Exit codes are part of the command line's contract: a number never changes its meaning. 0 is
success, 2 is a wrong command line (Typer's own), 10 says that the command ran to its end but
refused or failed some of its inputs (see `facegate.cli`).

An expected outcome (no face, poor quality, no match) is a value, never an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar


class FacegateError(Exception):
    """Base of all errors that FaceGate raises on purpose.

    `str(error)` is one sentence for a person. `hint` says what to do about it, and may be empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(FacegateError):
    """A setting is missing, unknown or out of bounds."""

    exit_code = 3


class InputError(FacegateError):
    """Something the caller handed over cannot be used."""

    exit_code = 4


class ShapeError(InputError):
    """An array has the wrong shape, dtype or contents."""

    def __init__(self, name: str, expected: str, actual: str) -> None:
        super().__init__(f"{name} must be {expected}, not {actual}.")
        self.name, self.expected, self.actual = name, expected, actual


class UnreadableImage(InputError):
    """A file is not an image that can be decoded.

    `reason` is a short stable word for machines: `missing`, `permission`, `empty`, `not_an_image`,
    `truncated`, `too_large`, `too_small`, `io`.
    """

    def __init__(self, path: Path, reason: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path, self.reason = path, reason


class UnknownSubject(InputError):
    """A name or number is not in the store; `near` are names that may have been meant."""

    exit_code = 5

    def __init__(self, subject: str, near: Sequence[str] = ()) -> None:
        meant = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
        super().__init__(
            f"Nobody called {subject!r} is enrolled.",
            hint=f"{meant}`facegate people list` shows who is.",
        )
        self.subject, self.near = subject, tuple(near)


class CaptureError(FacegateError):
    """A camera, stream or recording gives no pictures."""

    exit_code = 12


class CameraUnavailable(CaptureError):
    """A source cannot be opened.

    `cause` is a short stable word for machines: `unplugged`, `busy`, `timeout`, `refused`,
    `missing`, `unreadable`, `virtual`.
    """

    def __init__(self, address: str, cause: str, message: str) -> None:
        super().__init__(f"{address}: {message}")
        self.address, self.cause = address, cause


class DoorError(FacegateError):
    """A door's output does not work, or its text cannot be meant."""

    exit_code = 13


class PolicyError(FacegateError):
    """A door, rule, schedule, group or PIN contradicts itself, or is not known."""

    exit_code = 14


class ReceiptError(FacegateError):
    """The chain of receipts is broken, or a receipt cannot be written or replayed."""

    exit_code = 15


class ModelError(FacegateError):
    """A network's file or card is missing or cannot be used."""

    exit_code = 6


class WeightsMismatch(ModelError):
    """A weights file does not have the digest that its card promises."""

    def __init__(self, path: Path, expected: str, actual: str) -> None:
        super().__init__(
            f"{path} is not the file its model card describes "
            f"(SHA-256 {actual[:12]}…, expected {expected[:12]}…); it was not loaded.",
            hint="Install FaceGate again; a changed network must never decide at a door.",
        )
        self.path, self.expected, self.actual = path, expected, actual


class EmbeddingSpaceMismatch(ModelError):
    """Two embeddings come from different networks and cannot be compared."""

    def __init__(self, have: str, need: str) -> None:
        super().__init__(f"An embedding of {have} cannot be compared with one of {need}.")
        self.have, self.need = have, need


class StoreError(FacegateError):
    """The database cannot be opened, read or written."""

    exit_code = 7


class MigrationNeeded(StoreError):
    """The database's schema is older than this program and was not upgraded."""


class DatabaseTooNew(StoreError):
    """The database was written by a newer FaceGate than this one."""


class AlreadyEnrolled(StoreError):
    """A subject of that name exists."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"{subject!r} is already enrolled.")
        self.subject = subject


class GalleryError(FacegateError):
    """The search index cannot be built or used."""

    exit_code = 8


class GalleryStale(GalleryError):
    """A cached index does not belong to what the store holds now."""


class EvaluationError(FacegateError):
    """A measurement cannot be made from the data given."""

    exit_code = 9


class TooFewComparisons(EvaluationError):
    """The sample is too small to express the rate that was asked for."""

    def __init__(self, have: int, need: int) -> None:
        super().__init__(f"{have} comparisons cannot support this figure; {need} are needed.")
        self.have, self.need = have, need

"""Entries of the chain as they lie in a database or an export, before anybody trusts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A row of what can be erased.

    Attributes:
        salt, text: what the chain commits to.
        subject_id, subject_name: the columns that people filter by; they repeat the text.
    """

    salt: bytes = field(repr=False)
    text: str = field(repr=False)
    subject_id: int | None = None
    subject_name: str | None = None


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A row of the chain with all that belongs to it, as it was found.

    Attributes:
        sequence: its place.
        kind, at, door, reason: the columns that people filter by; they repeat the text. None for
            `at` that is no date.
        text: what was hashed.
        previous_hash, hash: hex.
        parts: by the value of `Part`.
        pictures: number of the picture to the SHA-256 of its file, hex.
        orphaned: there are only parts or pictures, and no entry.
    """

    sequence: int
    kind: str
    at: datetime | None
    door: str
    reason: str
    text: str
    previous_hash: str
    hash: str
    parts: Mapping[str, StoredPart] = field(default_factory=dict)
    pictures: Mapping[int, str] = field(default_factory=dict)
    orphaned: bool = False

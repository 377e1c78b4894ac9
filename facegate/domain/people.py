"""The enrolled people and their templates."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime

from facegate.domain.arrays import FloatArray, locked, locked_unit
from facegate.errors import InputError

MAX_NAME_LENGTH = 200


def clean_name(name: str) -> str:
    """Normalize a person's name: NFC, single spaces, no control characters.

    Raises:
        InputError: nothing is left, or more than MAX_NAME_LENGTH characters are.
    """
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Zs", "Zl", "Zp"} else c for c in name)
    cleaned = " ".join(unicodedata.normalize("NFC", kept).split())
    if not cleaned:
        raise InputError("A person needs a name.")
    if len(cleaned) > MAX_NAME_LENGTH:
        raise InputError(f"A name has at most {MAX_NAME_LENGTH} characters.")
    return cleaned


@dataclass(frozen=True, slots=True)
class Subject:
    """One enrolled person.

    A disabled subject keeps the templates but is never searched, so never matches.
    """

    subject_id: int
    name: str
    enabled: bool
    created_at: datetime
    template_count: int


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A stored reference of one face.

    Attributes:
        template_id: number given by the store, never used twice; 0 before it is stored.
        subject_id: owner; 0 before it is stored.
        embedding: (d,) float32, unit length.
        model_id: the network that made the embedding; others' are never compared with it.
        quality: `FaceQuality.score` at enrollment, in [0, 1].
        source: file name or camera that it came from.
        source_sha256: digest of the source file's bytes, hex; tells a picture enrolled twice.
        created_at: time zone aware, UTC.
    """

    template_id: int
    subject_id: int
    embedding: FloatArray
    model_id: str
    quality: float
    source: str
    source_sha256: str
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "embedding", locked_unit(self.embedding, "embedding"))


@dataclass(frozen=True, slots=True, eq=False)
class KeptCrop:
    """A picture of an enrolled face, kept to make templates for other networks.

    Attributes:
        image: a JPEG file; left out of the printed form, so that no log holds a face.
        landmarks_xy: (5, 2) float32, pixels of that picture.
        quality: of the face at enrollment, in [0, 1].
        source: file name or camera that it came from.
        source_sha256: digest of the source file's bytes, hex.
        created_at: time zone aware, UTC.
    """

    image: bytes = field(repr=False)
    landmarks_xy: FloatArray = field(repr=False)
    quality: float
    source: str
    source_sha256: str
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "landmarks_xy", locked(self.landmarks_xy, (5, 2), "landmarks_xy"))


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the store's history: who was enrolled, renamed, disabled, removed, when."""

    event_id: int
    at: datetime
    kind: str
    subject_name: str
    detail: str

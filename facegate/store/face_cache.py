"""Keeps the main face of picture files between measurements, in an SQLite file of its own.

It holds embeddings, which are biometric data: folder and file are private to this user, and nothing
but a measurement reads them. The file is a copy and may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

import numpy as np

from facegate.domain.arrays import locked_unit
from facegate.domain.faces import DetectedFace, FaceReading
from facegate.domain.quality import FaceQuality
from facegate.errors import ShapeError, StoreError

FLUSH_EVERY = 200
"""Pictures that an interruption may cost: about a quarter of a minute of work."""

BUSY_TIMEOUT_S = 30.0

_PASSING = frozenset({"missing", "permission", "io", "too_large"})
"""Reasons that may be gone the next time (too large can mean short of memory): not kept."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS faces (
    path BLOB PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    reason TEXT,
    facts BLOB,
    embedding BLOB
) WITHOUT ROWID
"""
_FACTS = 4 + 10 + 1 + len(fields(FaceQuality))
"""float64 numbers of a face: box, landmarks, detector score, quality."""

_Row = tuple[bytes, int, int, str | None, bytes | None, bytes | None]


class SqliteFaceCache:
    """Fulfils `facegate.ports.store.FaceCache`; one file for each chain of networks.

    Not for several threads. Several processes may share a folder; each writes whole batches.

    Args:
        folder: made when it is not there, readable by this user only.
        chain: all that decides what a picture becomes (digests, settings). Another chain has
            another file, so nothing of a changed network is ever used again.

    Raises:
        StoreError: the folder cannot be made, or the file is not such a cache.
    """

    def __init__(self, folder: Path, chain: Mapping[str, Any]) -> None:
        text = json.dumps(chain, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.path = folder / f"faces-{name}.sqlite"
        self._waiting: dict[bytes, _Row] = {}
        self._seen: dict[bytes, tuple[int, int]] = {}
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise StoreError(f"{self.path} cannot be made ({error.strerror}).") from error
        with self._connection() as connection:
            connection.execute(_SCHEMA)

    def find(self, path: Path) -> FaceReading | str | None:
        """The main face of a file, or why there is none; None: not kept, or the file changed."""
        key = _key(path)
        try:
            status = path.stat()
        except (OSError, ValueError):
            return None
        # What is read later belongs to this state of the file, or to none.
        now = self._seen[key] = (status.st_size, status.st_mtime_ns)
        with self._connection() as connection:
            row = connection.execute(
                "SELECT size, mtime_ns, reason, facts, embedding FROM faces WHERE path = ?", (key,)
            ).fetchone()
        if row is None or (row[0], row[1]) != now:
            return None
        return str(row[2]) if row[2] is not None else _unpack(row[3], row[4])

    def keep(self, path: Path, found: FaceReading | str) -> None:
        """Keep the main face of a file that `find` was asked for, or why there is none."""
        key = _key(path)
        state = self._seen.pop(key, None)
        if state is None or (isinstance(found, str) and found in _PASSING):
            return
        if isinstance(found, str):
            self._waiting[key] = (key, *state, found, None, None)
        else:
            self._waiting[key] = (key, *state, None, *_pack(found))
        if len(self._waiting) >= FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Write all that waits, in one transaction."""
        if not self._waiting:
            return
        with self._connection() as connection, connection:
            connection.executemany(
                "INSERT OR REPLACE INTO faces VALUES (?, ?, ?, ?, ?, ?)", self._waiting.values()
            )
        self._waiting.clear()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for one use; opening costs a tenth of a millisecond."""
        try:
            connection = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S)
            try:
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StoreError(
                f"{self.path} cannot be used ({error}).", hint="Delete it; it is only a copy."
            ) from error


def _key(path: Path) -> bytes:
    """The absolute path; bytes, because a name need not be text."""
    return os.fsencode(path.absolute())


def _pack(reading: FaceReading) -> tuple[bytes, bytes]:
    facts = [
        *reading.face.bbox_xyxy.tolist(),
        *reading.face.landmarks_xy.ravel().tolist(),
        reading.face.score,
        *astuple(reading.quality),
    ]
    return np.array(facts, "<f8").tobytes(), reading.embedding.astype("<f4").tobytes()


def _unpack(facts: object, embedding: object) -> FaceReading | None:
    """Build a reading again; None when the bytes are not one, so that it is made anew."""
    if not isinstance(facts, bytes) or not isinstance(embedding, bytes):
        return None
    if len(facts) != 8 * _FACTS or len(embedding) % 4:
        return None
    numbers = np.frombuffer(facts, "<f8").tolist()
    try:
        face = DetectedFace(
            np.array(numbers[:4]), np.array(numbers[4:14]).reshape(5, 2), numbers[14]
        )
        unit = locked_unit(np.frombuffer(embedding, "<f4"), "embedding")
    except ShapeError:
        return None
    return FaceReading(face, FaceQuality(*numbers[15:]), unit)

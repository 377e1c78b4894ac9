"""Keeps the templates of a gallery in a file, so that a start need not read the whole database.

The file is a copy and may be lost or damaged at any time: whatever is not exactly right is told
from the header or the digest, and the gallery is built from the store again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray
from facegate.errors import GalleryStale

_MAGIC = b"FGINDEX1"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class CachedTemplates:
    """What a gallery searches.

    Attributes:
        revision: of the store when it was read.
        ids: (n,) int64 template numbers.
        subject_ids: (n,) int64 their owners.
        embeddings: (n, d) float32 unit vectors.
    """

    revision: int
    ids: npt.NDArray[np.int64]
    subject_ids: npt.NDArray[np.int64]
    embeddings: FloatArray


def write_cache(path: Path, store_id: str, model_id: str, cached: CachedTemplates) -> None:
    """Replace the file in one step. A disk that refuses costs speed only, so it is just logged."""
    payload = b"".join(
        part.tobytes()
        for part in (
            cached.ids.astype("<i8"),
            cached.subject_ids.astype("<i8"),
            cached.embeddings.astype("<f4"),
        )
    )
    header = {
        "store_id": store_id,
        "model_id": model_id,
        "revision": cached.revision,
        "count": len(cached.ids),
        "dim": int(cached.embeddings.shape[1]),
    }
    text = json.dumps(header).encode()
    body = len(text).to_bytes(4, "little") + text + payload
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(body).digest() + body)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        _log.info("The search index could not be cached: %s", error)


def read_cache(path: Path, store_id: str, model_id: str) -> CachedTemplates | None:
    """Read the file; None when there is none.

    Raises:
        GalleryStale: it is damaged, or belongs to another store or model.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GalleryStale(f"The cached index cannot be read: {error}.") from error
    digest, body = data[8:40], data[40:]
    if data[:8] != _MAGIC or hashlib.sha256(body).digest() != digest:
        raise GalleryStale("The cached index is damaged.")
    size = int.from_bytes(body[:4], "little")
    header = json.loads(body[4 : 4 + size])
    if (header["store_id"], header["model_id"]) != (store_id, model_id):
        raise GalleryStale("The cached index belongs to another database or network.")
    count, dim = int(header["count"]), int(header["dim"])
    numbers = np.frombuffer(body, "<i8", count * 2, 4 + size).astype(np.int64)
    embeddings = np.frombuffer(body, "<f4", count * dim, 4 + size + count * 16)
    return CachedTemplates(
        revision=int(header["revision"]),
        ids=numbers[:count],
        subject_ids=numbers[count:],
        embeddings=embeddings.astype(np.float32).reshape(count, dim),
    )

"""The digest that binds a frame's pixels to a receipt, whatever file they are kept in."""

from __future__ import annotations

import hashlib

import numpy as np

from facegate.domain.arrays import ImageArray


def frame_sha256(frame_bgr: ImageArray) -> str:
    """Digest of a frame: its shape, then its raw BGR bytes.

    Args:
        frame_bgr: (h, w, 3) uint8.

    Returns:
        SHA-256 as hex, of three little-endian 32-bit numbers (h, w, 3) and the pixels row by row.
    """
    digest = hashlib.sha256(np.array(frame_bgr.shape, "<u4").tobytes())
    digest.update(np.ascontiguousarray(frame_bgr).data)
    return digest.hexdigest()

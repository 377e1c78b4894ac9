"""Pictures that were cut to a face before: frames of phones and webcams, live and replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.faces import FaceReading
from facegate.errors import UnreadableImage
from facegate.training.pad.data import REGION_PX, Region
from facegate.vision.images import load_image

LEAST_SIDE_PX = 60
BORDER = 0.35
"""Of the longer side, added around a cut so that a detector sees a whole head in it."""

DETECTED_PX = 320
"""Longest side at which the face of a cut is looked for."""

SAME_PERSON = 0.45
"""Similarity from which a picture is taken to show somebody of the test; a little below τ."""

Read = Callable[[ImageArray], Sequence[FaceReading]]


def embeddings(paths: Iterable[Path], read: Read) -> FloatArray:
    """Unit embeddings (n, d) of the people of a test; pictures without a face give none."""
    found = [embedding for _, _, embedding in _faces(paths, read)]
    return np.stack(found) if found else np.zeros((0, 0), np.float32)


def cuts(
    paths: Iterable[Path],
    kind: str,
    source: str,
    read: Read,
    test: FloatArray,
    *,
    validates: bool,
) -> Iterator[Region]:
    """Cut pictures as regions, with the box of the face that is found in them.

    Pictures that show no upright face, or somebody of the test, are left out.

    Args:
        paths: pictures.
        kind: of all of them.
        source: name of the collection.
        read: finds and encodes faces.
        test: (n, d) unit embeddings of people who must not be learned from.
        validates: all choose thresholds and are never learned from.
    """
    for bgr, bbox_xyxy, embedding in _faces(paths, read):
        if len(test) and float((test @ embedding).max()) >= SAME_PERSON:
            continue
        scale = min(1.0, REGION_PX / max(bgr.shape[:2]))
        part = bgr
        if scale < 1:
            part = np.asarray(cv2.resize(bgr, None, fx=scale, fy=scale), np.uint8)
        box = np.asarray(bbox_xyxy * scale, np.float32)
        yield Region(np.ascontiguousarray(part), box, kind, source, validates)


def _faces(
    paths: Iterable[Path], read: Read
) -> Iterator[tuple[ImageArray, FloatArray, FloatArray]]:
    """Each picture with the box of its largest face, in its pixels, and the embedding."""
    for path in paths:
        try:
            bgr = load_image(path).frame_bgr
        except UnreadableImage:
            continue
        height, width = bgr.shape[:2]
        if min(height, width) < LEAST_SIDE_PX:
            continue
        scale = min(1.0, DETECTED_PX / max(height, width))
        small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        margin = round(BORDER * max(small.shape[:2]))
        framed = cv2.copyMakeBorder(small, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
        found = read(np.asarray(framed, np.uint8))
        if found and found[0].face.size_px > 0.3 * min(small.shape[:2]):
            box = (found[0].face.bbox_xyxy - np.float32(margin)) / np.float32(scale)
            yield bgr, np.asarray(box, np.float32), found[0].embedding

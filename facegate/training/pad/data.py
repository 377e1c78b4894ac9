"""Faces with their surroundings, found and cut out once; people of one split are in no other.

A region is the square of REGION_ZOOM face boxes around a face, stored at REGION_PX or less, the
whole height of a webcam's frame: what paper and screens leave in a picture is fine. The regions of
all pictures are in `pixels.bin`, what is known about them in `index.npz`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.faces import DetectedFace
from facegate.errors import InputError, ShapeError, UnreadableImage
from facegate.vision.context import context_square
from facegate.vision.images import load_image

REGION_ZOOM = 4.6
REGION_PX = 480
MIN_FACE_PX = 40.0

BONA_FIDE = "bona_fide"
PRINT = "print"
REPLAY = "replay"
"""Photographed, as opposed to generated, kinds of attack."""
VALIDATION_SHARE = 16
"""One of so many pictures of people seen once is for validation, by a digest of its name."""

Detect = Callable[[ImageArray], list[DetectedFace]]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A face and its surroundings.

    Attributes:
        bgr: (h, w, 3) uint8; a square, but for pictures that were cut before.
        bbox_xyxy: (4,) float32, pixels of the region.
        kind: `bona_fide`, or the kind of an attack that was photographed.
        source: the collection it is from.
        validates: it chooses thresholds and is never learned from.
    """

    bgr: ImageArray
    bbox_xyxy: FloatArray
    kind: str
    source: str
    validates: bool


def region_of(
    frame_bgr: ImageArray, bbox_xyxy: FloatArray, kind: str, source: str, *, validates: bool
) -> Region | None:
    """Cut a region; None where the box shows too little."""
    try:
        height, width = frame_bgr.shape[:2]
        left, top, side = context_square(bbox_xyxy, (width, height), REGION_ZOOM)
    except ShapeError:
        return None
    part = np.ascontiguousarray(frame_bgr[top : top + side, left : left + side])
    scale = min(1.0, REGION_PX / side)
    if scale < 1:
        part = np.asarray(cv2.resize(part, (REGION_PX,) * 2, interpolation=cv2.INTER_AREA))
    box = (bbox_xyxy - np.array([left, top, left, top], np.float32)) * np.float32(scale)
    return Region(part, box.astype(np.float32), kind, source, validates)


def portraits(
    paths: Iterable[Path],
    source: str,
    detect: Detect,
    most_faces: int = 1,
    kind: str = BONA_FIDE,
    validates: bool | None = None,
) -> Iterator[Region]:
    """The largest faces of whole pictures.

    Args:
        paths: pictures.
        source: name of the collection.
        detect: finds faces.
        most_faces: of a picture.
        kind: of all of them.
        validates: whether they choose thresholds; None: one picture in VALIDATION_SHARE does.
    """
    for path in paths:
        chosen = digest_number(path.name) % VALIDATION_SHARE == 0
        try:
            frame = load_image(path).frame_bgr
        except UnreadableImage:
            continue
        for face in detect(frame)[:most_faces]:
            if face.size_px >= MIN_FACE_PX:
                region = region_of(
                    frame, face.bbox_xyxy, kind, source,
                    validates=chosen if validates is None else validates,
                )  # fmt: skip
                if region is not None:
                    yield region


def nuaa(
    folder: Path, test: frozenset[str], validation: frozenset[str], detect: Detect, every: int = 1
) -> Iterator[Region]:
    """Live people and their printed photographs (NUAA), without the people of the test.

    Args:
        folder: holds `ClientRaw` and `ImposterRaw`, each with a folder per person.
        test: people who are left out.
        validation: people who only validate.
        detect: finds faces.
        every: take each so many-th picture of a person: neighbors are nearly the same.
    """
    for part, kind in (("ClientRaw", BONA_FIDE), ("ImposterRaw", PRINT)):
        for person in sorted((folder / part).iterdir()):
            if person.name in test or not person.is_dir():
                continue
            for path in sorted(person.glob("*.jpg"))[::every]:
                frame = load_image(path).frame_bgr
                for face in detect(frame)[:1]:
                    region = region_of(
                        frame, face.bbox_xyxy, kind, "nuaa", validates=person.name in validation
                    )
                    if region is not None:
                        yield region


def digest_number(name: str) -> int:
    """A number that depends on a name alone, for splits that never move."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:4], "big")


def write_regions(regions: Iterable[Region], folder: Path) -> int:
    """Write regions; returns how many. An interrupted run leaves no index."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.npz").unlink(missing_ok=True)
    rows: list[tuple[int, int, int, int]] = []
    boxes, kinds, sources = [], [], []
    offset = 0
    with (folder / "pixels.bin").open("wb") as pixels:
        for region in regions:
            height, width = region.bgr.shape[:2]
            rows.append((offset, height, width, int(region.validates)))
            boxes.append(region.bbox_xyxy)
            kinds.append(region.kind)
            sources.append(region.source)
            offset += pixels.write(region.bgr.tobytes())
    if not rows:
        raise InputError("No faces were found to learn from.")
    np.savez(
        folder / "index.npz",
        rows=np.array(rows, np.int64),
        bboxes_xyxy=np.stack(boxes),
        kinds=np.array(kinds),
        sources=np.array(sources),
    )
    return len(rows)


class PreparedRegions:
    """Regions of one or several folders, mapped into memory."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._pixels: list[ImageArray] = []
        rows, boxes, kinds, sources, owner = [], [], [], [], []
        for number, folder in enumerate(folders):
            with np.load(folder / "index.npz") as index:
                rows.append(index["rows"])
                boxes.append(index["bboxes_xyxy"])
                kinds.append(index["kinds"])
                sources.append(index["sources"])
            owner += [number] * len(rows[-1])
            self._pixels.append(np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="r"))
        self._rows: npt.NDArray[np.int64] = np.concatenate(rows)
        self._boxes: FloatArray = np.concatenate(boxes)
        self.kinds, self.sources = np.concatenate(kinds), np.concatenate(sources)
        self.validates = self._rows[:, 3] == 1
        self._owner = owner

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Region:
        offset, height, width, validates = (int(value) for value in self._rows[number])
        pixels = self._pixels[self._owner[number]]
        return Region(
            np.asarray(pixels[offset : offset + height * width * 3].reshape(height, width, 3)),
            self._boxes[number],
            str(self.kinds[number]),
            str(self.sources[number]),
            bool(validates),
        )

    def numbers(self, *, kind: str, validates: bool) -> npt.NDArray[np.int64]:
        """Which regions are of a kind, of those that validate or of those to learn from."""
        return np.flatnonzero((self.kinds == kind) & (self.validates == validates))

"""Labeled pictures for the detector, prepared once into one flat file.

Decoding thousands of JPEG files in every epoch would cost more than the training itself, so
`prepare` writes all pixels into `pixels.bin` and all labels into `index.npz`; training maps them
into memory. Each finished set also leaves its labels in a file of its own, so that an interrupted
preparation goes on with the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import InputError

BoolArray = npt.NDArray[np.bool_]

Index = Mapping[str, npt.NDArray[Any]]

LABELS = ("rows", "bboxes_xyxy", "landmarks_xy", "ignored")
"""Arrays of an index; a row is offset, height, width, faces and whether it is a scene."""


def _none_ignored() -> BoolArray:
    return np.zeros(0, bool)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One labeled picture.

    Attributes:
        frame_bgr: (h, w, 3) uint8.
        bboxes_xyxy: (n, 4) float32 pixels.
        landmarks_xy: (n, 5, 2) float32 pixels; NaN where nobody knows them.
        is_scene: a whole scene; else a portrait that may be pasted anywhere.
        ignored: (n,) bool, boxes that are neither taught nor punished; all false if not given.
    """

    frame_bgr: ImageArray
    bboxes_xyxy: FloatArray
    landmarks_xy: FloatArray
    is_scene: bool
    ignored: BoolArray = field(default_factory=_none_ignored)

    def __post_init__(self) -> None:
        if not len(self.ignored):
            object.__setattr__(self, "ignored", np.zeros(len(self.bboxes_xyxy), bool))


def write_samples(samples: Iterable[Sample], folder: Path) -> int:
    """Write samples of one kind; returns how many. An interrupted run leaves no index."""
    for part in folder.glob("set_*.npz"):
        part.unlink()
    return sum(write_sets({"all": samples}, folder).values())


def write_sets(
    sets: Mapping[str, Iterable[Sample]],
    folder: Path,
    made_by: str = "",
    passed: Callable[[Sample], object] = lambda _: None,
) -> dict[str, int]:
    """Write sets of samples one after the other, going on after those that are there.

    Args:
        sets: by name; those that are there already are not iterated.
        folder: where to write.
        made_by: what the samples depend on, in any words; sets written under others are made again.
        passed: called with every sample of a set that is there already.

    Returns:
        Number of samples by set.

    Raises:
        InputError: there is no sample at all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.npz").unlink(missing_ok=True)
    pixels, offset = folder / "pixels.bin", 0
    pixels.touch()
    parts: dict[str, Index] = {}
    going_on = True
    for place, (name, samples) in enumerate(sets.items()):
        file = folder / f"set_{place}_{name}.npz"
        part = _read_part(file, made_by, offset, pixels.stat().st_size) if going_on else None
        if part is None:
            going_on = False
            part = _write_part(samples, pixels, offset)
            _save(file, {**part, "made_by": np.array(made_by)})
        elif len(part["rows"]):
            for sample in _samples(part, np.memmap(pixels, dtype=np.uint8, mode="r")):
                passed(sample)
        offset = int(part["end"])
        parts[name] = part
    counts = {name: len(part["rows"]) for name, part in parts.items()}
    if not sum(counts.values()):
        raise InputError("No training pictures were found.")
    labels = {key: np.concatenate([part[key] for part in parts.values()]) for key in LABELS}
    sources = np.repeat(np.arange(len(parts)), list(counts.values()))
    names = np.array(list(parts))
    _save(folder / "index.npz", {**labels, "sources": sources, "source_names": names})
    return counts


def _save(file: Path, arrays: dict[str, Any]) -> None:
    """Write arrays so that an interruption leaves no half of a file."""
    temporary = file.with_suffix(".part")
    with temporary.open("wb") as stream:
        np.savez(stream, **arrays)
    temporary.replace(file)


def _read_part(file: Path, made_by: str, offset: int, size: int) -> Index | None:
    """What a finished set has left, or None if it does not go on from here."""
    if not file.is_file():
        return None
    with np.load(file) as stored:
        part = dict(stored)
    fits = str(part.pop("made_by")) == made_by and int(part["start"]) == offset
    return part if fits and int(part["end"]) <= size else None


def _write_part(samples: Iterable[Sample], file: Path, start: int) -> Index:
    rows: list[tuple[int, int, int, int, int]] = []
    boxes, landmarks = [np.zeros((0, 4), np.float32)], [np.zeros((0, 5, 2), np.float32)]
    ignored = [_none_ignored()]
    offset = start
    with file.open("r+b") as pixels:
        pixels.truncate(start)
        pixels.seek(start)
        for sample in samples:
            height, width = sample.frame_bgr.shape[:2]
            rows.append((offset, height, width, len(sample.bboxes_xyxy), int(sample.is_scene)))
            boxes.append(sample.bboxes_xyxy)
            landmarks.append(sample.landmarks_xy)
            ignored.append(sample.ignored)
            offset += pixels.write(np.ascontiguousarray(sample.frame_bgr).tobytes())
    return {
        "rows": np.array(rows, np.int64).reshape(-1, 5),
        "bboxes_xyxy": np.concatenate(boxes),
        "landmarks_xy": np.concatenate(landmarks),
        "ignored": np.concatenate(ignored),
        "start": np.array(start),
        "end": np.array(offset),
    }


def _samples(index: Index, pixels: ImageArray) -> Iterator[Sample]:
    rows: npt.NDArray[np.int64] = index["rows"]
    end = 0
    for offset, height, width, count, is_scene in rows.tolist():
        faces = slice(end, end := end + count)
        yield Sample(
            pixels[offset : offset + height * width * 3].reshape(height, width, 3),
            index["bboxes_xyxy"][faces],
            index["landmarks_xy"][faces],
            bool(is_scene),
            index["ignored"][faces],
        )


class PreparedSamples:
    """Prepared samples, mapped into memory.

    Attributes:
        scenes: numbers of the scenes with a face that is taught.
        backgrounds: of the scenes with none.
        portraits: of the single faces.
        sources: of every sample, the place of its set in `source_names`.
        source_names: names of the sets.
    """

    def __init__(self, folder: Path) -> None:
        with np.load(folder / "index.npz") as stored:
            index = dict(stored)
        rows: npt.NDArray[np.int64] = index["rows"]
        count = len(index["bboxes_xyxy"])
        # Folders of the first version know neither.
        index.setdefault("ignored", np.zeros(count, bool))
        self.sources: npt.NDArray[np.int64] = index.get("sources", np.zeros(len(rows), np.int64))
        self.source_names = tuple(str(name) for name in index.get("source_names", ["all"]))
        self._index, self._rows = index, rows
        self._starts = np.concatenate([[0], np.cumsum(rows[:, 3])])
        self._pixels: ImageArray = np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="r")
        taught = np.concatenate([[0], np.cumsum(~index["ignored"])])
        has_faces = np.diff(taught[self._starts]) > 0
        is_scene = rows[:, 4] == 1
        self.scenes = np.flatnonzero(is_scene & has_faces)
        self.backgrounds = np.flatnonzero(is_scene & ~has_faces)
        self.portraits = np.flatnonzero(~is_scene)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Sample:
        start, end = self._starts[number], self._starts[number + 1]
        part = {name: self._index[name][start:end] for name in LABELS[1:]}
        return next(_samples({"rows": self._rows[number : number + 1], **part}, self._pixels))

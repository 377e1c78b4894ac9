"""Prepares aligned faces once, as memory-mapped arrays that training reads without decoding.

Sources (see the model card for their terms): CelebA with identities, for triplets; FairFace with
cached teacher embeddings, for distillation. Test people (LFW) are never among them.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import ConfigError, InputError, ModelError, ShapeError, UnreadableImage
from facegate.vision.align import CROP_PX, align_face
from facegate.vision.images import load_image

IntArray: TypeAlias = npt.NDArray[np.int64]

NOBODY = -1
"""Person number of a face whose identity is not known."""

_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}

_DETECTION_SIDE_PX = 192  # enough for a picture that is one face and its surroundings
_BORDER = 0.25  # of the side: detectors miss faces that fill the picture


class FindsLandmarks(Protocol):
    """Finds the one face that a picture is about."""

    def __call__(self, frame_bgr: ImageArray) -> FloatArray | None:
        """Give its (5, 2) landmarks in frame pixels, or None when there is no such face."""


@dataclass(frozen=True, slots=True, eq=False)
class AlignedFaces:
    """One prepared set.

    Attributes:
        crops_rgb: (n, 112, 112, 3) uint8, memory-mapped.
        person: (n,) int64, NOBODY where it is not known.
        files: (n,) names within the source.
        teachers: for each teacher (n, d) unit embeddings; empty when there are none.
        left_out: (n,) why a face is not to be used, empty where it is; see `cleaning`.
        group: (n,) of people that each belongs to, empty where none is known; see `label`.
    """

    crops_rgb: ImageArray
    person: IntArray
    files: npt.NDArray[np.str_]
    teachers: dict[str, FloatArray]
    left_out: npt.NDArray[np.str_]
    group: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.crops_rgb)


class FacePool:
    """Several prepared sets as one; what was left out is not in it.

    Attributes:
        person: (n,) int64: known people count from 0, the same number never in two sets; NOBODY
            for everybody else, and for people with one image, who have no pair.
        set_number: (n,) which of the sets each face is of.
        group: (n,) name of the group of people, empty where none is known.
        teachers: for each teacher that all sets have, (n, d) unit embeddings.
    """

    def __init__(self, sets: list[AlignedFaces]) -> None:
        self._crops = [faces.crops_rgb for faces in sets]
        kept = [np.flatnonzero(faces.left_out == "") for faces in sets]
        self.set_number = np.repeat(np.arange(len(sets)), [len(rows) for rows in kept])
        self._row = np.concatenate(kept)
        self.group = np.concatenate(
            [faces.group[rows] for faces, rows in zip(sets, kept, strict=True)]
        )
        self.person = self._number(
            [faces.person[rows] for faces, rows in zip(sets, kept, strict=True)]
        )
        common = set.intersection(*(set(faces.teachers) for faces in sets))
        self.teachers: dict[str, FloatArray] = {
            name: np.concatenate(
                [faces.teachers[name][rows] for faces, rows in zip(sets, kept, strict=True)]
            )
            for name in sorted(common)
        }

    def __len__(self) -> int:
        return len(self._row)

    def crops_rgb(self, positions: IntArray) -> ImageArray:
        """Crops (len(positions), 112, 112, 3) uint8."""
        return np.stack([self._crops[self.set_number[i]][self._row[i]] for i in positions])

    def taught_by(self, names: Iterable[str]) -> list[FloatArray]:
        """What teachers say about all faces.

        Raises:
            ConfigError: one was not cached for all sets.
        """
        if missing := set(names) - set(self.teachers):
            raise ConfigError(
                f"No embeddings of the teachers {', '.join(sorted(missing))} are cached.",
                hint="Run `facegate train embedder teach` for every set first.",
            )
        return [self.teachers[name] for name in names]

    @staticmethod
    def _number(people: list[IntArray]) -> IntArray:
        numbers, first_free = [], 0
        for person in people:
            unique, inverse, counts = np.unique(person, return_inverse=True, return_counts=True)
            known = (unique != NOBODY) & (counts >= 2)
            numbered = np.where(known, first_free + np.cumsum(known) - 1, NOBODY)
            numbers.append(numbered[inverse].astype(np.int64))
            first_free += int(known.sum())
        return np.concatenate(numbers)


@dataclass(frozen=True, slots=True, eq=False)
class SourceFace:
    """One picture before preparation; `landmarks_xy` is None when they must be found."""

    path: Path
    name: str
    person: int = NOBODY
    landmarks_xy: FloatArray | None = None


class YunetLandmarks:
    """Landmarks by YuNet (ShiqiYu/libfacedetection.train), the teacher of our own detector."""

    def __init__(self, weights: Path, min_score: float = 0.6) -> None:
        """Load its ONNX file.

        Raises:
            ModelError: the file holds something else.
        """
        try:
            self._detector = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), min_score)
        except cv2.error as error:
            raise ModelError(f"{weights} is no ONNX file of YuNet.") from error

    def __call__(self, frame_bgr: ImageArray) -> FloatArray | None:
        """Find the face nearest to the middle, measured in its own size."""
        height, width = frame_bgr.shape[:2]
        border = round(_BORDER * max(height, width))
        padded = cv2.copyMakeBorder(frame_bgr, *(border,) * 4, cv2.BORDER_CONSTANT)
        scale = max(1.0, _DETECTION_SIDE_PX / max(padded.shape[:2]))
        if scale > 1.0:
            padded = cv2.resize(padded, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        self._detector.setInputSize((padded.shape[1], padded.shape[0]))
        _, faces = self._detector.detect(padded)
        if faces is None or len(faces) == 0:
            return None
        middle = np.array([padded.shape[1], padded.shape[0]]) / 2
        centers = faces[:, :2] + faces[:, 2:4] / 2
        away = np.linalg.norm(centers - middle, axis=1) / np.sqrt(faces[:, 2] * faces[:, 3])
        landmarks = faces[int(np.argmin(away)), 4:14].reshape(5, 2)
        return np.asarray(landmarks / scale - border, dtype=np.float32)


def celeba_faces(images: Path, identities: Path) -> Iterator[SourceFace]:
    """List CelebA's aligned pictures with the person each shows.

    Args:
        images: folder of 000001.jpg and so on; any part of the set.
        identities: CelebA's `identity_CelebA.txt`, lines of file name and person number; a first
            line that names these columns may stand above them.

    Raises:
        InputError: a line is something else; with its number.
    """
    lines = identities.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if len(words) != 2 or not words[1].isdecimal():
            if number == 1 and len(words) == 2 and "." not in words[0]:
                continue  # names of columns
            raise InputError(f"{identities}, line {number}: a file and a person number, please.")
        name, person = words
        path = images / name
        if path.is_file():
            yield SourceFace(path, name, int(person))


def fairface_pictures(images: Path) -> Iterator[SourceFace]:
    """List the pictures of FairFace's train part; its other part is for tests.

    Args:
        images: folder that holds `train/`.
    """
    for face in folder_faces(images, named=False):
        if face.name.startswith("train/"):
            yield face


def fairface_faces(images: Path, teachers: Path) -> tuple[list[SourceFace], dict[str, FloatArray]]:
    """List FairFace's pictures that have cached landmarks and teacher embeddings.

    Args:
        images: folder that holds `train/`.
        teachers: npz of `files`, `landmarks_xy` and one (n, d) array for each teacher.

    Raises:
        InputError: the file holds something else.
    """
    try:
        with np.load(teachers) as cached:
            landmarks = cached["landmarks_xy"].astype(np.float32)
            faces = [
                SourceFace(images / name, name, NOBODY, points)
                for name, points in zip(cached["files"].tolist(), landmarks, strict=True)
            ]
            names = set(cached.files) - {"files", "landmarks_xy"}
            embeddings = {name: cached[name].astype(np.float32) for name in sorted(names)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{teachers} is no npz of `files`, `landmarks_xy` and teachers ({error})."
        ) from error
    return faces, embeddings


def folder_faces(images: Path, named: bool) -> Iterator[SourceFace]:
    """List any pictures below a folder.

    Args:
        images: holds pictures, at any depth.
        named: each folder right below is one person; else nobody is known.
    """
    folders = sorted(path for path in images.iterdir() if path.is_dir()) if named else [images]
    for number, folder in enumerate(folders):
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in _SUFFIXES:
                name = path.relative_to(images).as_posix()
                yield SourceFace(path, name, number if named else NOBODY)


def prepare(
    faces: Iterable[SourceFace],
    folder: Path,
    find_landmarks: FindsLandmarks,
    teachers: dict[str, FloatArray] | None = None,
) -> int:
    """Align all faces and write them to a folder for `open_prepared`.

    Broken files and pictures without a face are dropped and listed in `dropped.json`.

    Returns:
        Number of faces kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed: list[SourceFace] = []
    kept: list[int] = []
    dropped: dict[str, str] = {}
    raw = folder / "crops.partial"
    with raw.open("wb") as file:
        for index, face in enumerate(faces):
            listed.append(face)
            crop = _crop(face, find_landmarks)
            if isinstance(crop, str):
                dropped[face.name] = crop
            else:
                file.write(crop.tobytes())
                kept.append(index)
    raw.replace(folder / "crops.u8")
    arrays: dict[str, Any] = {
        "files": np.array([listed[i].name for i in kept]),
        "person": np.array([listed[i].person for i in kept], dtype=np.int64),
    }
    for name, embeddings in (teachers or {}).items():
        arrays[f"teacher_{name}"] = embeddings[kept].astype(np.float16)
    np.savez(folder / "faces.npz", **arrays)
    (folder / "dropped.json").write_text(json.dumps(dropped, indent=1), encoding="utf-8")
    return len(kept)


def open_prepared(folder: Path) -> AlignedFaces:
    """Open what `prepare` wrote.

    Raises:
        ConfigError: nothing was prepared there.
    """
    try:
        with np.load(folder / "faces.npz") as arrays:
            files, person = arrays["files"], arrays["person"]
            teachers = {
                name.removeprefix("teacher_"): arrays[name].astype(np.float32)
                for name in arrays.files
                if name.startswith("teacher_")
            }
            unset = np.full(len(files), "")
            left_out, group = (arrays.get(name, unset) for name in ("left_out", "group"))
        shape = (len(files), CROP_PX, CROP_PX, 3)
        crops = np.memmap(folder / "crops.u8", dtype=np.uint8, mode="r", shape=shape)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ConfigError(
            f"{folder} holds no prepared faces ({error}).",
            hint="Run `facegate train embedder prepare` first.",
        ) from error
    return AlignedFaces(crops, person, files, teachers, left_out, group)


def was_cleaned(folder: Path) -> bool:
    """Whether test people were looked for in a set since it was prepared."""
    with np.load(folder / "faces.npz") as arrays:
        return "left_out" in arrays


def label(folder: Path, group_of: Mapping[str, str]) -> int:
    """Say which group of people each face of a prepared set belongs to.

    Args:
        folder: as `prepare` wrote it.
        group_of: name of the group for pictures, named as in the set; others get none.

    Returns:
        Number of faces with a group.

    Raises:
        InputError: that would be none; groups from before stay.
    """
    groups = np.array(
        [group_of.get(str(name), "") for name in open_prepared(folder).files], np.str_
    )
    if not (groups != "").any():
        raise InputError(
            f"The table names no picture of {folder}.",
            hint="Is --root the folder that the set was prepared from?",
        )
    store_columns(folder, group=groups)
    return int((groups != "").sum())


def store_columns(folder: Path, **columns: np.ndarray[Any, Any]) -> None:
    """Add columns of a prepared set, or replace them; whole or not at all."""
    with np.load(folder / "faces.npz") as stored:
        arrays = {key: stored[key] for key in stored.files}
    arrays.update(columns)
    partial = folder / "faces.partial.npz"
    np.savez(partial, **arrays)
    partial.replace(folder / "faces.npz")


def _crop(face: SourceFace, find_landmarks: FindsLandmarks) -> ImageArray | str:
    """The aligned face, or a word that says why there is none."""
    try:
        frame = load_image(face.path).frame_bgr
    except UnreadableImage as error:
        return f"unreadable: {error.reason}"
    landmarks = face.landmarks_xy if face.landmarks_xy is not None else find_landmarks(frame)
    if landmarks is None:
        return "no face"
    try:
        return align_face(frame, landmarks)
    except ShapeError:
        return "bad landmarks"

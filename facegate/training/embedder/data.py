"""Prepares aligned faces once, as memory-mapped arrays that training reads without decoding.

Sources (see the model card for their terms): CelebA with identities, for triplets; FairFace with
cached teacher embeddings, for distillation. Test people (LFW) are never among them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import ConfigError, ShapeError
from facegate.vision.align import CROP_PX, align_face

IntArray: TypeAlias = npt.NDArray[np.int64]

NOBODY = -1
"""Person number of a face whose identity is not known."""

_DETECTION_SIDE_PX = 192  # enough for a picture that is one face and its surroundings
_BORDER = 0.25  # of the side: detectors miss faces that fill the picture


class FindsLandmarks(Protocol):
    """Finds the one face that a picture is about."""

    def __call__(self, frame_bgr: ImageArray) -> FloatArray | None:
        """Give its (5, 2) landmarks in frame pixels, or None when there is no such face."""


@dataclass(frozen=True, slots=True, eq=False)
class AlignedFaces:
    """Faces ready for training.

    Attributes:
        crops_rgb: (n, 112, 112, 3) uint8, memory-mapped.
        person: (n,) int64, NOBODY where it is not known.
        files: (n,) names within the source.
        teachers: for each teacher (n, d) unit embeddings; empty when there are none.
    """

    crops_rgb: ImageArray
    person: IntArray
    files: npt.NDArray[np.str_]
    teachers: dict[str, FloatArray]

    def __len__(self) -> int:
        return len(self.crops_rgb)


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
        self._detector = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), min_score)

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
        identities: CelebA's `identity_CelebA.txt`, lines of file name and person number.
    """
    for line in identities.read_text(encoding="ascii").splitlines():
        name, person = line.split()
        path = images / name
        if path.is_file():
            yield SourceFace(path, name, int(person))


def fairface_faces(images: Path, teachers: Path) -> tuple[list[SourceFace], dict[str, FloatArray]]:
    """List FairFace's pictures that have cached landmarks and teacher embeddings.

    Args:
        images: folder that holds `train/`.
        teachers: npz of `files`, `landmarks_xy` and one (n, d) array for each teacher.
    """
    with np.load(teachers) as cached:
        landmarks = cached["landmarks_xy"].astype(np.float32)
        faces = [
            SourceFace(images / name, name, NOBODY, points)
            for name, points in zip(cached["files"].tolist(), landmarks, strict=True)
        ]
        names = set(cached.files) - {"files", "landmarks_xy"}
        embeddings = {name: cached[name].astype(np.float32) for name in sorted(names)}
    return faces, embeddings


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
    listed = list(faces)
    folder.mkdir(parents=True, exist_ok=True)
    kept: list[int] = []
    dropped: dict[str, str] = {}
    raw = folder / "crops.partial"
    with raw.open("wb") as file:
        for index, face in enumerate(listed):
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
        shape = (len(files), CROP_PX, CROP_PX, 3)
        crops = np.memmap(folder / "crops.u8", dtype=np.uint8, mode="r", shape=shape)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{folder} holds no prepared faces ({error}).",
            hint="Run `python -m facegate.training.embedder prepare` first.",
        ) from error
    return AlignedFaces(crops, person, files, teachers)


def _crop(face: SourceFace, find_landmarks: FindsLandmarks) -> ImageArray | str:
    """The aligned face, or a word that says why there is none."""
    frame = cv2.imread(str(face.path), cv2.IMREAD_COLOR)
    if frame is None:
        return "unreadable"
    landmarks = face.landmarks_xy if face.landmarks_xy is not None else find_landmarks(frame)
    if landmarks is None:
        return "no face"
    try:
        return align_face(frame, landmarks)
    except ShapeError:
        return "bad landmarks"

"""Labeled pictures for the detector, prepared once into one flat file.

Decoding thousands of JPEG files in every epoch would cost more than the training itself, so
`prepare` writes all pixels into `pixels.bin` and all labels into `index.npz`; training maps them
into memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import InputError, UnreadableImage
from facegate.training.detector.teacher import YuNetTeacher
from facegate.vision.boxes import iou_matrix
from facegate.vision.images import load_image

TEACHER_IOU = 0.5
"""From this overlap on a teacher's face is the face that people have drawn a box around."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One labeled picture.

    Attributes:
        frame_bgr: (h, w, 3) uint8.
        bboxes_xyxy: (n, 4) float32 pixels.
        landmarks_xy: (n, 5, 2) float32 pixels; NaN where nobody knows them.
        is_scene: a whole scene; else a portrait that may be pasted anywhere.
    """

    frame_bgr: ImageArray
    bboxes_xyxy: FloatArray
    landmarks_xy: FloatArray
    is_scene: bool


def wider_scenes(
    images: Path, annotations: Path, longest_px: int, teacher: YuNetTeacher
) -> Iterator[Sample]:
    """WIDER FACE scenes with the boxes of its .mat file and the teacher's landmarks."""
    from scipy.io import loadmat

    table = loadmat(str(annotations))
    for event, files, boxes in zip(
        table["event_list"], table["file_list"], table["face_bbx_list"], strict=True
    ):
        for file, found in zip(files[0], boxes[0], strict=True):
            path = images / str(event[0][0]) / f"{file[0][0]}.jpg"
            xywh = np.asarray(found[0], dtype=np.float32).reshape(-1, 4)
            if path.is_file():
                xyxy = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1)
                yield from _scene(path, xyxy, longest_px, teacher)


def voc_scenes(folder: Path, longest_px: int, teacher: YuNetTeacher) -> Iterator[Sample]:
    """Pictures with Pascal VOC boxes (MaskON): every box is a face, masked or not."""
    for annotation in sorted((folder / "annotations").glob("*.xml")):
        if annotation.name.startswith("augmented_"):
            continue
        root = ElementTree.parse(annotation).getroot()  # noqa: S314  (our own training data)
        boxes = [
            [float(node.findtext(key, "0")) for key in ("xmin", "ymin", "xmax", "ymax")]
            for node in root.iter("bndbox")
        ]
        for suffix in (".jpg", ".png", ".jpeg"):
            path = folder / "images" / f"{annotation.stem}{suffix}"
            if path.is_file():
                yield from _scene(
                    path, np.array(boxes, np.float32).reshape(-1, 4), longest_px, teacher
                )
                break


def portraits(paths: Iterable[Path], teacher: YuNetTeacher) -> Iterator[Sample]:
    """Single faces without labels: box and landmarks are the teacher's."""
    for path in paths:
        try:
            frame = load_image(path).frame_bgr
        except UnreadableImage:
            continue
        # Faces fill these pictures; a border lets the teacher see them whole.
        border = frame.shape[0] // 4
        padded = cv2.copyMakeBorder(frame, border, border, border, border, cv2.BORDER_CONSTANT)
        boxes, landmarks = teacher(np.asarray(padded, np.uint8))
        if len(boxes):
            yield Sample(frame, boxes - border, landmarks - border, is_scene=False)


def _scene(
    path: Path, boxes: FloatArray, longest_px: int, teacher: YuNetTeacher
) -> Iterator[Sample]:
    try:
        frame = load_image(path).frame_bgr
    except UnreadableImage:
        return
    scale = min(1.0, longest_px / max(frame.shape[:2]))
    if scale < 1:
        size_wh = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
        frame = np.asarray(cv2.resize(frame, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    boxes = boxes * np.float32(scale)
    boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)]
    yield Sample(frame, boxes, matched_landmarks(boxes, *teacher(frame)), is_scene=True)


def matched_landmarks(
    boxes: FloatArray, teacher_boxes: FloatArray, teacher_landmarks: FloatArray
) -> FloatArray:
    """Give each drawn box the landmarks of the teacher's face that overlaps it most.

    Returns:
        (n, 5, 2); NaN where no face of the teacher overlaps by TEACHER_IOU.
    """
    landmarks = np.full((len(boxes), 5, 2), np.nan, dtype=np.float32)
    if len(boxes) and len(teacher_boxes):
        overlaps = iou_matrix(boxes, teacher_boxes)
        best = overlaps.argmax(axis=1)
        sure = overlaps.max(axis=1) >= TEACHER_IOU
        landmarks[sure] = teacher_landmarks[best[sure]]
    return landmarks


def backgrounds(paths: Iterable[Path]) -> Iterator[Sample]:
    """Scenes without a face that could be told as one; they teach what is none."""
    for path in paths:
        try:
            frame = load_image(path).frame_bgr
        except UnreadableImage:
            continue
        none = np.zeros((0, 4), np.float32)
        yield Sample(frame, none, np.zeros((0, 5, 2), np.float32), is_scene=True)


def write_samples(samples: Iterable[Sample], folder: Path) -> int:
    """Write prepared samples; returns how many. An interrupted run leaves no index."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.npz").unlink(missing_ok=True)
    rows: list[tuple[int, int, int, int, int]] = []
    boxes: list[FloatArray] = []
    landmarks: list[FloatArray] = []
    offset = 0
    with (folder / "pixels.bin").open("wb") as pixels:
        for sample in samples:
            height, width = sample.frame_bgr.shape[:2]
            rows.append((offset, height, width, len(sample.bboxes_xyxy), int(sample.is_scene)))
            boxes.append(sample.bboxes_xyxy)
            landmarks.append(sample.landmarks_xy)
            offset += pixels.write(np.ascontiguousarray(sample.frame_bgr).tobytes())
    if not rows:
        raise InputError("No training pictures were found.")
    np.savez(
        folder / "index.npz",
        rows=np.array(rows, np.int64),
        bboxes_xyxy=np.concatenate(boxes),
        landmarks_xy=np.concatenate(landmarks),
    )
    return len(rows)


class PreparedSamples:
    """Prepared samples, mapped into memory; portraits and scenes are numbered apart."""

    def __init__(self, folder: Path) -> None:
        with np.load(folder / "index.npz") as index:
            self._rows: npt.NDArray[np.int64] = index["rows"]
            self._boxes: FloatArray = index["bboxes_xyxy"]
            self._landmarks: FloatArray = index["landmarks_xy"]
        self._starts = np.concatenate([[0], np.cumsum(self._rows[:, 3])])
        self._pixels: ImageArray = np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="r")
        is_scene, has_faces = self._rows[:, 4] == 1, self._rows[:, 3] > 0
        self.scenes = np.flatnonzero(is_scene & has_faces)
        self.backgrounds = np.flatnonzero(is_scene & ~has_faces)
        self.portraits = np.flatnonzero(self._rows[:, 4] == 0)

    def __getitem__(self, number: int) -> Sample:
        offset, height, width, _, is_scene = (int(value) for value in self._rows[number])
        frame = self._pixels[offset : offset + height * width * 3].reshape(height, width, 3)
        faces = slice(self._starts[number], self._starts[number + 1])
        return Sample(frame, self._boxes[faces], self._landmarks[faces], bool(is_scene))

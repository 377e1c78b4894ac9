"""Turns pictures into labeled samples: drawn boxes, and what teachers see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.detections import Detections
from facegate.domain.overlaps import iou_matrix
from facegate.errors import UnreadableImage
from facegate.training.detector.data import BoolArray, Sample
from facegate.training.detector.doubles import Doubles
from facegate.training.detector.looks import LARGEST_LOOK_PX, Teacher, look_closely
from facegate.training.detector.pictures import DrawnPicture
from facegate.vision.images import load_image

TAUGHT_FROM = 0.75
"""A face that only a teacher has seen is taught from this score on; less sure ones are ignored."""

LONGEST_PX = 800
"""Of scenes: the gate looks at 640 pixels, and training enlarges a little."""

LIFTED_FROM, ADDED_FROM = 0.6, 0.5
"""Scores from which on a second teacher confirms an unsure face, or adds one to be ignored."""

SAME_IOU, APART_IOU = 0.5, 0.2
"""From and below these overlaps on two boxes are the same face, or different ones. What lies
between is a bad box of a face that is known: it must be punished, not ignored."""

MOSTLY = 0.5
"""A detection that lies within another box by more than this share is a part of that face."""

ASPECT_TOLERANCE = 0.02


class Labeler:
    """Makes samples; None for what cannot be used.

    Args:
        teacher: finds faces and landmarks.
        longest_px: scenes are scaled down to this longest side.
        doubles: pictures so far; a scene that is among them is left out.
        largest_look_px: see `look_closely`.
    """

    def __init__(
        self,
        teacher: Teacher,
        longest_px: int = LONGEST_PX,
        doubles: Doubles | None = None,
        largest_look_px: int = LARGEST_LOOK_PX,
    ) -> None:
        self._teacher, self._longest = teacher, longest_px
        self._largest_look = largest_look_px
        self._doubles = doubles if doubles is not None else Doubles()

    def drawn(self, picture: DrawnPicture, *, some_missing: bool) -> Sample | None:
        """A scene with drawn boxes and the teacher's landmarks.

        Args:
            picture: a file and its boxes.
            some_missing: not all faces have a box; what the teacher sees elsewhere is ignored.
        """
        loaded = self._load(picture.path)
        if loaded is None:
            return None
        frame, original_wh = loaded
        drawn_wh = picture.size_wh or original_wh
        ratio = np.array(original_wh) / drawn_wh
        if abs(ratio[0] / ratio[1] - 1) > ASPECT_TOLERANCE:
            return None  # drawn on the picture before it was turned, or on another one
        scale = np.tile([frame.shape[1] / drawn_wh[0], frame.shape[0] / drawn_wh[1]], 2)
        boxes = (picture.bboxes_xyxy * scale).astype(np.float32)
        whole = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        boxes, ignored = boxes[whole], picture.ignored[whole]
        found = look_closely(self._teacher, frame, drawn=boxes, largest_px=self._largest_look)
        landmarks = matched_landmarks(boxes, found)
        if some_missing:
            more = found.take(unboxed(found.bboxes_xyxy, boxes))
            boxes = np.concatenate([boxes, more.bboxes_xyxy])
            landmarks = np.concatenate([landmarks, more.landmarks_xy])
            ignored = np.concatenate([ignored, np.ones(len(more), bool)])
        return Sample(frame, boxes, landmarks, is_scene=True, ignored=ignored)

    def found(self, path: Path, second: Teacher | None = None) -> Sample | None:
        """A scene without drawn boxes: sure faces are taught, less sure ones ignored."""
        loaded = self._load(path)
        if loaded is None:
            return None
        frame = loaded[0]
        seen = look_closely(self._teacher, frame, mirrored=True, largest_px=self._largest_look)
        sure = seen.scores >= TAUGHT_FROM
        seen = seen.take(sure | unboxed(seen.bboxes_xyxy, seen.bboxes_xyxy[sure]))
        sample = Sample(
            frame,
            seen.bboxes_xyxy,
            seen.landmarks_xy,
            is_scene=True,
            ignored=seen.scores < TAUGHT_FROM,
        )
        return sample if second is None else second_opinion(sample, second(frame))

    def portrait(self, path: Path) -> Sample | None:
        """A single face: box and landmarks are the teacher's."""
        try:
            frame = load_image(path).frame_bgr
        except UnreadableImage:
            return None
        # Faces fill these pictures; a border lets the teacher see them whole.
        border = frame.shape[0] // 4
        padded = cv2.copyMakeBorder(frame, border, border, border, border, cv2.BORDER_CONSTANT)
        found = self._teacher(np.asarray(padded, np.uint8))
        unsure = found.scores < TAUGHT_FROM
        if unsure.all():
            return None
        return Sample(
            frame,
            found.bboxes_xyxy - border,
            found.landmarks_xy - border,
            is_scene=False,
            ignored=unsure,
        )

    def background(self, path: Path) -> Sample | None:
        """A scene without a face that could be told as one; it teaches what is none."""
        loaded = self._load(path)
        if loaded is None:
            return None
        none = np.zeros((0, 4), np.float32)
        return Sample(loaded[0], none, np.zeros((0, 5, 2), np.float32), is_scene=True)

    def _load(self, path: Path) -> tuple[ImageArray, tuple[int, int]] | None:
        """The picture scaled down, and the size of the file's; None if unreadable or known."""
        try:
            loaded = load_image(path)
        except UnreadableImage:
            return None
        frame = loaded.frame_bgr
        scale = min(1.0, self._longest / max(frame.shape[:2]))
        if scale < 1:
            size_wh = (
                max(1, round(frame.shape[1] * scale)),
                max(1, round(frame.shape[0] * scale)),
            )
            frame = np.asarray(cv2.resize(frame, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
        if not self._doubles.add(frame):
            return None
        return frame, (loaded.width, loaded.height)


def matched_landmarks(boxes: FloatArray, found: Detections) -> FloatArray:
    """The landmarks of drawn boxes that the teacher found, too; NaN for the others."""
    landmarks = np.full((len(boxes), 5, 2), np.nan, np.float32)
    if len(boxes) and len(found):
        overlaps = iou_matrix(boxes, found.bboxes_xyxy)
        sure = overlaps.max(axis=1) >= SAME_IOU
        landmarks[sure] = found.landmarks_xy[overlaps.argmax(axis=1)[sure]]
    return landmarks


def unboxed(boxes: FloatArray, known: FloatArray) -> BoolArray:
    """Which boxes are of none of the known faces, nor of a part of one: (n,) bool."""
    if not len(boxes) or not len(known):
        return np.ones(len(boxes), bool)
    shared = np.minimum(boxes[:, None, 2:], known[None, :, 2:]) - np.maximum(
        boxes[:, None, :2], known[None, :, :2]
    )
    inside = shared.clip(0).prod(axis=2) / np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)[:, None]
    apart = iou_matrix(boxes, known).max(axis=1) < APART_IOU
    return np.asarray(apart & (inside.max(axis=1) < MOSTLY), bool)


def second_opinion(sample: Sample, found: Detections) -> Sample:
    """Teach the unsure faces that another teacher confirms; ignore what it alone has found."""
    sure = found.take(found.scores >= LIFTED_FROM)
    ignored = sample.ignored.copy()
    if len(sure) and len(ignored):
        ignored &= iou_matrix(sample.bboxes_xyxy, sure.bboxes_xyxy).max(axis=1) < SAME_IOU
    more = found.take(found.scores >= ADDED_FROM)
    more = more.take(unboxed(more.bboxes_xyxy, sample.bboxes_xyxy))
    return replace(
        sample,
        bboxes_xyxy=np.concatenate([sample.bboxes_xyxy, more.bboxes_xyxy]),
        landmarks_xy=np.concatenate([sample.landmarks_xy, more.landmarks_xy]),
        ignored=np.concatenate([ignored, np.ones(len(more), bool)]),
    )

"""A teacher that looks at each face several times: one look's landmarks are too noisy to learn.

YuNet's landmarks of one look and of its mirror image differ by twice what separates either from the
mean: they lean to one side, by about 3 % of the distance between the eyes, and jitter with every
change of scale. Faces aligned by the mean of six looks are recognized better than those aligned by
one (see the card of the landmark network), so it is the mean that is taught.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.detections import Detections
from facegate.training.detector.augment import MIRRORED_LANDMARKS
from facegate.training.detector.data import Sample
from facegate.training.detector.looks import Teacher

LOOK_PX = 192
"""Side of one look; the face is in the middle."""

FACES_PX = (84, 100, 120)
"""Longer sides of the face's box in the looks, each of which is also taken mirrored."""

AWAY = 0.35
"""What is found farther from the middle, in sides of the box, is another face."""

LEAST_LOOKS = 4
"""Fewer looks that found the face are no mean."""

MOST_SPREAD = 0.05
"""Landmarks whose looks differ by more, root mean square in sides of the box, are unknown: nobody
is sure of them. About the last fiftieth of all faces."""


CUT = 2.2
"""Side of what is kept of a picture around a face, in sides of its box."""

KEPT_PX = 160
"""Longer side of the box in what is kept; more would be shrunk in every crop."""


def taught_faces(sample: Sample, teacher: Teacher, least_px: float) -> Iterator[Sample]:
    """The faces of a labeled picture, each cut out with its surroundings and steady landmarks.

    Args:
        sample: a picture whose faces a teacher has found, too.
        teacher: finds faces at the size that it is given.
        least_px: smaller faces are left out, as are those whose landmarks nobody is sure of.
    """
    known = np.isfinite(sample.landmarks_xy).all(axis=(1, 2)) & ~sample.ignored
    sides = (sample.bboxes_xyxy[:, 2:] - sample.bboxes_xyxy[:, :2]).max(axis=1)
    for face in np.flatnonzero(known & (sides >= least_px)):
        box = sample.bboxes_xyxy[face]
        landmarks = steady_landmarks(teacher, sample.frame_bgr, box)
        if np.isfinite(landmarks).all():
            yield cut_out(sample.frame_bgr, box, landmarks)


def cut_out(frame_bgr: ImageArray, bbox_xyxy: FloatArray, landmarks_xy: FloatArray) -> Sample:
    """One face with as much around it as any crop may show."""
    side = float((bbox_xyxy[2:] - bbox_xyxy[:2]).max())
    middle = (bbox_xyxy[:2] + bbox_xyxy[2:]) / 2
    left, top = np.maximum(0, middle - CUT / 2 * side).astype(int)
    right, bottom = (middle + CUT / 2 * side).astype(int) + 1
    part = np.ascontiguousarray(frame_bgr[top:bottom, left:right])
    corner = np.array([left, top])
    bbox, landmarks = bbox_xyxy - np.tile(corner, 2), landmarks_xy - corner
    if side > KEPT_PX:
        size = np.array(part.shape[1::-1])
        wanted = np.maximum(1, np.round(size * KEPT_PX / side)).astype(int)
        part = np.asarray(cv2.resize(part, wanted.tolist(), interpolation=cv2.INTER_AREA), np.uint8)
        ratio = wanted / size
        bbox = bbox * np.tile(ratio, 2)
        landmarks = (landmarks + 0.5) * ratio - 0.5
    return Sample(part, np.float32(bbox)[None], np.float32(landmarks)[None], is_scene=False)


def steady_landmarks(teacher: Teacher, frame_bgr: ImageArray, bbox_xyxy: FloatArray) -> FloatArray:
    """The mean landmarks of one face: (5, 2) float32 frame pixels, NaN where looks disagree."""
    side = max(1.0, float((bbox_xyxy[2:] - bbox_xyxy[:2]).max()))
    middle = (bbox_xyxy[:2] + bbox_xyxy[2:]).astype(np.float64) / 2
    looks = []
    for face_px in FACES_PX:
        scale = face_px / side
        straight = _look(frame_bgr, middle, scale)
        for mirrored in (False, True):
            seen = np.ascontiguousarray(straight[:, ::-1]) if mirrored else straight
            points = _middle_face(teacher(seen), AWAY * face_px)
            if points is None:
                continue
            if mirrored:
                points = points[MIRRORED_LANDMARKS] * [-1, 1] + [LOOK_PX - 1, 0]
            looks.append((points - (LOOK_PX - 1) / 2) / scale + middle)
    unknown = np.full((5, 2), np.nan, np.float32)
    if len(looks) < LEAST_LOOKS:
        return unknown
    spread = float(np.sqrt(np.var(looks, axis=0).sum(axis=1).mean()))
    return np.mean(looks, axis=0).astype(np.float32) if spread <= MOST_SPREAD * side else unknown


def _look(frame_bgr: ImageArray, middle: npt.NDArray[np.float64], scale: float) -> ImageArray:
    """The square around a point, at a scale; shrunk by averaging, as at the gate."""
    source, factor = np.ascontiguousarray(frame_bgr), np.ones(2)
    if scale < 0.5:
        wanted = [max(1, round(length * 2 * scale)) for length in source.shape[1::-1]]
        factor = np.array(wanted) / source.shape[1::-1]
        source = np.asarray(cv2.resize(source, wanted, interpolation=cv2.INTER_AREA), np.uint8)
    # Pixel i has its center at i + 0.5: only so does shrinking leave the middle where it was.
    linear = scale / factor
    shift = (LOOK_PX - 1) / 2 - linear * ((middle + 0.5) * factor - 0.5)
    matrix = np.column_stack([np.diag(linear), shift])
    return np.asarray(cv2.warpAffine(source, matrix, (LOOK_PX, LOOK_PX)), np.uint8)


def _middle_face(found: Detections, most_px: float) -> npt.NDArray[np.float64] | None:
    """Landmarks of the surest face near the middle of a look, or None."""
    middles = (found.bboxes_xyxy[:, :2] + found.bboxes_xyxy[:, 2:]) / 2
    near = np.flatnonzero((np.abs(middles - LOOK_PX / 2) < most_px).all(axis=1))
    if not len(near):
        return None
    return found.landmarks_xy[near[found.scores[near].argmax()]].astype(np.float64)

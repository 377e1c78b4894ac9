"""Several looks at one picture, taken together: a teacher sees more in two than in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.detections import Detections
from facegate.domain.overlaps import iou_matrix
from facegate.vision.boxes import non_max_suppression

SMALL_PX = 60.0
"""Faces of a lesser height are looked at twice as large: there the teacher's landmarks are better
than its grid of 8 pixels allows at the picture's size."""

LARGEST_LOOK_PX = 1280
"""Longest side of the larger look; beyond, the time is not worth it."""

SAME_IOU = 0.45
MIRRORED = [1, 0, 2, 4, 3]

Teacher = Callable[[ImageArray], Detections]


def look_closely(
    teacher: Teacher,
    frame_bgr: ImageArray,
    *,
    mirrored: bool = False,
    drawn: FloatArray | None = None,
    largest_px: int = LARGEST_LOOK_PX,
) -> Detections:
    """Let a teacher look at a picture as it is, and at twice its size if it holds small faces.

    Args:
        teacher: finds faces at the size that it is given.
        frame_bgr: (h, w, 3) uint8.
        mirrored: let it look at the mirror image, too.
        drawn: (n, 4) faces that are known; small ones ask for the larger look.
        largest_px: longest side of the larger look.

    Returns:
        The faces of all looks: the best score, and boxes averaged by score.
    """
    first = teacher(frame_bgr)
    looks = [first]
    if mirrored:
        looks.append(_unmirrored(teacher(_mirror(frame_bgr)), frame_bgr.shape[1]))
    boxes = first.bboxes_xyxy if drawn is None else np.concatenate([first.bboxes_xyxy, drawn])
    scale = min(2.0, largest_px / max(frame_bgr.shape[:2]))
    if scale > 1 and ((boxes[:, 3] - boxes[:, 1]) < SMALL_PX).any():
        large = cv2.resize(frame_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        closer = teacher(np.asarray(large, np.uint8))
        factor = np.float32(1 / scale)
        closer = Detections(
            closer.bboxes_xyxy * factor, closer.landmarks_xy * factor, closer.scores
        )
        return merged(looks, [closer])
    return merged(looks, [])


def merged(plain: Sequence[Detections], closer: Sequence[Detections]) -> Detections:
    """One face for all that overlap.

    Args:
        plain: what looks at the picture's size found.
        closer: what larger looks found; small faces have their landmarks from these.
    """
    looks = [*plain, *closer]
    boxes = np.concatenate([look.bboxes_xyxy for look in looks])
    points = np.concatenate([look.landmarks_xy for look in looks])
    scores = np.concatenate([look.scores for look in looks])
    is_close = np.repeat([False] * len(plain) + [True] * len(closer), [len(look) for look in looks])
    kept = non_max_suppression(boxes, scores, SAME_IOU)
    if not len(kept):
        return Detections(boxes, points, scores)
    overlaps = iou_matrix(boxes[kept], boxes)
    owner = overlaps.argmax(axis=0)
    best = overlaps.max(axis=0) > SAME_IOU
    found_boxes, found_points = [], []
    for place in range(len(kept)):
        members = best & (owner == place)
        box = np.average(boxes[members], axis=0, weights=scores[members])
        wanted = members & (is_close == (box[3] - box[1] < SMALL_PX))
        chosen = wanted if wanted.any() else members
        found_boxes.append(box)
        found_points.append(np.average(points[chosen], axis=0, weights=scores[chosen]))
    return Detections(
        np.array(found_boxes, np.float32), np.array(found_points, np.float32), scores[kept]
    )


def _mirror(frame_bgr: ImageArray) -> ImageArray:
    return np.ascontiguousarray(frame_bgr[:, ::-1])


def _unmirrored(found: Detections, width: int) -> Detections:
    boxes, points = found.bboxes_xyxy[:, [2, 1, 0, 3]], found.landmarks_xy[:, MIRRORED]
    boxes[:, [0, 2]] = width - boxes[:, [0, 2]]
    points[..., 0] = width - points[..., 0]
    return Detections(boxes, points, found.scores)

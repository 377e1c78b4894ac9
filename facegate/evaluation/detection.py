"""Detection measured as WIDER FACE does: average precision, and recall against false alarms.

Faces below a height are neither wanted nor held against the detector, much as in WIDER's own easy,
medium and hard lists (Yang et al., 2016; the matching follows the evaluation that comes with the
set). Heights are those in the picture's file, before it is scaled for the detector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray
from facegate.vision.boxes import iou_matrix

TRUE, FALSE, IGNORED = 1, 0, -1
"""What became of a detection."""


@dataclass(frozen=True, slots=True, eq=False)
class SceneResult:
    """What was found in one scene, and what is there.

    Attributes:
        bboxes_xyxy: (n, 4) float32 detections, in pixels of the picture's file.
        scores: (n,) float32.
        truth_xyxy: (m, 4) float32, boxes drawn by people, in the same pixels.
    """

    bboxes_xyxy: FloatArray
    scores: FloatArray
    truth_xyxy: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class DetectionCurve:
    """All operating points, from the surest detection to the least sure.

    Attributes:
        scores: (n,) falling; detections that count.
        recall: (n,) share of the wanted faces found with this score or a higher one.
        precision: (n,)
        false_alarms: (n,) how many, over all scenes.
        faces: wanted faces.
        scenes: scenes.
    """

    scores: FloatArray
    recall: FloatArray
    precision: FloatArray
    false_alarms: npt.NDArray[np.int64]
    faces: int
    scenes: int

    @property
    def average_precision(self) -> float:
        """Area below the curve, where precision may not rise with recall; NaN without faces.

        Source:
            Everingham et al., The PASCAL Visual Object Classes Challenge, 2010, all points.
        """
        if self.faces == 0:
            return float("nan")
        if len(self.recall) == 0:
            return 0.0
        highest_later = np.maximum.accumulate(self.precision[::-1])[::-1]
        return float(np.sum(np.diff(self.recall, prepend=np.float32(0)) * highest_later))

    def recall_at_false_alarms(self, per_scene: float) -> float:
        """Largest recall with at most so many false alarms per scene."""
        allowed = self.recall[self.false_alarms <= per_scene * self.scenes]
        return float(allowed.max()) if len(allowed) else 0.0

    def at_score(self, least: float) -> tuple[float, int]:
        """Recall and false alarms when detections below a score are dropped."""
        kept = int(np.count_nonzero(self.scores >= least))
        return (float(self.recall[kept - 1]), int(self.false_alarms[kept - 1])) if kept else (0, 0)


def truth_heights(result: SceneResult) -> FloatArray:
    """(m,) heights of the drawn boxes."""
    return result.truth_xyxy[:, 3] - result.truth_xyxy[:, 1]


def match(
    result: SceneResult, min_height_px: float, iou_threshold: float = 0.5
) -> npt.NDArray[np.int64]:
    """Say of each detection of a scene whether it is a face.

    Each detection, the surest first, belongs to the drawn box that it overlaps most. A second
    detection of one face is a false alarm. Something lower than `min_height_px` that is no face is
    ignored, too: a face of that height would have been.

    Args:
        result: the scene.
        min_height_px: lower faces are ignored, and so are detections of them.
        iou_threshold: least overlap.

    Returns:
        (n,) TRUE, FALSE or IGNORED, in the order of the detections.
    """
    tall = result.bboxes_xyxy[:, 3] - result.bboxes_xyxy[:, 1] >= min_height_px
    fates = np.where(tall, FALSE, IGNORED).astype(np.int64)
    if not len(result.truth_xyxy) or not len(result.scores):
        return fates
    overlaps = iou_matrix(result.bboxes_xyxy, result.truth_xyxy)
    nearest, overlap = overlaps.argmax(axis=1), overlaps.max(axis=1)
    wanted = truth_heights(result) >= min_height_px
    found = np.zeros(len(result.truth_xyxy), bool)
    for place in np.argsort(-result.scores, kind="stable"):
        face = nearest[place]
        if overlap[place] < iou_threshold:
            continue
        if not wanted[face]:
            fates[place] = IGNORED
        elif not found[face]:
            found[face], fates[place] = True, TRUE
    return fates


def detection_curve(
    results: Iterable[SceneResult], min_height_px: float, iou_threshold: float = 0.5
) -> DetectionCurve:
    """Gather all scenes.

    Args:
        results: the scenes.
        min_height_px: as in `match`.
        iou_threshold: as in `match`.
    """
    scores: list[FloatArray] = [np.zeros(0, np.float32)]
    fates: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
    faces = scenes = 0
    for result in results:
        scores.append(np.asarray(result.scores, np.float32))
        fates.append(match(result, min_height_px, iou_threshold))
        faces += int(np.count_nonzero(truth_heights(result) >= min_height_px))
        scenes += 1
    score, fate = np.concatenate(scores), np.concatenate(fates)
    score, fate = score[fate != IGNORED], fate[fate != IGNORED]
    order = np.argsort(-score, kind="stable")
    score, true = score[order], np.cumsum(fate[order] == TRUE)
    counted = np.arange(1, len(true) + 1)
    return DetectionCurve(
        scores=score,
        recall=(true / max(1, faces)).astype(np.float32),
        precision=(true / counted).astype(np.float32),
        false_alarms=counted - true,
        faces=faces,
        scenes=scenes,
    )


def normalized_mean_error(
    found_xy: FloatArray, truth_xy: FloatArray, distances_px: Sequence[float] | FloatArray
) -> FloatArray:
    """Error of the landmarks of each face.

    Args:
        found_xy, truth_xy: (n, 5, 2).
        distances_px: (n,) what to divide by: between the eyes, or the root of the box's area.

    Returns:
        (n,) mean distance of the five points over `distances_px`.
    """
    errors = np.linalg.norm(found_xy - truth_xy, axis=2).mean(axis=1)
    return np.asarray(errors / np.asarray(distances_px), np.float32)

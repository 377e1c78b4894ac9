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
from facegate.domain.overlaps import iou_matrix

IntArray = npt.NDArray[np.int64]

TRUE, FALSE, IGNORED = 1, 0, -1
"""What became of a detection."""


@dataclass(frozen=True, slots=True, eq=False)
class SceneResult:
    """What was found in one scene, and what is there.

    Attributes:
        bboxes_xyxy: (n, 4) float32 detections, in pixels of the picture's file.
        scores: (n,) float32.
        truth_xyxy: (m, 4) float32, boxes drawn by people, in the same pixels.
        ignored: (m,) bool, drawn boxes that are neither wanted nor held against the detector,
            whatever their height; None: none are.
    """

    bboxes_xyxy: FloatArray
    scores: FloatArray
    truth_xyxy: FloatArray
    ignored: npt.NDArray[np.bool_] | None = None

    def wanted(self, min_height_px: float) -> npt.NDArray[np.bool_]:
        """(m,) which drawn faces shall be found."""
        tall = truth_heights(self) >= min_height_px
        return tall if self.ignored is None else tall & ~self.ignored


@dataclass(frozen=True, slots=True, eq=False)
class SceneMatch:
    """Which detections are which faces.

    Attributes:
        fates: (n,) TRUE, FALSE or IGNORED of each detection.
        found_by: (m,) place of the detection that found each face; -1 where none did, and for faces
            that are not wanted.
    """

    fates: IntArray
    found_by: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class CountedDetections:
    """The detections of all scenes that count, from the surest to the least sure.

    Attributes:
        scores: (n,) falling.
        true: (n,) bool, whether it is a face.
        scene: (n,) number of the scene.
        faces: (scenes,) wanted faces of each scene.
    """

    scores: FloatArray
    true: npt.NDArray[np.bool_]
    scene: IntArray
    faces: IntArray

    def curve(self, weights: IntArray | None = None) -> DetectionCurve:
        """All operating points.

        Args:
            weights: (scenes,) how often each scene counts; None: once.
        """
        weights = np.ones(len(self.faces), np.int64) if weights is None else weights
        counted = np.cumsum(weights[self.scene])
        true = np.cumsum(weights[self.scene] * self.true)
        # Equal scores pass a threshold together; the order among them means nothing.
        last_of_equals = np.append(np.diff(self.scores) != 0, True)[: len(self.scores)]
        ends = np.flatnonzero(last_of_equals & (counted > 0))
        counted, true = counted[ends], true[ends]
        faces = int(weights @ self.faces)
        return DetectionCurve(
            scores=self.scores[ends],
            recall=(true / max(1, faces)).astype(np.float32),
            precision=(true / counted).astype(np.float32),
            false_alarms=counted - true,
            faces=faces,
            scenes=int(weights.sum()),
        )


@dataclass(frozen=True, slots=True, eq=False)
class DetectionCurve:
    """All operating points, from the surest detection to the least sure; equal scores make one.

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
    false_alarms: IntArray
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


def match(result: SceneResult, min_height_px: float, iou_threshold: float = 0.5) -> IntArray:
    """Say of each detection of a scene whether it is a face: the fates of `match_scene`."""
    return match_scene(result, min_height_px, iou_threshold).fates


def match_scene(
    result: SceneResult, min_height_px: float, iou_threshold: float = 0.5
) -> SceneMatch:
    """Say which detections of a scene are faces, and which faces were found.

    Each detection, the surest first, belongs to the drawn box that it overlaps most. A second
    detection of one face is a false alarm. What is lower than `min_height_px` and finds no wanted
    face is ignored, too: a face of that height would have been.

    Args:
        result: the scene.
        min_height_px: lower faces are ignored, and so are detections of them.
        iou_threshold: least overlap.
    """
    tall = result.bboxes_xyxy[:, 3] - result.bboxes_xyxy[:, 1] >= min_height_px
    fates = np.where(tall, FALSE, IGNORED).astype(np.int64)
    found_by = np.full(len(result.truth_xyxy), -1, np.int64)
    if not len(result.truth_xyxy) or not len(result.scores):
        return SceneMatch(fates, found_by)
    overlaps = iou_matrix(result.bboxes_xyxy, result.truth_xyxy)
    nearest, overlap = overlaps.argmax(axis=1), overlaps.max(axis=1)
    wanted = result.wanted(min_height_px)
    for place in np.argsort(-result.scores, kind="stable"):
        face = nearest[place]
        if overlap[place] < iou_threshold:
            continue
        if not wanted[face]:
            fates[place] = IGNORED
        elif found_by[face] < 0:
            found_by[face], fates[place] = place, TRUE
    return SceneMatch(fates, found_by)


def count_detections(
    results: Iterable[SceneResult], min_height_px: float, iou_threshold: float = 0.5
) -> CountedDetections:
    """Match all scenes and put together what counts; arguments as in `match_scene`."""
    scores: list[FloatArray] = [np.zeros(0, np.float32)]
    fates: list[IntArray] = [np.zeros(0, np.int64)]
    scenes: list[IntArray] = [np.zeros(0, np.int64)]
    faces: list[int] = []
    for number, result in enumerate(results):
        scores.append(np.asarray(result.scores, np.float32))
        fates.append(match(result, min_height_px, iou_threshold))
        scenes.append(np.full(len(result.scores), number))
        faces.append(int(np.count_nonzero(result.wanted(min_height_px))))
    score, fate, scene = np.concatenate(scores), np.concatenate(fates), np.concatenate(scenes)
    counts = np.flatnonzero(fate != IGNORED)
    order = counts[np.argsort(-score[counts], kind="stable")]
    return CountedDetections(
        score[order], fate[order] == TRUE, scene[order], np.array(faces, np.int64)
    )


def detection_curve(
    results: Iterable[SceneResult], min_height_px: float, iou_threshold: float = 0.5
) -> DetectionCurve:
    """All operating points over all scenes; arguments as in `match_scene`."""
    return count_detections(results, min_height_px, iou_threshold).curve()


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

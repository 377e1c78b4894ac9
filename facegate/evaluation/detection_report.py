"""What a detector's results on labeled scenes say, with how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Rate
from facegate.evaluation.bootstrap import REPLICATES, Interval, interval_of
from facegate.evaluation.detection import (
    IGNORED,
    TRUE,
    CountedDetections,
    SceneResult,
    count_detections,
    match_scene,
    truth_heights,
)
from facegate.evaluation.rates import rate
from facegate.evaluation.verification import rate_dict

HEIGHTS_PX = (64.0, 32.0, 16.0)
FALSE_ALARMS_PER_SCENE = (0.01, 0.1, 1.0)
BANDS_PX = (8, 16, 32, 64, 128, 256)
"""Where the bands of heights begin, of which misses are told; smaller faces are left out."""

IOU_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class HeightFigures:
    """How well faces of a height or more are found.

    Attributes:
        min_height_px: lower faces are ignored.
        faces: wanted ones.
        average_precision: None for a detector that gives no candidates below its threshold.
        interval: 95 % of it, by drawing scenes; None when it cannot be made.
        recall_at_false_alarms: largest recall with at most so many false alarms per scene; None as
            above.
        recall, precision: at the detector's own threshold; `errors` counts what went right.
        false_alarms: there, over all scenes.
        scenes: how many.
    """

    min_height_px: float
    faces: int
    average_precision: float | None
    interval: Interval | None
    recall_at_false_alarms: dict[float, float] | None
    recall: Rate
    precision: Rate
    false_alarms: int
    scenes: int

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        rates = self.recall_at_false_alarms
        return {
            "min_height_px": self.min_height_px,
            "faces": self.faces,
            "average_precision": self.average_precision,
            "interval_95": None if self.interval is None else list(self.interval),
            "recall_at_false_alarms_per_picture": None
            if rates is None
            else {f"{allowed:g}": recall for allowed, recall in rates.items()},
            "at_threshold": {
                "recall": rate_dict(self.recall),
                "precision": rate_dict(self.precision),
                "false_alarms": self.false_alarms,
                "false_alarms_per_picture": self.false_alarms / max(1, self.scenes),
            },
        }


@dataclass(frozen=True, slots=True)
class MissBand:
    """Faces of similar height that were missed at the detector's threshold.

    Attributes:
        from_px, below_px: heights; None: no end.
        missed: of the wanted faces.
    """

    from_px: int
    below_px: int | None
    missed: Rate

    def as_dict(self) -> dict[str, Any]:
        """The band as JSON has it."""
        ends = {"from_px": self.from_px, "below_px": self.below_px}
        return {**ends, "missed": rate_dict(self.missed)}


@dataclass(frozen=True, slots=True, eq=False)
class DetectionReport:
    """One detector on all scenes.

    Attributes:
        threshold: least score of a face.
        heights: figures at each least height.
        bands: misses by height.
        counted: the detections behind `heights`, for curves and comparisons.
        draws: average precision of other draws of the scenes, for each of `heights`; see
            `precision_replicates`.
    """

    threshold: float
    heights: tuple[HeightFigures, ...]
    bands: tuple[MissBand, ...]
    counted: tuple[CountedDetections, ...]
    draws: tuple[npt.NDArray[np.float64], ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "score_threshold": self.threshold,
            "heights": [figures.as_dict() for figures in self.heights],
            "misses_by_height": [band.as_dict() for band in self.bands],
        }


@dataclass(frozen=True, slots=True)
class PrecisionDifference:
    """Average precision of one detector less that of another, on the same scenes.

    Attributes:
        min_height_px: as in HeightFigures.
        value: above 0 when the first is better.
        interval: 95 %, both on the same draws of scenes; None when it cannot be made.
    """

    min_height_px: float
    value: float
    interval: Interval | None

    def as_dict(self) -> dict[str, Any]:
        """The difference as JSON has it."""
        return {
            "min_height_px": self.min_height_px,
            "average_precision": self.value,
            "interval_95": None if self.interval is None else list(self.interval),
        }


def report_detection(
    results: Sequence[SceneResult],
    threshold: float,
    heights_px: Sequence[float] = HEIGHTS_PX,
    *,
    complete: bool = True,
    replicates: int = REPLICATES,
) -> DetectionReport:
    """Judge a detector.

    Args:
        results: of all scenes.
        threshold: least score of a face where the detector is used.
        heights_px: least heights.
        complete: candidates far below the threshold are among the results, as average precision
            needs them.
        replicates: draws for the intervals; 0 makes none.
    """
    counted = tuple(count_detections(results, height, IOU_THRESHOLD) for height in heights_px)
    draws = tuple(precision_replicates(one, replicates if complete else 0) for one in counted)
    figures = tuple(
        _figures(one, height, threshold, interval_of(drawn), complete=complete)
        for one, height, drawn in zip(counted, heights_px, draws, strict=True)
    )
    return DetectionReport(threshold, figures, miss_bands(results, threshold), counted, draws)


def compare_precision(
    first: DetectionReport, second: DetectionReport
) -> tuple[PrecisionDifference, ...]:
    """How much better the first is; both were measured on the same scenes in the same order."""
    differences = []
    for place, figures in enumerate(first.heights):
        one, other = first.counted[place].curve(), second.counted[place].curve()
        value = one.average_precision - other.average_precision
        span = interval_of(first.draws[place] - second.draws[place])
        differences.append(PrecisionDifference(figures.min_height_px, value, span))
    return tuple(differences)


def precision_replicates(
    counted: CountedDetections, replicates: int = REPLICATES, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Average precision of other draws of as many scenes, with replacement.

    Faces of one scene stand in the same light before the same camera, so scenes are drawn, not
    faces. The same seed draws the same scenes for another detector, so that both can be compared
    draw by draw.

    Returns:
        (replicates,); NaN for a draw without a wanted face.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993: percentile intervals of
        clustered data by drawing clusters.
    """
    random = np.random.default_rng(seed)
    scenes = len(counted.faces)
    values = np.full(replicates, np.nan)
    for draw in range(replicates if scenes else 0):
        weights = np.bincount(random.integers(0, scenes, scenes), minlength=scenes)
        values[draw] = counted.curve(weights.astype(np.int64)).average_precision
    return values


def miss_bands(results: Sequence[SceneResult], threshold: float) -> tuple[MissBand, ...]:
    """Misses at a threshold, by the height of the drawn box; bands without a face are left out."""
    heights: list[FloatArray] = [np.zeros(0, np.float32)]
    missed: list[npt.NDArray[np.bool_]] = [np.zeros(0, bool)]
    for result in results:
        wanted = result.wanted(0)
        heights.append(truth_heights(result)[wanted])
        found_by = match_scene(from_score(result, threshold), 0, IOU_THRESHOLD).found_by
        missed.append(found_by[wanted] < 0)
    height, miss = np.concatenate(heights), np.concatenate(missed)
    bands = []
    for low, high in zip(BANDS_PX, [*BANDS_PX[1:], None], strict=True):
        inside = (height >= low) & (height < (np.inf if high is None else high))
        if inside.any():
            missed_here = rate(int(miss[inside].sum()), int(inside.sum()))
            bands.append(MissBand(low, high, missed_here))
    return tuple(bands)


def from_score(result: SceneResult, least: float) -> SceneResult:
    """The scene with only the detections of at least this score."""
    kept = result.scores >= least
    return SceneResult(
        result.bboxes_xyxy[kept], result.scores[kept], result.truth_xyxy, result.ignored
    )


def _figures(
    counted: CountedDetections,
    height: float,
    threshold: float,
    interval: Interval | None,
    *,
    complete: bool,
) -> HeightFigures:
    curve = counted.curve()
    passes = counted.scores >= threshold
    true = int(np.count_nonzero(counted.true & passes))
    shown = int(np.count_nonzero(passes))
    return HeightFigures(
        min_height_px=height,
        faces=curve.faces,
        average_precision=curve.average_precision if complete else None,
        interval=interval,
        recall_at_false_alarms={
            allowed: curve.recall_at_false_alarms(allowed) for allowed in FALSE_ALARMS_PER_SCENE
        }
        if complete
        else None,
        recall=rate(true, curve.faces),
        precision=rate(true, shown),
        false_alarms=shown - true,
        scenes=curve.scenes,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """Something in a scene that is worth looking at.

    Attributes:
        scene: number of the scene.
        bbox_xyxy: (4,) pixels of the file.
        score: of a false alarm; None for a missed face.
    """

    scene: int
    bbox_xyxy: FloatArray
    score: float | None


def tallest_missed(results: Sequence[SceneResult], threshold: float, count: int) -> list[Sight]:
    """The tallest faces missed at a threshold, one of each scene: its picture shows the others."""
    missed = [
        Sight(number, box, None)
        for number, result in enumerate(results)
        for box, wanted, found_by in zip(
            result.truth_xyxy,
            result.wanted(0),
            match_scene(from_score(result, threshold), 0, IOU_THRESHOLD).found_by,
            strict=True,
        )
        if wanted and found_by < 0
    ]
    missed.sort(key=lambda one: -float(one.bbox_xyxy[3] - one.bbox_xyxy[1]))
    return _one_of_each_scene(missed)[:count]


def surest_false(
    results: Sequence[SceneResult], threshold: float, min_height_px: float, count: int
) -> list[Sight]:
    """The surest false alarms from a threshold on, one of each scene."""
    alarms = []
    for number, result in enumerate(results):
        fates = match_scene(result, min_height_px, IOU_THRESHOLD).fates
        wrong = (fates != TRUE) & (fates != IGNORED) & (result.scores >= threshold)
        alarms += [
            Sight(number, box, float(score))
            for box, score in zip(result.bboxes_xyxy[wrong], result.scores[wrong], strict=True)
        ]
    return _one_of_each_scene(sorted(alarms, key=lambda one: -(one.score or 0.0)))[:count]


def _one_of_each_scene(sights: Sequence[Sight]) -> list[Sight]:
    first: dict[int, Sight] = {}
    for sight in sights:
        first.setdefault(sight.scene, sight)
    return list(first.values())

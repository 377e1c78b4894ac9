"""Gathers what the page of `facegate eval detection` shows: cutouts, names, circumstances."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from facegate.cli.machine import library_versions, processor_name

if TYPE_CHECKING:
    from facegate.cli.evaluate_detection import _Scenes
    from facegate.evaluation.detection_report import Sight
    from facegate.report.content import Report
    from facegate.report.detection import Sighting


def page_of(run: _Scenes, examples: int, threads: int) -> Callable[[datetime, str], Report]:
    """The page, short of when and by what it was made.

    Args:
        run: the scenes, measured.
        examples: cutouts of each kind.
        threads: of the networks.
    """
    from facegate.evaluation.detection_report import surest_false, tallest_missed
    from facegate.report.detection import DetectionEvidence, detection_page

    shown, measured = run.shown, run.measured
    results = measured.results(shown.name)
    lowest = min(one.min_height_px for one in run.reports[shown.name].heights)
    missed = tallest_missed(results, shown.threshold, examples)
    alarms = surest_false(results, shown.threshold, lowest, examples)
    libraries = "\n".join(f"{name} {version}" for name, version in library_versions().items())
    evidence = DetectionEvidence(
        scenes_name=run.scenes.resolve().name,
        labels_name=run.labels.resolve().name,
        scenes=len(measured.paths),
        side_px=run.side,
        reports=run.reports,
        model_ids={one.name: one.model_id for one in run.subjects},
        differences=run.differences,
        compared=run.compared,
        landmarks=run.landmarks,
        timings=measured.timings(),
        shown=shown.name,
        missed=_sightings(run, missed),
        false_alarms=_sightings(run, alarms),
        problems=[*measured.unreadable, *run.problems],
        circumstances=(
            ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
            ("Libraries", libraries),
            ("Processor", processor_name()),
            ("Threads of the networks", str(threads)),
            ("Labeled scenes without a picture", str(run.missing)),
            ("Command line", shlex.join(["facegate", *sys.argv[1:]])),
        ),
    )
    return partial(detection_page, evidence)


def _sightings(run: _Scenes, sights: Sequence[Sight]) -> list[Sighting]:
    """Cut the sights out of their pictures; a picture is opened once for all that is in it."""
    import numpy as np

    from facegate.errors import UnreadableImage
    from facegate.evaluation.detection import TRUE, match_scene
    from facegate.evaluation.detection_report import from_score
    from facegate.report.content import Picture
    from facegate.report.detection import Sighting
    from facegate.vision.cutouts import Outline, OutlinedBox, cut_out
    from facegate.vision.images import load_image

    made: dict[int, Sighting] = {}
    results = run.measured.results(run.shown.name)
    for scene in dict.fromkeys(one.scene for one in sights):
        path = run.measured.paths[scene]
        name = path.relative_to(run.scenes).as_posix()
        result = from_score(results[scene], run.shown.threshold)
        right = match_scene(result, 0).fates == TRUE
        try:
            image = load_image(path)
        except UnreadableImage:
            image = None
        for place, sight in enumerate(sights):
            if sight.scene != scene:
                continue
            tall = sight.bbox_xyxy[3] - sight.bbox_xyxy[1]
            title = f"{tall:.0f} px" + ("" if sight.score is None else f", score {sight.score:.2f}")
            if image is None:
                made[place] = Sighting(title, name, None)
                continue
            factor = image.pixels_per_frame_pixel
            focus = Outline.TRUTH if sight.score is None else Outline.WRONG
            found = zip(result.bboxes_xyxy, right, strict=True)
            boxes = [
                *(OutlinedBox(box / factor, Outline.TRUTH) for box in result.truth_xyxy),
                *(
                    OutlinedBox(box / factor, Outline.FOUND if good else Outline.WRONG)
                    for box, good in found
                    if not np.array_equal(box, sight.bbox_xyxy)
                ),
                OutlinedBox(sight.bbox_xyxy / factor, focus, strong=True),
            ]
            data = cut_out(image.frame_bgr, sight.bbox_xyxy / factor, boxes)
            what = "missed face" if sight.score is None else "false alarm"
            made[place] = Sighting(title, name, Picture(data, "image/jpeg", f"{what}, {title}"))
    return [made[place] for place in range(len(sights))]

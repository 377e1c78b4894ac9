"""Detection's figures by definition, against plain loops, and WIDER's rules of matching."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.evaluation.detection import (
    FALSE,
    IGNORED,
    TRUE,
    SceneResult,
    detection_curve,
    match,
    match_scene,
    normalized_mean_error,
)
from facegate.evaluation.detection_report import (
    compare_precision,
    precision_replicates,
    report_detection,
    surest_false,
    tallest_missed,
)
from facegate.evaluation.landmark_errors import BOX, EYES, report_landmarks

FACE = (10.0, 10.0, 50.0, 50.0)


def scene(found: list, scores: list, truth: list, ignored: list | None = None) -> SceneResult:
    return SceneResult(
        np.array(found, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(truth, np.float32).reshape(-1, 4),
        None if ignored is None else np.array(ignored, bool),
    )


@st.composite
def scenes(draw: st.DrawFn) -> list[SceneResult]:
    side = st.sampled_from([10, 15, 20, 30])
    corner = st.sampled_from([0, 3, 8, 20, 24])
    box = st.tuples(corner, corner, side, side).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    )
    score = st.sampled_from([0.125, 0.25, 0.5, 0.75])
    made = []
    for _ in range(draw(st.integers(1, 4))):
        found = draw(st.lists(st.tuples(box, score), max_size=6))
        truth = draw(st.lists(st.tuples(box, st.booleans()), max_size=4))
        made.append(
            scene(
                [b for b, _ in found],
                [s for _, s in found],
                [b for b, _ in truth],
                [i for _, i in truth],
            )
        )
    return made


def overlap(a: list[float], b: list[float]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(0.0, width) * max(0.0, height)
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return both / (areas - both)


def plain_average_precision(results: list[SceneResult], least: float) -> float:
    counted: list[tuple[float, bool]] = []
    faces = 0
    for result in results:
        truth = result.truth_xyxy.tolist()
        wanted = [
            b[3] - b[1] >= least and not i
            for b, i in zip(truth, result.ignored.tolist(), strict=True)
        ]
        faces += sum(wanted)
        taken: set[int] = set()
        boxes = result.bboxes_xyxy.tolist()
        for place in sorted(range(len(boxes)), key=lambda p: (-float(result.scores[p]), p)):
            box, score = boxes[place], float(result.scores[place])
            best, best_overlap = -1, 0.0
            for number, face in enumerate(truth):
                if overlap(box, face) > best_overlap:
                    best, best_overlap = number, overlap(box, face)
            if best_overlap >= 0.5 and not wanted[best]:
                continue
            if best_overlap >= 0.5 and best not in taken:
                taken.add(best)
                counted.append((score, True))
            elif box[3] - box[1] >= least:
                counted.append((score, False))
    if not faces:
        return math.nan
    points = []
    for cut in sorted({score for score, _ in counted}, reverse=True):
        passing = [true for score, true in counted if score >= cut]
        points.append((sum(passing) / faces, sum(passing) / len(passing)))
    area, before = 0.0, 0.0
    for number, (recall, _) in enumerate(points):
        area += (recall - before) * max(precision for _, precision in points[number:])
        before = recall
    return area


@given(scenes(), st.sampled_from([1.0, 12.0, 20.0]))
@settings(deadline=None, max_examples=60)
def test_average_precision_is_the_area_that_plain_loops_find(
    results: list[SceneResult], least: float
) -> None:
    expected = plain_average_precision(results, least)
    found = detection_curve(results, least).average_precision
    assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)
    turned = detection_curve(results[::-1], least).average_precision
    assert turned == pytest.approx(found, abs=1e-6, nan_ok=True)  # scenes have no order


@given(scenes(), st.sampled_from([0.0, 0.3, 1.0]))
@settings(deadline=None, max_examples=30)
def test_recall_grows_with_the_false_alarms_allowed(
    results: list[SceneResult], allowed: float
) -> None:
    curve = detection_curve(results, 1)
    recall = curve.recall_at_false_alarms(allowed)
    assert 0 <= recall <= curve.recall_at_false_alarms(allowed + 1) <= 1
    reached = [
        curve.at_score(float(score))[0]
        for score in curve.scores
        if curve.at_score(float(score))[1] <= allowed * curve.scenes
    ]
    assert recall == max(reached, default=0.0)


def test_a_second_detection_of_a_face_is_a_false_alarm() -> None:
    twice = scene([FACE, (12, 10, 50, 50)], [0.6, 0.9], [FACE])
    assert match(twice, 16).tolist() == [FALSE, TRUE]  # the surer one is the face
    assert match_scene(twice, 16).found_by.tolist() == [1]


def test_what_is_below_the_height_is_ignored_on_both_sides() -> None:
    low = (0.0, 0.0, 30.0, 30.0)
    result = scene([FACE, low, (100, 100, 120, 120), (200, 0, 260, 60)], [0.9] * 4, [FACE, low])
    assert match(result, 35).tolist() == [TRUE, IGNORED, IGNORED, FALSE]
    assert detection_curve([result], 35).faces == 1
    # A detection a little too low still finds a face that is high enough.
    nearly = scene([(10, 10, 50, 44)], [0.9], [FACE])
    assert match(nearly, 35).tolist() == [TRUE]


def test_a_face_marked_to_be_ignored_is_no_error_and_no_merit() -> None:
    result = scene([FACE], [0.9], [FACE, (100, 0, 140, 40)], [True, True])
    assert match(result, 16).tolist() == [IGNORED]
    curve = detection_curve([result], 16)
    assert (curve.faces, len(curve.scores)) == (0, 0)
    assert math.isnan(curve.average_precision)


def test_equal_scores_pass_together() -> None:
    results = [scene([FACE], [0.5], [FACE]), scene([FACE], [0.5], [])]
    assert detection_curve(results, 1).precision.tolist() == [0.5]


def test_the_report_counts_at_the_threshold_and_by_height() -> None:
    tall, small = (0, 0, 70, 140), (200, 0, 210, 20)
    results = [
        scene([tall, (300, 0, 340, 40)], [0.9, 0.8], [tall, small]),
        scene([FACE], [0.4], [FACE]),
    ]
    report = report_detection(results, 0.5, (64, 16), replicates=50)
    assert [one.faces for one in report.heights] == [1, 3]
    assert [one.recall.errors for one in report.heights] == [1, 1]
    assert [one.false_alarms for one in report.heights] == [0, 1]
    assert {(b.from_px, b.missed.errors, b.missed.trials) for b in report.bands} == {
        (16, 1, 1), (32, 1, 1), (128, 0, 1),
    }  # fmt: skip
    assert report.heights[0].average_precision == 1
    missed = tallest_missed(results, 0.5, 9)
    assert [(one.scene, one.bbox_xyxy.tolist()) for one in missed] == [(1, [*FACE]), (0, [*small])]
    (alarm,) = surest_false(results, 0.5, 16, 9)
    assert (alarm.scene, alarm.score) == (0, pytest.approx(0.8))
    assert surest_false(results, 0.5, 64, 9) == []
    assert [one.value for one in compare_precision(report, report)] == [0, 0]
    json = report.as_dict()
    assert json["heights"][1]["recall_at_false_alarms_per_picture"]["1"] == pytest.approx(2 / 3)


def test_a_detector_without_candidates_has_no_average_precision() -> None:
    report = report_detection([scene([FACE], [0.9], [FACE])], 0.5, (16,), complete=False)
    assert report.heights[0].average_precision is None
    assert report.heights[0].recall_at_false_alarms is None
    assert report.heights[0].recall.value == 1


def test_nothing_at_all_is_no_figure() -> None:
    report = report_detection([scene([], [], [])], 0.5, (16,), replicates=5)
    assert math.isnan(report.heights[0].average_precision)
    assert report.heights[0].interval is None
    assert report.bands == ()


def test_other_draws_of_scenes_spread_around_the_figure() -> None:
    right, wrong = scene([FACE], [0.9], [FACE]), scene([(90, 90, 130, 130)], [0.9], [FACE])
    results = [right] * 12 + [wrong] * 8
    report = report_detection(results, 0.5, (16,), replicates=200)
    low, high = report.heights[0].interval
    assert low < report.heights[0].average_precision < high
    again = precision_replicates(report.counted[0], 200)
    assert np.array_equal(again, report.draws[0])  # the same draws for every detector


def test_landmark_errors_are_mean_distances_over_the_chosen_length() -> None:
    truth = np.zeros((3, 5, 2), np.float32)
    truth[:, 1, 0] = 20
    truth[2] = np.nan  # nobody drew this one
    near = truth + np.float32([3, 4])
    lost = near.copy()
    lost[0] = np.nan
    boxes = np.array([[0, 0, 40, 90]] * 3, np.float32)
    by_eyes = report_landmarks("r", truth, {"a": near, "b": lost})
    assert (by_eyes.faces, by_eyes.common, by_eyes.divided_by) == (2, 1, EYES)
    assert by_eyes.detectors["a"].mean == pytest.approx(5 / 20)
    assert by_eyes.detectors["a"].failed.errors == 1
    assert by_eyes.detectors["b"].found.errors == 1
    by_box = report_landmarks("r", truth, {"a": near}, boxes)
    assert (by_box.divided_by, by_box.detectors["a"].median) == (BOX, pytest.approx(5 / 60))
    nobody = report_landmarks("r", truth, {"a": near * np.nan})
    assert math.isnan(nobody.detectors["a"].mean)
    plain = [np.hypot(*(near[0, k] - truth[0, k])) for k in range(5)]
    assert normalized_mean_error(near[:1], truth[:1], [2.0])[0] == pytest.approx(sum(plain) / 5 / 2)

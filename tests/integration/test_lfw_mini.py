"""Real people, when the pack of photographs is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from facegate.bootstrap import FaceGate, start
from facegate.evaluation.pairs import people_in
from facegate.services.measure import measure_identification
from facegate.vision.images import find_images, load_image


@pytest.fixture(scope="module")
def people(lfw_mini: Path) -> dict[str, list[Path]]:
    return people_in(lfw_mini)


def test_a_face_is_found_in_every_picture(lfw_mini: Path) -> None:
    gate = start()
    pictures = list(find_images([lfw_mini]))
    assert len(pictures) == 407
    missed = [
        path.name for path in pictures if not gate.detector.detect(load_image(path).frame_bgr)
    ]
    assert missed == []


def test_the_enrolled_are_recognized(people: dict[str, list[Path]]) -> None:
    gate: FaceGate = start()
    report = measure_identification(
        people,
        reader=gate.reader,
        store=gate.store,
        gallery=gate.gallery,
        enroller=gate.enroller(),
        thresholds=gate.threshold_policy(),
        rules=gate.settings.identification.rules(),
    )
    assert (report.rank_1.trials, report.fpir.trials) == (207, 120)
    assert report.rank_1.value >= 0.98
    assert report.misidentified.errors == 0

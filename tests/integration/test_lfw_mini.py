"""Real people, when the pack of photographs is there."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from facegate.bootstrap import FaceGate, start
from facegate.domain.arrays import ImageArray
from facegate.domain.faces import DetectedFace
from facegate.evaluation.pairs import people_in
from facegate.ports.devices import Detector
from facegate.services.measure import run_identification
from facegate.vision.images import find_images, load_image


@pytest.fixture(scope="module")
def people(lfw_mini: Path) -> dict[str, list[Path]]:
    return people_in(lfw_mini)


class DetectsOnce:
    """A detector that remembers: all tests here look at the same 407 pictures."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._found: dict[bytes, list[DetectedFace]] = {}
        self.model_id = detector.model_id

    def detect(self, frame_bgr: ImageArray) -> list[DetectedFace]:
        key = hashlib.sha256(frame_bgr.tobytes()).digest()
        if key not in self._found:
            self._found[key] = self._detector.detect(frame_bgr)
        return list(self._found[key])


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> FaceGate:
    made = start(data_dir=tmp_path_factory.mktemp("gate"))
    made.__dict__["detector"] = DetectsOnce(made.detector)
    return made


def test_a_face_is_found_in_every_picture(gate: FaceGate, lfw_mini: Path) -> None:
    pictures = list(find_images([lfw_mini]))
    assert len(pictures) == 407
    missed = [
        path.name for path in pictures if not gate.detector.detect(load_image(path).frame_bgr)
    ]
    assert missed == []


def test_the_enrolled_are_recognized(gate: FaceGate, people: dict[str, list[Path]]) -> None:
    report = run_identification(
        people,
        reader=gate.reader,
        store=gate.store,
        gallery=gate.gallery,
        enroller=gate.enroller(),
        thresholds=gate.threshold_policy(),
        rules=gate.settings.identification.rules(),
    ).report
    assert (report.rank_1.trials, report.fpir.trials) == (207, 120)
    assert report.rank_1.value >= 0.98
    assert report.misidentified.errors == 0


def test_kept_crops_make_the_same_templates_again(
    gate: FaceGate, people: dict[str, list[Path]]
) -> None:
    import numpy as np

    from facegate.vision.align import align_face
    from facegate.vision.keep import cut_kept_crop, open_kept_crop

    for paths in list(people.values())[::25]:
        frame = load_image(paths[0]).frame_bgr
        reading = gate.reader.read_main(frame)
        assert reading is not None
        data, points = cut_kept_crop(frame, reading.face.landmarks_xy)
        (again,) = gate.embedder.embed(align_face(open_kept_crop(data), points)[np.newaxis])
        assert float(again @ reading.embedding) > 0.99

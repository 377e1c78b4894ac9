from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    ANY_QUALITY,
    MODEL,
    FakeDetector,
    FakeEmbedder,
    clock,
    face_at,
    picture,
    threshold,
)

from facegate.domain.decisions import Outcome, Threshold
from facegate.domain.faces import DetectedFace
from facegate.domain.quality import QualityRules
from facegate.domain.targets import ThresholdTarget
from facegate.errors import EmbeddingSpaceMismatch, UnreadableImage
from facegate.evaluation.operating_point import ThresholdPolicy
from facegate.gallery.faiss_gallery import FaissGallery
from facegate.services.enroll import Enroller, EnrollmentStatus, Portraits, picture_flaws
from facegate.services.identify import Identifier
from facegate.services.measure import run_identification
from facegate.services.reading import PREFETCH, FaceReader, load_ahead, main_face
from facegate.services.recognize import Recognizer
from facegate.services.thresholds import current_threshold
from facegate.services.verify import NoFaceFound, verify
from facegate.store.unit_of_work import SqlStore
from facegate.vision.images import LoadedImage, load_image

ACCEPTED, REJECTED = EnrollmentStatus.ACCEPTED, EnrollmentStatus.REJECTED
ALREADY, ERROR = EnrollmentStatus.ALREADY, EnrollmentStatus.ERROR


class Gate:
    """A small gate of real store and gallery, and fake networks."""

    def __init__(self, folder: Path, rules: QualityRules = ANY_QUALITY) -> None:
        self.folder = folder
        self.reader = FaceReader(FakeDetector(), FakeEmbedder())
        self.store = SqlStore(f"sqlite:///{folder / 'gate.db'}")
        self.gallery = FaissGallery(self.store, MODEL, None)
        self.threshold = threshold()
        self.target, self.tails = ThresholdTarget(), []
        self.rules = rules

    def enroll(self, name: str, *paths: Path, **options: bool) -> list[EnrollmentStatus]:
        return [row.status for row in self.rows(name, *paths, **options)]

    def rows(self, name: str, *paths: Path, **options: bool) -> list:
        return list(self.enroller().enroll([Portraits(name, paths)], **options))

    def enroller(self) -> Enroller:
        return Enroller(self.reader, self.store, self.gallery, self.threshold, self.rules, clock)

    def identifier(self) -> Identifier:
        thresholds = ThresholdPolicy(self.threshold, self.target, self.tails)
        return Identifier(self.reader, Recognizer(self.store, self.gallery, thresholds), self.rules)

    def identify(self, *paths: Path) -> list:
        return [row for row, _ in self.identifier().identify_files(paths)]

    def people(self) -> dict[str, int]:
        with self.store.snapshot() as work:
            return {one.name: one.template_count for one in work.subjects.list()}

    def picture(self, person: int, change: int = 0, faces: int = 1) -> Path:
        return picture(self.folder / f"{person}_{change}_{faces}.png", person, change, faces)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def test_accepted_pictures_become_templates_of_one_person(gate: Gate) -> None:
    assert gate.enroll("  Ana  Lima ", gate.picture(1), gate.picture(1, 40)) == [ACCEPTED] * 2
    assert gate.people() == {"Ana Lima": 2}
    with gate.store.snapshot() as work:
        (event,) = work.events.recent(5)
    assert (event.kind, event.subject_name) == ("enroll", "Ana Lima")


def test_each_bad_picture_is_refused_with_its_reason(gate: Gate) -> None:
    broken = gate.folder / "broken.png"
    broken.write_bytes(b"nothing of a picture")
    rows = gate.rows(
        "Ana", gate.picture(1, faces=0), gate.picture(1, faces=2), broken,
        gate.folder / "gone.png", gate.picture(1),
    )  # fmt: skip
    assert [(row.status, row.reasons) for row in rows] == [
        (REJECTED, ("no_face",)),
        (REJECTED, ("several_faces",)),
        (ERROR, ("not_an_image",)),
        (ERROR, ("missing",)),
        (ACCEPTED, ()),
    ]
    assert all(row.message for row in rows[:4])
    assert gate.people() == {"Ana": 1}


def test_the_main_face_of_several_is_taken_when_asked_for(gate: Gate) -> None:
    group = gate.picture(1, faces=2)
    assert gate.enroll("Ana", group, main_face_only=True) == [ACCEPTED]
    assert gate.enroll("Bea", gate.picture(2, faces=0), main_face_only=True) == [REJECTED]
    assert gate.people() == {"Ana": 1}
    with gate.store.snapshot() as work:
        (template,) = work.templates.of_subject(work.subjects.find("Ana").subject_id)
    assert template.quality == gate.reader.read(load_image(group).frame_bgr)[0].quality.score


def test_somebody_whose_enrollment_failed_is_missed_in_every_search(gate: Gate) -> None:
    people = {
        "Ana": [gate.picture(1), gate.picture(1, 10), gate.picture(1, 20)],
        "Bea": [gate.picture(2, faces=0), gate.picture(2, 10)],
        "Eve": [gate.picture(3)],
    }
    report = run_identification(
        people, reader=gate.reader, store=gate.store, gallery=gate.gallery,
        enroller=gate.enroller(), thresholds=ThresholdPolicy(threshold()), rules=ANY_QUALITY,
    ).report  # fmt: skip
    assert (report.enrolled, report.not_enrolled) == (1, 1)
    assert (report.rank_1.errors, report.rank_1.trials) == (2, 3)
    assert (report.fnir.errors, report.fnir.trials) == (1, 3)
    assert (report.fpir.errors, report.fpir.trials) == (0, 1)


def test_poor_faces_are_refused_with_all_their_flaws(tmp_path: Path) -> None:
    strict = dataclasses.replace(ANY_QUALITY, min_face_px=400, min_brightness=0.99)
    (row,) = Gate(tmp_path, strict).rows("Ana", picture(tmp_path / "a.png", 1))
    assert row.reasons == ("too_small", "too_dark")
    assert 0 <= row.quality <= 1


def test_nobody_is_stored_of_whom_every_picture_is_refused(gate: Gate) -> None:
    gate.enroll("Ana", gate.picture(1, faces=0))
    assert gate.people() == {}


def test_a_face_enrolled_under_another_name_is_refused(gate: Gate) -> None:
    gate.enroll("Ana", gate.picture(1))
    (row,) = gate.rows("Not Ana", gate.picture(1, 30))
    assert (row.status, row.reasons) == (REJECTED, ("duplicate",))
    assert "Ana" in row.message
    assert gate.enroll("Not Ana", gate.picture(2)) == [ACCEPTED]


def test_twins_can_be_enrolled_when_asked_for_and_twice_is_once(gate: Gate) -> None:
    gate.enroll("Ana", gate.picture(1))
    twin = gate.picture(1, 30)
    assert gate.enroll("Bea", twin, allow_duplicates=True) == [ACCEPTED]
    assert gate.enroll("Bea", twin, allow_duplicates=True) == [ALREADY]
    assert gate.people() == {"Ana": 1, "Bea": 1}


def test_a_disabled_person_cannot_come_back_under_a_new_name(gate: Gate) -> None:
    gate.enroll("Ana", gate.picture(1))
    with gate.store.transaction() as work:
        work.subjects.set_enabled(work.subjects.by_name("Ana").subject_id, False)
        work.commit()
    (row,) = gate.rows("New Ana", gate.picture(1, 30))
    assert row.reasons == ("duplicate",)


def test_a_dry_run_stores_nothing_but_sees_duplicates_among_its_own(gate: Gate) -> None:
    enroller = Enroller(gate.reader, gate.store, gate.gallery, gate.threshold, gate.rules, clock)
    people = [Portraits("Ana", (gate.picture(1),)), Portraits("Bea", (gate.picture(1, 30),))]
    rows = list(enroller.enroll(people, dry_run=True))
    assert [row.status for row in rows] == [ACCEPTED, REJECTED]
    assert gate.people() == {}


def test_enrolling_again_skips_what_is_stored(gate: Gate) -> None:
    first, second = gate.picture(1), gate.picture(1, 40)
    gate.enroll("Ana", first)
    assert gate.enroll("Ana", first, second, second) == [ALREADY, ACCEPTED, ALREADY]
    assert gate.people() == {"Ana": 2}


def test_a_crash_stores_nothing_of_the_person_it_hits(gate: Gate) -> None:
    class Crash(Exception):
        pass

    class CrashingReader(FaceReader):
        def read(self, frame_bgr: np.ndarray) -> list:
            if frame_bgr[0, 0, 2] == 20 and frame_bgr[0, 0, 1] == 9:
                raise Crash
            return super().read(frame_bgr)

    gate.reader = CrashingReader(FakeDetector(), FakeEmbedder())
    enroller = Enroller(gate.reader, gate.store, gate.gallery, gate.threshold, gate.rules, clock)
    people = [
        Portraits("Ana", (gate.picture(1),)),
        Portraits("Ben", (gate.picture(2), gate.picture(2, 9))),
    ]
    with pytest.raises(Crash):
        list(enroller.enroll(people))
    assert gate.people() == {"Ana": 1}


def test_a_picture_unlike_the_others_is_pointed_out(gate: Gate) -> None:
    rows = gate.rows("Ana", gate.picture(1), gate.picture(2))
    assert rows[0].message == ""
    assert "same person?" in rows[1].message


def test_small_faces_far_behind_do_not_make_a_group() -> None:
    near, far, beside = face_at(0, 0, 100), face_at(200, 0, 40), face_at(200, 0, 60)
    assert picture_flaws([near, far]) == ()
    assert [flaw.value for flaw in picture_flaws([near, beside])] == ["several_faces"]
    assert [flaw.value for flaw in picture_flaws([])] == ["no_face"]


def test_identification_names_the_enrolled_and_nobody_else(gate: Gate) -> None:
    gate.enroll("Ana", gate.picture(1))
    gate.enroll("Ben", gate.picture(2))
    rows = gate.identify(gate.picture(2, 50), gate.picture(7), gate.picture(1, faces=0))
    (ben,) = rows[0].faces
    assert (ben.subject, ben.decision.outcome) == ("Ben", Outcome.MATCH)
    (stranger,) = rows[1].faces
    assert (stranger.subject, stranger.decision.outcome) == (None, Outcome.UNKNOWN)
    assert rows[2].faces == ()


def test_everyone_in_a_picture_is_looked_up(gate: Gate) -> None:
    gate.enroll("Ana", gate.picture(1))
    (row,) = gate.identify(gate.picture(1, faces=2))
    assert [face.subject for face in row.faces] == ["Ana", "Ana"]


def test_a_bad_file_is_a_row_and_not_the_end(gate: Gate) -> None:
    broken = gate.folder / "broken.png"
    broken.touch()
    rows = gate.identify(gate.picture(1), broken, gate.picture(2))
    assert [row.error is None for row in rows] == [True, False, True]
    assert rows[1].as_dict() == {
        "path": str(broken), "width": None, "height": None,
        "error": f"{broken}: the file is empty.", "faces": [],
    }  # fmt: skip


def test_the_row_of_json_is_the_contract(gate: Gate) -> None:
    gate.enroll("Ana", gate.picture(1))
    row = gate.identify(gate.picture(1, 30))[0].as_dict()
    assert list(row) == ["path", "width", "height", "error", "faces"]
    (face,) = row["faces"]
    assert list(face) == [
        "bbox_xyxy", "landmarks_xy", "score", "quality", "outcome", "subject", "similarity",
        "second_similarity", "threshold", "model", "operating_point", "probability",
        "probability_prior",
    ]  # fmt: skip
    assert (face["outcome"], face["subject"], face["model"]) == ("match", "Ana", MODEL)
    assert (len(face["bbox_xyxy"]), len(face["landmarks_xy"])) == (4, 5)
    assert face["second_similarity"] is None


def test_somebody_removed_after_the_search_is_unknown(gate: Gate) -> None:
    gate.enroll("Ana", gate.picture(1))

    class RemovingGallery(FaissGallery):
        def search(self, *args: object, **kwargs: object) -> list:  # type: ignore[override]
            found = super().search(*args, **kwargs)  # type: ignore[arg-type]
            with gate.store.transaction() as work:
                work.subjects.remove(work.subjects.by_name("Ana").subject_id)
                work.commit()
            return found

    gate.gallery = RemovingGallery(gate.store, MODEL, None)
    (face,) = gate.identify(gate.picture(1))[0].faces
    assert (face.subject, face.decision.outcome) == (None, Outcome.UNKNOWN)


def test_changes_of_another_process_count_for_the_next_picture(gate: Gate) -> None:
    identifier = gate.identifier()
    path = gate.picture(1, 20)
    frame = np.full((300, 300, 3), (200, 20, 10), np.uint8)
    image = LoadedImage(frame, 300, 300, "0" * 64)
    assert identifier.identify_image(path, image).faces[0].subject is None
    Gate(gate.folder).enroll("Ana", gate.picture(1))
    assert identifier.identify_image(path, image).faces[0].subject == "Ana"


def test_boxes_are_of_the_original_also_when_it_was_decoded_reduced(gate: Gate) -> None:
    frame = np.full((300, 300, 3), (200, 0, 10), np.uint8)
    whole = gate.identifier().identify_image(Path("a"), LoadedImage(frame, 300, 300, ""))
    reduced = gate.identifier().identify_image(Path("a"), LoadedImage(frame, 1200, 1200, ""))
    assert reduced.faces[0].bbox_xyxy == pytest.approx(whole.faces[0].bbox_xyxy * 4)
    assert reduced.faces[0].landmarks_xy == pytest.approx(whole.faces[0].landmarks_xy * 4)


def test_thresholds_of_another_network_are_refused(gate: Gate) -> None:
    gate.threshold = threshold(model_id="other@1")
    with pytest.raises(EmbeddingSpaceMismatch):
        gate.identifier()
    with pytest.raises(EmbeddingSpaceMismatch):
        gate.rows("Ana", gate.picture(1))


def test_the_tuned_threshold_goes_before_the_shipped_one(gate: Gate) -> None:
    shipped: Threshold = threshold(0.3)
    assert current_threshold(gate.store, MODEL, shipped) == shipped
    with gate.store.transaction() as work:
        work.thresholds.add(threshold(0.9, model_id="other@1"))
        work.thresholds.add(threshold(0.5))
        work.commit()
    assert current_threshold(gate.store, MODEL, shipped).tau == 0.5


def test_two_pictures_are_of_one_person_or_not(gate: Gate) -> None:
    same = verify(gate.reader, gate.threshold, gate.picture(1), gate.picture(1, 60))
    assert same.same
    different = verify(gate.reader, gate.threshold, gate.picture(1), gate.picture(2))
    assert not different.same
    assert different.similarity == pytest.approx(0, abs=1e-6)
    with pytest.raises(NoFaceFound):
        verify(gate.reader, gate.threshold, gate.picture(1), gate.picture(1, faces=0))
    with pytest.raises(UnreadableImage):
        verify(gate.reader, gate.threshold, gate.picture(1), gate.folder / "gone.png")


def test_landmarks_that_span_nothing_are_no_face() -> None:
    class Confused(FakeDetector):
        def detect(self, frame_bgr: np.ndarray) -> list[DetectedFace]:
            return [DetectedFace([0, 0, 50, 50], np.full((5, 2), 9.0), 0.9)]

    reader = FaceReader(Confused(), FakeEmbedder())
    frame = np.zeros((99, 99, 3), np.uint8)
    assert reader.read(frame) == []
    assert reader.read_main(frame) is None


def test_the_main_face_is_large_and_central() -> None:
    central, aside = face_at(75, 75, 100), face_at(0, 0, 110)
    assert main_face([aside, central], (250, 250)) is central
    larger = face_at(60, 60, 130)
    assert main_face([central, larger], (250, 250)) is larger
    bystander = face_at(1950, 1450, 100)
    aside = face_at(600, 1100, 800)
    assert main_face([aside, bystander], (4000, 3000)) is aside, "size comes before place"


def test_loading_ahead_keeps_order_and_stays_a_few_pictures_ahead(tmp_path: Path) -> None:
    started: list[int] = []

    def load(path: Path) -> LoadedImage:
        number = int(path.name)
        started.append(number)
        if number % 3 == 0:
            raise UnreadableImage(path, "empty", "the file is empty.")
        return LoadedImage(np.zeros((1, 1, 3), np.uint8), number, 1, "")

    seen = []
    for path, image in load_ahead((Path(str(n)) for n in range(20)), load):
        time.sleep(0.002)
        seen.append(int(path.name))
        assert len(started) <= len(seen) + PREFETCH
        assert isinstance(image, UnreadableImage) == (seen[-1] % 3 == 0)
    assert seen == list(range(20))


def test_stopping_early_stops_the_loading() -> None:
    started: list[Path] = []

    def load(path: Path) -> LoadedImage:
        started.append(path)
        return LoadedImage(np.zeros((1, 1, 3), np.uint8), 1, 1, "")

    stream = load_ahead((Path(str(n)) for n in range(1000)), load)
    next(stream)
    stream.close()
    assert len(started) <= 2 * PREFETCH

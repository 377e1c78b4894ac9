from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import (
    ANY_QUALITY,
    DIM,
    MODEL,
    NOW,
    FakeDetector,
    FakeEmbedder,
    clock,
    embedding,
    picture,
    threshold,
)

from facegate.domain.decisions import Outcome, Threshold
from facegate.domain.people import KeptCrop
from facegate.errors import EmbeddingSpaceMismatch, StoreError
from facegate.evaluation.operating_point import ThresholdPolicy
from facegate.gallery.faiss_gallery import FaissGallery
from facegate.services.enroll import Enroller, EnrollmentStatus, Portraits
from facegate.services.identify import Identifier
from facegate.services.reading import FaceReader
from facegate.services.recognize import Recognizer
from facegate.services.reenroll import Reenroller, ReenrollmentStatus
from facegate.store.unit_of_work import SqlStore
from facegate.vision.align import CropGeometry

OTHER = "other-embedder@111111111111"
DONE, ALREADY = ReenrollmentStatus.DONE, ReenrollmentStatus.ALREADY
PARTLY, NO_CROPS = ReenrollmentStatus.PARTLY, ReenrollmentStatus.NO_CROPS


class OtherEmbedder:
    """Another space and another size of crop: the person decides a direction from the end on."""

    model_id = OTHER
    geometry = CropGeometry.arcface(64)

    def __init__(self) -> None:
        self.encoded = 0
        self.fail_after: int | None = None

    def embed(self, crops_rgb: np.ndarray) -> np.ndarray:
        """(n, 64, 64, 3) to (n, DIM)."""
        assert crops_rgb.shape[1:] == (64, 64, 3)
        if self.fail_after is not None and self.encoded >= self.fail_after:
            raise KeyboardInterrupt
        self.encoded += len(crops_rgb)
        vectors = np.zeros((len(crops_rgb), DIM), np.float32)
        for row, crop in zip(vectors, crops_rgb, strict=True):
            row[DIM - 1 - round(int(crop[32, 32, 0]) / 10)] = 1.0
        return vectors


class Place:
    """A store with two networks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "gate.db"
        self.store = SqlStore(f"sqlite:///{self.file}")
        self.gallery = FaissGallery(self.store, MODEL, None)
        self.reader = FaceReader(FakeDetector(), FakeEmbedder())
        self.other = OtherEmbedder()

    def enroll(self, name: str, *paths: Path, keep: bool = True) -> list[EnrollmentStatus]:
        enroller = Enroller(
            self.reader, self.store, self.gallery, threshold(), ANY_QUALITY, clock, keep_crops=keep
        )
        return [row.status for row in enroller.enroll([Portraits(name, paths)])]

    def reenroll(self, **options: object) -> dict[str, tuple]:
        reenroller = Reenroller(self.store, self.other, self.other.geometry, clock)
        rows: Iterator = reenroller.reenroll(reenroller.people(), **options)  # type: ignore[arg-type]
        return {row.name: (row.status, row.made, row.had, row.missing, row.dropped) for row in rows}

    def templates(self) -> dict[str, int]:
        with self.store.snapshot() as work:
            return work.templates.counts_by_model()

    def crops(self) -> int:
        with self.store.snapshot() as work:
            return sum(work.kept_crops.counts().values())

    def number(self, name: str) -> int:
        with self.store.snapshot() as work:
            return work.subjects.by_name(name).subject_id

    def picture(self, person: int, change: int = 0) -> Path:
        return picture(self.folder / f"{person}_{change}.png", person, change)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_nothing_is_kept_unless_wanted(place: Place) -> None:
    place.enroll("Ana", place.picture(1), keep=False)
    assert place.crops() == 0
    assert place.reenroll() == {"Ana": (NO_CROPS, 0, 0, 1, 0)}
    assert place.templates() == {MODEL: 1}


def test_both_networks_templates_live_side_by_side_and_never_meet(place: Place) -> None:
    place.enroll("Ana", place.picture(1), place.picture(1, 40))
    place.enroll("Ben", place.picture(2))
    assert place.reenroll() == {"Ana": (DONE, 2, 0, 0, 0), "Ben": (DONE, 1, 0, 0, 0)}
    assert place.templates() == {MODEL: 3, OTHER: 3}
    gallery = FaissGallery(place.store, OTHER, None)
    for one, size in ((gallery, 3), (place.gallery, 3)):
        one.refresh()
        assert len(one) == size
    probe = np.zeros((1, DIM), np.float32)
    probe[0, DIM - 3] = 1
    (found,) = gallery.search(probe, OTHER)
    assert found[0].subject_id == place.number("Ben")
    (strangers,) = place.gallery.search(probe, MODEL)
    assert strangers[0].similarity < 0.5
    with pytest.raises(EmbeddingSpaceMismatch):
        place.gallery.search(probe, OTHER)
    with pytest.raises(EmbeddingSpaceMismatch):
        Recognizer(place.store, place.gallery, ThresholdPolicy(threshold(model_id=OTHER)))
    others = Recognizer(place.store, gallery, ThresholdPolicy(threshold(model_id=OTHER)))
    with pytest.raises(EmbeddingSpaceMismatch):
        Identifier(place.reader, others, ANY_QUALITY)


def test_again_makes_nothing_and_a_new_picture_only_itself(place: Place) -> None:
    place.enroll("Ana", place.picture(1))
    place.reenroll()
    assert place.reenroll() == {"Ana": (ALREADY, 0, 1, 0, 0)}
    place.enroll("Ana", place.picture(1, 40))
    assert place.reenroll() == {"Ana": (DONE, 1, 1, 0, 0)}
    assert place.other.encoded == 2


def test_a_rehearsal_changes_nothing(place: Place) -> None:
    place.enroll("Ana", place.picture(1))
    assert place.reenroll(dry_run=True, drop_models={MODEL}) == {"Ana": (DONE, 1, 0, 0, 0)}
    assert place.templates() == {MODEL: 1}
    assert place.other.encoded == 0


def test_an_interruption_leaves_whole_people_and_goes_on_from_there(place: Place) -> None:
    for person in range(1, 5):
        place.enroll(f"P{person}", place.picture(person), place.picture(person, 40))
    place.other.fail_after = 4
    with pytest.raises(KeyboardInterrupt):
        place.reenroll()
    assert place.templates() == {MODEL: 8, OTHER: 4}
    place.other.fail_after = None
    rows = place.reenroll()
    assert [row[0] for row in rows.values()] == [ALREADY, ALREADY, DONE, DONE]
    assert place.templates() == {MODEL: 8, OTHER: 8}
    assert place.other.encoded == 8


def test_old_templates_go_only_once_they_have_a_successor(place: Place) -> None:
    place.enroll("Ana", place.picture(1))
    place.enroll("Ana", place.picture(1, 40), keep=False)
    place.enroll("Ben", place.picture(2))
    rows = place.reenroll(drop_models={MODEL, OTHER})
    assert rows == {"Ana": (PARTLY, 1, 0, 1, 1), "Ben": (DONE, 1, 0, 0, 1)}
    assert place.templates() == {MODEL: 1, OTHER: 2}
    assert place.crops() == 2, "the next network needs them"


def test_disabled_people_are_made_ready_too(place: Place) -> None:
    place.enroll("Ana", place.picture(1))
    with place.store.transaction() as work:
        work.subjects.set_enabled(place.number("Ana"), False)
        work.commit()
    assert place.reenroll()["Ana"][0] is DONE
    with place.store.snapshot() as work:
        assert work.templates.searchable_ids(OTHER) == {}


def test_a_damaged_picture_is_missing_and_ends_nothing(place: Place) -> None:
    place.enroll("Ana", place.picture(1), place.picture(1, 40))
    place.enroll("Ben", place.picture(2))
    connection = sqlite3.connect(place.file)
    connection.execute("UPDATE kept_crops SET image = x'00' WHERE id = 1")
    connection.commit()
    connection.close()
    assert place.reenroll() == {"Ana": (PARTLY, 1, 0, 1, 0), "Ben": (DONE, 1, 0, 0, 0)}


def test_damaged_landmarks_are_an_error(place: Place) -> None:
    place.enroll("Ana", place.picture(1))
    connection = sqlite3.connect(place.file)
    connection.execute("UPDATE kept_crops SET landmarks = x'0000'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="damaged"):
        place.reenroll()


@pytest.mark.parametrize("what", ["person", "crops", "template"])
def test_who_was_erased_meanwhile_does_not_come_back(place: Place, what: str) -> None:
    place.enroll("Ana", place.picture(1))
    number = place.number("Ana")
    embed = place.other.embed

    def erase_first(crops_rgb: np.ndarray) -> np.ndarray:
        with place.store.transaction() as work:
            if what == "person":
                work.subjects.remove(number)
            elif what == "crops":
                work.kept_crops.remove(number)
            else:
                (old,) = work.templates.of_subject(number)
                work.templates.remove(old.template_id)
            work.commit()
        return embed(crops_rgb)

    place.other.embed = erase_first  # type: ignore[method-assign]
    place.reenroll()
    assert OTHER not in place.templates()
    assert place.crops() == 0


def bytes_on_disk(place: Place) -> bytes:
    place.store.close()
    return b"".join(file.read_bytes() for file in sorted(place.folder.glob("gate.db*")))


@pytest.mark.parametrize("how", ["person", "template", "crops"])
def test_erasure_leaves_not_a_byte_of_the_picture(place: Place, how: str) -> None:
    place.enroll("Ana", place.picture(1))
    number = place.number("Ana")
    with place.store.snapshot() as work:
        (crop,) = work.kept_crops.of_subject(number)
        (template,) = work.templates.of_subject(number)
    assert (crop.source, crop.source_sha256) == (template.source, template.source_sha256)
    pieces = [crop.image[at : at + 24] for at in range(160, len(crop.image) - 24, 150)]
    pieces = [piece for piece in pieces if len(set(piece)) > 8]
    assert pieces
    assert all(piece in bytes_on_disk(place) for piece in pieces)
    with place.store.transaction() as work:
        if how == "person":
            work.subjects.remove(number)
        elif how == "template":
            work.templates.remove(template.template_id)
        else:
            assert work.kept_crops.remove(number) == 1
        work.commit()
    left = bytes_on_disk(place)
    assert not any(piece in left for piece in pieces)
    assert place.crops() == 0


def test_a_crop_stays_while_any_template_of_its_source_does(place: Place) -> None:
    place.enroll("Ana", place.picture(1), place.picture(1, 40))
    place.reenroll()
    with place.store.transaction() as work:
        for one in work.templates.of_subject(place.number("Ana")):
            if one.model_id == MODEL:
                work.templates.remove(one.template_id)
        work.commit()
    assert place.crops() == 2
    with place.store.transaction() as work:
        first, _ = work.templates.of_subject(place.number("Ana"))
        work.templates.remove(first.template_id)
        work.templates.remove(first.template_id)
        work.commit()
    assert place.crops() == 1


def test_no_log_and_no_message_holds_a_picture(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.DEBUG)
    try:
        place.enroll("Ana", place.picture(1))
        place.reenroll()
    finally:
        logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    with place.store.snapshot() as work:
        (crop,) = work.kept_crops.of_subject(place.number("Ana"))
        (event, _) = work.events.recent(2)
    assert "SELECT kept_crops" in caplog.text
    assert "JFIF" not in caplog.text
    assert "\\xff\\xd8" not in caplog.text
    assert "image" not in repr(crop)
    assert event.detail == f"1 templates of {OTHER} made, 0 of others deleted"


def test_a_crop_of_the_same_source_takes_the_place_of_the_first(place: Place) -> None:
    place.enroll("Ana", place.picture(1))
    number, points = place.number("Ana"), np.zeros((5, 2), np.float32)
    with place.store.transaction() as work:
        for image in (b"one", b"two"):
            work.kept_crops.add(number, KeptCrop(image, points, 0.5, "x", "same", NOW))
        work.commit()
    with place.store.snapshot() as work:
        kept = {crop.source_sha256: crop.image for crop in work.kept_crops.of_subject(number)}
    assert kept["same"] == b"two"
    assert len(kept) == 2


def test_without_a_threshold_nobody_matches(place: Place) -> None:
    place.enroll("Ana", place.picture(1))
    place.reenroll()
    unset = Threshold.unset(MODEL)
    identifier = Identifier(
        place.reader, Recognizer(place.store, place.gallery, ThresholdPolicy(unset)), ANY_QUALITY
    )
    ((row, _),) = identifier.identify_files([place.picture(1)])
    (face,) = row.faces
    assert face.decision.similarity == pytest.approx(1)
    assert (face.decision.outcome, face.subject) == (Outcome.UNKNOWN, None)
    enroller = Enroller(place.reader, place.store, place.gallery, unset, ANY_QUALITY, clock)
    rows = list(enroller.enroll([Portraits("Bea", (place.picture(3), place.picture(3, 9)))]))
    assert [(one.status, one.message) for one in rows] == [(EnrollmentStatus.ACCEPTED, "")] * 2


def test_templates_made_again_are_those_of_the_picture(portrait_paths: dict[str, Path]) -> None:
    from facegate.bootstrap import start
    from facegate.vision.align import align_face
    from facegate.vision.images import load_image
    from facegate.vision.keep import cut_kept_crop, open_kept_crop

    gate = start()
    for path in portrait_paths.values():
        frame = load_image(path).frame_bgr
        reading = gate.reader.read_main(frame)
        assert reading is not None
        data, points = cut_kept_crop(frame, reading.face.landmarks_xy)
        (again,) = gate.embedder.embed(align_face(open_kept_crop(data), points)[np.newaxis])
        assert float(again @ reading.embedding) > 0.99


def test_fakes_are_of_different_people() -> None:
    assert float(embedding(10) @ embedding(20)) < 0.1

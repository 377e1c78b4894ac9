"""Measurements over pictures whose color says who is in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from fakes import ANY_QUALITY, MODEL, FakeDetector, FakeEmbedder, clock, picture, threshold

from facegate.domain.faces import FaceReading
from facegate.errors import EvaluationError
from facegate.evaluation.lists import LabelTable, PeopleSeenOnce
from facegate.evaluation.operating_point import ThresholdPolicy
from facegate.evaluation.pairs import ComparisonPair
from facegate.gallery.faiss_gallery import FaissGallery
from facegate.services.enroll import Enroller
from facegate.services.main_faces import read_main_faces
from facegate.services.measure import IdentificationRun, encode_pictures, run_identification
from facegate.services.measure_fairness import (
    measure_mated_fairness,
    measure_non_mated_fairness,
)
from facegate.services.measure_scale import measure_non_mated, measure_scale, read_distractors
from facegate.services.reading import FaceReader
from facegate.store.face_cache import SqliteFaceCache
from facegate.store.unit_of_work import SqlStore

READER = FaceReader(FakeDetector(), FakeEmbedder())
CHAIN = {"network": 1}


class Watched:
    """Notes which pictures have to be read, and may be interrupted."""

    def __init__(self, stop_after: int = 1000) -> None:
        self.asked: list[Path] = []
        self._stop_after = stop_after

    def __call__(self, paths: Sequence[Path]) -> Iterator[Path]:
        self.asked = list(paths)
        for number, path in enumerate(paths):
            if number == self._stop_after:
                raise KeyboardInterrupt
            yield path


def test_only_what_is_not_known_is_read(tmp_path: Path) -> None:
    paths = [picture(tmp_path / f"{i}.png", i) for i in range(1, 5)]
    none = picture(tmp_path / "none.png", 1, faces=0)
    cache = SqliteFaceCache(tmp_path / "cache", CHAIN)
    first = dict(read_main_faces(READER, [*paths[:3], none], cache))
    watched = Watched()
    again = dict(read_main_faces(READER, [*paths, none, paths[0]], cache, watched))
    assert watched.asked == [paths[3]]
    assert again[none] == first[none] == "no_face"
    for path in paths[:3]:
        before, after = first[path], again[path]
        assert isinstance(before, FaceReading) and isinstance(after, FaceReading)
        assert np.array_equal(before.embedding, after.embedding)


def test_an_interruption_keeps_what_was_read(tmp_path: Path) -> None:
    paths = [picture(tmp_path / f"{i}.png", i) for i in range(1, 9)]
    cache = SqliteFaceCache(tmp_path / "cache", CHAIN)
    with pytest.raises(KeyboardInterrupt):
        encode_pictures(READER, paths, cache, Watched(stop_after=6))
    watched = Watched()
    encoded = encode_pictures(READER, paths, SqliteFaceCache(tmp_path / "cache", CHAIN), watched)
    assert len(encoded.embeddings) == 8
    assert 2 <= len(watched.asked) < 8


def test_nothing_is_kept_without_a_cache(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    encoded = encode_pictures(READER, [broken, tmp_path / "gone.png"])
    assert encoded.failed == {broken: "not_an_image", tmp_path / "gone.png": "missing"}


def test_people_seen_once_against_the_mated_pairs_of_a_list(tmp_path: Path) -> None:
    a, b = picture(tmp_path / "a.png", 1), picture(tmp_path / "b.png", 1, 60)
    c = picture(tmp_path / "c.png", 2)
    pairs = [ComparisonPair(a, b, True), ComparisonPair(a, c, False),
             ComparisonPair(a, tmp_path / "gone.png", True)]  # fmt: skip
    once = [picture(tmp_path / f"once{i}.png", i) for i in range(1, 6)]
    once.append(picture(tmp_path / "twin.png", 5, 200))
    listed = [*once, picture(tmp_path / "none.png", 7, faces=0)]
    report, scan = measure_non_mated(
        encode_pictures(READER, listed),
        PeopleSeenOnce(listed),
        encode_pictures(READER, [a, b, c]),
        pairs,
        0.6,
    )
    assert (report.faces, report.pairs, dict(report.failed)) == (6, 15, {"no_face": 1})
    assert (report.mated, report.mated_people) == (1, 1)
    in_force = report.points[-1]
    assert in_force.fmr is not None and in_force.fmr.errors == 1
    assert {path.name for path in report.most_alike[0][1:]} == {"once5.png", "twin.png"}
    assert scan.counts == {0.6: 1}
    corrected, scan = measure_non_mated(
        encode_pictures(READER, listed),
        PeopleSeenOnce(listed, [(tmp_path / "once5.png", tmp_path / "twin.png")]),
        encode_pictures(READER, [a, b, c]),
        pairs,
        0.6,
    )
    assert (corrected.pairs, corrected.one_person, scan.counts) == (14, 1, {0.6: 0})
    with pytest.raises(EvaluationError, match="1 of 1"):
        measure_non_mated(
            encode_pictures(READER, [c]),
            PeopleSeenOnce([c]),
            encode_pictures(READER, [a, b]),
            pairs,
            0.6,
        )


def run(tmp_path: Path, cache: SqliteFaceCache | None = None) -> IdentificationRun:
    """Ana and Ben are enrolled, Bea cannot be, Eve and Max are strangers."""
    people = {
        "Ana": [picture(tmp_path / f"ana{i}.png", 1, 20 * i) for i in range(3)],
        "Bea": [picture(tmp_path / "bea0.png", 2, faces=0), picture(tmp_path / "bea1.png", 2)],
        "Ben": [picture(tmp_path / f"ben{i}.png", 3, 20 * i) for i in range(2)],
        "Eve": [picture(tmp_path / "eve.png", 4)],
        "Max": [picture(tmp_path / "max.png", 5, faces=0)],
    }
    store = SqlStore(f"sqlite:///{tmp_path / f'{len(list(tmp_path.iterdir()))}.db'}")
    gallery = FaissGallery(store, MODEL, None)
    enroller = Enroller(READER, store, gallery, threshold(), ANY_QUALITY, clock)
    return run_identification(
        people, reader=READER, store=store, gallery=gallery, enroller=enroller,
        thresholds=ThresholdPolicy(threshold()), rules=ANY_QUALITY, cache=cache,
    )  # fmt: skip


def test_a_gallery_of_the_enrolled_agrees_with_the_searches_at_the_gate(tmp_path: Path) -> None:
    made = run(tmp_path)
    assert set(made.enrolled) == {"Ana", "Ben"}
    (row,) = measure_scale(made, None, lambda _size: 0.6, sizes=()).rows
    for ours, gate in (
        (row.rank_1, made.report.rank_1), (row.fnir, made.report.fnir), (row.fpir, made.report.fpir)
    ):  # fmt: skip
        assert (ours.errors, ours.trials, ours.low, ours.high) == (
            gate.errors, gate.trials, gate.low, gate.high
        )  # fmt: skip
    assert (row.fnir.errors, row.fnir.trials) == (1, 4)
    assert (row.size, row.fpir.trials) == (2, 2)


def test_searches_are_the_same_from_a_cache(tmp_path: Path) -> None:
    cache = SqliteFaceCache(tmp_path / "cache", CHAIN)
    first, again = run(tmp_path, cache), run(tmp_path, cache)
    assert first.report.as_dict() == again.report.as_dict()


def test_distractors_that_could_not_be_enrolled_are_left_out_with_reasons(tmp_path: Path) -> None:
    rules = dataclasses.replace(ANY_QUALITY, min_face_px=100)
    paths = [picture(tmp_path / f"{i}.png", i) for i in range(4, 8)]
    paths.append(picture(tmp_path / "small.png", 8, side=60))
    paths.append(picture(tmp_path / "none.png", 9, faces=0))
    extra = read_distractors(READER, paths, rules, None, lambda all_paths: all_paths)
    assert extra.embeddings.shape == (4, 32)
    assert extra.refused == {"no_face": 1, "too_small": 1}
    # Person 4 is both a distractor and a stranger here, so the stranger is let in.
    report = measure_scale(run(tmp_path), extra, lambda _size: 0.6, sizes=(3,))
    assert [row.size for row in report.rows] == [3, 6]
    assert report.rows[-1].fpir.errors == 1


def test_rates_by_group_of_people_seen_once(tmp_path: Path) -> None:
    paths = [picture(tmp_path / f"{i}.png", i % 3 + 1, i) for i in range(6)]  # 3 look-alikes
    paths.append(picture(tmp_path / "none.png", 9, faces=0))
    table = LabelTable(tuple(paths), {"team": ("x", "y", "y", "x", "x", "y", "y")})
    report = measure_non_mated_fairness(
        encode_pictures(READER, paths), table, tau=0.6, max_fmr=0.1, model_id=MODEL, min_faces=3
    )
    shipped, chosen = report.comparisons
    assert (shipped.overall.errors, shipped.overall.trials) == (3, 15)
    assert chosen.overall.value <= 0.1 and chosen.tau > 0.6
    x, y = shipped.groups
    # x: pictures 0, 3, 4 of people 1, 1, 2; y: pictures 1, 2, 5 of people 2, 3, 3.
    assert [(one.errors.errors, one.errors.trials) for one in (x, y)] == [(1, 3), (1, 3)]
    assert (y.pictures, y.acquired, y.failed.errors) == (4, 3, 1)
    assert report.failed == 1
    with pytest.raises(EvaluationError, match="0 of the labeled"):
        measure_non_mated_fairness(
            encode_pictures(READER, []), table, tau=0.6, max_fmr=0.1, model_id=MODEL
        )


def test_missed_people_by_the_condition_of_the_probe(tmp_path: Path) -> None:
    people = {
        "Ana": [picture(tmp_path / "a0.png", 1, faces=0), picture(tmp_path / "a1.png", 1),
                picture(tmp_path / "a2.png", 1, 10), picture(tmp_path / "a3.png", 1, 255)],
        "Ben": [picture(tmp_path / "b0.png", 2), picture(tmp_path / "b1.png", 2, faces=0)],
        "Eve": [picture(tmp_path / "e0.png", 3, faces=0), picture(tmp_path / "e1.png", 3, faces=0)],
    }  # fmt: skip
    paths = [path for several in people.values() for path in several]
    table = LabelTable(
        tuple(paths[1:]), {"light": ("good", "good", "bad", "good", "bad", "good", "good")}
    )
    encoded = encode_pictures(READER, paths)
    report = measure_mated_fairness(encoded, people, table, tau=0.9, model_id=MODEL)
    none, bad, good = report.comparisons[0].groups
    assert (bad.errors.errors, bad.errors.trials, bad.failed.errors) == (1, 1, 1)
    assert (good.errors.errors, good.errors.trials, good.failed.errors) == (0, 1, 1)
    assert (none.name, none.pictures, none.failed.errors) == ("(none)", 1, 1)
    (everything,) = measure_mated_fairness(
        encoded, people, None, tau=0.9, model_id=MODEL
    ).comparisons
    assert [group.name for group in everything.groups] == ["all"]
    assert everything.overall.trials == 2
    with pytest.raises(EvaluationError):
        measure_mated_fairness(encoded, {"Eve": people["Eve"]}, None, tau=0.9, model_id=MODEL)

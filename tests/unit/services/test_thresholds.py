"""The threshold follows the gallery, from the store to the decision."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from fakes import ANY_QUALITY, MODEL, NOW, FakeDetector, FakeEmbedder, clock, picture, threshold

from facegate.domain.calibration import Calibration
from facegate.domain.decisions import Decision, Outcome
from facegate.domain.tails import ScoreTails, TailPoint
from facegate.domain.targets import ThresholdTarget
from facegate.errors import ModelError
from facegate.evaluation.operating_point import ThresholdPolicy
from facegate.gallery.faiss_gallery import FaissGallery
from facegate.services.enroll import Enroller, Portraits
from facegate.services.identify import Identifier
from facegate.services.reading import FaceReader
from facegate.services.recognize import Recognizer
from facegate.services.thresholds import (
    card_fragment,
    shipped_tails,
    shipped_threshold,
    stranger_risk,
    threshold_policy,
)
from facegate.services.verify import verify
from facegate.store.unit_of_work import SqlStore

PAIRS = 10_000_000
TAILS = ScoreTails(
    MODEL,
    "made up",
    5_000,
    PAIRS,
    1_000,
    # From no false match at 0.9 down to 100,000 of ten million at 0.1.
    tuple(
        TailPoint(round(0.9 - 0.01 * step, 2), count, 900 - 10 * step)
        for step, count in enumerate(
            [0, *np.unique(np.geomspace(1, 100_000, 80).astype(int)).tolist()]
        )
    ),
    NOW,
)
FPIR = ThresholdTarget.parse("fpir:0.0001")


class Door:
    """A real store and gallery, and fake networks."""

    def __init__(self, folder: Path, calibration: Calibration | None = None) -> None:
        self.folder = folder
        self.reader = FaceReader(FakeDetector(), FakeEmbedder())
        self.store = SqlStore(f"sqlite:///{folder / 'door.db'}")
        self.policy = ThresholdPolicy(threshold(0.2), FPIR, [TAILS])
        gallery = FaissGallery(self.store, MODEL, None)
        self.identifier = Identifier(
            self.reader, Recognizer(self.store, gallery, self.policy), ANY_QUALITY, calibration
        )

    def picture(self, person: int, change: int = 0) -> Path:
        return picture(self.folder / f"{person}_{change}.png", person, change)

    def enroll(self, name: str, *paths: Path) -> None:
        gallery = FaissGallery(self.store, MODEL, None)
        enroller = Enroller(self.reader, self.store, gallery, threshold(0.9), ANY_QUALITY, clock)
        list(enroller.enroll([Portraits(name, paths)]))

    def change(self, name: str, what: str, *more: object) -> None:
        with self.store.transaction() as work:
            subject = work.subjects.by_name(name)
            getattr(work.subjects, what)(subject.subject_id, *more)
            work.commit()

    def decide(self, path: Path) -> Decision:
        ((row, _),) = self.identifier.identify_files([path])
        return row.faces[0].decision


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_tau_follows_enrolling_disabling_enabling_and_removing(door: Door) -> None:
    probe = door.picture(1, 40)

    def now(templates: int) -> float:
        decision = door.decide(probe)
        assert decision.threshold == door.policy.for_gallery(templates)
        assert decision.tau == decision.threshold.tau
        assert stranger_risk(door.store, door.policy).threshold == decision.threshold
        return decision.tau

    empty = now(0)
    door.enroll("Ana", door.picture(1))
    one = now(1)
    for person in range(2, 12):
        door.enroll(f"P{person}", door.picture(person), door.picture(person, 90))
    many = now(21)
    assert empty == one < many
    door.change("P2", "set_enabled", False)
    assert one < now(19) <= many
    door.change("P2", "set_enabled", True)
    assert now(21) == many
    for person in range(2, 12):
        door.change(f"P{person}", "remove")
    assert now(1) == one
    door.enroll("P3", door.picture(3))
    assert one <= now(2) <= many


def test_a_growing_gallery_can_turn_a_match_into_unknown(door: Door) -> None:
    low, high = door.policy.for_gallery(1).tau, door.policy.for_gallery(13).tau
    wanted = (low + high) / 2  # cosine of the turned face: 1 / sqrt(1 + (change / 255)^2)
    door.policy = door.identifier._recognizer._thresholds = ThresholdPolicy(
        threshold(0.2), FPIR, [_stretched(door, wanted)]
    )
    probe = door.picture(1, 120)
    door.enroll("Ana", door.picture(1))
    assert door.decide(probe).outcome is Outcome.MATCH
    for person in range(2, 14):
        door.enroll(f"P{person}", door.picture(person))
    assert door.decide(probe).outcome is Outcome.UNKNOWN
    for person in range(2, 14):
        door.change(f"P{person}", "remove")
    assert door.decide(probe).outcome is Outcome.MATCH


def _stretched(door: Door, wanted: float) -> ScoreTails:
    """The same tails moved so that the similarity of change 120 lies where `wanted` did."""
    similarity = 1 / np.hypot(1, 120 / 255)
    moved = [
        dataclasses.replace(point, similarity=float(point.similarity - wanted + similarity))
        for point in TAILS.points
    ]
    return dataclasses.replace(
        TAILS, points=tuple(point for point in moved if -1 <= point.similarity <= 1)
    )


def test_rows_show_the_operating_point_and_the_probability(tmp_path: Path) -> None:
    door = Door(tmp_path, Calibration("platt", 0.01, 99, 99, 0.1, slope=10.0, intercept=-5.0))
    door.enroll("Ana", door.picture(1))
    ((row, _),) = door.identifier.identify_files([door.picture(1, 30)])
    face = row.as_dict()["faces"][0]
    assert face["operating_point"]["target"] == "fpir:0.0001"
    assert face["operating_point"]["gallery_size"] == 1
    assert face["operating_point"]["fmr"]["of"] == PAIRS
    assert face["probability"] == pytest.approx(1 / (1 + np.exp(5 - 10 * face["similarity"])))
    assert face["probability_prior"] == 0.01
    compared = verify(
        door.reader, door.policy.for_gallery(1), door.picture(1), door.picture(2),
        Calibration("platt", 0.5, 99, 99, 0.1, slope=10.0, intercept=-5.0),
    ).as_dict()  # fmt: skip
    assert compared["probability"] == pytest.approx(1 / (1 + np.exp(5)), abs=1e-6)
    assert compared["operating_point"]["gallery_size"] == 1


def test_the_meter_counts_enabled_people_and_all_their_templates(door: Door) -> None:
    door.enroll("Ana", door.picture(1), door.picture(1, 90))
    door.enroll("Ben", door.picture(2))
    door.enroll("Cem", door.picture(3))
    door.change("Cem", "set_enabled", False)
    risk = stranger_risk(door.store, door.policy)
    assert (risk.people, risk.templates) == (2, 3)
    assert risk.stranger_sentence().startswith("With 2 people enrolled (3 templates), ")


def test_settings_go_before_the_store_and_own_tails_before_shipped_ones(door: Door) -> None:
    shipped = threshold(0.3)
    assert threshold_policy(door.store, shipped, None, None).target == ThresholdTarget()
    own = dataclasses.replace(TAILS, data="own")
    with door.store.transaction() as work:
        work.thresholds.add(threshold(0.25), own)
        work.thresholds.set_target(FPIR, NOW)
        work.commit()
    policy = threshold_policy(door.store, shipped, TAILS, None)
    assert (policy.target, policy.baseline.tau) == (FPIR, 0.25)
    assert policy.for_gallery(5).data == "own"
    given = ThresholdTarget.parse("fmr:1e-3")
    assert threshold_policy(door.store, shipped, TAILS, given).target == given


def test_a_fragment_of_a_card_is_read_back(tmp_path: Path) -> None:
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    tricky = dataclasses.replace(threshold(0.123456789), data='a "quote", a \\ and \x7f é 李 😀')
    card = tomllib.loads(card_fragment(tricky, TAILS))
    assert shipped_tails(MODEL, card) == TAILS
    read = shipped_threshold(MODEL, card)
    assert (read.tau, read.fmr, read.created_at) == (tricky.tau, tricky.fmr, tricky.created_at)
    assert read.data == tricky.data.replace("\x7f", " ")
    assert shipped_tails(MODEL, tomllib.loads(card_fragment(tricky, None))) is None
    assert shipped_tails(MODEL, {}) is None


@pytest.mark.parametrize(
    "table", [{}, 5, {"points": []}, {**TAILS.as_dict(), "points": [[0.5, -1, 0]]}]
)
def test_a_card_with_unusable_tails_is_refused(table: object) -> None:
    with pytest.raises(ModelError, match="score tails"):
        shipped_tails(MODEL, {"threshold": {"tails": table}})

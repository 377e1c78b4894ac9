"""The attack network at the gate: scores of the contract, and never a good one by accident."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from facegate.bootstrap import models_folder
from facegate.domain.faces import DetectedFace
from facegate.errors import ModelError, ShapeError
from facegate.models.onnx_pad import ATTACK_SCORE, BATCH_FACES, OnnxPad, limits_of
from facegate.models.registry import ModelCard, Task, choose_card, read_cards
from facegate.models.runtime import open_session
from facegate.vision.images import load_image
from tests.fakes import face_at


def card() -> ModelCard:
    return choose_card(read_cards(models_folder()), Task.PAD)


@pytest.fixture(scope="module")
def shipped() -> OnnxPad:
    return OnnxPad(open_session(card().read_weights(), 1), card().model_id)


class FakeSession:
    """Gives what it was told to, for every face."""

    def __init__(self, value: Any, shape: tuple[Any, ...] = ("n", 2, 80, 80, 3)) -> None:
        self.value, self.shape, self.batches = value, shape, []

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="views_bgr", type="tensor(uint8)", shape=list(self.shape))]

    def get_outputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="pad_scores", type="tensor(float)", shape=["n"])]

    def run(self, _names: object, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        if isinstance(self.value, Exception):
            raise self.value
        count = len(feed["views_bgr"])
        self.batches.append(count)
        return [np.full(count, self.value, np.float32)]


FRAME = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)


def test_scores_lie_between_0_and_1_one_for_each_face(shipped: OnnxPad) -> None:
    faces = [face_at(60 + n, 60, 80) for n in range(BATCH_FACES + 3)]
    scores = shipped.scores(FRAME, faces)
    assert scores.shape == (len(faces),)
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    assert shipped.scores(FRAME, []).shape == (0,)
    alone = [float(shipped.scores(FRAME, [face])[0]) for face in faces]
    np.testing.assert_allclose(scores, alone, atol=1e-5)


def test_a_photograph_of_a_person_is_not_below_the_attack_limit_by_much_change(
    shipped: OnnxPad, portrait_paths: dict[str, Path]
) -> None:
    """The same face, moved by a pixel, keeps about its score."""
    frame = load_image(portrait_paths["collins"]).frame_bgr
    from facegate.bootstrap import start

    face = start().detector.detect(frame)[0]
    moved = DetectedFace(face.bbox_xyxy + 1, face.landmarks_xy + 1, face.score)
    first, second = shipped.scores(frame, [face, moved])
    assert abs(float(first) - float(second)) < 0.3


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_what_is_no_number_scores_as_an_attack(value: float) -> None:
    found = OnnxPad(FakeSession(value), "m").scores(FRAME, [face_at(60, 60, 80)])
    assert found.tolist() == [ATTACK_SCORE]


def test_a_face_that_cannot_be_cut_out_scores_as_an_attack_and_spoils_no_other() -> None:
    session = FakeSession(0.9)
    faces = [face_at(900, 900, 50), face_at(60, 60, 80), face_at(10, 10, 1)]
    found = OnnxPad(session, "m").scores(FRAME, faces)
    assert found.tolist() == pytest.approx([ATTACK_SCORE, 0.9, ATTACK_SCORE])
    assert session.batches == [1]


def test_failures_and_wrong_pictures_are_errors() -> None:
    with pytest.raises(ModelError):
        OnnxPad(FakeSession(RuntimeError("x")), "m").scores(FRAME, [face_at(60, 60, 80)])
    for frame in (FRAME.astype(np.float32), FRAME[..., 0], FRAME[..., :2]):
        with pytest.raises(ShapeError):
            OnnxPad(FakeSession(0.5), "m").scores(frame, [face_at(60, 60, 80)])


def test_another_network_is_refused() -> None:
    with pytest.raises(ModelError):
        OnnxPad(FakeSession(0.5, ("n", 80, 80, 3)), "m")
    other = choose_card(read_cards(models_folder()), Task.LANDMARKS)
    with pytest.raises(ModelError):
        OnnxPad(open_session(other.read_weights(), 1), "m")


def test_the_card_has_limits_in_order_and_says_what_it_does_not_know() -> None:
    limits = limits_of(card())
    assert 0 < limits.attack_below <= limits.bona_fide_from <= 1
    content = card().content
    assert "15 people" in content["limits"]["text"]
    assert content["training"]["data"]


@pytest.mark.parametrize(
    "section",
    [None, {}, {"attack_below": 0.9, "bona_fide_from": 0.2}, {"attack_below": "x"},
     {"attack_below": float("nan"), "bona_fide_from": 0.5}],
)  # fmt: skip
def test_a_card_without_usable_limits_is_refused(section: object) -> None:
    broken = replace(card(), content={"threshold": section})
    with pytest.raises(ModelError):
        limits_of(broken)

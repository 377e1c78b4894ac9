"""What people may try before a gate, and what it must make of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fakes import face_at
from movements import follow, turned
from scenes import Place, Scene

from facegate.domain.access import DoorRules
from facegate.domain.attacks import PadPolicy, Presentation
from facegate.domain.doors import Tailgating
from facegate.domain.frames import CameraState, CameraStatus, Frame
from facegate.domain.pad_limits import PadLimits
from facegate.domain.reasons import Reason
from facegate.engine.attack_check import AttackCheck
from facegate.engine.states import GateState

ANA, BEN, STRANGER = 1, 2, 9
LIMITS = PadLimits(attack_below=0.2, bona_fide_from=0.8)


class Scored:
    """Gives the scores it is told, one a frame."""

    model_id = "pad@0"

    def __init__(self, *scores: float) -> None:
        self._scores = list(scores)

    def scores(self, frame_bgr: np.ndarray, faces: list) -> np.ndarray:
        return np.array([self._scores.pop(0)], np.float32)


def checked(*scores: float) -> AttackCheck:
    check = AttackCheck(Scored(*scores), LIMITS)
    for number in range(len(scores)):
        noise = np.random.default_rng(number).integers(0, 255, (480, 640, 3), dtype=np.uint8)
        frame = Frame(noise, Scene().wall, number / 15, number)
        check.add(frame, face_at(200 + number % 3, 120, 160))
    return check


def test_a_live_face_shown_first_does_not_vouch_for_the_picture_after_it() -> None:
    check = checked(*[0.98] * 20, *[0.01] * 3)
    assert check.verdict().presentation is Presentation.BONA_FIDE
    assert check.verdict([20, 21, 22]).presentation is Presentation.ATTACK


def test_one_look_like_a_picture_among_those_that_identify_convinces_nobody() -> None:
    check = checked(*[0.99] * 9, 0.1)
    assert check.verdict([5, 6, 7]).presentation is Presentation.BONA_FIDE
    assert check.verdict([7, 8, 9]).presentation is not Presentation.BONA_FIDE
    assert check.verdict([]).presentation is not Presentation.BONA_FIDE


@pytest.mark.parametrize("attempt", range(6))
def test_movements_of_another_face_do_not_count(attempt: int) -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(pad=PadPolicy.ALWAYS)
    scene.run(0.6, Place(ANA))
    follow(scene, ANA, mover=STRANGER)
    assert not scene.opened
    assert scene.reasons == [Reason.IDENTITY_CHANGED]


def ask_for_pin(scene: Scene) -> None:
    scene.desk.ruling = lambda draft, pin: (
        Reason.PIN_NEEDED if draft.reason is Reason.GRANTED and pin is None else draft.reason
    )
    scene.run(0.6, Place(ANA))
    assert scene.gate.view.state is GateState.ENTER_PIN


def test_a_pin_opens_nothing_once_the_face_looks_like_an_attack() -> None:
    scene = Scene()
    ask_for_pin(scene)
    scene.presentation = Presentation.ATTACK
    scene.gate.enter_pin("2580")
    scene.run(0.5, Place(ANA))
    assert scene.reasons == [Reason.ATTACK_SUSPECTED]
    assert not scene.opened


def test_a_pin_opens_nothing_for_a_face_that_is_no_longer_seen() -> None:
    scene = Scene()
    ask_for_pin(scene)
    scene.run(3, turned(Place(STRANGER), 60))
    scene.gate.enter_pin("2580")
    scene.run(1, turned(Place(STRANGER), 60))
    assert not scene.opened


def test_a_pin_is_not_kept_for_somebody_behind_or_for_later() -> None:
    scene = Scene()
    ask_for_pin(scene)
    scene.run(0.3, Place(ANA), Place(STRANGER, x=420, size=220))
    assert scene.reasons == [Reason.GAVE_UP]
    scene.gate.enter_pin("2580")
    scene.run(1, Place(ANA), Place(STRANGER, x=420, size=220))
    assert not scene.opened
    scene = Scene()
    scene.gate.enter_pin("2580")
    scene.run(0.2)
    ask_for_pin(scene)
    scene.run(1, Place(ANA))
    assert not scene.opened


def test_a_pin_typed_too_early_waits_for_the_others_in_view() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(tailgating=Tailgating.ALL)
    ask_for_pin(scene)
    scene.gate.enter_pin("2580")
    scene.run(0.05, Place(ANA), Place(BEN, x=460, size=140))
    assert not scene.opened
    scene.run(1, Place(ANA), Place(BEN, x=460, size=140))
    assert scene.opened == ["1"]


def test_a_pin_that_nobody_set_ends_the_visit() -> None:
    scene = Scene()
    scene.desk.ruling = lambda draft, pin: Reason.PIN_NEEDED
    scene.run(0.6, Place(ANA))
    scene.gate.enter_pin("1")
    scene.run(0.2, Place(ANA))
    assert scene.reasons == [Reason.PIN_NEEDED]


@pytest.mark.parametrize("seconds", [0.4, 0.8, 1.2])
def test_strangers_who_leave_early_are_counted(seconds: float) -> None:
    scene = Scene()
    for _ in range(4):
        scene.run(seconds, Place(STRANGER))
        scene.run(1.2)
    assert scene.reasons == [Reason.UNKNOWN_FACE] * 4


def test_faces_that_take_each_others_place_are_counted() -> None:
    scene = Scene()
    for person in (STRANGER, 8, 7, 6, 5, 4):
        scene.run(0.4, Place(person))
    assert Reason.IDENTITY_CHANGED in scene.reasons
    assert not scene.opened


def test_who_covers_the_lens_in_a_challenge_has_failed_it() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(pad=PadPolicy.ALWAYS)
    scene.run(0.6, Place(ANA))
    scene.gate.camera_fault(CameraStatus(CameraState.BLACK, "dark", scene.wall), scene.time_s)
    assert scene.reasons == [Reason.CHALLENGE_FAILED]


def test_somebody_in_the_place_of_a_person_let_in_is_looked_at_anew() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(tailgating=Tailgating.ALL)
    scene.run(1, Place(ANA))
    scene.run(4, Place(STRANGER))
    assert scene.reasons == [Reason.GRANTED, Reason.UNKNOWN_FACE]
    scene.run(2, Place(STRANGER, size=130), Place(BEN, x=420, size=180))
    assert scene.opened == ["1"]


def test_a_crowd_and_doubles_keep_a_door_for_all_shut() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(tailgating=Tailgating.ALL)
    crowd = [Place(STRANGER, x=10 + 90 * n, y=330, size=60) for n in range(5)]
    scene.run(2, Place(ANA, size=200, y=20), *crowd)
    assert not scene.opened
    scene = Scene()
    scene.desk.door_rules = DoorRules(tailgating=Tailgating.ALL)
    scene.run(2, Place(ANA, size=200), Place(ANA, x=460, size=150))
    assert not scene.opened


def test_who_leaves_while_others_are_not_known_yet_did_not_give_up() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(tailgating=Tailgating.ALL)
    scene.run(0.1, Place(ANA, size=200))
    scene.run(0.2, Place(ANA, size=200), Place(BEN, x=460, size=150))
    scene.run(5)
    assert not scene.opened
    ((_, draft),) = scene.desk.receipts
    assert draft.reason is Reason.SEVERAL_FACES
    assert "not known yet" in draft.explanation


def test_the_first_of_two_need_not_ask_again() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(takes_pairs=True)
    asked: list[int | None] = []

    def ruling(draft, pin):
        asked.append(draft.subject_id)
        return Reason.GRANTED if len(set(asked)) > 1 else Reason.SECOND_PERSON_NEEDED

    scene.desk.ruling = ruling
    scene.run(1, Place(ANA, size=200), Place(BEN, x=460, size=150))
    assert scene.opened == ["2"]
    scene.run(6, Place(ANA, size=200))
    assert asked == [ANA, BEN]


def test_a_pair_passes_a_door_where_all_must_be_allowed() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(tailgating=Tailgating.ALL, takes_pairs=True)
    asked: list[int | None] = []

    def ruling(draft, pin):
        asked.append(draft.subject_id)
        return Reason.GRANTED if len(set(asked)) > 1 else Reason.SECOND_PERSON_NEEDED

    scene.desk.ruling = ruling
    scene.run(2, Place(ANA, size=200), Place(BEN, x=460, size=150))
    assert scene.opened == ["2"]


def test_somebody_who_comes_back_without_having_passed_is_let_in_again() -> None:
    scene = Scene()
    scene.run(1, Place(ANA))
    scene.run(4)
    scene.run(9, Place(ANA))
    assert scene.opened == ["1", "2"]


def test_whatever_the_lock_does_wrong_is_a_fault_and_taken_back() -> None:
    scene = Scene()
    scene.door_error = TimeoutError()
    scene.run(1, Place(ANA))
    assert [draft.reason for draft in scene.desk.notes] == [Reason.DOOR_FAULT]
    assert len(scene.desk.taken_back) == 1
    assert len(scene.reasons) == 1


def test_the_end_of_the_program_is_written_down_for_who_was_waiting() -> None:
    scene = Scene()
    ask_for_pin(scene)
    scene.gate.close()
    assert scene.reasons == [Reason.GAVE_UP]


@pytest.mark.parametrize("before", [True, False])
def test_a_look_that_got_old_opens_nothing(before: bool) -> None:
    """A database that was locked for long must not open the door for whoever stands there now."""
    scene, late_s = Scene(), [0.0]
    scene.gate._concluder._now_s = lambda: scene.time_s + late_s[0]
    if before:
        late_s[0] = 3.0
    else:
        conclude = scene.desk.conclude

        def slow(*told: Any) -> Any:
            late_s[0] = 3.0
            return conclude(*told)

        scene.desk.conclude = slow
    scene.run(1, Place(ANA))
    assert not scene.opened
    expected = Reason.STORE_FAULT if before else Reason.DOOR_FAULT
    assert expected in {draft.reason for draft in scene.desk.notes}
    assert len(scene.desk.taken_back) == (not before)
    late_s[0] = 0.0
    if before:
        scene.run(1, Place(ANA))
        assert scene.opened == ["1"]

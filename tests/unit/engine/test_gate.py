from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from movements import follow
from scenes import Place, Scene

from facegate.domain.access import DoorRules
from facegate.domain.attacks import PadPolicy, Presentation
from facegate.domain.doors import Tailgating
from facegate.domain.frames import CameraState, CameraStatus
from facegate.domain.reasons import Reason
from facegate.engine.states import GateState
from facegate.errors import DoorError, StoreError

ANA, BEN, STRANGER = 1, 2, 9


def test_an_enrolled_person_is_let_in_once_and_within_a_second() -> None:
    scene = Scene()
    scene.run(0.5)
    view = scene.run(0.6, Place(ANA))
    assert view.state is GateState.WELCOME
    assert scene.opened == ["1"]
    scene.run(5, Place(ANA))
    assert scene.opened == ["1"]
    (reason, draft), *more = scene.desk.receipts
    assert not more
    assert reason is Reason.GRANTED
    assert (draft.subject_id, draft.subject_name) == (ANA, "Ana")
    assert len(draft.evidence) >= 3
    assert len({one.frame_sha256 for one in draft.evidence}) == len(draft.evidence)
    assert draft.elapsed_s is not None
    assert draft.elapsed_s < 1
    decisions = [event for event in scene.events if event.kind == "decision"]
    assert [event.subject for event in decisions] == ["Ana"]


def test_one_lucky_frame_opens_nothing() -> None:
    scene = Scene()
    for _ in range(10):  # Ana flashes up among frames of a stranger
        scene.run(0.05, Place(ANA))
        scene.run(0.15, Place(STRANGER))
    assert not scene.opened


def test_a_stranger_is_refused_after_patience_and_may_try_again_ever_less_often() -> None:
    scene = Scene()
    scene.run(1.2, Place(STRANGER))
    assert scene.gate.view.state is GateState.CHECKING
    assert not scene.desk.receipts
    scene.run(1.0, Place(STRANGER))
    assert scene.gate.view.state is GateState.NOT_RECOGNIZED
    assert scene.reasons == [Reason.UNKNOWN_FACE]
    assert scene.desk.receipts[0][1].subject_name == ""
    scene.run(60, Place(STRANGER), fps=10)
    assert 3 <= len(scene.reasons) <= 5
    assert not scene.opened


def test_nobody_is_named_to_a_visitor_who_is_refused() -> None:
    scene = Scene()
    scene.desk.ruling = lambda draft, pin: Reason.NO_RULE
    scene.run(1.0, Place(ANA))
    for event in scene.events:
        assert event.subject == ""
        assert "Ana" not in event.message


@pytest.mark.parametrize(
    ("policy", "presentation", "expected"),
    [
        (PadPolicy.OFF, Presentation.ATTACK, Reason.GRANTED),
        (PadPolicy.PASSIVE, Presentation.BONA_FIDE, Reason.GRANTED),
        (PadPolicy.PASSIVE, Presentation.ATTACK, Reason.ATTACK_SUSPECTED),
        (PadPolicy.PASSIVE, Presentation.UNSURE, Reason.ATTACK_SUSPECTED),
        (PadPolicy.UNSURE, Presentation.BONA_FIDE, Reason.GRANTED),
        (PadPolicy.UNSURE, Presentation.ATTACK, Reason.ATTACK_SUSPECTED),
    ],
)
def test_attack_policies(policy: PadPolicy, presentation: Presentation, expected: Reason) -> None:
    scene = Scene()
    scene.presentation = presentation
    scene.desk.door_rules = DoorRules(pad=policy)
    scene.run(2.5, Place(ANA))
    assert scene.reasons == [expected]
    assert bool(scene.opened) is (expected is Reason.GRANTED)


@pytest.mark.parametrize("seed", range(6))
def test_who_follows_the_challenge_is_let_in(seed: int) -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(pad=PadPolicy.ALWAYS)
    scene.run(0.6, Place(ANA))
    assert scene.gate.view.state is GateState.CHALLENGE
    assert not scene.opened
    follow(scene, ANA)
    assert scene.reasons == [Reason.GRANTED]
    assert scene.desk.receipts[0][1].pad["challenge"]["state"] == "passed"


def test_the_wrong_movement_fails_the_challenge() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(pad=PadPolicy.ALWAYS)
    scene.run(0.6, Place(ANA))
    follow(scene, ANA, wrong=True)
    assert scene.reasons == [Reason.CHALLENGE_FAILED]
    assert not scene.opened


def test_a_still_picture_runs_out_of_time() -> None:
    scene = Scene()
    scene.presentation = Presentation.UNSURE
    scene.desk.door_rules = DoorRules(pad=PadPolicy.UNSURE)
    scene.run(10, Place(ANA))
    assert scene.reasons == [Reason.CHALLENGE_FAILED]
    assert not scene.opened


def test_another_face_in_the_middle_of_a_challenge_is_refused() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(pad=PadPolicy.ALWAYS)
    scene.run(0.6, Place(ANA))
    scene.run(1.0, Place(BEN))
    assert scene.reasons == [Reason.IDENTITY_CHANGED]
    assert not scene.opened


def test_leaving_in_the_middle_of_a_challenge_is_written_down() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(pad=PadPolicy.ALWAYS)
    scene.run(0.6, Place(ANA))
    scene.run(2.0)
    assert scene.reasons == [Reason.CHALLENGE_FAILED]
    assert scene.gate.view.state is not GateState.CHALLENGE


def test_a_pin_is_waited_for_and_handed_to_the_desk() -> None:
    scene = Scene()
    pins: list[str | None] = []

    def ruling(draft: object, pin: str | None) -> Reason:
        pins.append(pin)
        return {None: Reason.PIN_NEEDED, "2580": Reason.GRANTED}.get(pin, Reason.PIN_WRONG)

    scene.desk.ruling = ruling
    scene.run(1.0, Place(ANA))
    assert scene.gate.view.state is GateState.ENTER_PIN
    assert not scene.desk.receipts
    scene.gate.enter_pin("2580")
    scene.run(0.2, Place(ANA))
    assert pins == [None, "2580"]
    assert scene.reasons == [Reason.GRANTED]
    assert scene.opened == ["1"]


def test_a_pin_that_never_comes_is_a_refusal() -> None:
    scene = Scene()
    scene.desk.ruling = lambda draft, pin: Reason.PIN_NEEDED
    scene.run(22, Place(ANA))
    assert scene.reasons == [Reason.PIN_NEEDED]
    scene = Scene()
    scene.desk.ruling = lambda draft, pin: (
        Reason.PIN_NEEDED if draft.reason is Reason.GRANTED else draft.reason
    )
    scene.run(1, Place(ANA))
    scene.run(1)
    assert scene.reasons == [Reason.GAVE_UP]


def test_only_the_nearest_face_counts() -> None:
    scene = Scene()
    scene.run(3, Place(STRANGER, size=200), Place(ANA, x=460, size=120))
    assert scene.reasons == [Reason.UNKNOWN_FACE]
    scene = Scene()
    scene.run(1, Place(ANA, size=200), Place(STRANGER, x=460, size=120))
    assert scene.reasons == [Reason.GRANTED]


@pytest.mark.parametrize(
    ("other", "allowed", "expected"),
    [
        (BEN, {ANA, BEN}, Reason.GRANTED),
        (BEN, {ANA}, Reason.SEVERAL_FACES),
        (STRANGER, {ANA}, Reason.SEVERAL_FACES),
    ],
)
def test_all_in_view_must_be_allowed(other: int, allowed: set[int], expected: Reason) -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(tailgating=Tailgating.ALL)
    scene.desk.may_pass = allowed
    scene.run(2, Place(ANA, size=200), Place(other, x=460, size=150))
    assert scene.reasons[0] is expected
    assert bool(scene.opened) is (expected is Reason.GRANTED)


def test_tailgating_can_be_written_down_only() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(tailgating=Tailgating.LOG)
    scene.run(1, Place(ANA, size=200), Place(STRANGER, x=460, size=150))
    assert scene.reasons == [Reason.GRANTED]
    assert "1 more in view" in scene.desk.receipts[0][1].explanation


def test_two_people_at_a_door_for_pairs_are_both_asked_for() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(takes_pairs=True)
    first = []

    def ruling(draft, pin):
        first.append(draft.subject_id)
        return Reason.GRANTED if len(set(first)) > 1 else Reason.SECOND_PERSON_NEEDED

    scene.desk.ruling = ruling
    scene.run(1, Place(ANA, size=200), Place(BEN, x=460, size=150))
    assert scene.reasons == [Reason.SECOND_PERSON_NEEDED, Reason.GRANTED]
    assert scene.opened == ["2"]


def test_a_person_who_flickers_out_of_view_is_not_let_in_twice() -> None:
    scene = Scene()
    scene.run(1, Place(ANA))
    scene.run(1.5)
    scene.run(1, Place(ANA))
    assert scene.opened == ["1"]
    scene.run(10)
    scene.run(1, Place(ANA))
    assert scene.opened == ["1", "2"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StoreError("the disk is full"), Reason.STORE_FAULT),
        (RuntimeError("a defect"), Reason.INTERNAL_FAULT),
        (MemoryError(), Reason.INTERNAL_FAULT),
    ],
)
def test_whatever_breaks_locks_and_recovers(error: Exception, reason: Reason) -> None:
    scene = Scene()
    scene.run(0.1, Place(ANA))
    scene.detector.error = error
    scene.run(2, Place(ANA))
    assert scene.gate.view.state is GateState.OUT_OF_ORDER
    assert not scene.opened
    assert [event.details["reason"] for event in scene.events if event.kind == "fault"] == [
        reason.value
    ]
    assert [draft.reason for draft in scene.desk.notes] == [reason]
    scene.detector.error = None
    scene.run(1, Place(ANA))
    assert scene.opened == ["1"]


def test_an_unreadable_store_is_seen_before_anybody_comes() -> None:
    scene = Scene()
    scene.desk.error = StoreError("locked")
    view = scene.run(1)
    assert view.state is GateState.OUT_OF_ORDER


def test_a_door_that_does_not_move_is_a_fault_with_a_receipt() -> None:
    scene = Scene()
    scene.door_error = DoorError("no answer")
    scene.run(1, Place(ANA))
    assert scene.gate.view.state is GateState.OUT_OF_ORDER
    assert [draft.reason for draft in scene.desk.notes] == [Reason.DOOR_FAULT]
    assert [draft.subject_id for draft in scene.desk.taken_back] == [ANA]


@pytest.mark.parametrize("jump", [timedelta(hours=-2), timedelta(days=1)])
def test_a_turned_clock_locks_until_it_is_right_again(jump: timedelta) -> None:
    scene = Scene()
    scene.run(0.5)
    scene.wall += jump
    scene.run(2, Place(ANA))
    assert not scene.opened
    assert scene.gate.view.state is GateState.OUT_OF_ORDER
    scene.wall -= jump
    scene.run(1, Place(ANA))
    assert scene.opened


@pytest.mark.parametrize("jump", [timedelta(hours=-2), timedelta(days=1), timedelta(days=9000)])
def test_a_turned_clock_that_runs_steadily_is_believed(jump: timedelta) -> None:
    scene = Scene()
    scene.run(0.5)
    scene.wall += jump
    scene.run(9, Place(ANA), fps=10)
    assert not scene.opened
    assert not scene.desk.jumps
    scene.wall -= jump / 2  # and once more
    scene.run(9, Place(ANA), fps=10)
    assert not scene.opened
    scene.run(3, Place(ANA), fps=10)
    assert scene.desk.jumps == [pytest.approx((jump / 2).total_seconds(), abs=0.01)]
    assert scene.opened == ["1"]
    told = [event for event in scene.events if event.kind in {"fault", "clock"}]
    assert [event.kind for event in told] == ["fault", "clock"]
    assert "changed by" in told[0].details["detail"]
    assert not scene.gate.doubts_clock


def test_a_clock_is_not_believed_before_the_delays_are_kept() -> None:
    scene = Scene()
    scene.run(0.5)
    scene.wall += timedelta(hours=1)
    scene.desk.jump_error = StoreError("the disk is full")
    scene.run(15, Place(ANA), fps=10)
    assert not scene.opened
    assert scene.gate.view.state is GateState.OUT_OF_ORDER
    scene.desk.jump_error = None
    scene.run(1, Place(ANA), fps=10)
    assert scene.desk.jumps
    assert scene.opened == ["1"]


@pytest.mark.parametrize("state", [s for s in CameraState if not s.may_decide])
def test_a_camera_that_is_not_live_locks(state: CameraState) -> None:
    scene = Scene()
    scene.run(0.15, Place(ANA))
    status = CameraStatus(state, "gone", scene.wall)
    for _ in range(5):
        view = scene.gate.camera_fault(status, scene.time_s)
    assert view.state is GateState.OUT_OF_ORDER
    assert len([event for event in scene.events if event.kind == "camera"]) == 1
    assert [draft.reason for draft in scene.desk.notes] == [Reason.CAMERA_FAULT]
    scene.run(1, Place(ANA))
    assert scene.opened


def test_a_frame_of_nonsense_does_not_stop_the_gate() -> None:
    scene = Scene()
    frame = scene.frame()
    object.__setattr__(frame, "bgr", np.zeros((0, 0, 3), np.uint8))
    scene.gate.step(frame)
    object.__setattr__(frame, "bgr", None)
    scene.gate.step(frame)
    scene.run(1, Place(ANA))
    assert scene.opened


def test_states_follow_the_visitor() -> None:
    scene = Scene()
    scene.run(0.3)
    scene.run(0.6, Place(ANA))
    scene.run(5)
    assert scene.states() == ["looking", "checking", "welcome", "looking"]

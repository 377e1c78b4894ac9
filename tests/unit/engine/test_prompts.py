from __future__ import annotations

from scenes import Place, Scene

from facegate.domain.access import DoorRules
from facegate.domain.attacks import PadPolicy
from facegate.domain.reasons import Reason
from facegate.engine.limits import GateLimits
from facegate.engine.prompts import view_after
from facegate.engine.states import GateState
from facegate.engine.visit import Outcome


def test_a_name_goes_with_a_welcome_and_with_nothing_else() -> None:
    for reason in Reason:
        view = view_after(Outcome(reason, "", 0.0, "Ana"))
        assert (view.subject == "Ana") is (reason is Reason.GRANTED)
    scene = Scene()
    view = scene.run(1.5, Place(1))
    assert (view.state, view.message, view.subject) == (GateState.WELCOME, "Welcome", "Ana")
    assert not scene.run(5.0).subject


def test_a_challenge_shows_the_movement_it_asks_for() -> None:
    scene = Scene()
    scene.desk.door_rules = DoorRules(pad=PadPolicy.ALWAYS)
    view = scene.run(1.5, Place(1))
    assert view.state is GateState.CHALLENGE
    assert view.movement is not None
    assert view.message == view.movement.words


def test_whoever_is_asked_for_a_pin_is_known_by_the_visit() -> None:
    scene = Scene(GateLimits(has_keypad=True))
    scene.desk.claimable = {Reason.UNKNOWN_FACE}
    first = scene.run(3.0, Place(9))
    assert (first.state, first.asks_number) == (GateState.ENTER_PIN, True)
    scene.run(6.0)
    second = scene.run(3.0, Place(9))
    assert second.state is GateState.ENTER_PIN
    assert first.visit
    assert first.visit != second.visit


def test_a_door_that_stands_open_is_to_be_closed_and_who_comes_is_still_seen_to() -> None:
    scene = Scene()
    scene.run(0.2)
    scene.gate.door_stands_open = True
    scene.gate.door_fault("held_open", scene.wall, scene.time_s, stands_open=True)
    assert scene.run(0.2).state is GateState.DOOR_OPEN
    assert [one.explanation for one in scene.desk.notes] == ["held_open"]
    (told,) = [one for one in scene.events if one.kind == "door"]
    assert told.state is GateState.DOOR_OPEN
    assert scene.run(1.5, Place(1)).state is GateState.WELCOME
    assert scene.run(6.0).state is GateState.DOOR_OPEN
    scene.gate.door_stands_open = False
    assert scene.run(0.2).state is GateState.LOOKING


def test_a_broken_door_is_out_of_order_for_a_while() -> None:
    scene = Scene()
    scene.run(0.2)
    scene.gate.door_fault("lock: no answer", scene.wall, scene.time_s)
    assert scene.run(0.2).state is GateState.OUT_OF_ORDER

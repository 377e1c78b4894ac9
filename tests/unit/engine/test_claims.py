"""A PIN in the place of a face: whom it lets in, and what people may try with it."""

from __future__ import annotations

import pytest
from fakes import threshold
from movements import follow
from scenes import Place, Scene

from facegate.domain.access import DoorRules
from facegate.domain.attacks import PadPolicy, Presentation
from facegate.domain.decisions import Candidate, Decision, Outcome
from facegate.domain.doors import Tailgating
from facegate.domain.keypad import KeypadEntry
from facegate.domain.reasons import Reason
from facegate.engine.claims import alike_to, told_reason
from facegate.engine.judge import Judgement
from facegate.engine.limits import GateLimits
from facegate.engine.states import GateState

ANA, BEN, STRANGER = 1, 2, 9
RIGHT = "482915"


def a_scene(pad: PadPolicy = PadPolicy.PASSIVE, **rules: object) -> Scene:
    """A door with a keypad where Ana's PIN may stand in for her face."""
    scene = Scene(GateLimits(has_keypad=True))
    scene.desk.door_rules = DoorRules(pad=pad, **rules)  # type: ignore[arg-type]
    scene.desk.claimable = {Reason.UNKNOWN_FACE, Reason.AMBIGUOUS}
    scene.desk.claim_ruling = lambda claim, pin: (
        Reason.GRANTED if (claim.subject_id, pin) == (ANA, RIGHT) else Reason.PIN_WRONG
    )
    return scene


def asked(scene: Scene) -> Scene:
    scene.run(2, Place(STRANGER))
    assert scene.gate.view.state is GateState.ENTER_PIN
    assert "number" in scene.gate.view.message
    assert not scene.desk.receipts
    return scene


def enter(scene: Scene, line: str) -> None:
    entry = KeypadEntry.from_line(line)
    assert entry is not None
    scene.gate.enter(entry)


@pytest.mark.parametrize("line", ["1*482915#", "1 482915", "Ana 482915"])
def test_a_number_and_its_pin_open_for_a_face_that_is_not_recognized(line: str) -> None:
    scene = asked(a_scene())
    enter(scene, line)
    scene.run(0.2, Place(STRANGER))
    assert scene.opened == ["1"]
    ((_, draft),) = scene.desk.receipts
    assert draft.reason is Reason.UNKNOWN_FACE, "what the face alone came to"
    assert draft.similarity is not None
    assert draft.subject_id is None, "the desk names whom it lets in"
    decisions = [event for event in scene.events if event.kind == "decision"]
    assert [event.subject for event in decisions] == ["Ana"]


def test_without_a_keypad_nobody_is_asked() -> None:
    scene = a_scene()
    bare = Scene()
    bare.desk.claimable = scene.desk.claimable
    bare.run(2.5, Place(STRANGER))
    assert bare.reasons == [Reason.UNKNOWN_FACE]
    assert "enter_pin" not in bare.states()


def test_nobody_is_asked_where_the_desk_takes_no_claims() -> None:
    scene = a_scene()
    scene.desk.claimable = set()
    scene.run(2.5, Place(STRANGER))
    assert scene.reasons == [Reason.UNKNOWN_FACE]


@pytest.mark.parametrize(
    "line", ["1*111222", "7*482915", "Nobody 482915", "1*", "*482915", "2*482915"]
)
def test_whatever_is_wrong_gets_the_same_answer(line: str) -> None:
    scene = asked(a_scene())
    enter(scene, line)
    view = scene.run(0.2, Place(STRANGER))
    assert not scene.opened
    assert (view.state, view.message) == (GateState.TRY_AGAIN, "Wrong PIN")
    assert len(scene.desk.claims) == 1, "and it is counted"


def test_only_what_follows_a_right_pin_is_told() -> None:
    told = {one for one in Reason if told_reason(one) is not Reason.PIN_WRONG}
    assert Reason.GRANTED in told
    assert {Reason.EXPIRED, Reason.OUTSIDE_SCHEDULE, Reason.SUBJECT_DISABLED} < told
    held = {Reason.UNKNOWN_FACE, Reason.RATE_LIMITED, Reason.LOCKED_OUT, Reason.PIN_WRONG}
    assert not held & told


@pytest.mark.parametrize(
    "ruled", [Reason.UNKNOWN_FACE, Reason.RATE_LIMITED, Reason.LOCKED_OUT, Reason.EXPIRED]
)
def test_what_is_told_before_the_pin_is_right_says_nothing(ruled: Reason) -> None:
    scene = asked(a_scene())
    scene.desk.claim_ruling = lambda claim, pin: ruled
    enter(scene, "1*482915")
    scene.run(0.2, Place(STRANGER))
    assert not scene.opened
    (decision,) = [event for event in scene.events if event.kind == "decision"]
    assert decision.details["reason"] == ruled.value, "operators learn the truth"
    if ruled is not Reason.EXPIRED:
        assert (decision.state, decision.message) == (GateState.TRY_AGAIN, "Wrong PIN")


def test_a_pin_alone_is_no_claim_and_the_visitor_is_still_asked() -> None:
    scene = asked(a_scene())
    enter(scene, RIGHT)
    scene.run(0.3, Place(STRANGER))
    assert not scene.desk.claims
    assert scene.gate.view.state is GateState.ENTER_PIN


def test_a_photograph_with_the_right_pin_opens_nothing() -> None:
    scene = asked(a_scene())
    scene.presentation = Presentation.ATTACK
    enter(scene, "1*482915")
    scene.run(0.3, Place(STRANGER))
    assert scene.reasons == [Reason.ATTACK_SUSPECTED]
    assert not scene.opened


def test_a_face_that_may_be_a_photograph_is_not_even_asked() -> None:
    scene = a_scene(PadPolicy.PASSIVE)
    scene.presentation = Presentation.UNSURE
    scene.run(2.5, Place(STRANGER))
    assert scene.reasons == [Reason.UNKNOWN_FACE]
    assert "enter_pin" not in scene.states()


def test_a_face_that_became_doubtful_waits_for_the_check() -> None:
    scene = asked(a_scene())
    scene.presentation = Presentation.UNSURE
    enter(scene, "1*482915")
    scene.run(1, Place(STRANGER))
    assert not scene.opened
    assert not scene.desk.claims
    scene.run(22, Place(STRANGER), fps=10)
    assert scene.reasons[:1] == [Reason.UNKNOWN_FACE]
    assert not scene.opened


@pytest.mark.parametrize(
    ("pad", "presentation"),
    [(PadPolicy.ALWAYS, Presentation.BONA_FIDE), (PadPolicy.UNSURE, Presentation.UNSURE)],
)
def test_the_challenge_comes_before_the_pin(pad: PadPolicy, presentation: Presentation) -> None:
    scene = a_scene(pad)
    scene.presentation = presentation
    scene.run(2, Place(STRANGER))
    assert scene.gate.view.state is GateState.CHALLENGE
    enter(scene, "1*482915")  # too early: nothing was asked for
    follow(scene, STRANGER)
    assert scene.gate.view.state is GateState.ENTER_PIN
    assert not scene.opened
    enter(scene, "1*482915")
    scene.run(0.3, Place(STRANGER))
    assert scene.opened == ["1"]
    still = a_scene(pad)
    still.presentation = presentation
    still.run(12, Place(STRANGER), fps=10)
    assert still.reasons == [Reason.CHALLENGE_FAILED]


def test_a_door_without_attack_check_asks_at_once() -> None:
    scene = a_scene(PadPolicy.OFF)
    scene.presentation = Presentation.ATTACK
    asked(scene)
    enter(scene, "1*482915")
    scene.run(0.2, Place(STRANGER))
    assert scene.opened == ["1"]


def test_another_face_cannot_go_on_with_what_one_began() -> None:
    scene = asked(a_scene())
    enter(scene, "1*482915")
    scene.run(0.3, Place(8))
    assert not scene.opened
    assert scene.reasons == [Reason.IDENTITY_CHANGED]
    scene = asked(a_scene())
    scene.run(0.4, Place(STRANGER), Place(8, x=420, size=220))  # steps in front
    assert scene.reasons == [Reason.UNKNOWN_FACE]
    enter(scene, "1*482915")
    scene.run(0.5, Place(STRANGER), Place(8, x=420, size=220))
    assert not scene.opened


@pytest.mark.parametrize(
    ("line", "opens"),
    [("1*482915", False), ("2*111222", False), ("Nobody 482915", False), ("2*700123", True)],
)
def test_who_is_recognized_at_last_still_needs_the_own_pin(line: str, opens: bool) -> None:
    scene = asked(a_scene())
    right = {(ANA, RIGHT), (BEN, "700123")}
    scene.desk.claim_ruling = lambda claim, pin: (
        Reason.GRANTED if (claim.subject_id, pin) in right else Reason.PIN_WRONG
    )
    judged = scene.gate._decider._judge

    def as_ben(of: object) -> Judgement:
        found = judged(of)
        decision = Decision(Outcome.MATCH, BEN, 0.9, 0.1, 0.5, threshold=threshold())
        return Judgement(Reason.GRANTED, decision, "Ben", found.candidates, found.similarities)

    scene.gate._decider._judge = as_ben
    enter(scene, line)
    view = scene.run(0.2, Place(STRANGER))
    assert bool(scene.opened) is opens
    assert opens or view.message == "Wrong PIN"
    ((_, draft),) = scene.desk.receipts
    assert draft.reason is Reason.UNKNOWN_FACE, "as it was refused"
    assert draft.subject_id is None


def test_who_says_nothing_is_refused_for_the_face_and_counted() -> None:
    scene = asked(a_scene())
    scene.run(22, Place(STRANGER), fps=10)
    assert scene.reasons[0] is Reason.UNKNOWN_FACE
    scene = asked(a_scene())
    scene.run(2)
    assert scene.reasons == [Reason.UNKNOWN_FACE]
    scene = asked(a_scene())
    scene.gate.close()
    assert scene.reasons == [Reason.UNKNOWN_FACE]


def test_a_wrong_pin_ends_the_visit_and_the_next_waits() -> None:
    scene = asked(a_scene())
    enter(scene, "1*111222")
    scene.run(0.2, Place(STRANGER))
    for _ in range(10):
        enter(scene, "1*482915")
    scene.run(1, Place(STRANGER))
    assert not scene.opened
    assert len(scene.desk.claims) == 1, "lines typed ahead are nobody's"


def test_a_pin_for_somebody_else_is_wrong_where_the_own_one_is_asked_for() -> None:
    scene = a_scene()
    pins: list[str | None] = []

    def ruling(draft: object, pin: str | None) -> Reason:
        pins.append(pin)
        return {None: Reason.PIN_NEEDED, RIGHT: Reason.GRANTED}.get(pin, Reason.PIN_WRONG)

    scene.desk.ruling = ruling
    scene.run(1, Place(ANA))
    enter(scene, f"2*{RIGHT}")
    scene.run(0.2, Place(ANA))
    assert scene.reasons == [Reason.PIN_WRONG]
    scene.run(4, Place(ANA))
    enter(scene, f"1*{RIGHT}")
    scene.run(0.2, Place(ANA))
    assert scene.opened == ["2"]


def test_somebody_in_view_beside_the_one_who_claims_to_be_them_keeps_the_door_shut() -> None:
    scene = a_scene(tailgating=Tailgating.ALL)
    people = (Place(STRANGER, size=200), Place(ANA, x=460, size=150))
    scene.run(2, *people)
    enter(scene, "1*482915")
    scene.run(1, *people)
    assert not scene.opened
    assert scene.reasons == [Reason.SEVERAL_FACES]


def test_the_next_visitor_does_not_inherit_a_grant_by_pin() -> None:
    scene = asked(a_scene())
    enter(scene, "1*482915")
    scene.run(0.3, Place(STRANGER))
    scene.run(1.5)
    scene.run(2.5, Place(8))
    assert scene.opened == ["1"]
    assert scene.gate.view.state is GateState.ENTER_PIN


@pytest.mark.parametrize(
    ("similarities", "expected"),
    [
        ((0.80, 0.79), {1, 2}),
        ((0.80, 0.60), {1}),
        ((0.40, 0.39), set()),
        ((), set()),
    ],
)
def test_only_who_is_about_as_alike_may_claim_an_ambiguous_face(
    similarities: tuple[float, ...], expected: set[int]
) -> None:
    limit = threshold(tau=0.5, margin=0.05)
    candidates = tuple(Candidate(n, value) for n, value in enumerate(similarities, 1))
    decision = Decision(Outcome.AMBIGUOUS, None, None, None, 0.5, threshold=limit)
    found = alike_to(Judgement(Reason.AMBIGUOUS, decision, "", candidates, ()))
    assert found == expected

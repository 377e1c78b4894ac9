from __future__ import annotations

from pathlib import Path

import pytest
from desks import Place

from facegate.domain.attacks import PadPolicy
from facegate.domain.doors import AntiPassback, Direction, Door, PinMode, Tailgating
from facegate.domain.reasons import Reason
from facegate.errors import DoorError, StoreError
from facegate.services.audit_report import verify_store
from facegate.services.policy_edit import PolicyEditor


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_grant_is_ruled_on_and_written_down_with_the_words_of_both(place: Place) -> None:
    ruling, reference = place.desk.conclude(place.draft(), None)
    assert ruling.granted
    assert reference == "1"
    ((number, reason, words),) = place.receipts()
    assert (number, reason) == (1, Reason.GRANTED)
    assert "Ana may pass" in words
    assert "1 more in view" in words


@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.GRANTED])
def test_a_face_that_was_refused_is_never_ruled_to_pass(place: Place, reason: Reason) -> None:
    ruling, reference = place.desk.conclude(place.draft("Ana", reason), None)
    assert not ruling.granted
    assert reference


def test_a_pin_that_is_needed_leaves_no_receipt_yet(place: Place) -> None:
    place.set(Door("lobby", pin=PinMode.SECOND_FACTOR))
    with place.store.transaction() as work:
        from facegate.services.pins import Argon2Pins

        PolicyEditor(work, place.now).set_pin("Ana", "482915", Argon2Pins())
        work.commit()
    ruling, reference = place.desk.conclude(place.draft(), None)
    assert (ruling.reason, reference) == (Reason.PIN_NEEDED, "")
    assert place.receipts() == []
    ruling, _ = place.desk.conclude(place.draft(), "111222")
    assert ruling.reason is Reason.PIN_WRONG
    ruling, _ = place.desk.conclude(place.draft(), "482915")
    assert ruling.granted


def test_the_gate_learns_of_new_rules_within_a_second(place: Place) -> None:
    assert place.desk.rules().pad is PadPolicy.UNSURE
    place.set(Door("lobby", pad=PadPolicy.ALWAYS, tailgating=Tailgating.ALL, two_person_s=30))
    place.steady_s += 1.5
    rules = place.desk.rules()
    assert (rules.pad, rules.tailgating) == (PadPolicy.ALWAYS, Tailgating.ALL)
    assert rules.takes_pairs


def test_a_door_that_was_removed_is_told(place: Place) -> None:
    with place.store.transaction() as work:
        PolicyEditor(work, place.now).remove_door("lobby")
        work.commit()
    with pytest.raises(DoorError, match="removed"):
        place.desk.rules()
    assert not place.desk.conclude(place.draft(), None)[0].granted


def test_a_passage_of_a_door_that_stayed_shut_is_taken_back(place: Place) -> None:
    place.set(Door("lobby", area="office", direction=Direction.IN, anti_passback=AntiPassback.HARD))
    draft = place.draft()
    assert place.desk.conclude(draft, None)[0].granted
    assert place.desk.conclude(place.draft(), None)[0].reason is Reason.ANTI_PASSBACK
    assert not place.desk.would_pass(place.numbers["Ana"], place.now)
    place.desk.take_back(draft)
    assert place.desk.would_pass(place.numbers["Ana"], place.now)
    assert place.desk.conclude(place.draft(), None)[0].granted


def test_denials_wait_for_a_database_that_is_locked(place: Place) -> None:
    with place.store.transaction() as other:
        with pytest.raises(StoreError):
            place.desk.conclude(place.draft(), None)
        place.desk.note(place.draft("Ana", Reason.STORE_FAULT))
        assert place.desk.unwritten == 1
        other.commit()
    assert place.receipts() == []
    place.steady_s += 2
    place.desk.rules()
    assert place.desk.unwritten == 0
    assert [reason for _, reason, _ in place.receipts()] == [Reason.STORE_FAULT]


def test_the_chain_is_whole_and_anchored_when_nobody_waits(place: Place) -> None:
    for _ in range(5):
        place.desk.conclude(place.draft(), None)
        place.desk.settle()
    report = verify_store(place.store, place.anchors)
    assert report.intact
    assert place.anchors.read_text(encoding="utf-8").count("\n") >= 2


def test_the_end_of_a_gate_is_anchored_unless_its_clock_is_in_doubt(place: Place) -> None:
    ended: list[bool] = []
    place.desk._trail.settle = lambda *, at_end=False: ended.append(at_end)
    place.desk.close(trusts_clock=False)
    assert ended == []
    place.desk.close()
    assert ended == [True]

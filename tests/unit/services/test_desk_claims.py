"""A PIN in the place of a face, and a changed clock, at the desk with a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from desks import Place
from fakes import NOW

from facegate.domain.access import Claim
from facegate.domain.attacks import PadPolicy
from facegate.domain.doors import Door, PinMode
from facegate.domain.keypad import KeypadEntry
from facegate.domain.lockout import FACES, FACES_WITH_PAD, PINS
from facegate.domain.reasons import Reason
from facegate.domain.receipts import ReceiptDraft
from facegate.services.pins import Argon2Pins
from facegate.services.policy_edit import PolicyEditor
from facegate.store.unit_of_work import SqlStore

RIGHT = "482915"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of PINs are compared here, and how long that takes is not the question."""
    monkeypatch.setattr(Argon2Pins, "_hasher", PasswordHasher(1, 8, 1))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Ana has a PIN and the door takes it in place of her face."""
    made = Place(tmp_path)
    made.set(Door("lobby", pin=PinMode.FALLBACK))
    with made.store.transaction() as work:
        PolicyEditor(work, made.now).set_pin("Ana", RIGHT, Argon2Pins())
        work.commit()
    return made


def face(place: Place, reason: Reason = Reason.UNKNOWN_FACE, seconds: float = 5) -> ReceiptDraft:
    draft = place.draft("", reason)
    place.now += timedelta(seconds=seconds - 5)
    return replace(draft, at=place.now, similarity=0.31, second_similarity=0.12, explanation="")


def claim(place: Place, name: str, pin: str, *alike: str, **more: object) -> Reason:
    number = place.numbers.get(name)
    who = Claim(number, name if number else "", frozenset(place.numbers[one] for one in alike))
    return place.desk.conclude(face(place, **more), pin, who)[0].reason  # type: ignore[arg-type]


def alter(place: Place, **terms: bool) -> None:
    with place.store.transaction() as work:
        PolicyEditor(work, place.now).set_always_pin("Ana", terms["always"])
        work.commit()


def test_a_grant_by_pin_names_the_person_and_what_was_seen_of_the_face(place: Place) -> None:
    assert claim(place, "Ana", RIGHT) is Reason.GRANTED
    with place.store.snapshot() as work:
        receipt = work.receipts.latest()
    assert receipt is not None
    draft = receipt.draft
    assert (draft.subject_id, draft.subject_name) == (place.numbers["Ana"], "Ana")
    assert "granted by PIN" in draft.explanation
    assert "not recognized" in draft.explanation
    assert (draft.similarity, draft.second_similarity) == (0.31, 0.12)
    assert draft.pad["face_reason"] == "unknown_face"


def test_what_is_wrong_names_nobody_and_counts(place: Place) -> None:
    assert claim(place, "Ana", "111222") is Reason.PIN_WRONG
    assert claim(place, "Nobody", RIGHT) is Reason.UNKNOWN_FACE
    assert claim(place, "Ben", RIGHT) is Reason.UNKNOWN_FACE, "he has no PIN"
    with place.store.snapshot() as work:
        drafts = [one.draft for one in work.receipts.since(NOW - timedelta(days=1))]
        door = work.access.door_state("lobby").attempts
        ana = work.access.attempts(place.numbers["Ana"], "claims")
        own = work.access.attempts(place.numbers["Ana"], "pins")
    assert [(one.subject_id, one.subject_name) for one in drafts] == [(None, "")] * 3
    assert door.failures == 3
    assert (ana.failures, own.failures) == (1, 0)
    assert not any(RIGHT in one.explanation for one in drafts)


def test_claims_are_held_back_by_person_and_the_person_still_passes(place: Place) -> None:
    for _ in range(PINS.free):
        assert claim(place, "Ana", "111222") is Reason.PIN_WRONG
    assert claim(place, "Ana", RIGHT) is Reason.RATE_LIMITED
    assert place.desk.conclude(place.draft("Ana"), None)[0].granted


def test_claims_are_held_back_by_door_whoever_is_named(place: Place) -> None:
    for number in range(FACES_WITH_PAD.free):
        assert claim(place, f"nobody {number}", "111222") is Reason.UNKNOWN_FACE
    assert claim(place, "Ana", RIGHT) is Reason.RATE_LIMITED
    assert not place.desk.may_claim(Reason.UNKNOWN_FACE, frozenset(), place.now)


def test_the_door_is_locked_in_the_end(place: Place) -> None:
    place.set(Door("lobby", pin=PinMode.FALLBACK, pad=PadPolicy.OFF))
    for _ in range(FACES.total):
        claim(place, "Nobody", "111222", seconds=7200)
    assert claim(place, "Ana", RIGHT, seconds=7200) is Reason.LOCKED_OUT


def test_a_pin_is_compared_once_whoever_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    matches = Argon2Pins.matches

    def counted(self: Argon2Pins, pin_hash: str, pin: str) -> bool:
        seen.append(bool(pin_hash))
        return matches(self, pin_hash, pin)

    monkeypatch.setattr(Argon2Pins, "matches", counted)
    for name in ("Ana", "Ben", "Nobody"):
        claim(place, name, "111222")
    assert seen == [True, False, False]
    for _ in range(PINS.free):
        claim(place, "Ana", "111222")
    seen.clear()
    assert claim(place, "Ana", RIGHT) is Reason.RATE_LIMITED
    assert seen == [True], "even where it cannot help"


def test_other_doors_take_no_claims(place: Place) -> None:
    ana = frozenset({place.numbers["Ana"]})
    for mode in (PinMode.NEVER, PinMode.SECOND_FACTOR):
        place.set(Door("lobby", pin=mode))
        assert claim(place, "Ana", RIGHT) is Reason.UNKNOWN_FACE
        assert not place.desk.may_claim(Reason.UNKNOWN_FACE, frozenset(), place.now)
        assert not place.desk.may_claim(Reason.AMBIGUOUS, ana, place.now)


def test_a_twin_passes_with_the_own_pin_only(place: Place) -> None:
    place.set(Door("lobby"))  # no fallback
    alter(place, always=True)
    both = ("Ana", "Ben")
    ids = frozenset(place.numbers.values())
    assert place.desk.may_claim(Reason.AMBIGUOUS, ids, place.now)
    assert not place.desk.may_claim(Reason.AMBIGUOUS, frozenset(), place.now)
    assert not place.desk.may_claim(Reason.UNKNOWN_FACE, ids, place.now)
    assert claim(place, "Ana", RIGHT, "Ben", reason=Reason.AMBIGUOUS) is Reason.AMBIGUOUS
    assert claim(place, "Ben", RIGHT, *both, reason=Reason.AMBIGUOUS) is Reason.AMBIGUOUS
    assert claim(place, "Ana", RIGHT, *both, reason=Reason.AMBIGUOUS) is Reason.GRANTED


def test_a_pin_replaces_nothing_but_recognition(place: Place) -> None:
    replaced = {Reason.UNKNOWN_FACE, Reason.LOW_QUALITY, Reason.GRANTED}
    for reason in set(Reason) - replaced:
        assert claim(place, "Ana", RIGHT, reason=reason, seconds=7200) is not Reason.GRANTED


def test_who_is_named_at_the_keypad(place: Place) -> None:
    ana, ben = place.numbers["Ana"], place.numbers["Ben"]
    for line, name in (
        ("Ana 482915", "Ana"),
        (f"{ana}*482915", "Ana"),
        (f"{ben}*482915", "Ben"),
        ("99*1", ""),
        ("ana 482915", ""),
        ("Ana' OR 1=1 482915", ""),
        ("-1*1", ""),
    ):
        entry = KeypadEntry.from_line(line)
        assert entry is not None
        assert place.desk.claimed(entry) == (place.numbers.get(name), name)


HOUR = 3600.0


def door_delay(store: SqlStore) -> timedelta:
    with store.snapshot() as work:
        until = work.access.door_state("lobby").attempts.blocked_until
    assert until is not None
    return until - NOW


def test_a_clock_set_forward_ends_no_delay(place: Place) -> None:
    for _ in range(PINS.free):
        claim(place, "Ana", "111222", seconds=1)
    assert claim(place, "Ana", RIGHT, seconds=1) is Reason.RATE_LIMITED
    for jump_s in (HOUR, 5 * HOUR):  # several jumps
        place.now += timedelta(seconds=jump_s)
        place.desk.clock_changed(jump_s, place.now)
        assert claim(place, "Ana", RIGHT, seconds=1) is Reason.RATE_LIMITED
    assert claim(place, "Ana", RIGHT, seconds=30) is Reason.GRANTED, "and none lasts longer"
    with place.store.snapshot() as work:
        (event,) = [one for one in work.events.recent(50) if "18,000" in one.detail]
    assert event.kind == "clock"


def test_a_door_that_is_held_back_stays_so_when_the_clock_is_set_forward(place: Place) -> None:
    for _ in range(FACES_WITH_PAD.free):
        place.desk.conclude(face(place, seconds=1), None)
    left = door_delay(place.store) - (place.now - NOW)
    place.now += timedelta(days=3)
    place.desk.clock_changed(3 * 86400.0, place.now)
    assert door_delay(place.store) - (place.now - NOW) == left
    place.desk.clock_changed(3 * 86400.0, place.now)  # another gate of the same door
    assert left <= door_delay(place.store) - (place.now - NOW) <= timedelta(hours=1)


def test_a_clock_set_back_ends_no_delay_and_rules_nothing_before_the_last_decision(
    place: Place,
) -> None:
    for _ in range(PINS.free):
        claim(place, "Ana", "111222", seconds=1)
    place.now -= timedelta(hours=2)
    place.desk.clock_changed(-2 * HOUR, place.now)
    assert place.desk.conclude(place.draft("Ana"), None)[0].reason is Reason.CLOCK_FAULT
    with place.store.snapshot() as work:
        assert any("doors reset lobby" in one.detail for one in work.events.recent(5))
    with place.store.transaction() as work:
        PolicyEditor(work, place.now).reset_door("lobby")
        work.commit()
    assert claim(place, "Ana", RIGHT, seconds=1) is not Reason.GRANTED
    assert place.desk.conclude(place.draft("Ana"), None)[0].granted

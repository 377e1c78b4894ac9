"""Rulings on a real database, one after another and two at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fakes import NOW
from policies import PlainPins

from facegate.domain.access import AccessRequest, Ruling
from facegate.domain.doors import AntiPassback, Direction, Door, PinMode
from facegate.domain.policy import EVERYONE, Rule
from facegate.domain.reasons import Reason
from facegate.domain.schedules import Schedule, Window
from facegate.errors import PolicyError, StoreError
from facegate.services.access import AccessControl
from facegate.services.pins import Argon2Pins
from facegate.services.policy_edit import PolicyEditor
from facegate.store.unit_of_work import SqlStore


class Gate:
    """Some doors, Ana and Ben, and a clock that is told what to show."""

    def __init__(self, url: str) -> None:
        self.store, self.now = SqlStore(url), NOW
        self.control = AccessControl(lambda: self.now, PlainPins())
        with self.store.transaction() as work:
            self.ids = {name: work.subjects.add(name, NOW).subject_id for name in ("Ana", "Ben")}
            work.commit()

    def edit(self, change: object) -> None:
        with self.store.transaction() as work:
            change(PolicyEditor(work, self.now))  # type: ignore[operator]
            work.commit()

    def add(self, door: Door) -> None:
        self.edit(lambda editor: editor.add_door(door, everyone=True))

    def ask(
        self, who: str | None = "Ana", door: str = "in", pin: str | None = None,
        face: Reason = Reason.GRANTED, wait: float = 1.0,
    ) -> Ruling:  # fmt: skip
        self.now += timedelta(seconds=wait)
        request = AccessRequest(door, self.ids[who] if who else None, self.now, pin, face)
        with self.store.transaction() as work:
            ruling = self.control.rule(work, request)
            work.commit()
        return ruling

    def why(self, *arguments: object, **more: object) -> Reason:
        return self.ask(*arguments, **more).reason  # type: ignore[arg-type]


IN = Door("in", area="hall", direction=Direction.IN, anti_passback=AntiPassback.HARD)
OUT = Door("out", area="hall", direction=Direction.OUT)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    gate = Gate(f"sqlite:///{tmp_path / 'gate.db'}")
    yield gate
    gate.store.close()


def test_anti_passback_follows_people_in_and_out(gate: Gate) -> None:
    gate.add(IN)
    gate.add(OUT)
    assert gate.ask().granted
    assert gate.why() is Reason.ANTI_PASSBACK
    assert gate.ask("Ben").granted, "only Ana is inside"
    assert gate.ask(door="out").granted
    assert gate.ask().granted
    gate.edit(lambda editor: editor.reset_person("Ana"))
    assert gate.ask().granted, "the operator let her out"


def test_who_did_not_get_through_may_try_again(gate: Gate) -> None:
    gate.add(IN)
    request = AccessRequest("in", gate.ids["Ana"], gate.now)
    for _ in range(2):
        with gate.store.transaction() as work:
            assert gate.control.rule(work, request).granted
            work.commit()
        with gate.store.transaction() as work:
            gate.control.take_back(work, request)
            work.commit()
    assert gate.ask().granted


def test_without_commit_nothing_is_remembered(gate: Gate) -> None:
    gate.add(IN)
    for _ in range(2):
        with gate.store.transaction() as work:
            request = AccessRequest("in", gate.ids["Ana"], gate.now)
            assert gate.control.rule(work, request).granted


def test_the_policy_is_read_afresh_each_time(gate: Gate) -> None:
    gate.add(Door("in"))
    assert gate.ask().granted
    steps = [
        (lambda e: e.enable_door("in", enabled=False), Reason.DOOR_DISABLED),
        (lambda e: e.enable_door("in", enabled=True), Reason.GRANTED),
        (lambda e: e.set_validity("Ana", "", "2026-01-01"), Reason.EXPIRED),
        (lambda e: e.set_validity("Ana", "2026-06-01", ""), Reason.NOT_YET_VALID),
        (lambda e: e.set_validity("Ana", "", ""), Reason.GRANTED),
        (lambda e: e.deny(Rule(EVERYONE, "in")), Reason.NO_RULE),
        (lambda e: e.allow(Rule(EVERYONE, "in")), Reason.GRANTED),
        (lambda e: e.set_always_pin("Ana", True), Reason.PIN_NEEDED),
        (lambda e: e.set_always_pin("Ana", False), Reason.GRANTED),
        (lambda e: e.remove_door("in"), Reason.DOOR_DISABLED),
    ]
    for change, reason in steps:
        gate.edit(change)
        assert gate.why() is reason


def test_a_revoked_or_disabled_person_is_denied(gate: Gate) -> None:
    gate.add(Door("in"))
    with gate.store.transaction() as work:
        work.subjects.set_enabled(gate.ids["Ana"], False)
        work.commit()
    assert gate.why() is Reason.SUBJECT_DISABLED
    with gate.store.transaction() as work:
        work.subjects.remove(gate.ids["Ana"])
        work.commit()
    assert gate.why() is Reason.SUBJECT_DISABLED
    assert gate.why("Ben") is Reason.GRANTED


def test_two_people_open_one_alone_does_not(gate: Gate) -> None:
    gate.add(replace(IN, two_person_s=20))
    assert gate.why() is Reason.SECOND_PERSON_NEEDED
    assert gate.why() is Reason.SECOND_PERSON_NEEDED
    assert gate.ask("Ben").granted
    assert gate.why() is Reason.ANTI_PASSBACK, "Ana went in with Ben"
    gate.edit(lambda editor: editor.reset_person("Ana"))
    gate.edit(lambda editor: editor.reset_person("Ben"))
    assert gate.why() is Reason.SECOND_PERSON_NEEDED
    assert gate.why("Ben", wait=21) is Reason.SECOND_PERSON_NEEDED
    with gate.store.transaction() as work:
        work.subjects.remove(gate.ids["Ben"])
        work.commit()
    assert gate.why() is Reason.SECOND_PERSON_NEEDED, "the first of two is gone"


def test_wrong_pins_hold_the_person_back_at_all_doors_until_reset(gate: Gate) -> None:
    gate.add(Door("in", pin=PinMode.SECOND_FACTOR))
    gate.add(Door("side"))
    gate.edit(lambda editor: editor.set_pin("Ana", "7391", PlainPins()))
    assert gate.ask(pin="7391").granted
    assert [gate.why(pin="7392") for _ in range(5)] == [Reason.PIN_WRONG] * 5
    assert gate.why(pin="7391") is Reason.RATE_LIMITED
    assert gate.why(door="side") is Reason.RATE_LIMITED
    assert gate.why(pin="7391", wait=30) is Reason.GRANTED
    for _ in range(50):
        gate.ask(pin="0001", wait=3601)
    assert gate.why(pin="7391", wait=1_000_000) is Reason.LOCKED_OUT
    with gate.store.snapshot() as work:
        (event,) = [one for one in work.events.recent(99) if one.kind == "lock-out"]
    assert event.subject_name == "Ana"
    gate.edit(lambda editor: editor.reset_person("Ana"))
    assert gate.ask(pin="7391").granted


def test_a_door_that_is_locked_for_strangers_is_reset_by_the_operator(gate: Gate) -> None:
    gate.add(Door("in"))
    stranger = {"who": None, "face": Reason.UNKNOWN_FACE, "wait": 3601}
    for _ in range(100):
        assert gate.why(**stranger) is Reason.UNKNOWN_FACE
    assert gate.why(**stranger) is Reason.LOCKED_OUT
    assert gate.ask().granted
    assert gate.why(**stranger) is Reason.LOCKED_OUT, "a welcome guest does not lift it"
    gate.edit(lambda editor: editor.reset_door("in"))
    assert gate.why(**stranger) is Reason.UNKNOWN_FACE
    with gate.store.snapshot() as work:
        assert [one.kind for one in work.events.recent(9)].count("lock-out") == 1


def test_a_clock_that_goes_back_opens_nothing_until_it_is_right_again(gate: Gate) -> None:
    gate.add(Door("in"))
    assert gate.ask(wait=3600).granted
    assert gate.why(wait=-1) is Reason.GRANTED
    assert gate.why(wait=-1800) is Reason.CLOCK_FAULT
    assert gate.why(wait=-1e6) is Reason.CLOCK_FAULT
    gate.now = NOW + timedelta(hours=2)
    assert gate.ask().granted


def test_a_request_from_another_time_than_the_clock_is_denied(gate: Gate) -> None:
    gate.add(Door("in"))
    for at in (NOW - timedelta(hours=1), NOW + timedelta(hours=1), NOW.replace(tzinfo=None)):
        with gate.store.transaction() as work:
            ruling = gate.control.rule(work, AccessRequest("in", gate.ids["Ana"], at))
            assert ruling.reason is Reason.CLOCK_FAULT


def test_explaining_says_the_same_and_changes_nothing(gate: Gate) -> None:
    gate.add(replace(IN, pin=PinMode.SECOND_FACTOR))
    gate.edit(lambda editor: editor.set_pin("Ana", "7391", PlainPins()))
    request = AccessRequest("in", gate.ids["Ana"], gate.now)
    for _ in range(3):
        with gate.store.snapshot() as work:
            assert gate.control.explain(work, request).ruling.reason is Reason.PIN_NEEDED
            assert gate.control.explain(work, request, assume_pin=True).ruling.granted
            past = replace(request, at=NOW - timedelta(days=30))
            assert gate.control.explain(work, past, assume_pin=True).ruling.granted
            assert work.access.inside_since(gate.ids["Ana"], "hall") is None
    typed = replace(request, pin="7391")
    with gate.store.transaction() as work:
        explained = gate.control.explain(work, typed).ruling
        assert gate.control.rule(work, typed) == explained


def test_schedules_hold_on_the_day_the_clock_changes(gate: Gate) -> None:
    gate.edit(lambda e: e.add_door(Door("in", zone="Europe/Berlin")))
    gate.edit(lambda e: e.add_schedule(Schedule("night", (Window.parse("sat 22:00-02:30"),))))
    gate.edit(lambda e: e.allow(Rule(EVERYONE, "in", "night")))
    for text, reason in (
        ("2026-03-29T00:59:59", Reason.GRANTED),
        ("2026-03-29T01:00:00", Reason.OUTSIDE_SCHEDULE),
        ("2026-10-25T00:29:59", Reason.GRANTED),
        ("2026-10-25T00:30:00", Reason.OUTSIDE_SCHEDULE),
        ("2026-10-25T01:15:00", Reason.OUTSIDE_SCHEDULE),
    ):
        gate.now = datetime.fromisoformat(text).replace(tzinfo=NOW.tzinfo)
        assert gate.why(wait=0) is reason


def test_a_damaged_row_is_an_error_of_the_store_and_opens_nothing(gate: Gate) -> None:
    gate.add(Door("in"))
    with gate.store.transaction() as work:
        work._connection.exec_driver_sql("UPDATE doors SET zone = 'Mars/Base'")
        work.commit()
    with pytest.raises(StoreError, match="Mars"), gate.store.transaction() as work:
        gate.control.rule(work, AccessRequest("in", gate.ids["Ana"], gate.now))


def test_two_threads_cannot_both_pass_hard_anti_passback(gate: Gate) -> None:
    gate.add(IN)
    granted: list[bool] = []
    start = threading.Barrier(4)

    def pass_through() -> None:
        store = SqlStore(str(gate.store._url))
        start.wait()
        with store.transaction() as work:
            request = AccessRequest("in", gate.ids["Ana"], gate.now)
            granted.append(gate.control.rule(work, request).granted)
            work.commit()
        store.close()

    threads = [threading.Thread(target=pass_through) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(granted) == [False, False, False, True]


def test_two_processes_cannot_both_pass_hard_anti_passback(gate: Gate) -> None:
    gate.add(IN)
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from fakes import NOW
from facegate.domain.access import AccessRequest
from facegate.services.access import AccessControl
from facegate.store.unit_of_work import SqlStore
store, control = SqlStore({gate.store._url!r}), AccessControl(lambda: NOW)
print("ready", flush=True)
sys.stdin.readline()
with store.transaction() as work:
    ruling = control.rule(work, AccessRequest("in", {gate.ids["Ana"]}, NOW))
    work.commit()
print(ruling.reason.value)
"""
    at_once = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in at_once:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    said = []
    for process in at_once:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in at_once:
        out, _ = process.communicate(timeout=60)
        said.append(out.strip())
    assert sorted(said) == ["anti_passback", "granted"]


def test_argon2_knows_the_right_pin_and_nothing_else() -> None:
    pins = Argon2Pins()
    kept = pins.hash("7391")
    assert "7391" not in kept
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert pins.matches(kept, "7391")
    for pin_hash, pin in ((kept, "7392"), ("", "7391"), ("damaged", "7391"), (kept, "7391 " * 999)):
        assert not pins.matches(pin_hash, pin)
    with pytest.raises(PolicyError):
        pins.hash("1234")


def test_somebody_without_a_pin_is_answered_with_the_same_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import argon2

    pins, verified = Argon2Pins(), []
    kept = pins.hash("7391")
    pins.warm_up()
    real = argon2.PasswordHasher.verify

    def counted(self: object, pin_hash: str, pin: str) -> bool:
        verified.append(argon2.extract_parameters(pin_hash))
        return real(self, pin_hash, pin)  # type: ignore[arg-type]

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted)
    for pin_hash, pin in ((kept, "7391"), (kept, "1"), ("", "7391"), ("", "x" * 100_000)):
        pins.matches(pin_hash, pin)
    assert len(verified) == 4
    assert len(set(map(str, verified))) == 1


def test_the_pin_of_a_request_is_never_shown() -> None:
    assert "7391" not in repr(AccessRequest("in", 1, NOW, "7391"))

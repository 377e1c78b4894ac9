from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

import pytest
from fakes import NOW
from far_sides import until

from facegate.doors.controller import LATE_S, MAX_WAITING, DoorController
from facegate.doors.events import DoorEvent, DoorEventKind
from facegate.errors import DoorError

K = DoorEventKind


class FakeOutput:
    """Notes every call; may block, fail or have a contact."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.fail: Exception | None = None
        self.fail_lock: Exception | None = None
        self.contact: bool | Exception | None = None
        self.during: Callable[[], None] = lambda: None

    def unlock(self, pulse_s: float, reference: str) -> None:
        self.entered.set()
        self.gate.wait(5)
        self.during()
        if self.fail:
            raise self.fail
        self.calls.append(f"unlock {reference} {pulse_s:g}")

    def lock(self) -> None:
        if self.fail_lock:
            raise self.fail_lock
        self.calls.append("lock")

    def is_open(self) -> bool | None:
        if isinstance(self.contact, Exception):
            raise self.contact
        return self.contact

    def close(self) -> None:
        self.calls.append("close")
        if self.fail_lock:
            raise self.fail_lock


class Bench:
    def __init__(self) -> None:
        self.output, self.time_s = FakeOutput(), 1000.0
        self.events: list[DoorEvent] = []
        self.door = DoorController(
            self.output, lambda: self.time_s, 5, 30, self.events.append, now=lambda: NOW,
            poll_s=None,
        )  # fmt: skip
        assert self.door.poll()

    def kinds(self) -> list[DoorEventKind]:
        return [one.kind for one in self.events]

    def after(self, seconds: float) -> list[DoorEventKind]:
        """Let time pass, look after the door; what that brought."""
        before = len(self.events)
        self.time_s += seconds
        assert self.door.poll()
        return self.kinds()[before:]


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.output.gate.set()
    made.door.close()


def test_it_locks_before_anything_else(bench: Bench) -> None:
    assert bench.output.calls == ["lock"]
    assert bench.kinds() == [K.LOCKED]


def test_unlock_opens_and_locks_after_the_pulse(bench: Bench) -> None:
    assert bench.door.unlock("r1")
    assert bench.output.calls == ["lock", "unlock r1 5"]
    assert bench.after(4.9) == []
    assert bench.after(0.2) == [K.LOCKED]
    assert bench.output.calls[-1] == "lock"
    assert [e.reference for e in bench.events] == ["", "r1", "r1"]


def test_a_second_unlock_begins_the_time_again(bench: Bench) -> None:
    bench.door.unlock("r1")
    bench.after(4)
    bench.door.unlock("r2")
    assert bench.after(4) == []
    assert bench.after(1.1) == [K.LOCKED]


@pytest.mark.parametrize("error", [DoorError("no"), RuntimeError("bug"), ValueError(), OSError(5)])
def test_any_exception_locks_and_is_a_fault(bench: Bench, error: Exception) -> None:
    bench.output.fail = error
    assert bench.door.unlock("r1") is False
    bench.door.poll()
    assert bench.output.calls == ["lock", "lock"]
    assert bench.kinds() == [K.LOCKED, K.FAULT]
    assert bench.events[-1].reference == "r1"
    assert bench.door.faults == ("unlock",)
    bench.output.fail = None
    assert bench.door.unlock("r2")
    assert bench.kinds()[2:] == [K.WORKS_AGAIN, K.UNLOCKED]
    assert bench.door.faults == ()


def test_an_unlock_that_fails_ends_the_pulse_before_it(bench: Bench) -> None:
    bench.door.unlock("r1")
    bench.output.fail = DoorError("no")
    assert bench.door.unlock("r2") is False
    bench.door.poll()
    assert bench.kinds()[1:] == [K.UNLOCKED, K.FAULT, K.LOCKED]
    assert bench.output.calls[-1] == "lock"


def test_a_late_order_is_dropped(bench: Bench) -> None:
    bench.output.gate.clear()
    first = bench.door.begin_unlock("r1")
    assert bench.output.entered.wait(2)
    late = bench.door.begin_unlock("r2")
    bench.time_s += LATE_S + 0.1
    bench.output.gate.set()
    assert not late.result(2).opened
    assert not first.result(2).opened
    bench.door.poll()
    assert not any(call.startswith("unlock r2") for call in bench.output.calls)
    assert K.DROPPED in bench.kinds()


def test_an_output_that_answers_late_is_locked_again(bench: Bench) -> None:
    bench.output.during = lambda: setattr(bench, "time_s", bench.time_s + 30)
    outcome = bench.door.begin_unlock("r1").result(2)
    bench.door.poll()
    assert not outcome.opened
    assert "late" in outcome.detail
    assert bench.output.calls == ["lock", "unlock r1 5", "lock"]
    assert K.UNLOCKED not in bench.kinds()


def test_an_order_that_nobody_waits_for_any_more_is_locked_again(bench: Bench) -> None:
    bench.output.gate.clear()
    order = bench.door.begin_unlock("r1")
    assert bench.output.entered.wait(2)
    assert order.cancel()
    bench.output.gate.set()
    bench.door.poll()
    with pytest.raises(CancelledError):
        order.result(0)
    assert bench.output.calls == ["lock", "unlock r1 5", "lock"]


def test_a_slow_output_never_blocks_the_caller(bench: Bench) -> None:
    bench.output.gate.clear()
    began = time.perf_counter()
    orders = [bench.door.begin_unlock(str(n)) for n in range(MAX_WAITING + 3)]
    bench.door.lock()
    assert time.perf_counter() - began < 0.5
    refused = [one for one in orders if one.done()]
    assert 2 <= len(refused) <= 3  # one may be with the output already
    assert not any(one.result().opened for one in refused)
    bench.output.gate.set()
    bench.door.poll()
    # The lock voided all that waited: it must not be followed by an older unlock.
    unlocks = [call for call in bench.output.calls if call.startswith("unlock")]
    assert len(unlocks) <= 1
    assert bench.output.calls[-1] == "lock"


def test_an_output_that_hangs_is_refused_at_once(bench: Bench) -> None:
    bench.output.gate.clear()
    bench.door.begin_unlock("r1")
    assert bench.output.entered.wait(2)
    bench.time_s += LATE_S + 1
    order = bench.door.begin_unlock("r2")
    assert order.done()
    assert "does not answer" in order.result().detail


def test_a_lock_that_fails_is_told_once_and_tried_until_it_works(bench: Bench) -> None:
    bench.door.unlock("r1")
    bench.output.fail_lock = OSError("unplugged")
    assert bench.after(5.1) == [K.FAULT]
    assert bench.after(1) == []
    assert bench.door.faults == ("lock",)
    bench.output.fail_lock = None
    assert bench.after(1) == [K.WORKS_AGAIN, K.LOCKED]
    assert bench.output.calls[-1] == "lock"


def test_whoever_listens_cannot_stop_the_door() -> None:
    output = FakeOutput()

    def listen(_: DoorEvent) -> None:
        raise RuntimeError("listener")

    door = DoorController(output, on_event=listen, pulse_s=0.05, poll_s=0.01)
    assert door.unlock("r1")
    assert until(lambda: output.calls[-1] == "lock")
    door.close()


def test_close_locks_refuses_and_may_come_twice(bench: Bench) -> None:
    bench.door.unlock("r1")
    bench.door.close()
    bench.door.close()
    assert bench.output.calls[-1] == "close"
    assert bench.output.calls.count("close") == 1
    assert bench.door.unlock("r2") is False
    assert not bench.door.poll()


def test_a_close_that_fails_is_a_fault(bench: Bench) -> None:
    bench.output.fail_lock = OSError("unplugged")
    bench.door.close()
    assert bench.events[-1].kind is K.FAULT


def test_held_open_alarm(bench: Bench) -> None:
    bench.output.contact = False
    bench.door.poll()
    bench.door.unlock("r1")
    bench.output.contact = True
    assert bench.after(1) == [K.OPENED]
    assert bench.events[-1].reference == "r1"
    assert bench.after(29) == [K.LOCKED]
    assert bench.after(1.1) == [K.HELD_OPEN]
    assert bench.after(100) == []
    bench.output.contact = False
    assert bench.after(1) == [K.CLOSED]


def test_forced_open_alarm(bench: Bench) -> None:
    bench.output.contact = False
    bench.door.poll()
    bench.output.contact = True
    assert bench.after(1) == [K.FORCED_OPEN]
    assert bench.events[-1].kind.is_alarm


def test_a_leaf_opened_after_lock_was_asked_for_is_forced(bench: Bench) -> None:
    bench.output.contact = False
    bench.door.poll()
    bench.door.unlock("r1")
    bench.door.lock()
    bench.door.poll()
    bench.output.contact = True
    assert K.FORCED_OPEN in bench.after(2)


def test_a_contact_that_fails_is_told_once(bench: Bench) -> None:
    bench.output.contact = OSError("cut")
    assert bench.after(1) == [K.FAULT]
    assert bench.after(1) == []
    bench.output.contact = False
    assert bench.after(1) == [K.WORKS_AGAIN]


@pytest.mark.parametrize(("pulse_s", "held_s"), [(0, 30), (121, 30), (float("nan"), 30), (5, 0)])
def test_senseless_times_are_refused(pulse_s: float, held_s: float) -> None:
    with pytest.raises(DoorError):
        DoorController(FakeOutput(), pulse_s=pulse_s, held_open_s=held_s)

"""Drives one output: never late, never blocking the camera, locked whenever in doubt."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from facegate.domain.steady import SteadyClock, steady_seconds
from facegate.doors.contact import ContactWatch
from facegate.doors.events import DoorEvent, DoorEventKind, UnlockOutcome
from facegate.doors.messages import utc_now
from facegate.doors.plugins import MovesALock
from facegate.doors.pulses import MAX_PULSE_S, as_door_error
from facegate.errors import DoorError

LATE_S = 2.0
"""An order to unlock that took longer is void: the visitor may have gone, and another one come."""

MAX_WAITING = 4
"""So many orders to unlock may wait; the next is refused at once."""

POLL_S = 0.2
CLOSE_S = 5.0
_ASKED = "as asked"


@dataclass(slots=True)
class _Order:
    reference: str
    asked_at: float
    outcome: Future[UnlockOutcome] = field(default_factory=Future)


class DoorController:
    """Opens a door for a moment and watches its leaf.

    One worker thread makes every call of the output, so a slow output never blocks a camera. It
    locks before it does anything else; a lock that is asked for voids all orders to unlock that
    wait. At most MAX_WAITING of those wait; the newest one is refused when there are more.

    Args:
        output: fulfils `facegate.ports.devices.DoorOutput`; belongs to the controller from now on.
        clock: steady seconds; only differences mean something.
        pulse_s: how long the door is open, (0, 120] seconds.
        held_open_s: a leaf that stands open for longer is reported.
        on_event: called from the worker's thread (from the caller's when an order is refused at
            once); an exception in it is ignored.
        now: wall clock of the events.
        poll_s: how often the contact is read; None: only by `poll`, for tests.
    """

    def __init__(
        self,
        output: MovesALock,
        clock: SteadyClock = steady_seconds,
        pulse_s: float = 5.0,
        held_open_s: float = 30.0,
        on_event: Callable[[DoorEvent], None] | None = None,
        *,
        now: Callable[[], datetime] = utc_now,
        poll_s: float | None = POLL_S,
    ) -> None:
        if not 0 < pulse_s <= MAX_PULSE_S or not held_open_s > 0:
            raise DoorError(f"A pulse lasts at most {MAX_PULSE_S:g} s, and times are above 0.")
        self._output, self._clock, self._now = output, clock, now
        self._pulse_s, self._poll_s = pulse_s, poll_s
        self._on_event = on_event or (lambda _: None)
        self._contact = ContactWatch(held_open_s)
        self._change = threading.Condition()
        self._orders: deque[_Order] = deque()
        self._lock_wanted = True  # fail-secure: the first thing that happens
        self._closing = False
        self._polls: list[threading.Event] = []
        self._busy_since: float | None = None
        # the worker's own
        self._locks_at: float | None = None
        self._reference = ""
        self._failing: set[str] = set()
        self._worker = threading.Thread(target=self._work, name="door", daemon=True)
        self._worker.start()

    # for callers

    def unlock(self, reference: str) -> bool:
        """Open the door; waits for the answer, at most LATE_S seconds.

        Args:
            reference: number of the receipt.

        Returns:
            Whether the door surely opened. False: it is locked, or being locked.
        """
        order = self.begin_unlock(reference)
        with suppress(FutureTimeout):
            return order.result(LATE_S).opened
        # Either it is void from now on, or the worker has just put the answer into it.
        return not order.cancel() and order.result().opened

    def begin_unlock(self, reference: str) -> Future[UnlockOutcome]:
        """Ask to open the door and return at once; the result is there within LATE_S or not True.

        An output that answers later than that is told to lock again; so is one whose order was
        cancelled (`Future.cancel`) before it answered.
        """
        order = _Order(reference, self._clock())
        refusal = ""
        with self._change:
            stuck = self._busy_since is not None and order.asked_at - self._busy_since > LATE_S
            if self._closing:
                refusal = "the door's output is closed"
            elif stuck:
                refusal = "the door's output does not answer"
            elif len(self._orders) >= MAX_WAITING:
                refusal = "too many orders wait"
            else:
                self._orders.append(order)
                self._change.notify_all()
        if refusal:
            self._refuse(order, refusal)
        return order.outcome

    def lock(self) -> None:
        """Lock as soon as the worker is free; orders to unlock that wait are void. Never blocks."""
        with self._change:
            self._lock_wanted = True
            self._change.notify_all()

    def poll(self, timeout_s: float = 5.0) -> bool:
        """Do now what the worker does now and then, after all that waits; True when it was done."""
        done = threading.Event()
        with self._change:
            if self._closing:
                return False
            self._polls.append(done)
            self._change.notify_all()
        return done.wait(timeout_s)

    @property
    def faults(self) -> tuple[str, ...]:
        """What does not work right now: `lock`, `unlock`, `contact`; empty when all is well."""
        return tuple(sorted(self._failing))

    def close(self) -> None:
        """Lock and give the output back; waits at most CLOSE_S. May be called twice."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        if self._worker is not threading.current_thread():
            self._worker.join(CLOSE_S)
            if self._worker.is_alive() and not self._failing & {"close"}:
                self._fault("close", "", DoorError("the output does not answer; see to the door."))

    # the worker

    def _work(self) -> None:
        while True:
            try:
                if self._step():
                    return
            except Exception as error:  # a defect here must not leave the door to itself
                self._fault("worker", "", error)
                with self._change:
                    self._lock_wanted, self._busy_since = True, None
                    self._change.wait(POLL_S)

    def _step(self) -> bool:
        """Wait for something to do, and do it; True when it was the last."""
        with self._change:
            while not self._has_work() and self._change.wait(self._poll_s):
                pass  # woken for nothing; a wait that ran out means: look after the door
            lock_wanted, self._lock_wanted = self._lock_wanted, False
            closing = self._closing
            void = list(self._orders) if lock_wanted or closing else []
            if void:
                self._orders.clear()
            order = self._orders.popleft() if self._orders else None
            polls: list[threading.Event] = []
            if order is None:
                polls, self._polls = self._polls, polls
            self._busy_since = self._clock()
        for one in void:
            self._refuse(one, "the door was locked")
        if closing:
            self._last_lock()
        else:
            if lock_wanted:
                self._relock(_ASKED)
            if order is not None:
                self._carry_out(order)
            else:
                self._look_after()
        for done in polls:
            done.set()
        with self._change:
            self._busy_since = None
        return closing

    def _has_work(self) -> bool:
        return bool(self._lock_wanted or self._closing or self._orders or self._polls)

    def _carry_out(self, order: _Order) -> None:
        if self._clock() - order.asked_at > LATE_S or order.outcome.cancelled():
            self._refuse(order, "it waited too long")
            return
        try:
            self._output.unlock(self._pulse_s, order.reference)
            late = self._clock() - order.asked_at > LATE_S
            if late or not order.outcome.set_running_or_notify_cancel():
                raise DoorError("the output answered too late; it is locked again.")
        except Exception as error:  # a plugin may raise anything; all of it means: locked
            self._fault("unlock", order.reference, error)
            self._finish(order, False, str(as_door_error(error)))
            self._relock("the unlock failed")
            return
        moment = self._clock()
        self._locks_at, self._reference = moment + self._pulse_s, order.reference
        self._contact.allow_until(self._locks_at)
        self._works("unlock")
        self._tell(DoorEventKind.UNLOCKED, order.reference, f"for {self._pulse_s:g} s")
        self._finish(order, True, "")

    def _look_after(self) -> None:
        moment = self._clock()
        if self._locks_at is not None and moment >= self._locks_at:
            self._relock("the pulse ended")
        elif "lock" in self._failing:
            self._relock("")
        try:
            is_open = self._output.is_open()
        except Exception as error:
            self._fault("contact", "", error)
            return
        self._works("contact")
        if is_open is not None:
            for kind in self._contact.see(bool(is_open), moment):
                self._tell(kind, self._reference if kind is DoorEventKind.OPENED else "")

    def _relock(self, why: str) -> None:
        """Lock; after a pulse only make sure that the output did so by itself, where it can."""
        ended = self._locks_at is not None and self._clock() >= self._locks_at
        settle = getattr(self._output, "ensure_locked", None) if ended else None
        try:
            (settle or self._output.lock)()
        except Exception as error:
            self._fault("lock", self._reference, error)
            return
        self._works("lock")
        was_open, self._locks_at = self._locks_at is not None, None
        self._contact.lock_now(self._clock())
        if was_open or why == _ASKED:
            self._tell(DoorEventKind.LOCKED, self._reference if was_open else "", why)

    def _last_lock(self) -> None:
        try:
            self._output.close()
        except Exception as error:
            self._fault("close", self._reference, error)
        else:
            self._tell(DoorEventKind.LOCKED, "", "the gate was closed")

    # telling

    def _refuse(self, order: _Order, why: str) -> None:
        self._tell(DoorEventKind.DROPPED, order.reference, why)
        self._finish(order, False, why)

    def _finish(self, order: _Order, opened: bool, detail: str) -> None:
        waited_s = self._clock() - order.asked_at
        outcome = order.outcome
        if outcome.running() or (not outcome.done() and outcome.set_running_or_notify_cancel()):
            outcome.set_result(UnlockOutcome(opened, detail, waited_s))

    def _fault(self, what: str, reference: str, error: Exception) -> None:
        """Tell of a fault; of one that lasts only once, except of a visitor who was not let in."""
        known = what in self._failing and what != "unlock"
        self._failing = self._failing | {what}
        if not known:
            self._tell(DoorEventKind.FAULT, reference, f"{what}: {as_door_error(error)}")

    def _works(self, what: str) -> None:
        if what in self._failing:
            self._failing = self._failing - {what}
            self._tell(DoorEventKind.WORKS_AGAIN, "", what)

    def _tell(self, kind: DoorEventKind, reference: str = "", detail: str = "") -> None:
        # Whoever listens must not be able to keep the door from locking.
        with suppress(Exception):
            self._on_event(DoorEvent(kind, self._now(), reference, detail))

"""Sends planned visits through a gate, one after the other, and says what the door did.

Time is simulated: visits happen at the moments of the plan, with frames at a camera's pace, so a
day of visits takes minutes and schedules and lock-outs work as they would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from facegate.domain.arrays import ImageArray
from facegate.domain.frames import Frame
from facegate.engine.gate import Gate
from facegate.engine.states import GateEvent

SETTLE_S = 1.2
"""Empty frames before each visit: everybody of the one before is gone."""

LINGER_S = 2.0
"""And after the last frame of a visit: somebody who leaves without an answer is counted so."""


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """Somebody comes to the door.

    Attributes:
        kind: what the visit tries, such as `known`, `unknown`, `print`; results are counted by it.
        expect_open: whether the door should open.
        person: who should be recognized when it opens; empty: anybody.
        at: when, time zone aware.
        frames: makes the frames, (h, w, 3) uint8 BGR.
        title: tells the visit in reports.
    """

    kind: str
    expect_open: bool
    person: str
    at: datetime
    frames: Callable[[], Iterator[ImageArray]] = field(repr=False)
    title: str = ""


@dataclass(frozen=True, slots=True)
class VisitResult:
    """What the door did.

    Attributes:
        plan: the visit.
        opened: for whom the door opened, by name; empty when it stayed shut.
        reasons: of all receipts of the visit, in order; empty: nothing was decided.
        elapsed_s: simulated seconds from the face's first frame to the first decision, or None.
    """

    plan: PlannedVisit
    opened: tuple[str, ...]
    reasons: tuple[str, ...]
    elapsed_s: float | None

    @property
    def as_expected(self) -> bool:
        """Whether the door did what it should, and for the right person."""
        if not self.plan.expect_open:
            return not self.opened
        wanted = {self.plan.person} if self.plan.person else set(self.opened)
        return bool(self.opened) and set(self.opened) <= wanted

    def as_dict(self) -> dict[str, Any]:
        """The visit as JSON has it."""
        return {
            "kind": self.plan.kind,
            "title": self.plan.title,
            "at": self.plan.at.isoformat(),
            "person": self.plan.person or None,
            "expected": "open" if self.plan.expect_open else "shut",
            "opened_for": list(self.opened),
            "reasons": list(self.reasons),
            "elapsed_s": self.elapsed_s,
            "as_expected": self.as_expected,
        }


class Drill:
    """Plays visits to one gate.

    Args:
        make_gate: builds the gate, given who is told of its events.
        frames_per_s: of the simulated camera.
        empty: what the camera sees when nobody is there.
        on_time: told what time it is, before every frame.
    """

    def __init__(
        self,
        make_gate: Callable[[Callable[[GateEvent], None]], Gate],
        empty: Callable[[int], ImageArray],
        on_time: Callable[[datetime], None] = lambda _: None,
        frames_per_s: float = 15.0,
    ) -> None:
        self._events: list[GateEvent] = []
        self._gate = make_gate(self._events.append)
        self._empty, self._on_time = empty, on_time
        self._step_s = 1.0 / frames_per_s
        self._start: datetime | None = None
        self._time_s = 0.0
        self._number = 0

    def run(self, visits: Iterable[PlannedVisit]) -> Iterator[VisitResult]:
        """Play visits in the order of their times; a visit that comes due too early waits."""
        for visit in sorted(visits, key=lambda one: one.at):
            yield self._play(visit)

    def _play(self, visit: PlannedVisit) -> VisitResult:
        if self._start is None:
            self._start = visit.at
        due_s = (visit.at - self._start).total_seconds() - SETTLE_S
        self._time_s = max(self._time_s, due_s)
        self._wait(SETTLE_S)
        self._events.clear()
        for frame_bgr in visit.frames():
            self._show(frame_bgr)
        self._wait(LINGER_S)
        decisions = [event for event in self._events if event.kind == "decision"]
        faults = [event for event in self._events if event.kind in {"fault", "door"}]
        reasons = [str(event.details["reason"]) for event in decisions + faults]
        elapsed = decisions[0].details.get("elapsed_s") if decisions else None
        opened = tuple(event.subject for event in decisions if event.subject)
        return VisitResult(visit, opened, tuple(reasons), elapsed)

    def _wait(self, seconds: float) -> None:
        for _ in range(round(seconds / self._step_s)):
            self._show(self._empty(self._number))

    def _show(self, frame_bgr: ImageArray) -> None:
        at = (self._start or datetime.min) + timedelta(seconds=self._time_s)
        self._on_time(at)
        self._gate.step(Frame(frame_bgr, at, self._time_s, self._number))
        self._number += 1
        self._time_s += self._step_s

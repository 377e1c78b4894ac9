"""The gate: one camera, one door, one decision for each visitor.

It is driven from outside, a frame at a time, and reports by a callback, so that tests run it on
scripted frames and a clock of their own. One thread owns it; only `enter` may be called from
others.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from facegate.domain.access import DoorRules
from facegate.domain.attacks import PadPolicy
from facegate.domain.doors import Tailgating
from facegate.domain.frames import CameraState, CameraStatus, Frame
from facegate.domain.keypad import KeypadEntry
from facegate.domain.quality import Flaw, QualityRules
from facegate.domain.reasons import Reason
from facegate.engine.clock_guard import ClockGuard
from facegate.engine.company import Sight
from facegate.engine.concluding import Concluder
from facegate.engine.deciding import Decider
from facegate.engine.desk import Desk
from facegate.engine.limits import GateLimits
from facegate.engine.prompts import view_after, view_of
from facegate.engine.states import GateEvent, GateState, GateView, state_after
from facegate.engine.tracker import Track, Tracker
from facegate.engine.visit import Outcome, Phase, PresentationCheck, Sample, Visit, pose_of
from facegate.errors import DoorError, FacegateError, GalleryError, StoreError
from facegate.services.reading import FaceReader, InspectedFace

_log = logging.getLogger(__name__)

PRIMARY_SHARE = 0.8
"""Somebody else is nearer only when the nearest so far has less than this share of the area."""

CALM_YAW_DEG, CALM_PITCH_DEG = 14.0, 14.0
"""Looks in the middle of a challenge count as samples only while the face looks this straight."""

AFTER_EVERY_S = 0.4
"""So often it is checked that a decided visit still shows the same face."""

SLACK_S = 0.002
"""Cameras do not keep time to the microsecond; a frame this much early is in time."""

MAX_ENTRIES = 8
"""Lines of a keypad that wait for the next frame; the oldest go first."""

LONGEST_RETRY_S = 60.0
"""A visitor who stays after refusals is looked at ever less often, but at least this often."""

_ASKED = frozenset({Phase.CHALLENGE, Phase.PIN, Phase.CLAIM})
"""Visits in which something was asked of the visitor."""


class Gate:
    """Turns frames into decisions.

    Args:
        door: its name.
        reader: detects, aligns, judges and encodes faces.
        new_check: makes the attack check of one visit.
        desk: knows the door's rules.
        decider: decides about visitors.
        concluder: ends the decider's visits; this gate becomes its `on_end`.
        quality: what a look needs to count.
        on_event: told of everything that happens.
        limits: times and numbers.
    """

    def __init__(
        self,
        door: str,
        reader: FaceReader,
        new_check: Callable[[], PresentationCheck],
        desk: Desk,
        decider: Decider,
        concluder: Concluder,
        quality: QualityRules,
        on_event: Callable[[GateEvent], None],
        limits: GateLimits,
    ) -> None:
        self._door, self._reader, self._new_check = door, reader, new_check
        self._desk, self._decider, self._concluder = desk, decider, concluder
        concluder.on_end = self._ended
        self._quality, self._on_event, self._limits = quality, on_event, limits
        self._tracker = Tracker()
        self._visits: dict[int, Visit] = {}
        self._refusals: dict[int, int] = {}
        self._primary: int | None = None
        self._entries: deque[KeypadEntry] = deque(maxlen=MAX_ENTRIES)
        self._clock = ClockGuard(limits.max_clock_jump_s)
        self._detected_s: float | None = None
        self._shown: tuple[GateState, str] | None = None
        self._last: Outcome | None = None
        self._fault: tuple[Reason, str] | None = None
        self.view = GateView(GateState.LOOKING, GateState.LOOKING.words)
        self.door_stands_open = False
        self.detections = 0
        self._frame: Frame | None = None
        self._is_crowd = False

    def enter(self, entry: KeypadEntry) -> None:
        """Hand over what a visitor typed; taken up with the next frame. Any thread may call it."""
        self._entries.append(entry)

    def enter_pin(self, pin: str) -> None:
        """The same, for a PIN alone."""
        self.enter(KeypadEntry(pin))

    @property
    def doubts_clock(self) -> bool:
        """Whether the wall clock jumped and is not believed yet."""
        return self._clock.in_doubt

    def step(self, frame: Frame) -> GateView:
        """Look at one frame. Never raises: whatever goes wrong ends in a locked door, and is told.

        Returns:
            What to show from now on.
        """
        try:
            if not self._clock.is_right(frame.at, frame.time_s):
                self._mind_clock(frame)
            elif self._look(frame):
                self._fault = None
        except Exception as error:
            if not isinstance(error, FacegateError):
                _log.exception("a frame could not be judged")
            self._break(_reason_of(error), frame, f"{type(error).__name__}: {error}")
        self._show(frame)
        return self.view

    def camera_fault(self, status: CameraStatus, time_s: float) -> GateView:
        """The camera gives no pictures that may decide; nobody is let in until it does.

        Call it again and again while that lasts; it is told only when something is new.
        """
        if status.state is CameraState.OPENING and self._fault is None and not self._visits:
            return self.view  # nothing was seen yet, so nothing can go wrong
        if self._fault != (Reason.CAMERA_FAULT, status.detail):
            self._end_all(Reason.CAMERA_FAULT, status.since, time_s, status.detail)
            self._fault = (Reason.CAMERA_FAULT, status.detail)
            details = {"camera": status.state.value, "detail": status.detail}
            self._tell("camera", status.since, Reason.CAMERA_FAULT.sentence, details)
        self._say(GateView(GateState.OUT_OF_ORDER, Reason.CAMERA_FAULT.sentence), status.since)
        return self.view

    def door_fault(
        self, detail: str, at: datetime, time_s: float, *, stands_open: bool = False
    ) -> None:
        """The door did not move as told, or moved by itself; it is written down and shown.

        Args:
            detail: for operators.
            at, time_s: when.
            stands_open: nothing is broken, but the leaf is open and should not be; what visitors
                are asked for then follows `door_stands_open`.
        """
        self._concluder.note(Reason.DOOR_FAULT, at, None, detail)
        details = {"reason": Reason.DOOR_FAULT.value, "detail": detail}
        if stands_open:
            self._tell("door", at, GateState.DOOR_OPEN.words, details, GateState.DOOR_OPEN)
            return
        self._last = Outcome(Reason.DOOR_FAULT, Reason.DOOR_FAULT.sentence, time_s)
        self._tell("door", at, Reason.DOOR_FAULT.sentence, details)

    def _ended(self, visit: Visit, outcome: Outcome, frame: Frame, details: dict[str, Any]) -> None:
        """A visit was decided about; show it and tell it."""
        self._last = outcome
        state = state_after(outcome.reason)
        told = {"reason": outcome.reason.value, "visit": visit.number, **details}
        message = _sentence(outcome.words or state.words)
        self._on_event(
            GateEvent("decision", frame.at, self._door, state, message, outcome.subject, told)
        )

    def close(self) -> None:
        """No more frames will come: who is in the middle of something gets a receipt."""
        visits, self._visits = self._visits, {}
        for visit in visits.values():
            try:
                if self._frame is not None:
                    self._decider.leave(visit, self._frame)
            except Exception:
                _log.exception("a denial could not be written down")

    # -- looking ---------------------------------------------------------------------------------

    def _look(self, frame: Frame) -> bool:
        """Look at a frame, if it is time to; gives back whether all of it went well."""
        self._frame = frame
        pause_s = self._limits.detect_busy_s if self._visits else self._limits.detect_idle_s
        if (
            self._detected_s is not None
            and 0 <= frame.time_s - self._detected_s < pause_s - SLACK_S
        ):
            return False
        self._detected_s = frame.time_s
        self.detections += 1
        rules = self._desk.rules()
        found = self._reader.detect(frame.bgr)
        self._is_crowd = len(found) > self._limits.max_faces
        faces = found[: self._limits.max_faces]
        for track in self._tracker.update(faces, frame.time_s):
            self._leave(track, frame)
        seen = [track for track in self._tracker.tracks if track.last_s == frame.time_s]
        watched = self._watched(seen, rules)
        for track in seen:
            # Somebody stepped in front: what was begun cannot go on unwatched.
            visit = self._visits.get(track.number)
            if track not in watched and visit and visit.phase in _ASKED:
                self._leave(track, frame)
        self._sample(watched, rules, frame)
        self._take_entries()
        for track in watched:
            is_due = track.number == self._primary or rules.takes_pairs
            self._decider.advance(self._sight(track, is_due=is_due), rules, frame)
            self._maybe_again(track, frame)
        return True

    def _watched(self, seen: Sequence[Track], rules: DoorRules) -> list[Track]:
        """The faces that matter: the nearest, or all of them. Nearest first."""
        if not seen:
            return []
        nearest = seen[0]
        current = next((track for track in seen if track.number == self._primary), None)
        if current is not None and current.face.area_px >= PRIMARY_SHARE * nearest.face.area_px:
            nearest = current
        self._primary = nearest.number
        if rules.tailgating is Tailgating.NEAREST and not rules.takes_pairs:
            return [nearest]
        return [nearest, *(track for track in seen if track is not nearest)]

    def _sight(self, track: Track, *, is_due: bool) -> Sight:
        others = [
            (one, self._visits.get(one.number)) for one in self._tracker.tracks if one is not track
        ]
        return Sight(self._visits[track.number], others, is_due, self._is_crowd)

    def _sample(self, watched: Sequence[Track], rules: DoorRules, frame: Frame) -> None:
        """Judge the faces, and encode those that are worth it."""
        inspected = {
            id(one.face): one
            for one in self._reader.inspect(frame.bgr, [track.face for track in watched])
        }
        wanted: list[tuple[Visit, InspectedFace]] = []
        for track in watched:
            visit = self._visits.get(track.number) or self._begin(track)
            if rules.pad is not PadPolicy.OFF and visit.phase is not Phase.DONE:
                visit.check.add(frame, track.face)
            one = inspected.get(id(track.face))
            visit.flaws = (Flaw.CUT_OFF,) if one is None else self._quality.flaws(one.quality)
            if one is not None and self._is_wanted(visit, frame):
                wanted.append((visit, one))
        for visit, one in wanted:
            # One at a time: in a batch a network may round differently, and a replay of the
            # receipt must give the same bits.
            (reading,) = self._reader.encode([one])
            self._take(visit, Sample(frame, reading))

    def _begin(self, track: Track) -> Visit:
        visit = Visit(
            secrets.token_hex(8),
            self._new_check,
            track.last_s if track.number in self._refusals else track.first_s,
            self._limits.samples_kept,
            self._limits.agreement,
        )
        self._visits[track.number] = visit
        return visit

    def _is_wanted(self, visit: Visit, frame: Frame) -> bool:
        if visit.phase is Phase.CHALLENGE:
            return True
        if visit.flaws:
            return False
        last_s = visit.last_sample_s
        every_s = AFTER_EVERY_S if visit.phase is Phase.DONE else self._limits.sample_every_s
        return last_s is None or frame.time_s - last_s >= every_s - SLACK_S

    def _take(self, visit: Visit, sample: Sample) -> None:
        """Hand a look to its visit; in a challenge every movement must be the same face's."""
        challenge, reading = visit.challenge, sample.reading
        if visit.phase is Phase.CHALLENGE and challenge is not None:
            if not visit.is_same(reading.embedding, self._limits.turned_agreement):
                visit.strangers += 1
                return
            challenge.update(pose_of(reading.face, reading.quality), sample.frame.time_s)
            yaw, pitch = abs(reading.quality.yaw_deg), abs(reading.quality.pitch_deg)
            if yaw > CALM_YAW_DEG or pitch > CALM_PITCH_DEG or visit.flaws:
                return
        visit.add(sample)

    def _take_entries(self) -> None:
        """A PIN belongs to the nearest visitor, and to nobody when that one was not asked."""
        while self._entries:
            entry = self._entries.popleft()
            visit = self._visits.get(self._primary) if self._primary is not None else None
            if visit is not None and visit.phase in {Phase.PIN, Phase.CLAIM}:
                visit.entry = entry

    # -- ends of visits --------------------------------------------------------------------------

    def _maybe_again(self, track: Track, frame: Frame) -> None:
        """Let a refused visitor try again after a while; one who was let in need not.

        When another face takes the place of one that was decided about, it is looked at anew.
        """
        visit = self._visits[track.number]
        outcome = visit.outcome
        if outcome is None:
            return
        if visit.strangers >= 2:
            del self._visits[track.number]
            return
        if outcome.reason is Reason.GRANTED:
            stayed_s = frame.time_s - outcome.at_s
            if visit.is_return and stayed_s >= self._limits.same_visit_s:
                del self._visits[track.number]  # back, and not through the door
            return
        refusals = self._refusals.get(track.number, 0)
        wait_s = min(LONGEST_RETRY_S, self._limits.retry_s * 2**refusals)
        if frame.time_s - outcome.at_s >= wait_s:
            self._refusals[track.number] = refusals + 1
            del self._visits[track.number]

    def _leave(self, track: Track, frame: Frame) -> None:
        visit = self._visits.get(track.number)
        if visit is not None:
            self._decider.leave(visit, frame)
        # After it, so that a failure leaves the visit to be written down as a fault.
        self._visits.pop(track.number, None)
        self._refusals.pop(track.number, None)
        if self._primary == track.number:
            self._primary = None

    def _break(self, reason: Reason, frame: Frame, detail: str) -> None:
        """Something does not work: nobody is let in until a whole look went well again."""
        is_new = self._fault is None or self._fault[0] is not reason
        self._fault = (reason, detail)
        self._end_all(reason, frame.at, frame.time_s, detail)
        if is_new:
            told = {"reason": reason.value, "detail": detail}
            self._tell("fault", frame.at, reason.sentence, told)

    def _mind_clock(self, frame: Frame) -> None:
        """The wall clock was changed: stay locked until it has run steadily for a while.

        Raises:
            StoreError: the delays that run could not be kept; the clock is not believed before.
        """
        change = self._clock.settled(frame.at, frame.time_s)
        if change is None:
            by = self._clock.jump_s(frame.at, frame.time_s)
            self._break(Reason.CLOCK_FAULT, frame, f"the wall clock was changed by {by:+,.0f} s")
            return
        self._desk.clock_changed(change.jump_s, frame.at)
        self._clock.accept(frame.at, frame.time_s)
        message, detail = "The clock is steady again", f"changed by {change.jump_s:+,.0f} s"
        told = {"reason": Reason.CLOCK_FAULT.value, "detail": detail, "jump_s": change.jump_s}
        self._on_event(
            GateEvent("clock", frame.at, self._door, GateState.LOOKING, message, "", told)
        )

    def _end_all(self, reason: Reason, at: datetime, time_s: float, detail: str) -> None:
        """Drop everything that was seen; who was being looked at gets a receipt."""
        visits, self._visits = self._visits, {}
        self._refusals.clear()
        self._tracker = Tracker()
        self._primary = None
        self._entries.clear()  # typed for what was asked before
        for visit in visits.values():
            if visit.phase is Phase.DONE or not visit.samples:
                continue
            self._last = Outcome(reason, reason.sentence, time_s)
            try:
                if reason is Reason.CAMERA_FAULT and self._frame is not None:
                    # Whoever covers the lens in the middle of a check has failed it.
                    self._decider.leave(visit, self._frame)
                if visit.outcome is None:
                    self._concluder.note(reason, at, visit, detail)
            except Exception:
                _log.exception("a denial could not be written down")

    # -- showing ---------------------------------------------------------------------------------

    def _tell(
        self,
        kind: str,
        at: datetime,
        message: str,
        details: dict[str, Any],
        state: GateState = GateState.OUT_OF_ORDER,
    ) -> None:
        self._on_event(GateEvent(kind, at, self._door, state, _sentence(message), details=details))

    def _show(self, frame: Frame) -> None:
        """Choose what is shown, and tell when it is something new."""
        visit = self._visits.get(self._primary) if self._primary is not None else None
        last = self._last
        is_busy = visit is not None and visit.phase in _ASKED
        if self._fault is not None:
            self._say(GateView(GateState.OUT_OF_ORDER, self._fault[0].sentence), frame.at)
            return
        if last and not is_busy and 0 <= frame.time_s - last.at_s < self._limits.result_s:
            view = view_after(last)
        else:
            view = view_of(visit, self._limits.samples_needed, stands_open=self.door_stands_open)
        faces = tuple(track.face.bbox_xyxy for track in self._tracker.tracks)
        self._say(replace(view, faces=faces), frame.at)

    def _say(self, view: GateView, at: datetime) -> None:
        self.view = replace(view, message=_sentence(view.message))
        shown = (view.state, self.view.message)
        if self._shown != shown:
            self._shown = shown
            self._on_event(GateEvent("state", at, self._door, *shown))


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _reason_of(error: Exception) -> Reason:
    if isinstance(error, StoreError | GalleryError):
        return Reason.STORE_FAULT
    if isinstance(error, DoorError):
        return Reason.DOOR_FAULT
    return Reason.INTERNAL_FAULT

"""Puts a live gate together: camera, engine, rules, receipts and the door's output."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from typing_extensions import Self

from facegate.bootstrap import FaceGate
from facegate.camera.opening import open_camera
from facegate.domain.attacks import PadPolicy
from facegate.domain.doors import Door
from facegate.domain.keypad import KeypadEntry
from facegate.domain.steady import steady_seconds
from facegate.doors.controller import DoorController
from facegate.doors.events import DoorEvent, DoorEventKind
from facegate.doors.sole import SoleRunner
from facegate.engine.concluding import Concluder
from facegate.engine.deciding import Decider
from facegate.engine.drill import Drill
from facegate.engine.gate import Gate
from facegate.engine.limits import GateLimits
from facegate.engine.looks import Look, OnLook, nobody_looks
from facegate.engine.runner import GateRunner, RunnerFigures
from facegate.engine.states import GateEvent, GateView
from facegate.errors import ConfigError, DoorError, PolicyError
from facegate.ports.devices import Camera
from facegate.services.desk import GateDesk

if TYPE_CHECKING:
    from facegate.domain.frames import CameraStatus, Frame

_log = logging.getLogger(__name__)


def limits_of(gate: FaceGate) -> GateLimits:
    """The engine's times and numbers, as set."""
    wanted = gate.settings.gate
    return GateLimits(samples_needed=wanted.samples_needed, patience_s=wanted.patience_s)


def build_gate(
    facegate: FaceGate,
    desk: GateDesk,
    door: str,
    source: str,
    unlock: Callable[[str], None],
    on_event: Callable[[GateEvent], None],
    now_s: Callable[[], float] | None = None,
    *,
    has_keypad: bool = False,
) -> Gate:
    """The engine of one door, with the networks in use.

    Args:
        facegate: all parts.
        desk: rules and writes receipts.
        door, source: names for receipts.
        unlock: opens the door.
        on_event: told of everything.
        now_s: the frames' clock; None: frames are simulated.
        has_keypad: visitors can enter numbers and PINs.
    """
    limits = replace(limits_of(facegate), has_keypad=has_keypad)
    keep = _png if facegate.settings.keep_pictures else None
    concluder = Concluder(door, source, facegate.models_in_use(), desk, unlock, now_s, keep)
    return Gate(
        door, facegate.reader, facegate.attack_check, desk,
        Decider(facegate.recognizer(), desk, concluder, limits), concluder,
        facegate.settings.gate.rules(), on_event, limits,
    )  # fmt: skip


class LiveCamera(Camera, Protocol):
    """A camera that knows whether its frames come at their own time."""

    @property
    def is_live(self) -> bool:
        """False for recordings, whose frames are never too old."""

    @property
    def has_own_time(self) -> bool:
        """Whether no clock shows its frames' times: a recording that is read fast."""


class Doorway:
    """One door with everything that runs it. Use it as a context manager, or `close` it.

    Args:
        facegate: all parts; its database is opened with the gate's short patience.
        door: name of a door in the database.
        source: address of the camera; empty: the door's own.
        on_event: told of everything, on the threads of the engine and of the door.
        pace: `real` or `fast`, for recordings.
        allow_virtual: trust virtual cameras; for tests.
        camera: takes the place of `source`; must say whether it `is_live`.
        has_keypad: visitors can enter numbers and PINs, see `enter`; without it nobody is asked
            for a PIN in the place of a face.
        on_look: told of every picture that was judged and what is shown from then on, on the
            engine's thread; for windows.

    Raises:
        DoorError: no such door, another program runs it, or its output cannot be opened.
        ConfigError: nobody said where the camera is.
        FacegateError: database, networks or camera address cannot be used.
    """

    def __init__(
        self,
        facegate: FaceGate,
        door: str,
        source: str = "",
        on_event: Callable[[GateEvent], None] = lambda _: None,
        *,
        pace: str | None = None,
        allow_virtual: bool = False,
        camera: LiveCamera | None = None,
        has_keypad: bool = False,
        on_look: OnLook = nobody_looks,
    ) -> None:
        from facegate.store.unit_of_work import SqlStore

        self._clock = facegate.clock
        facegate.store = SqlStore(facegate.settings.url, facegate.settings.gate.store_wait_s)
        self.on_event, self.on_look = on_event, on_look
        self._trail = facegate.audit_trail()
        with facegate.store.snapshot() as work:
            self.door = work.doors.by_name(door)
            decided_at = work.access.door_state(door).last_at
        address = source or self.door.source
        if not address and camera is None:
            raise ConfigError(
                f"Nobody said where the camera of {door!r} is.",
                hint=f"Say it now with `--source 0`, or once with `facegate doors set {door} "
                "--source 0`.",
            )
        self.camera = camera or open_camera(
            address, pace=pace, allow_virtual=allow_virtual, not_before=decided_at
        )
        if not self.camera.is_live and not self.door.output.startswith("simulator:"):
            raise ConfigError(
                f"{self.camera.address} is a recording, and {door!r} has a real lock.",
                hint="Recordings run doors whose output is simulator: only.",
            )
        control = facegate.access_control(has_clock=not self.camera.has_own_time)
        self._desk = GateDesk(facegate.store, door, control, self._trail)
        self._faults: list[tuple[str, bool]] = []
        self._stands_open = False
        self._guard = threading.Lock()
        # Networks and index are loaded before the door is touched and the camera is opened.
        # A recording that is read fast has a time of its own; no other clock tells its durations.
        now_s = steady_seconds if self.camera.is_live else None
        self.gate = build_gate(
            facegate, self._desk, door, self.camera.address, self._unlock, self._told, now_s,
            has_keypad=has_keypad,
        )  # fmt: skip
        self._sole = SoleRunner(facegate.settings.data_dir / "doors", self.door.name)
        try:
            self._controller = DoorController(
                facegate.door_output(self.door.output, self.door.name),
                pulse_s=self.door.unlock_s,
                held_open_s=self.door.held_open_s or 1e9,
                on_event=self._door_said,
            )
        except BaseException:
            self._sole.close()
            raise
        self.runner = GateRunner(
            self.camera, self.gate, steady_seconds, is_live=self.camera.is_live,
            each_round=self._each_round, on_look=self._looked,
        )  # fmt: skip

    @property
    def figures(self) -> RunnerFigures:
        """How the loop does."""
        return self.runner.figures

    @property
    def view(self) -> GateView:
        """What to show right now."""
        return self.gate.view

    @property
    def warning(self) -> str:
        """What an operator should see to although the door works; empty when nothing."""
        if self._desk.unwritten:
            return f"{self._desk.unwritten} denials wait to be written down"
        return self._trail.warning

    @property
    def lock_fails(self) -> bool:
        """Whether the door was told to lock and did not say that it has."""
        return bool({"lock", "close", "worker"} & set(self._controller.faults))

    def run(self, stop: threading.Event) -> CameraStatus:
        """Work on the calling thread until told to stop, or until a recording ends."""
        return self.runner.run(stop)

    def enter(self, entry: KeypadEntry) -> None:
        """Hand over what a visitor typed. Any thread may call it."""
        self.gate.enter(entry)

    def enter_pin(self, pin: str) -> None:
        """The same, for a PIN alone."""
        self.gate.enter_pin(pin)

    def close(self) -> None:
        """Lock the door and let go of everything. May be called twice."""
        with ExitStack() as stack:  # in the order from the last; each happens whatever others do
            stack.callback(self._sole.close)
            stack.callback(self._desk.close, trusts_clock=not self.gate.doubts_clock)
            stack.callback(self.gate.close)
            stack.callback(self.camera.close)
            stack.callback(self._controller.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _unlock(self, reference: str) -> None:
        """Open, and wait for the answer: nobody is welcomed before a door that stayed shut.

        That takes milliseconds with most outputs, and never more than two seconds.
        """
        if not self._controller.unlock(reference):
            raise DoorError("The door did not open.")

    def _told(self, event: GateEvent) -> None:
        try:
            self.on_event(event)
        except Exception:  # whoever listens must not be able to stop the gate
            _log.exception("a listener failed")

    def _looked(self, look: Look) -> None:
        try:
            self.on_look(look)
        except Exception:  # nor whoever watches
            _log.exception("a watcher failed")

    def _door_said(self, event: DoorEvent) -> None:
        """From the door's thread."""
        stands_open = event.kind in {DoorEventKind.HELD_OPEN, DoorEventKind.FORCED_OPEN}
        told = f"{event.kind.value}: {event.detail}" if event.detail else event.kind.value
        with self._guard:
            if stands_open or event.kind is DoorEventKind.CLOSED:
                self._stands_open = stands_open
            # An order that failed is known already, with its receipt.
            if event.kind.is_alarm and not (event.reference and event.detail.startswith("unlock")):
                self._faults.append((told, stands_open))

    def _each_round(self) -> None:
        """Between frames, on the engine's thread."""
        with self._guard:
            faults, self._faults = self._faults, []
            self.gate.door_stands_open = self._stands_open
        for detail, stands_open in faults:
            self.gate.door_fault(detail, self._clock(), steady_seconds(), stands_open=stands_open)
        if not self.gate.doubts_clock:  # else old pictures might be deleted by a wrong date
            self._desk.settle()


def simulated_door(
    facegate: FaceGate, begin: datetime, policy: str = "", pad: PadPolicy = PadPolicy.PASSIVE
) -> Drill:
    """A gate for drills: real networks, rules and receipts; simulated time, and no lock.

    Args:
        facegate: over a database of its own, people enrolled; its clock becomes the drill's.
        begin: when the door was set up, before the first visit.
        policy: rules as TOML with one door; empty: everybody may always pass.
        pad: of the door, where no policy is given.

    Raises:
        PolicyError: the rules are wrong, or have not just one door.
    """
    from facegate.engine.plans import empty_frame
    from facegate.services.policy_edit import PolicyEditor
    from facegate.services.policy_file import read_policy

    clock = _SetClock(begin)
    facegate.clock = clock
    with facegate.store.transaction() as work:
        editor = PolicyEditor(work, begin)
        if policy:
            wanted = read_policy(policy, work.policy.load().people)
            if len(wanted.doors) != 1:
                raise PolicyError("A drill needs rules with exactly one door.")
            editor.replace_all(wanted)
            door = wanted.doors[0].name
        else:
            door = "drill"
            editor.add_door(Door(door, pad=pad), everyone=True)
        work.commit()
    desk = GateDesk(facegate.store, door, facegate.access_control(), facegate.audit_trail())

    def make(on_event: Callable[[GateEvent], None]) -> Gate:
        return build_gate(facegate, desk, door, "drill", lambda _: None, on_event)

    return Drill(make, empty_frame, clock.set)


class _SetClock:
    """A clock that shows what it was told."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def set(self, at: datetime) -> None:
        self._at = at

    def __call__(self) -> datetime:
        return self._at


def _png(frame: Frame) -> bytes:
    import cv2

    # A receipt binds its pictures, so they are made before the door opens: a camera's noise is not
    # worth a search for repetitions. Half the time of the usual way, and smaller (31 and 68 ms for
    # a frame of 1280 by 720 on one core).
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    options += [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY]
    if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # newer versions of opencv
        options += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB]
    done, data = cv2.imencode(".png", frame.bgr, options)
    if not done:
        raise ConfigError("A frame could not be kept.")
    return data.tobytes()

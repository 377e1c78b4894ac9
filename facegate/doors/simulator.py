"""`simulator:` a door that is not there: for trying things out, for demos and tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from facegate.domain.steady import steady_seconds
from facegate.doors.pulses import PulsedOutput
from facegate.doors.secrets import OutputContext
from facegate.doors.spec import DoorSpec, Options
from facegate.errors import DoorError

HISTORY = 1000
"""So many of the newest movements are remembered."""


@dataclass(frozen=True, slots=True)
class Movement:
    """What the simulated lock did: `unlock` or `lock`, when (steady seconds), and for whom."""

    action: str
    time_s: float
    reference: str


class SimulatedDoor(PulsedOutput):
    """Remembers what it was told, and tells a callback.

    Attributes:
        history: the newest movements, oldest first.
        contact: what `is_open` answers; tests and demos set it.
        fault: while not empty, every movement fails with this sentence.
    """

    api_version = 1
    summary = "a door that is not there: remembers what it was told"
    form = "simulator:"
    after_kill = "nothing is left: there is no lock"

    def __init__(
        self,
        _settings: None = None,
        _context: OutputContext | None = None,
        on_movement: Callable[[Movement], None] | None = None,
    ) -> None:
        super().__init__()
        self.history: list[Movement] = []
        self.contact: bool | None = None
        self.fault = ""
        self._tell = on_movement or (lambda _: None)
        self._guard = Lock()
        self.unlocked = False
        self._start()

    @classmethod
    def check(cls, spec: DoorSpec) -> None:
        """Refuse a target or options; there are none."""
        Options(spec).done()
        if spec.target:
            raise DoorError("simulator: takes no address.")

    def _open(self, pulse_s: float, reference: str) -> None:  # noqa: ARG002
        self._moved("unlock", reference)

    def _shut(self, reference: str) -> None:
        self._moved("lock", reference)

    def _moved(self, action: str, reference: str) -> None:
        if self.fault:
            raise DoorError(self.fault)
        movement = Movement(action, steady_seconds(), reference)
        with self._guard:
            self.unlocked = action == "unlock"
            self.history = [*self.history, movement][-HISTORY:]
        self._tell(movement)

    def is_open(self) -> bool | None:
        """What was set as `contact`."""
        if self.fault:
            raise DoorError(self.fault)
        return self.contact

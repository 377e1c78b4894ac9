"""A door: where its camera and lock are, and what it asks of people."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from facegate.domain.attacks import PadPolicy
from facegate.domain.local_time import zone_named
from facegate.domain.names import policy_name
from facegate.errors import PolicyError

MAX_ADDRESS = 500


class Tailgating(str, Enum):
    """Whose face counts when several are in view. Values are part of the JSON contract."""

    NEAREST = "nearest"
    ALL = "all"
    LOG = "log"


class AntiPassback(str, Enum):
    """What happens when somebody enters an area twice without leaving it in between."""

    OFF = "off"
    SOFT = "soft"
    HARD = "hard"


class Direction(str, Enum):
    """Which way a door leads."""

    NONE = ""
    IN = "in"
    OUT = "out"


class PinMode(str, Enum):
    """When a door asks for the PIN.

    With `fallback` the PIN of a named person stands in for a face that was not recognized, never
    for one that looks like an attack.
    """

    NEVER = "never"
    SECOND_FACTOR = "second_factor"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class Door:
    """One door and its rules; checked when made.

    Attributes:
        name: unique.
        source: address of the camera; may hold a password, so it is never printed as it is.
        output: what moves the lock, such as `simulator:`.
        enabled: a disabled door lets nobody pass.
        zone: time zone of its schedules and of validity dates.
        pad: how presentation attacks are looked for. By default a visitor about whom the network is
            unsure is asked for movements, and not refused outright.
        tailgating: see Tailgating.
        unlock_s: length of the unlock pulse.
        held_open_s: from when on an open leaf is an alarm; 0: never.
        area: the area that the door leads into or out of; empty: none.
        direction: given exactly when there is an area.
        anti_passback: needs an area; judged where people go in.
        two_person_s: seconds within which a second allowed person must come; 0: one is enough.
        pin: see PinMode.
    """

    name: str
    source: str = ""
    output: str = "simulator:"
    enabled: bool = True
    zone: str = "UTC"
    pad: PadPolicy = PadPolicy.UNSURE
    tailgating: Tailgating = Tailgating.NEAREST
    unlock_s: float = 3.0
    held_open_s: float = 30.0
    area: str = ""
    direction: Direction = Direction.NONE
    anti_passback: AntiPassback = AntiPassback.OFF
    two_person_s: float = 0.0
    pin: PinMode = PinMode.NEVER

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", policy_name(self.name, "door"))
        zone_named(self.zone)
        for what, text in (("source", self.source), ("output", self.output)):
            if len(text) > MAX_ADDRESS or not text.isprintable():
                raise PolicyError(f"The {what} of {self.name!r} is too long or not printable.")
        if not self.output:
            raise PolicyError(f"The door {self.name!r} needs an output.")
        _bounded(self.unlock_s, 0.5, 120, f"The unlock pulse of {self.name!r}")
        if self.held_open_s:
            _bounded(self.held_open_s, 1, 3600, f"The held-open time of {self.name!r}")
        if self.two_person_s:
            _bounded(self.two_person_s, 2, 600, f"The two-person window of {self.name!r}")
        if self.area:
            object.__setattr__(self, "area", policy_name(self.area, "area"))
        if bool(self.area) != (self.direction is not Direction.NONE):
            raise PolicyError(
                f"The door {self.name!r} needs an area and a direction, or neither.",
                hint="For example --area office --direction in.",
            )
        if self.anti_passback is not AntiPassback.OFF and not self.area:
            raise PolicyError(f"Anti-passback at {self.name!r} needs an area and a direction.")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Door:
        """Read what `as_dict` gives. Raises PolicyError for unknown keys and wrong values."""
        kinds: dict[str, Any] = {
            "pad": PadPolicy,
            "tailgating": Tailgating,
            "direction": Direction,
            "anti_passback": AntiPassback,
            "pin": PinMode,
        }
        known = {one.name: one.default for one in fields(cls)}
        read: dict[str, Any] = {}
        for key, value in values.items():
            if key not in known:
                raise PolicyError(f"A door has no {key!r}.", hint=f"It has: {', '.join(known)}.")
            read[key] = _typed(key, value, kinds.get(key), known[key])
        if "name" not in read:
            raise PolicyError("A door needs a name.")
        return cls(**read)

    def as_dict(self) -> dict[str, Any]:
        """The door as files and JSON have it; the source may hold a password."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {key: v.value if isinstance(v, Enum) else v for key, v in values.items()}


def _typed(key: str, value: Any, kind: Any, default: Any) -> Any:
    if kind is not None:
        try:
            return kind(value)
        except ValueError:
            allowed = ", ".join(one.value or "''" for one in kind)
            raise PolicyError(
                f"A door's {key} cannot be {value!r}.", hint=f"It may be: {allowed}."
            ) from None
    if isinstance(default, float) and isinstance(value, int | float) and value is not True:
        return float(value)
    wanted = type(default) if key != "name" else str
    if not isinstance(value, wanted):
        raise PolicyError(f"A door's {key} cannot be {value!r}.")
    return value


def _bounded(value: float, low: float, high: float, what: str) -> None:
    if not low <= value <= high:  # also refuses NaN
        raise PolicyError(f"{what} must be {low:g} to {high:g} seconds, not {value:g}.")

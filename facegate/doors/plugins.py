"""Finds, loads and opens the plugins that move locks.

A plugin is a class, named by an entry point of the group `facegate.doors`; the entry's name is what
stands before the colon in a door's text:

    [project.entry-points."facegate.doors"]
    bell = "my_package.bell:BellDoor"

Built-ins use the same entries as strangers. A plugin that cannot be loaded is listed with its
reason and never used; two of one name are both refused, for nobody could say which opens the door.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Protocol

from facegate.doors.libraries import Library, what_is_missing
from facegate.doors.secrets import OutputContext
from facegate.doors.spec import DoorSpec
from facegate.errors import DoorError

GROUP = "facegate.doors"
API_VERSION = 1

BUILT_IN = {
    "simulator": "facegate.doors.simulator:SimulatedDoor",
    "command": "facegate.doors.command:CommandDoor",
    "webhook": "facegate.doors.webhook:WebhookDoor",
    "mqtt": "facegate.doors.mqtt:MqttDoor",
    "mqtts": "facegate.doors.mqtt:MqttDoor",
    "serial": "facegate.doors.serial_relay:SerialDoor",
    "gpio": "facegate.doors.gpio:GpioDoor",
    "wiegand": "facegate.doors.wiegand:WiegandDoor",
    "osdp": "facegate.doors.osdp:OsdpDoor",
}
"""The entries of pyproject.toml again, for a source tree that was not installed."""


class MovesALock(Protocol):
    """What a plugin's objects can do; `facegate.ports.devices.DoorOutput` says it in full."""

    def unlock(self, pulse_s: float, reference: str) -> None:
        """Open for pulse_s seconds."""

    def lock(self) -> None:
        """Lock now."""

    def is_open(self) -> bool | None:
        """What the door contact says."""

    def close(self) -> None:
        """Lock and let go."""


class OutputPlugin(Protocol):
    """What a plugin's class brings.

    Attributes:
        api_version: 1.
        summary: what it is, for lists.
        form: how its text is written.
        after_kill: what happens to the lock when the process is killed during a pulse.

    A class may also have `needs`, a tuple of `facegate.doors.libraries.Library`.
    """

    api_version: int
    summary: str
    form: str
    after_kill: str

    @classmethod
    def check(cls, spec: DoorSpec) -> Any:
        """Read the text into settings, without touching a device. Raises DoorError."""

    def __call__(self, settings: Any, context: OutputContext) -> MovesALock:
        """Open the device and lock it. Raises DoorError."""


@dataclass(frozen=True, slots=True)
class PluginEntry:
    """A plugin that was found.

    Attributes:
        name: what stands before the colon.
        origin: `module:class`.
        failure: why it cannot be used; empty when it can.
        plugin: the class, None when it failed.
        missing: libraries that are not installed, and how to get them; texts of the output can be
            checked all the same.
    """

    name: str
    origin: str
    failure: str = ""
    plugin: OutputPlugin | None = None
    missing: str = ""


def found_entries() -> list[tuple[str, str]]:
    """(name, `module:class`) of every entry, ours and those of installed packages."""
    found = {(one.name, one.value) for one in entry_points(group=GROUP)}
    return sorted(found | set(BUILT_IN.items()))


def load_plugins(entries: Iterable[tuple[str, str]] | None = None) -> list[PluginEntry]:
    """Load every plugin, by name; those that fail are there with the reason."""
    by_name: dict[str, list[str]] = {}
    for name, origin in found_entries() if entries is None else entries:
        by_name.setdefault(name, []).append(origin)
    return [_load(name, origins) for name, origins in sorted(by_name.items())]


def find_plugin(name: str, entries: Iterable[tuple[str, str]] | None = None) -> OutputPlugin:
    """Load one plugin. Raises DoorError when there is none of that name, or it failed."""
    every = found_entries() if entries is None else list(entries)
    origins = [origin for one, origin in every if one == name]
    if not origins:
        known = ", ".join(sorted({one for one, _ in every}))
        raise DoorError(f"There is no output called {name!r}.", hint=f"There are {known}.")
    entry = _load(name, origins)
    if entry.plugin is None:
        raise DoorError(f"The output {name!r} cannot be used: {entry.failure}")
    return entry.plugin


def check_output(text: str) -> DoorSpec:
    """Check the text of an output as far as that goes without its device and secrets.

    Raises:
        DoorError: it cannot be meant.
    """
    spec = DoorSpec.parse(text)
    find_plugin(spec.scheme).check(spec)
    return spec


def open_output(text: str, context: OutputContext | None = None) -> MovesALock:
    """Open a door's output, and lock it.

    Args:
        text: see `facegate.doors.spec`.
        context: the door's name and the secrets.

    Raises:
        DoorError: the text is wrong, a library or a secret is missing, the device does not answer.
    """
    spec = DoorSpec.parse(text)
    plugin = find_plugin(spec.scheme)
    settings = plugin.check(spec)
    try:
        return plugin(settings, context or OutputContext())
    except DoorError:
        raise
    except Exception as error:  # a plugin's defect must not pass for an open gate
        raise DoorError(
            f"The output {spec.scheme}: cannot be opened ({type(error).__name__}: {error})."
        ) from error


def _load(name: str, origins: list[str]) -> PluginEntry:
    origin = " and ".join(origins)
    if len(origins) > 1:
        return PluginEntry(name, origin, f"two plugins have this name: {origin}.")
    module, _, attribute = origin.partition(":")
    try:
        plugin = getattr(import_module(module), attribute)
    except Exception as error:  # whatever a stranger's module does, the gate goes on without it
        return PluginEntry(name, origin, f"it cannot be loaded ({type(error).__name__}: {error}).")
    version = getattr(plugin, "api_version", None)
    if version != API_VERSION:
        return PluginEntry(name, origin, f"it has api_version {version}, not {API_VERSION}.")
    wanted = ("check", "unlock", "lock", "is_open", "close")
    lacks = [one for one in wanted if not callable(getattr(plugin, one, None))]
    lacks += [one for one in ("summary", "form", "after_kill") if not hasattr(plugin, one)]
    if lacks:
        return PluginEntry(name, origin, f"it lacks {', '.join(lacks)}.")
    needs = [one for one in getattr(plugin, "needs", ()) if isinstance(one, Library)]
    return PluginEntry(name, origin, "", plugin, what_is_missing(needs))

"""Who may pass: people in groups, at doors, at times. Rules are data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from facegate.domain.doors import Door
from facegate.domain.local_time import moment, parse_local, zone_named
from facegate.domain.names import policy_name
from facegate.domain.schedules import ALWAYS, Holiday, Schedule
from facegate.errors import PolicyError

EVERYONE = "everyone"
"""The built-in group of all who are enrolled."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A group may pass a door while a schedule is open. There is no rule that forbids."""

    group: str
    door: str
    schedule: str = ALWAYS.name

    def __str__(self) -> str:
        return f"{self.group} at {self.door}, {self.schedule}"


@dataclass(frozen=True, slots=True)
class Group:
    """A named set of people.

    Attributes:
        name: unique.
        members: names of enrolled people; empty for EVERYONE, whose members are all.
    """

    name: str
    members: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", policy_name(self.name, "group"))
        if self.name == EVERYONE and self.members:
            raise PolicyError(f"Nobody joins or leaves {EVERYONE!r}: all enrolled are in it.")


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for one person at all doors.

    Attributes:
        valid_from, valid_until: local times at the door, `2026-12-24T18:00:00`, from and up to,
            not including, which the person may pass; empty: no limit.
        always_pin: the PIN is always needed: the person has a twin or a look-alike.
        has_pin: whether a PIN is set; never the PIN.
    """

    valid_from: str = ""
    valid_until: str = ""
    always_pin: bool = False
    has_pin: bool = False

    def __post_init__(self) -> None:
        read = [parse_local(text) for text in (self.valid_from, self.valid_until) if text]
        for name in ("valid_from", "valid_until"):
            if text := getattr(self, name):
                object.__setattr__(self, name, parse_local(text).isoformat())
        if len(read) == 2 and read[0] >= read[1]:
            raise PolicyError("The validity ends before it begins.")

    def begin(self, zone: str) -> datetime | None:
        """First valid moment at a door of a time zone, UTC; None: no limit."""
        return _moment(self.valid_from, zone)

    def end(self, zone: str) -> datetime | None:
        """First moment that is not valid any more, UTC; None: no limit."""
        return _moment(self.valid_until, zone)


def _moment(text: str, zone: str) -> datetime | None:
    return moment(parse_local(text), zone_named(zone)) if text else None


@dataclass(frozen=True, slots=True)
class Person:
    """An enrolled person as the policy sees them."""

    subject_id: int
    name: str
    enabled: bool = True
    terms: Terms = field(default_factory=Terms)


@dataclass(frozen=True, slots=True)
class Policy:
    """All of it at one moment; names are unique within their kind and sorted.

    Attributes:
        revision: grows with every change.
        doors, groups, schedules, holidays, rules: without the built-in group and schedule.
        people: everybody who is enrolled.
    """

    revision: int = 0
    doors: tuple[Door, ...] = ()
    groups: tuple[Group, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    rules: tuple[Rule, ...] = ()
    people: tuple[Person, ...] = ()

    def __post_init__(self) -> None:
        doors = _names("door", (one.name for one in self.doors))
        groups = _names("group", (one.name for one in self.groups), EVERYONE)
        schedules = _names("schedule", (one.name for one in self.schedules), ALWAYS.name)
        _names("holiday", (one.name for one in self.holidays))
        people = _names("person", (one.name for one in self.people))
        if len(set(self.rules)) != len(self.rules):
            raise PolicyError("A rule is there twice.")
        for rule in self.rules:
            for what, name, known in (
                ("door", rule.door, doors),
                ("group", rule.group, groups | {EVERYONE}),
                ("schedule", rule.schedule, schedules | {ALWAYS.name}),
            ):
                if name not in known:
                    raise PolicyError(f"The rule {str(rule)!r} names the unknown {what} {name!r}.")
        for group in self.groups:
            for name in sorted(group.members - people):
                raise PolicyError(f"The group {group.name!r} names {name!r}, who is not enrolled.")

    def door(self, name: str) -> Door | None:
        """A door by name, or None."""
        return next((one for one in self.doors if one.name == name), None)

    def schedule(self, name: str) -> Schedule:
        """A schedule that a rule names."""
        return next((one for one in self.schedules if one.name == name), ALWAYS)

    def members(self, group: str) -> set[str]:
        """Names of the people in a group that a rule names."""
        if group == EVERYONE:
            return {one.name for one in self.people}
        return {name for one in self.groups if one.name == group for name in one.members}

    def grants(self, door: str, person: str) -> Iterator[tuple[Rule, Schedule]]:
        """The rules that may let a person pass a door."""
        for rule in self.rules:
            if rule.door == door and person in self.members(rule.group):
                yield rule, self.schedule(rule.schedule)


def _names(what: str, given: Iterable[str], reserved: str = "") -> set[str]:
    seen: set[str] = set()
    for name in given:
        if name == reserved:
            raise PolicyError(f"The {what} {name!r} is built in.")
        if name in seen:
            raise PolicyError(f"There are two of the {what} {name!r}.")
        seen.add(name)
    return seen


def refuse_alike(name: str, others: Iterable[str]) -> None:
    """Refuse a new door's name that differs from another only by case: who could tell them apart?

    Raises:
        PolicyError: there is one.
    """
    for other in others:
        if other != name and other.casefold() == name.casefold():
            raise PolicyError(f"There already is a door {other!r}; {name!r} is too much like it.")


Value = TypeVar("Value")


def named(values: Mapping[str, Value], name: str, what: str) -> Value:
    """Look up a name. Raises PolicyError that says which names there are."""
    if name not in values:
        known = ", ".join(sorted(values)) or "none"
        raise PolicyError(f"There is no {what} {name!r}.", hint=f"There is: {known}.")
    return values[name]

"""What is kept of doors, rules and who went where."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from facegate.domain.doors import Door
from facegate.domain.facts import DoorState
from facegate.domain.lockout import Attempts
from facegate.domain.policy import Person, Policy, Rule, Terms
from facegate.domain.schedules import Holiday, Schedule


class DoorRepository(Protocol):
    """The doors; every change gives the policy a new revision."""

    def add(self, door: Door, at: datetime) -> None:
        """Store a new door. Raises PolicyError when there is one of that name."""

    def set(self, door: Door) -> None:
        """Change the door of that name; what it remembers stays. Raises PolicyError."""

    def find(self, name: str) -> Door | None:
        """Find a door by exact name, or None."""

    def by_name(self, name: str) -> Door:
        """Find a door by exact name. Raises PolicyError."""

    def list(self) -> list[Door]:
        """All doors, by name."""

    def remove(self, name: str) -> None:
        """Delete a door with its rules and what it remembers. Raises PolicyError."""


class PolicyRepository(Protocol):
    """Groups, schedules, holidays and rules; all raise PolicyError for unknown names."""

    def revision(self) -> int:
        """A number that grows with every change."""

    def load(self) -> Policy:
        """All of it, with the doors and the people."""

    def add_group(self, name: str) -> None:
        """Make an empty group."""

    def remove_group(self, name: str) -> None:
        """Delete a group with its rules; its members stay."""

    def join(self, group: str, subject_id: int) -> bool:
        """Put a person into a group; False when they were in it."""

    def leave(self, group: str, subject_id: int) -> bool:
        """Take a person out of a group; False when they were not in it."""

    def add_schedule(self, schedule: Schedule) -> None:
        """Store a schedule."""

    def remove_schedule(self, name: str) -> None:
        """Delete a schedule that no rule names."""

    def add_holiday(self, holiday: Holiday) -> None:
        """Store a holiday."""

    def remove_holiday(self, name: str) -> None:
        """Delete a holiday."""

    def holidays(self) -> tuple[Holiday, ...]:
        """All holidays, by name."""

    def allow(self, rule: Rule) -> bool:
        """Store a rule; False when it was there."""

    def deny(self, rule: Rule) -> bool:
        """Delete a rule; False when there was none."""

    def grants(self, door: str, subject_id: int) -> tuple[tuple[Rule, Schedule], ...]:
        """The rules of a door for one of a person's groups, with their schedules."""

    def clear(self) -> None:
        """Delete all rules, groups, schedules and holidays; doors stay."""


class AccessRepository(Protocol):
    """What holds for people, and what doors remember from one decision to the next."""

    def begin(self) -> int:
        """Take this ruling's turn among all; gives back the revision of the policy."""

    def person(self, subject_id: int) -> Person | None:
        """A person with their terms; None when nobody of that number is enrolled."""

    def set_terms(self, subject_id: int, terms: Terms) -> None:
        """Keep validity and the always-PIN flag; the PIN itself stays as it is."""

    def set_pin_hash(self, subject_id: int, pin_hash: str) -> None:
        """Keep the hash of a PIN; an empty one takes the PIN away."""

    def pin_hash(self, subject_id: int) -> str:
        """The hash of a person's PIN; empty when there is none."""

    def door_state(self, door: str) -> DoorState:
        """What a door remembers; nothing for a door that does not exist."""

    def set_door_state(self, door: str, state: DoorState) -> None:
        """Let a door remember something else."""

    def attempts(self, subject_id: int, kind: Literal["pins", "claims"]) -> Attempts:
        """Wrong PINs of a person, or of claims to be that person."""

    def set_attempts(
        self, subject_id: int, kind: Literal["pins", "claims"], attempts: Attempts
    ) -> None:
        """Keep the count of wrong PINs."""

    def delayed(self, at: datetime) -> list[tuple[int, Literal["pins", "claims"], Attempts]]:
        """Everybody whose next attempt must wait until after a moment: number, kind, count."""

    def inside_since(self, subject_id: int, area: str) -> datetime | None:
        """When a person went into an area, unless they have left it since."""

    def inside(self, area: str) -> Sequence[str]:
        """Names of the people inside an area."""

    def pass_through(self, subject_id: int, area: str, inside: bool, at: datetime) -> None:
        """Keep that a person went into an area, or out of it."""

    def take_back(self, area: str, at: datetime) -> None:
        """Forget who passed at one moment: the door did not open."""

    def forget_passages(self, subject_id: int) -> None:
        """Forget in which areas a person is."""

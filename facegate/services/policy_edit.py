"""Changes of the policy: checked, stored, and written into the history, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from facegate.domain.doors import Door
from facegate.domain.facts import DoorState
from facegate.domain.lockout import Attempts
from facegate.domain.policy import EVERYONE, Person, Policy, Rule, Terms, refuse_alike
from facegate.domain.schedules import ALWAYS, Holiday, Schedule
from facegate.errors import UnknownSubject
from facegate.ports.store import UnitOfWork
from facegate.services.pins import PinHasher


class PolicyEditor:
    """Changes the policy within an open transaction; the caller commits.

    Every method raises PolicyError when a name is not known or taken, and leaves an event.

    Args:
        work: a transaction that may write.
        at: now, time zone aware.
    """

    def __init__(self, work: UnitOfWork, at: datetime) -> None:
        self._work = work
        self._at = at

    def _note(self, kind: str, detail: str, subject_name: str = "") -> None:
        revision = self._work.policy.revision()
        self._work.events.add(self._at, kind, subject_name, f"{detail} (policy {revision})")

    def add_door(self, door: Door, *, everyone: bool = False) -> None:
        """Add a door; with everyone, all who are enrolled may always pass it."""
        refuse_alike(door.name, (one.name for one in self._work.doors.list()))
        self._work.doors.add(door, self._at)
        self._note("door add", door.name)
        if everyone:
            self.allow(Rule(EVERYONE, door.name, ALWAYS.name))

    def door(self, name: str) -> Door:
        """A door as it is now."""
        return self._work.doors.by_name(name)

    def set_door(self, door: Door) -> bool:
        """Change a door; False, and nothing happens, when it is like that already."""
        before = self._work.doors.by_name(door.name).as_dict()
        changed = [key for key, value in door.as_dict().items() if before[key] != value]
        if changed:
            self._work.doors.set(door)
            self._note("door set", f"{door.name}: {', '.join(changed)}")
        return bool(changed)

    def enable_door(self, name: str, *, enabled: bool) -> None:
        """Switch a door on or off."""
        self.set_door(replace(self._work.doors.by_name(name), enabled=enabled))

    def remove_door(self, name: str) -> None:
        """Delete a door with its rules."""
        self._work.doors.remove(name)
        self._note("door remove", name)

    def reset_door(self, name: str) -> None:
        """Lift a door's delays and lock-out, and go by its clock anew."""
        self._work.doors.by_name(name)
        self._work.access.set_door_state(name, DoorState(last_at=self._at))
        self._note("door reset", name)

    def add_group(self, name: str) -> None:
        """Make an empty group."""
        self._work.policy.add_group(name)
        self._note("group add", name)

    def remove_group(self, name: str) -> None:
        """Delete a group with its rules."""
        self._work.policy.remove_group(name)
        self._note("group remove", name)

    def join(self, group: str, people: Sequence[str]) -> list[str]:
        """Put people into a group; gives back who was not in it before."""
        return self._members(group, people, "join")

    def leave(self, group: str, people: Sequence[str]) -> list[str]:
        """Take people out of a group; gives back who was in it."""
        return self._members(group, people, "leave")

    def _members(self, group: str, people: Sequence[str], word: str) -> list[str]:
        change = self._work.policy.join if word == "join" else self._work.policy.leave
        changed = []
        for name in people:
            subject = self._work.subjects.by_name(name)
            if change(group, subject.subject_id):
                self._note(f"group {word}", group, subject.name)
                changed.append(subject.name)
        return changed

    def add_schedule(self, schedule: Schedule) -> None:
        """Add a schedule."""
        self._work.policy.add_schedule(schedule)
        windows = "; ".join(str(window) for window in schedule.windows)
        self._note("schedule add", f"{schedule.name}: {windows}")

    def remove_schedule(self, name: str) -> None:
        """Delete a schedule that no rule names."""
        self._work.policy.remove_schedule(name)
        self._note("schedule remove", name)

    def add_holiday(self, holiday: Holiday) -> None:
        """Add a holiday."""
        self._work.policy.add_holiday(holiday)
        self._note("holiday add", f"{holiday.name}: {holiday.first} to {holiday.last}")

    def remove_holiday(self, name: str) -> None:
        """Delete a holiday."""
        self._work.policy.remove_holiday(name)
        self._note("holiday remove", name)

    def allow(self, rule: Rule) -> bool:
        """Add a rule; False when it was there."""
        added = self._work.policy.allow(rule)
        if added:
            self._note("allow", str(rule))
        return added

    def deny(self, rule: Rule) -> bool:
        """Take a rule away; False when there was none."""
        removed = self._work.policy.deny(rule)
        if removed:
            self._note("deny", str(rule))
        return removed

    def set_validity(self, name: str, valid_from: str, valid_until: str) -> Person:
        """Let a person pass only from one local time up to, not including, another."""
        person = self.check_person(name)
        terms = replace(person.terms, valid_from=valid_from, valid_until=valid_until)
        limits = f"{terms.valid_from or 'any time'} to {terms.valid_until or 'any time'}"
        self._set_terms(person, terms, "validity", limits)
        return replace(person, terms=terms)

    def set_always_pin(self, name: str, always: bool) -> Person:
        """Ask a person for the PIN at all doors, or no longer."""
        person = self.check_person(name)
        terms = replace(person.terms, always_pin=always)
        self._set_terms(person, terms, "always pin", "on" if always else "off")
        return replace(person, terms=terms)

    def _set_terms(self, person: Person, terms: Terms, kind: str, detail: str) -> None:
        if terms != person.terms:
            self._work.access.set_terms(person.subject_id, terms)
            self._note(kind, detail, person.name)

    def set_pin(self, name: str, pin: str, pins: PinHasher) -> None:
        """Give a person a PIN; their wrong attempts are forgotten. The event does not hold it."""
        person = self.check_person(name)
        self._work.access.set_pin_hash(person.subject_id, pins.hash(pin))
        self._forget_attempts(person)
        self._note("pin set", "", person.name)

    def remove_pin(self, name: str) -> None:
        """Take a person's PIN away."""
        person = self.check_person(name)
        self._work.access.set_pin_hash(person.subject_id, "")
        self._note("pin remove", "", person.name)

    def reset_person(self, name: str) -> None:
        """Lift a person's delays and lock-out, and forget in which areas they are."""
        person = self.check_person(name)
        self._forget_attempts(person)
        self._work.access.forget_passages(person.subject_id)
        self._note("person reset", "", person.name)

    def _forget_attempts(self, person: Person) -> None:
        self._work.access.set_attempts(person.subject_id, "pins", Attempts())
        self._work.access.set_attempts(person.subject_id, "claims", Attempts())

    def check_person(self, name: str) -> Person:
        """Find a person with their terms; nothing is changed. Raises UnknownSubject."""
        subject = self._work.subjects.by_name(name)
        person = self._work.access.person(subject.subject_id)
        if person is None:
            raise UnknownSubject(name)
        return person

    def policy(self) -> Policy:
        """All of it, as it is now."""
        return self._work.policy.load()

    def replace_all(self, policy: Policy) -> None:
        """Put another policy in the place of this one, checked before.

        Doors of the same name keep what they remember; people keep their PINs.
        """
        work, now = self._work, self._work.policy.load()
        work.policy.clear()
        for door in now.doors:
            if policy.door(door.name) is None:
                work.doors.remove(door.name)
        for door in policy.doors:
            if now.door(door.name) is None:
                work.doors.add(door, self._at)
            else:
                work.doors.set(door)
        numbers = {person.name: person.subject_id for person in now.people}
        for group in policy.groups:
            work.policy.add_group(group.name)
            for name in sorted(group.members):
                work.policy.join(group.name, numbers[name])
        for schedule in policy.schedules:
            work.policy.add_schedule(schedule)
        for holiday in policy.holidays:
            work.policy.add_holiday(holiday)
        for rule in policy.rules:
            work.policy.allow(rule)
        wanted = {person.name: person.terms for person in policy.people}
        for person in now.people:
            if (terms := wanted.get(person.name, Terms())) != person.terms:
                work.access.set_terms(person.subject_id, terms)
        self._note("policy import", f"{len(policy.doors)} doors, {len(policy.rules)} rules")

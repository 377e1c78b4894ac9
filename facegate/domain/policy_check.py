"""Finds what is allowed to be saved, yet can hardly be meant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from facegate.domain.doors import AntiPassback, Direction, Door, PinMode
from facegate.domain.policy import EVERYONE, Person, Policy
from facegate.domain.schedules import Schedule

LOOK_AHEAD_DAYS = 400
"""More than a year, so that a yearly holiday comes once."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at.

    Attributes:
        kind: stable word.
        name: of the door, group, schedule or person.
        text: a sentence for the operator.
    """

    kind: str
    name: str
    text: str


def contradictions(policy: Policy, at: datetime) -> list[Finding]:
    """All findings from a moment on; empty when the policy makes sense.

    Raises:
        PolicyError: this machine does not know a time zone.
    """
    return [
        *_of_doors(policy, at),
        *_of_areas(policy),
        *_of_groups(policy),
        *_of_schedules(policy, at),
        *_of_people(policy),
    ]


def _of_doors(policy: Policy, at: datetime) -> Iterator[Finding]:
    for door in policy.doors:
        if not door.enabled:
            yield Finding("door_disabled", door.name, f"The door {door.name!r} is switched off.")
            continue
        able = {person.name for person in policy.people if _may_ever(policy, door, person, at)}
        if not any(rule.door == door.name for rule in policy.rules):
            text = f"Nobody can pass {door.name!r}: no rule names it."
            yield Finding("nobody_passes", door.name, text)
        elif not able:
            text = f"Nobody can pass {door.name!r}: no rule of it lets anybody in from now on."
            yield Finding("nobody_passes", door.name, text)
        elif door.two_person_s and len(able) == 1:
            text = f"{door.name!r} needs two people, and only {min(able)} may pass."
            yield Finding("second_person_missing", door.name, text)


def _may_ever(policy: Policy, door: Door, person: Person, at: datetime) -> bool:
    terms = person.terms
    end = terms.end(door.zone)
    if not person.enabled or (end is not None and end <= at):
        return False
    if (terms.always_pin or door.pin is PinMode.SECOND_FACTOR) and not terms.has_pin:
        return False
    begin = max(at, terms.begin(door.zone) or at)
    return any(
        _opens(schedule, door.zone, policy, begin, end)
        for _, schedule in policy.grants(door.name, person.name)
    )


def _opens(
    schedule: Schedule, zone: str, policy: Policy, begin: datetime, end: datetime | None
) -> bool:
    if schedule.is_always:
        return True
    local = begin.astimezone(schedule.zone_at(zone)).date()
    first, last = local - timedelta(days=1), local + timedelta(days=LOOK_AHEAD_DAYS)
    found = schedule.openings(first, last, schedule.zone_at(zone), policy.holidays)
    return any(closes > begin and (end is None or opens < end) for opens, closes in found)


def _of_areas(policy: Policy) -> Iterator[Finding]:
    out = {door.area for door in policy.doors if door.direction is Direction.OUT}
    for door in policy.doors:
        judged = door.anti_passback is not AntiPassback.OFF
        if judged and door.direction is Direction.IN and door.area not in out:
            text = (
                f"{door.name!r} lets nobody into {door.area!r} twice, and no door leads out of it."
            )
            yield Finding("no_way_out", door.area, text)


def _of_groups(policy: Policy) -> Iterator[Finding]:
    used = {rule.group for rule in policy.rules}
    for group in policy.groups:
        if not group.members:
            yield Finding("empty_group", group.name, f"The group {group.name!r} is empty.")
        if group.name not in used:
            text = f"No rule names the group {group.name!r}."
            yield Finding("unused_group", group.name, text)
    if policy.rules and not policy.people and EVERYONE in used:
        yield Finding("empty_group", EVERYONE, "Nobody is enrolled.")


def _of_schedules(policy: Policy, at: datetime) -> Iterator[Finding]:
    zones = {door.name: door.zone for door in policy.doors}
    for schedule in policy.schedules:
        rules = [rule for rule in policy.rules if rule.schedule == schedule.name]
        if not rules:
            text = f"No rule names the schedule {schedule.name!r}."
            yield Finding("unused_schedule", schedule.name, text)
        for zone in sorted({zones[rule.door] for rule in rules} or {schedule.zone or "UTC"}):
            if not _opens(schedule, zone, policy, at, None):
                text = f"The schedule {schedule.name!r} never opens in {schedule.zone or zone}."
                yield Finding("never_opens", schedule.name, text)


def _of_people(policy: Policy) -> Iterator[Finding]:
    for person in policy.people:
        if person.terms.always_pin and not person.terms.has_pin:
            text = f"{person.name} always needs the PIN, and has none."
            yield Finding("pin_missing", person.name, text)
    for door in policy.doors:
        if door.pin is not PinMode.SECOND_FACTOR:
            continue
        for person in policy.people:
            if not person.terms.has_pin and any(policy.grants(door.name, person.name)):
                text = f"{door.name!r} asks for a PIN, and {person.name} has none."
                yield Finding("pin_missing", person.name, text)

"""Reads and writes doors, groups, schedules, holidays and rules as domain values."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from facegate.domain.doors import Door
from facegate.domain.policy import EVERYONE, Group, Policy, Rule, named
from facegate.domain.schedules import ALWAYS, Holiday, Hours, OnHolidays, Schedule, Window
from facegate.errors import PolicyError, StoreError
from facegate.store.access_repositories import people
from facegate.store.policy_tables import (
    access_rules,
    door_states,
    doors,
    holidays,
    memberships,
    person_groups,
    policy_state,
    schedules,
)
from facegate.store.tables import subjects

_NAMES = {"door": doors, "group": person_groups, "schedule": schedules, "holiday": holidays}


class PolicyConnection:
    """What the repositories of the policy share."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _touch(self) -> None:
        """Give the policy a new revision, in the same transaction."""
        self._connection.execute(update(policy_state).values(revision=policy_state.c.revision + 1))

    def _number(self, what: str, name: str) -> int:
        """Number of a door, group, schedule or holiday. Raises PolicyError."""
        table = _NAMES[what]
        rows = self._connection.execute(select(table.c.name, table.c.id))
        return int(named({row.name: row.id for row in rows}, name, what))

    def _insert(self, what: str, values: dict[str, Any]) -> int:
        try:
            result = self._connection.execute(insert(_NAMES[what]).values(**values))
        except IntegrityError as error:
            raise PolicyError(f"There already is a {what} {values['name']!r}.") from error
        self._touch()
        (number,) = result.inserted_primary_key or (0,)
        return int(number)

    def _delete(self, what: str, name: str) -> None:
        table = _NAMES[what]
        number = self._number(what, name)
        self._connection.execute(delete(table).where(table.c.id == number))
        self._touch()


class SqlDoors(PolicyConnection):
    """Fulfils `facegate.ports.policy_repositories.DoorRepository`."""

    def add(self, door: Door, at: datetime) -> None:
        """Store a new door. Raises PolicyError when there is one of that name."""
        number = self._insert("door", door.as_dict())
        self._connection.execute(
            insert(door_states).values(door_id=number, last_at=at, failures=0, locked=False)
        )

    def set(self, door: Door) -> None:
        """Change the door of that name; what it remembers stays. Raises PolicyError."""
        number = self._number("door", door.name)
        self._connection.execute(update(doors).where(doors.c.id == number).values(**door.as_dict()))
        self._touch()

    def find(self, name: str) -> Door | None:
        """Find a door by exact name, or None."""
        row = self._connection.execute(select(doors).where(doors.c.name == name)).first()
        return None if row is None else _door(row)

    def by_name(self, name: str) -> Door:
        """Find a door by exact name. Raises PolicyError."""
        return named({door.name: door for door in self.list()}, name, "door")

    def list(self) -> list[Door]:
        """All doors, by name."""
        return [
            _door(row) for row in self._connection.execute(select(doors).order_by(doors.c.name))
        ]

    def remove(self, name: str) -> None:
        """Delete a door with its rules and what it remembers. Raises PolicyError."""
        self._delete("door", name)


class SqlPolicy(PolicyConnection):
    """Fulfils `facegate.ports.policy_repositories.PolicyRepository`."""

    def revision(self) -> int:
        """A number that grows with every change."""
        return int(self._connection.execute(select(policy_state.c.revision)).scalar_one())

    def load(self) -> Policy:
        """All of it."""
        return Policy(
            revision=self.revision(),
            doors=tuple(SqlDoors(self._connection).list()),
            groups=tuple(self._groups()),
            schedules=tuple(self._schedules()),
            holidays=self.holidays(),
            rules=tuple(self._rules()),
            people=tuple(people(self._connection)),
        )

    def add_group(self, name: str) -> None:
        """Make an empty group. Raises PolicyError when there is one of that name."""
        self._insert("group", {"name": Group(name).name})

    def remove_group(self, name: str) -> None:
        """Delete a group with its rules; its members stay. Raises PolicyError."""
        if name == EVERYONE:
            raise PolicyError(f"The group {EVERYONE!r} is built in.")
        self._delete("group", name)

    def join(self, group: str, subject_id: int) -> bool:
        """Put a person into a group; False when they were in it. Raises PolicyError."""
        Group(group, frozenset({"somebody"}))  # nobody joins the built-in group
        number = self._number("group", group)
        if self._is_member(number, subject_id):
            return False
        self._connection.execute(insert(memberships).values(group_id=number, subject_id=subject_id))
        self._touch()
        return True

    def leave(self, group: str, subject_id: int) -> bool:
        """Take a person out of a group; False when they were not in it. Raises PolicyError."""
        Group(group, frozenset({"somebody"}))
        number = self._number("group", group)
        if not self._is_member(number, subject_id):
            return False
        self._connection.execute(
            delete(memberships).where(
                memberships.c.group_id == number, memberships.c.subject_id == subject_id
            )
        )
        self._touch()
        return True

    def add_schedule(self, schedule: Schedule) -> None:
        """Store a schedule. Raises PolicyError when there is one of that name."""
        self._insert(
            "schedule",
            {
                "name": schedule.name,
                "zone": schedule.zone,
                "windows": json.dumps([str(one) for one in schedule.windows]),
                "on_holidays": schedule.on_holidays.value,
                "holiday_hours": json.dumps([str(one) for one in schedule.holiday_hours]),
            },
        )

    def remove_schedule(self, name: str) -> None:
        """Delete a schedule that no rule names. Raises PolicyError."""
        if name == ALWAYS.name:
            raise PolicyError(f"The schedule {name!r} is built in.")
        using = [rule for rule in self._rules() if rule.schedule == name]
        if using:
            raise PolicyError(
                f"The schedule {name!r} is used: {using[0]}.", hint="Take its rules away first."
            )
        self._delete("schedule", name)

    def add_holiday(self, holiday: Holiday) -> None:
        """Store a holiday. Raises PolicyError when there is one of that name."""
        self._insert(
            "holiday",
            {
                "name": holiday.name,
                "first": holiday.first,
                "last": holiday.last,
                "yearly": holiday.yearly,
            },
        )

    def remove_holiday(self, name: str) -> None:
        """Delete a holiday. Raises PolicyError."""
        self._delete("holiday", name)

    def holidays(self) -> tuple[Holiday, ...]:
        """All holidays, by name."""
        rows = self._connection.execute(select(holidays).order_by(holidays.c.name))
        with _sound("holidays"):
            return tuple(Holiday(row.name, row.first, row.last, bool(row.yearly)) for row in rows)

    def allow(self, rule: Rule) -> bool:
        """Store a rule; False when it was there. Raises PolicyError for unknown names."""
        numbers = self._numbers(rule)
        if self._rule_number(numbers) is not None:
            return False
        self._connection.execute(insert(access_rules).values(**numbers))
        self._touch()
        return True

    def deny(self, rule: Rule) -> bool:
        """Delete a rule; False when there was none. Raises PolicyError for unknown names."""
        number = self._rule_number(self._numbers(rule))
        if number is None:
            return False
        self._connection.execute(delete(access_rules).where(access_rules.c.id == number))
        self._touch()
        return True

    def grants(self, door: str, subject_id: int) -> tuple[tuple[Rule, Schedule], ...]:
        """The rules of a door for one of a person's groups, with their schedules."""
        mine = select(memberships.c.group_id).where(memberships.c.subject_id == subject_id)
        rows = self._connection.execute(
            self._rule_query(schedules)
            .where(
                doors.c.name == door,
                (person_groups.c.name == EVERYONE) | access_rules.c.group_id.in_(mine),
            )
            .order_by(access_rules.c.id)
        )
        return tuple(
            (Rule(row.group_name, row.door_name, row.name), _schedule(row)) for row in rows
        )

    def clear(self) -> None:
        """Delete all rules, groups, schedules and holidays; doors stay."""
        for table, kept in (
            (access_rules, None),
            (memberships, None),
            (person_groups, EVERYONE),
            (schedules, ALWAYS.name),
            (holidays, None),
        ):
            query = delete(table)
            self._connection.execute(query if kept is None else query.where(table.c.name != kept))
        self._touch()

    def _is_member(self, group_id: int, subject_id: int) -> bool:
        query = select(memberships.c.group_id).where(
            memberships.c.group_id == group_id, memberships.c.subject_id == subject_id
        )
        return self._connection.execute(query).first() is not None

    def _numbers(self, rule: Rule) -> dict[str, int]:
        return {
            "group_id": self._number("group", rule.group),
            "door_id": self._number("door", rule.door),
            "schedule_id": self._number("schedule", rule.schedule),
        }

    def _rule_number(self, numbers: dict[str, int]) -> int | None:
        query = select(access_rules.c.id).where(
            *(access_rules.c[column] == number for column, number in numbers.items())
        )
        return self._connection.execute(query).scalar()

    def _rule_query(self, *columns: Any) -> Any:
        return (
            select(
                person_groups.c.name.label("group_name"), doors.c.name.label("door_name"), *columns
            )
            .select_from(access_rules)
            .join(person_groups, person_groups.c.id == access_rules.c.group_id)
            .join(doors, doors.c.id == access_rules.c.door_id)
            .join(schedules, schedules.c.id == access_rules.c.schedule_id)
        )

    def _rules(self) -> Iterator[Rule]:
        query = self._rule_query(schedules.c.name).order_by(
            doors.c.name, person_groups.c.name, schedules.c.name
        )
        for row in self._connection.execute(query):
            yield Rule(row.group_name, row.door_name, row.name)

    def _groups(self) -> Iterator[Group]:
        rows = self._connection.execute(
            select(memberships.c.group_id, subjects.c.name).join(
                subjects, subjects.c.id == memberships.c.subject_id
            )
        )
        members: dict[int, builtins.set[str]] = {}
        for row in rows:
            members.setdefault(row.group_id, set()).add(row.name)
        query = select(person_groups).where(person_groups.c.name != EVERYONE)
        for row in self._connection.execute(query.order_by(person_groups.c.name)):
            yield Group(row.name, frozenset(members.get(row.id, ())))

    def _schedules(self) -> Iterator[Schedule]:
        query = select(schedules).where(schedules.c.name != ALWAYS.name)
        for row in self._connection.execute(query.order_by(schedules.c.name)):
            yield _schedule(row)


@contextmanager
def _sound(what: str) -> Iterator[None]:
    """Raise StoreError for rows that mean nothing: they were changed by hand or are damaged."""
    try:
        yield
    except (PolicyError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"The {what} in the database cannot be read: {error}",
            hint="Put it right with `facegate policy` or restore a copy.",
        ) from error


def _door(row: Row[Any]) -> Door:
    with _sound(f"door {row.name!r}"):
        values = {key: value for key, value in row._mapping.items() if key != "id"}
        return Door.from_dict({**values, "enabled": bool(row.enabled)})


def _schedule(row: Row[Any]) -> Schedule:
    if row.name == ALWAYS.name:
        return ALWAYS
    with _sound(f"schedule {row.name!r}"):
        return Schedule(
            row.name,
            tuple(Window.parse(text) for text in json.loads(row.windows)),
            row.zone,
            OnHolidays(row.on_holidays),
            tuple(Hours.parse(text) for text in json.loads(row.holiday_hours)),
        )

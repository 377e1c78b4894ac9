"""Reads and writes what holds for people, and what doors remember between decisions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, insert, select, update

from facegate.domain.facts import DoorState
from facegate.domain.lockout import Attempts
from facegate.domain.policy import Person, Terms
from facegate.errors import PolicyError, StoreError
from facegate.store.policy_tables import (
    door_states,
    doors,
    passages,
    person_attempts,
    person_terms,
    policy_state,
)
from facegate.store.tables import subjects

Kind = Literal["pins", "claims"]

KEPT_PASSAGES = 2
"""The newest of a person and area decides; the one before comes back if the door did not open."""


def people(connection: Connection, subject_id: int | None = None) -> Iterator[Person]:
    """Enrolled people with their terms, by name; only one of them when a number is given."""
    query = (
        select(subjects.c.id, subjects.c.name, subjects.c.enabled, person_terms)
        .outerjoin(person_terms, person_terms.c.subject_id == subjects.c.id)
        .order_by(subjects.c.name)
    )
    if subject_id is not None:
        query = query.where(subjects.c.id == subject_id)
    for row in connection.execute(query):
        yield Person(row.id, row.name, bool(row.enabled), _terms(row))


def _terms(row: Row[Any]) -> Terms:
    if row.always_pin is None:  # no row of terms
        return Terms()
    try:
        return Terms(row.valid_from, row.valid_until, bool(row.always_pin), bool(row.pin_hash))
    except PolicyError as error:
        raise StoreError(
            f"The validity of {row.name} in the database cannot be read: {error}",
            hint="Set it again with `facegate people validity`.",
        ) from error


class SqlAccess:
    """Fulfils `facegate.ports.policy_repositories.AccessRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self) -> int:
        """Take this ruling's turn; gives back the revision of the policy.

        Where several may write at once (PostgreSQL), the row's lock makes rulings wait for one
        another; SQLite has one writer anyway.
        """
        query = select(policy_state.c.revision).with_for_update()
        return int(self._connection.execute(query).scalar_one())

    def person(self, subject_id: int) -> Person | None:
        """A person with their terms; None when nobody of that number is enrolled."""
        return next(people(self._connection, subject_id), None)

    def set_terms(self, subject_id: int, terms: Terms) -> None:
        """Keep validity and the always-PIN flag; the PIN itself stays as it is."""
        self._keep_terms(
            subject_id,
            valid_from=terms.valid_from,
            valid_until=terms.valid_until,
            always_pin=terms.always_pin,
        )

    def set_pin_hash(self, subject_id: int, pin_hash: str) -> None:
        """Keep the hash of a PIN; an empty one takes the PIN away."""
        self._keep_terms(subject_id, pin_hash=pin_hash)

    def pin_hash(self, subject_id: int) -> str:
        """The hash of a person's PIN; empty when there is none."""
        query = select(person_terms.c.pin_hash).where(person_terms.c.subject_id == subject_id)
        return str(self._connection.execute(query).scalar() or "")

    def _keep_terms(self, subject_id: int, **values: Any) -> None:
        same = person_terms.c.subject_id == subject_id
        if self._connection.execute(select(person_terms).where(same)).first() is not None:
            self._connection.execute(update(person_terms).where(same).values(**values))
        else:
            nothing = {"valid_from": "", "valid_until": "", "always_pin": False, "pin_hash": ""}
            row = {"subject_id": subject_id, **nothing, **values}
            self._connection.execute(insert(person_terms).values(**row))
        self._connection.execute(update(policy_state).values(revision=policy_state.c.revision + 1))

    def door_state(self, door: str) -> DoorState:
        """What a door remembers; nothing for a door that does not exist."""
        row = self._connection.execute(
            select(door_states)
            .join(doors, doors.c.id == door_states.c.door_id)
            .where(doors.c.name == door)
        ).first()
        if row is None:
            return DoorState()
        return DoorState(row.last_at, _attempts(row), row.first_id, row.first_at)

    def set_door_state(self, door: str, state: DoorState) -> None:
        """Let a door remember something else."""
        number = select(doors.c.id).where(doors.c.name == door).scalar_subquery()
        self._connection.execute(
            update(door_states)
            .where(door_states.c.door_id == number)
            .values(
                last_at=state.last_at,
                first_id=state.first_id,
                first_at=state.first_at,
                **_columns(state.attempts),
            )
        )

    def attempts(self, subject_id: int, kind: Kind) -> Attempts:
        """Wrong PINs of a person, or of claims to be that person."""
        row = self._connection.execute(
            select(person_attempts).where(
                person_attempts.c.subject_id == subject_id, person_attempts.c.kind == kind
            )
        ).first()
        return Attempts() if row is None else _attempts(row)

    def set_attempts(self, subject_id: int, kind: Kind, attempts: Attempts) -> None:
        """Keep the count of wrong PINs."""
        self._connection.execute(
            delete(person_attempts).where(
                person_attempts.c.subject_id == subject_id, person_attempts.c.kind == kind
            )
        )
        if attempts != Attempts():
            row = {"subject_id": subject_id, "kind": kind, **_columns(attempts)}
            self._connection.execute(insert(person_attempts).values(**row))

    def delayed(self, at: datetime) -> list[tuple[int, Kind, Attempts]]:
        """Everybody whose next attempt must wait until after a moment."""
        rows = self._connection.execute(
            select(person_attempts).where(person_attempts.c.blocked_until > at)
        )
        return [(row.subject_id, row.kind, _attempts(row)) for row in rows]

    def inside_since(self, subject_id: int, area: str) -> datetime | None:
        """When a person went into an area, unless they have left it since."""
        row = self._newest(subject_id, area, 1)
        return row[0].at if row and row[0].inside else None

    def pass_through(self, subject_id: int, area: str, inside: bool, at: datetime) -> None:
        """Keep that a person went into an area, or out of it."""
        values = {"subject_id": subject_id, "area": area, "inside": inside, "at": at}
        self._connection.execute(insert(passages).values(**values))
        kept = [row.id for row in self._newest(subject_id, area, KEPT_PASSAGES)]
        self._connection.execute(
            delete(passages).where(
                passages.c.subject_id == subject_id,
                passages.c.area == area,
                passages.c.id.not_in(kept),
            )
        )

    def take_back(self, area: str, at: datetime) -> None:
        """Forget who passed at one moment: the door did not open."""
        self._connection.execute(
            delete(passages).where(passages.c.area == area, passages.c.at == at)
        )

    def forget_passages(self, subject_id: int) -> None:
        """Forget in which areas a person is."""
        self._connection.execute(delete(passages).where(passages.c.subject_id == subject_id))

    def inside(self, area: str) -> list[str]:
        """Names of the people inside an area."""
        rows = self._connection.execute(
            select(subjects.c.name, passages.c.subject_id, passages.c.inside)
            .join(subjects, subjects.c.id == passages.c.subject_id)
            .where(passages.c.area == area)
            .order_by(passages.c.id)
        )
        newest = {row.name: bool(row.inside) for row in rows}
        return sorted(name for name, is_inside in newest.items() if is_inside)

    def _newest(self, subject_id: int, area: str, count: int) -> list[Row[Any]]:
        return list(
            self._connection.execute(
                select(passages)
                .where(passages.c.subject_id == subject_id, passages.c.area == area)
                .order_by(passages.c.id.desc())
                .limit(count)
            )
        )


def _attempts(row: Row[Any]) -> Attempts:
    return Attempts(row.failures, row.failed_at, row.blocked_until, bool(row.locked))


def _columns(attempts: Attempts) -> dict[str, Any]:
    return {
        "failures": attempts.failures,
        "failed_at": attempts.last_at,
        "blocked_until": attempts.blocked_until,
        "locked": attempts.locked,
    }

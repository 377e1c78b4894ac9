"""The tables of who may pass; the same rules as in `tables` hold."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from facegate.store.tables import LargeNumber, UtcDateTime, metadata

doors = Table(
    "doors",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(60), nullable=False),
    Column("source", String(500), nullable=False),
    Column("output", String(500), nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("zone", String(60), nullable=False),
    Column("pad", String(30), nullable=False),
    Column("tailgating", String(30), nullable=False),
    Column("unlock_s", Float, nullable=False),
    Column("held_open_s", Float, nullable=False),
    Column("area", String(60), nullable=False),
    Column("direction", String(10), nullable=False),
    Column("anti_passback", String(10), nullable=False),
    Column("two_person_s", Float, nullable=False),
    Column("pin", String(30), nullable=False),
    UniqueConstraint("name"),
    CheckConstraint("length(name) > 0", name="name_given"),
    CheckConstraint("unlock_s > 0", name="pulse_is_positive"),
    sqlite_autoincrement=True,
)

door_states = Table(
    "door_states",
    metadata,
    Column("door_id", ForeignKey("doors.id", ondelete="CASCADE"), primary_key=True),
    Column("last_at", UtcDateTime, nullable=True),
    Column("failures", Integer, nullable=False),
    Column("failed_at", UtcDateTime, nullable=True),
    Column("blocked_until", UtcDateTime, nullable=True),
    Column("locked", Boolean, nullable=False),
    Column("first_id", ForeignKey("subjects.id", ondelete="SET NULL"), nullable=True),
    Column("first_at", UtcDateTime, nullable=True),
    CheckConstraint("failures >= 0", name="failures_are_counted"),
)
"""What a door remembers from one decision to the next; see `DoorState`."""

person_groups = Table(
    "person_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(60), nullable=False),
    UniqueConstraint("name"),
    CheckConstraint("length(name) > 0", name="name_given"),
    sqlite_autoincrement=True,
)
"""The built-in group of everyone is a row, too, without members."""

memberships = Table(
    "memberships",
    metadata,
    Column("group_id", ForeignKey("person_groups.id", ondelete="CASCADE"), nullable=False),
    Column("subject_id", ForeignKey("subjects.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("group_id", "subject_id"),
    Index(None, "subject_id"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(60), nullable=False),
    Column("zone", String(60), nullable=False),
    Column("windows", Text, nullable=False),  # JSON list of Window as text
    Column("on_holidays", String(30), nullable=False),
    Column("holiday_hours", Text, nullable=False),  # JSON list of Hours as text
    UniqueConstraint("name"),
    CheckConstraint("length(name) > 0", name="name_given"),
    sqlite_autoincrement=True,
)
"""The built-in schedule that never closes is a row, too; what it says is not read."""

holidays = Table(
    "holidays",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(60), nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("yearly", Boolean, nullable=False),
    UniqueConstraint("name"),
    CheckConstraint("first <= last", name="ends_after_begin"),
    sqlite_autoincrement=True,
)

access_rules = Table(
    "access_rules",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("group_id", ForeignKey("person_groups.id", ondelete="CASCADE"), nullable=False),
    Column("door_id", ForeignKey("doors.id", ondelete="CASCADE"), nullable=False),
    Column("schedule_id", ForeignKey("schedules.id", ondelete="RESTRICT"), nullable=False),
    UniqueConstraint("group_id", "door_id", "schedule_id"),
    Index(None, "door_id"),
    sqlite_autoincrement=True,
)

person_terms = Table(
    "person_terms",
    metadata,
    Column("subject_id", ForeignKey("subjects.id", ondelete="CASCADE"), primary_key=True),
    Column("valid_from", String(19), nullable=False),  # local time at the door; empty: no limit
    Column("valid_until", String(19), nullable=False),
    Column("always_pin", Boolean, nullable=False),
    Column("pin_hash", String(200), nullable=False),  # argon2; empty: no PIN
)

person_attempts = Table(
    "person_attempts",
    metadata,
    Column("subject_id", ForeignKey("subjects.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(10), nullable=False),  # pins or claims
    Column("failures", Integer, nullable=False),
    Column("failed_at", UtcDateTime, nullable=True),
    Column("blocked_until", UtcDateTime, nullable=True),
    Column("locked", Boolean, nullable=False),
    PrimaryKeyConstraint("subject_id", "kind"),
    CheckConstraint("failures >= 0", name="failures_are_counted"),
)

passages = Table(
    "passages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject_id", ForeignKey("subjects.id", ondelete="CASCADE"), nullable=False),
    Column("area", String(60), nullable=False),
    Column("inside", Boolean, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index(None, "subject_id", "area"),
    sqlite_autoincrement=True,
)
"""The last passages into and out of areas, for anti-passback; receipts hold the whole history."""

policy_state = Table(
    "policy_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", LargeNumber, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)
"""One row: a number that grows with every change of the policy. Rulings take turns on it."""

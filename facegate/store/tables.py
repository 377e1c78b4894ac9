"""The tables. What is here must equal what the migrations build; a test compares them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    true,
)

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has a name, so that every migration can find it again."""


LargeNumber = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits; SQLite's own INTEGER has them already, and only that is a primary key by itself."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, also where the database keeps no time zone (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        """Refuse moments without a time zone; store the others in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(timezone.utc)

    def process_result_value(
        self,
        value: Any,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        """Give the time zone back."""
        if value is None:
            return None
        moment: datetime = value
        return (
            moment.replace(tzinfo=timezone.utc)
            if moment.tzinfo is None
            else moment.astimezone(timezone.utc)
        )


metadata = MetaData(naming_convention=NAMING)

subjects = Table(
    "subjects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("name"),
    CheckConstraint("length(name) > 0", name="name_given"),
    sqlite_autoincrement=True,  # a number is never given twice
)

templates = Table(
    "templates",
    metadata,
    Column("id", LargeNumber, primary_key=True, autoincrement=False),
    Column("subject_id", ForeignKey("subjects.id", ondelete="CASCADE"), nullable=False),
    Column("model_id", String(120), nullable=False),
    Column("embedding", LargeBinary, nullable=False),  # little-endian float32, unit length
    Column("quality", Float, nullable=False),
    Column("source", String(500), nullable=False),
    Column("source_sha256", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("subject_id", "model_id", "source_sha256"),
    CheckConstraint("quality >= 0 AND quality <= 1", name="quality_is_fraction"),
    Index(None, "model_id"),
)

kept_crops = Table(
    "kept_crops",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject_id", ForeignKey("subjects.id", ondelete="CASCADE"), nullable=False),
    Column("source_sha256", String(64), nullable=False),
    Column("source", String(500), nullable=False),
    Column("image", LargeBinary, nullable=False),  # JPEG
    Column("landmarks", LargeBinary, nullable=False),  # little-endian float32, (5, 2)
    Column("quality", Float, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("subject_id", "source_sha256"),
    CheckConstraint("quality >= 0 AND quality <= 1", name="quality_is_fraction"),
    sqlite_autoincrement=True,
)
"""Pictures of enrolled faces, where the setting `keep_crops` says so. They belong to a person and a
source, not to one template: templates of several networks are made from the same one."""

thresholds = Table(
    "thresholds",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model_id", String(120), nullable=False),
    Column("tau", Float, nullable=False),
    Column("margin", Float, nullable=False),
    Column("method", String(40), nullable=False),
    Column("f1", Float, nullable=True),
    *(
        Column(f"{rate}_{part}", kind, nullable=False)
        for rate in ("fmr", "fnmr")
        for part, kind in (
            ("errors", Integer),
            ("trials", Integer),
            ("low", Float),
            ("high", Float),
        )
    ),
    Column("data", String(500), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("tails", Text, nullable=True),  # JSON of ScoreTails
    Column("calibration", Text, nullable=True),  # JSON of Calibration
    CheckConstraint("tau >= -1 AND tau <= 1", name="tau_is_cosine"),
    CheckConstraint("margin >= 0 AND margin <= 2", name="margin_is_distance"),
    Index(None, "model_id"),
    sqlite_autoincrement=True,
)

threshold_targets = Table(
    "threshold_targets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("target", String(60), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    CheckConstraint("length(target) > 0", name="target_given"),
    sqlite_autoincrement=True,
)
"""What tau was asked to keep; the newest is in force."""

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("subject_name", String(200), nullable=False),
    Column("detail", String(500), nullable=False),
    Index(None, "at"),
    sqlite_autoincrement=True,
)

gallery_state = Table(
    "gallery_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("store_id", String(32), nullable=False),
    Column("revision", LargeNumber, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)
"""One row: the store's own id, and a number that grows with every change to what is searched."""

receipts = Table(
    "receipts",
    metadata,
    Column("sequence", LargeNumber, primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("door", Text, nullable=False),
    Column("reason", String(40), nullable=False),
    Column("text", Text, nullable=False),  # canonical JSON; the other columns only repeat it
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("previous_hash"),  # a chain cannot fork
    UniqueConstraint("hash"),
    Index(None, "at"),
    Index(None, "door"),
)
"""The chain, see `facegate.domain.chain`. Triggers refuse every change and every deletion."""

receipt_parts = Table(
    "receipt_parts",
    metadata,
    Column("sequence", ForeignKey("receipts.sequence"), primary_key=True, autoincrement=False),
    Column("part", String(20), primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("text", Text, nullable=False),  # canonical JSON, which the chain commits to
    Column("subject_id", Integer, nullable=True),  # no key: people may be removed
    Column("subject_name", Text, nullable=True),
    Index(None, "subject_id"),
    Index(None, "subject_name"),
)
"""What names people. Rows may be deleted (an entry of the chain then says so), never changed."""

receipt_pictures = Table(
    "receipt_pictures",
    metadata,
    Column("sequence", ForeignKey("receipts.sequence"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("image", LargeBinary, nullable=False),  # PNG of the whole frame
)
"""Frames of the evidence, where the setting `keep_pictures` says so."""

receipt_anchors = Table(
    "receipt_anchors",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("sequence", LargeNumber, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("anchor_hash", String(64), nullable=False),
)
"""What was written to the anchor file, so that a cut file is noticed."""

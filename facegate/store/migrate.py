"""Brings a database to the schema that this program knows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from facegate.errors import DatabaseTooNew, MigrationNeeded
from facegate.locations import shipped
from facegate.store.engine import open_engine, sqlite_file, translated, without_password

if TYPE_CHECKING:
    from alembic.config import Config

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
"""All schema versions, oldest first; a test holds them to the scripts in `migrations/`. Knowing
them here spares every start the import of alembic."""

HEAD = REVISIONS[-1]

_ADVISORY_LOCK = 0x46616365  # "Face"; any number that nobody else in the database uses


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """How a database's schema stands to this program.

    Attributes:
        current: its version, empty for a new database.
        head: the newest version this program knows.
        pending: versions still to come, oldest first.
        too_new: it was written by a newer program.
    """

    current: str
    head: str
    pending: tuple[str, ...]
    too_new: bool


def status(url: str) -> SchemaStatus:
    """Look at a database without changing it; a file that is not there counts as empty."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        return _status("")
    engine = open_engine(url)
    try:
        with translated(url), engine.connect() as connection:
            return _status(_current(connection))
    finally:
        engine.dispose()


def upgrade(url: str, revision: str = "head") -> None:
    """Bring a database to a version; all of it or nothing.

    Two programs may do so at once: one does the work, the other waits and finds it done.

    Raises:
        DatabaseTooNew: it was written by a newer program.
        StoreError: it cannot be changed.
    """
    from alembic import command

    engine = open_engine(url)
    try:
        with translated(url), _exclusively(engine) as connection:
            found = _status(_current(connection))
            if found.too_new:
                raise DatabaseTooNew(
                    f"The database {without_password(url)} has schema {found.current}; this "
                    f"FaceGate knows only up to {found.head}. Nothing was changed.",
                    hint="Install the newer FaceGate again.",
                )
            if found.pending or revision != "head":
                command.upgrade(_config(connection), revision)
    finally:
        engine.dispose()


def downgrade(url: str, revision: str) -> None:
    """Take a database back to an older version (`base` empties it)."""
    from alembic import command

    engine = open_engine(url)
    try:
        with translated(url), _exclusively(engine) as connection:
            command.downgrade(_config(connection), revision)
    finally:
        engine.dispose()


def ensure_current(url: str) -> None:
    """Upgrade on first use; does next to nothing when the schema is current.

    Raises:
        DatabaseTooNew: it was written by a newer program.
        MigrationNeeded: it is older and cannot be written.
    """
    found = status(url)
    if not found.pending and not found.too_new:
        return
    try:
        upgrade(url)
    except DatabaseTooNew:
        raise
    except Exception as error:
        if found.current:
            raise MigrationNeeded(
                f"The database {without_password(url)} needs an upgrade from schema "
                f"{found.current} to {found.head}, which failed: {error}"
            ) from error
        raise


def _status(current: str) -> SchemaStatus:
    if not current:
        return SchemaStatus("", HEAD, REVISIONS, False)
    if current not in REVISIONS:
        return SchemaStatus(current, HEAD, (), True)
    return SchemaStatus(current, HEAD, REVISIONS[REVISIONS.index(current) + 1 :], False)


def _current(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


@contextmanager
def _exclusively(engine: Engine) -> Iterator[Connection]:
    """A transaction that no other upgrade runs beside."""
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        yield connection


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(shipped("migrations"))).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config

"""Opens databases, and turns what goes wrong there into FaceGate's errors."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from facegate.errors import ConfigError, FacegateError, StoreError

BUSY_TIMEOUT_S = 15.0
"""How long a transaction waits for another process's before it gives up."""


def _no_rows(record: logging.LogRecord) -> bool:
    """Rows hold templates and pictures; whoever turns on sqlalchemy's log sees statements only."""
    return not str(record.msg).startswith("Row ")


logging.getLogger("sqlalchemy.engine.Engine").addFilter(_no_rows)


def parse_url(url: str) -> URL:
    """Read a database URL. Raises ConfigError; the message never shows a password."""
    try:
        return make_url(url)
    except ArgumentError as error:
        raise ConfigError("database_url is not an SQLAlchemy URL.") from error


def without_password(url: str) -> str:
    """The URL for people to see."""
    return parse_url(url).render_as_string(hide_password=True)


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite URL; None for other databases and for one in memory."""
    parsed = parse_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        return None
    return Path(str(parsed.database))


def open_engine(url: str, wait_s: float = BUSY_TIMEOUT_S) -> Engine:
    """Open a database; an SQLite file and its folder are made, private to this user.

    Args:
        url: SQLAlchemy URL.
        wait_s: how long a transaction waits for another program's (SQLite only).

    Raises:
        ConfigError: the URL names a kind of database whose driver is not installed.
        StoreError: the file or its folder cannot be made.
    """
    file, parsed = sqlite_file(url), parse_url(url)
    read_only = False
    if file is not None:
        _make_private(file)
        read_only = not _writable(file)
        if read_only:
            parsed = _read_only_url(file)
    try:
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
        # Connections to a file cost little; none is kept, so no descriptor outlives its use.
        # hide_parameters: neither log nor traceback may show a template or a picture.
        engine = create_engine(
            parsed,
            poolclass=NullPool,
            connect_args={"timeout": wait_s},
            hide_parameters=True,
        )
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigError(
            f"The driver for {parsed.drivername} is not installed.",
            hint="For PostgreSQL: pip install 'facegate[postgresql]'.",
        ) from error
    _prepare_sqlite(engine, wait_s, read_only=read_only)
    return engine


def _read_only_url(file: Path) -> URL:
    """Open without writing a byte: neither the file nor the log beside it."""
    query = {"mode": "ro", "uri": "true"}
    log = file.with_name(f"{file.name}-wal")
    if not (log.exists() and log.stat().st_size):
        # SQLite would make files beside a database in WAL mode; where it may not, it must be told
        # that nobody else writes either.
        query["immutable"] = "1"
    return URL.create("sqlite", database=f"file:{quote(str(file.absolute()))}", query=query)


def _make_private(file: Path) -> None:
    """Templates are personal data: other users of the machine have no business in them."""
    try:
        if not file.parent.exists():
            file.parent.mkdir(parents=True, mode=0o700, exist_ok=True)  # another may be quicker
        if not file.exists():
            file.touch(mode=0o600)
    except OSError as error:
        raise StoreError(
            f"The database {file} cannot be made ({error.strerror}).",
            hint="FACEGATE_DATA_DIR chooses another folder.",
        ) from error


def _writable(file: Path) -> bool:
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


def _prepare_sqlite(engine: Engine, wait_s: float, *, read_only: bool) -> None:
    """Set up each connection.

    Python's sqlite3 begins transactions late, which lets two writers start and one fail. Here
    every transaction begins where SQLAlchemy says so, and a writer takes its turn at once (see
    SQLAlchemy, "Serializable isolation / Savepoints / Transactional DDL" with pysqlite).
    """

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        else:
            _write_ahead(cursor, wait_s)
            # A door must not forget who was removed when the power fails.
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA secure_delete=ON")  # removed templates leave no bytes behind
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("writes", False) and not read_only
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _write_ahead(cursor: sqlite3.Cursor, wait_s: float) -> None:
    """Turn on WAL mode. SQLite does not wait here when two programs do so at once, so we do."""
    give_up = time.monotonic() + wait_s
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Raise StoreError for whatever the database says; never with a password or a value."""
    try:
        yield
    except FacegateError:
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise StoreError(*_sentence(error, without_password(url))) from error


def _sentence(error: Exception, where: str) -> tuple[str]:
    cause = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    known = {
        "readonly": "it is read-only; nothing was changed.",
        "query_only": "it is read-only; nothing was changed.",
        "attempt to write": "it is read-only; nothing was changed.",
        "database is locked": "another program keeps it locked; try again.",
        "not a database": "this file is not a database, or it is damaged; restore a copy.",
        "malformed": "it is damaged; restore a copy.",
        "disk is full": "the disk is full; nothing was changed.",
        "disk I/O": "the disk cannot be read or written.",
        "unable to open": "it cannot be opened; look at the folder's permissions.",
    }
    for part, sentence in known.items():
        if part in cause:
            return (f"The database {where}: {sentence}",)
    first_line = cause.strip().partition("\n")[0]
    return (f"The database {where}: {first_line}",)

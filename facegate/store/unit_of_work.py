"""Transactions on the database."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from types import TracebackType

from sqlalchemy import Engine, select
from typing_extensions import Self

from facegate.store.access_repositories import SqlAccess
from facegate.store.engine import BUSY_TIMEOUT_S, open_engine, translated
from facegate.store.migrate import ensure_current
from facegate.store.policy_repositories import SqlDoors, SqlPolicy
from facegate.store.receipt_repository import SqlReceipts
from facegate.store.repositories import (
    SqlEvents,
    SqlKeptCrops,
    SqlSubjects,
    SqlTemplates,
    SqlThresholds,
)
from facegate.store.tables import gallery_state


class SqlUnitOfWork:
    """One transaction; fulfils `facegate.ports.store.UnitOfWork`.

    Leaving it without `commit()` changes nothing. Not for sharing between threads.
    """

    subjects: SqlSubjects
    templates: SqlTemplates
    kept_crops: SqlKeptCrops
    thresholds: SqlThresholds
    events: SqlEvents
    receipts: SqlReceipts
    doors: SqlDoors
    policy: SqlPolicy
    access: SqlAccess

    def __init__(self, engine: Engine, url: str, *, writes: bool) -> None:
        self._engine = engine
        self._url = url
        self._writes = writes
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(translated(self._url))
            engine = self._engine.execution_options(writes=self._writes)
            connection = stack.enter_context(engine.connect())
            self._transaction = connection.begin()
            self._connection = connection
            self.subjects = SqlSubjects(connection)
            self.templates = SqlTemplates(connection)
            self.kept_crops = SqlKeptCrops(connection)
            self.thresholds = SqlThresholds(connection)
            self.events = SqlEvents(connection)
            self.receipts = SqlReceipts(connection)
            self.doors = SqlDoors(connection)
            self.policy = SqlPolicy(connection)
            self.access = SqlAccess(connection)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closing the connection rolls back what was not committed.
        self._stack.__exit__(kind, error, traceback)

    def commit(self) -> None:
        """Make all changes durable at once. Raises StoreError when the database refuses."""
        with translated(self._url):
            self._transaction.commit()

    def gallery_revision(self) -> tuple[str, int]:
        """The store's own id and a number that grows with every change to what is searched."""
        row = self._connection.execute(
            select(gallery_state.c.store_id, gallery_state.c.revision)
        ).one()
        return str(row.store_id), int(row.revision)


class SqlStore:
    """The database; fulfils `facegate.ports.store.Store`.

    It is opened, and brought to the newest schema, when the first transaction begins.

    Args:
        url: SQLAlchemy URL.
        wait_s: how long a transaction waits for another program's (SQLite only).
    """

    def __init__(self, url: str, wait_s: float = BUSY_TIMEOUT_S) -> None:
        self._url = url
        self._wait_s = wait_s

    @cached_property
    def _engine(self) -> Engine:
        ensure_current(self._url)
        return open_engine(self._url, self._wait_s)

    def transaction(self) -> SqlUnitOfWork:
        """A unit of work that may write; waits for its turn among writers."""
        return SqlUnitOfWork(self._engine, self._url, writes=True)

    def snapshot(self) -> SqlUnitOfWork:
        """A unit of work that only reads; never waits for writers."""
        return SqlUnitOfWork(self._engine, self._url, writes=False)

    def close(self) -> None:
        """Close all connections; the next transaction opens the database again."""
        if "_engine" in self.__dict__:
            self._engine.dispose()
            del self.__dict__["_engine"]

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import NOW
from receipts_made import draft, trail
from sqlalchemy import text

from facegate.domain.chain import genesis
from facegate.domain.reasons import Reason
from facegate.domain.receipts import Erasure, Part, Receipt
from facegate.errors import InputError, ReceiptError, StoreError
from facegate.services.audit_report import verify_store
from facegate.store import migrate
from facegate.store.unit_of_work import SqlStore

TESTS = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind that is there."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'facegate.db'}"
        return
    given = os.environ.get("FACEGATE_TEST_POSTGRESQL_URL")
    if not given:
        pytest.skip("needs a PostgreSQL server: set FACEGATE_TEST_POSTGRESQL_URL")
    if migrate.status(given).current:
        migrate.downgrade(given, "base")
    yield given
    migrate.downgrade(given, "base")


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    store = SqlStore(url)
    yield store
    store.close()


def write(store: SqlStore, count: int, pictures: int = 0) -> list[Receipt]:
    with store.transaction() as work:
        made = [work.receipts.append(draft(number, pictures=pictures)) for number in range(count)]
        work.commit()
    return made


def test_receipts_are_numbered_chained_and_come_back(store: SqlStore) -> None:
    made = write(store, 3, pictures=2)
    with store.snapshot() as work:
        assert [work.receipts.get(number) for number in (1, 2, 3)] == made
        assert work.receipts.latest() == made[-1]
        assert work.receipts.head() == (3, made[-1].hash)
        assert work.receipts.pictures(2) == list(draft(1, pictures=2).pictures)
        assert made[0].previous_hash == genesis(work.receipts.store_id())
    assert [one.sequence for one in made] == [1, 2, 3]
    assert made[1].previous_hash == made[0].hash
    assert made[2].picture_count == 2


def test_an_empty_chain_has_no_latest(store: SqlStore) -> None:
    with store.snapshot() as work:
        assert work.receipts.latest() is None
        assert work.receipts.head() == (0, genesis(work.receipts.store_id()))
        assert work.receipts.since(NOW) == []
        assert list(work.receipts.walk()) == []
        with pytest.raises(InputError, match="no receipt 1"):
            work.receipts.get(1)


def test_without_commit_nothing_is_written_and_no_number_is_lost(store: SqlStore) -> None:
    with store.transaction() as work:
        work.receipts.append(draft())
    assert write(store, 1)[0].sequence == 1


def test_filters(store: SqlStore) -> None:
    made = write(store, 6)

    def found(**conditions: object) -> list[int]:
        with store.snapshot() as work:
            return [one.sequence for one in work.receipts.filter(**conditions)]  # type: ignore[arg-type]

    assert found() == [6, 5, 4, 3, 2, 1]
    assert found(limit=2) == [6, 5]
    assert found(door="Tür 2 \U0001f6aa") == [4, 1]
    assert found(reason=Reason.UNKNOWN_FACE, limit=2) == [6, 4]
    assert found(subject=7) == found(subject="Zoë 李") == [5, 3, 1]
    assert found(subject="Zoë") == found(subject=8) == []
    at = made[3].draft.at
    assert found(since=at) == [6, 5, 4]
    assert found(until=at) == [3, 2, 1]
    assert found(after=4, subject=7) == [5]
    with store.snapshot() as work:
        assert work.receipts.since(at) == made[3:]


def test_erasing_deletes_parts_and_says_so(store: SqlStore) -> None:
    write(store, 4, pictures=2)
    with store.transaction() as work:
        entry = work.receipts.erase(NOW, "asked", {Part.PERSON: [1, 3], Part.PICTURES: [1]})
        work.commit()
    with store.snapshot() as work:
        assert work.receipts.get(5) == entry
        first, second = work.receipts.get(1), work.receipts.get(2)
        assert isinstance(first, Receipt)
        assert isinstance(second, Receipt)
        assert first.erased == {Part.PERSON}
        assert first.draft.subject_name == ""
        assert first.draft.explanation
        assert not second.erased
        assert work.receipts.pictures(1) == []
        assert work.receipts.filter(subject=7) == []
        latest = work.receipts.latest()
        assert latest is not None
        assert latest.sequence == 4, "an erasure is no decision"
    assert isinstance(entry, Erasure)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE receipts SET door = 'x'",
        "DELETE FROM receipts",
        "UPDATE receipt_parts SET subject_name = 'x'",
        "UPDATE receipt_pictures SET number = 9",
        "UPDATE receipt_anchors SET sequence = 1",
        "DELETE FROM receipt_anchors",
    ],
)
def test_the_database_refuses_changes(store: SqlStore, tmp_path: Path, statement: str) -> None:
    write(store, 2, pictures=2)
    trail(store, tmp_path).anchor()
    with pytest.raises(Exception, match="never changed"), store.transaction() as work:
        work._connection.execute(text(statement))


def test_a_receipt_that_cannot_be_written_leaves_the_chain_as_it_was(store: SqlStore) -> None:
    write(store, 1)
    with pytest.raises(ReceiptError), store.transaction() as work:
        work.receipts.append(draft(similarity=float("nan")))
    assert write(store, 1)[0].sequence == 2


def test_the_schema_comes_and_goes(url: str) -> None:
    store = SqlStore(url)
    write(store, 2)
    store.close()
    migrate.downgrade(url, "0004")
    migrate.upgrade(url)
    assert write(store, 1)[0].sequence == 1
    store.close()


def test_two_processes_make_one_chain(url: str, store: SqlStore, tmp_path: Path) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from receipts_made import draft, trail
from facegate.store.unit_of_work import SqlStore
mine = trail(SqlStore({url!r}), Path({str(tmp_path)!r}))
for number in range(25):
    mine.append(draft(number, door=sys.argv[1]))
    assert not mine.warning, mine.warning
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, name]) for name in ("a", "b")]
    assert [writer.wait() for writer in writers] == [0, 0]
    report = verify_store(store, tmp_path / "anchors.jsonl")
    assert report.faults == []
    assert (report.entries, report.last) == (50, 50)
    assert report.anchors >= 10
    with store.snapshot() as work:
        assert {one.draft.door for one in work.receipts.filter()} == {"a", "b"}


def test_a_process_killed_in_the_middle_leaves_a_valid_chain(
    url: str, store: SqlStore, tmp_path: Path
) -> None:
    write(store, 2)
    code = f"""
import sys, time
sys.path.insert(0, {str(TESTS)!r})
from receipts_made import draft
from facegate.store.unit_of_work import SqlStore
with SqlStore({url!r}).transaction() as work:
    for number in range(200):
        work.receipts.append(draft(number, pictures=2))
    print("half way", flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as stdout:
        assert stdout.readline().strip() == "half way"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert write(store, 1)[0].sequence == 3
    report = verify_store(store, tmp_path / "none.jsonl")
    assert report.faults == []
    assert report.entries == 3


# SQLite alone: files.


def test_a_damaged_receipt_is_a_plain_error(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'x.db'}")
    write(store, 2)
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("DROP TRIGGER refuse_update_receipts")
        connection.execute("UPDATE receipts SET text = 'nonsense' WHERE sequence = 2")
    connection.close()
    with store.snapshot() as work, pytest.raises(ReceiptError, match=r"Receipt 2 .*damaged"):
        work.receipts.since(NOW - timedelta(days=1))


def test_a_damaged_end_takes_no_more_receipts(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'x.db'}")
    write(store, 2)
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("DROP TRIGGER refuse_update_receipts")
        connection.execute("UPDATE receipts SET hash = 'zz' WHERE sequence = 2")
    connection.close()
    with pytest.raises(ReceiptError, match="end of the chain"):
        write(store, 1)


def test_a_full_disk_writes_no_receipt(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'x.db'}")
    write(store, 1)
    with pytest.raises(StoreError, match="disk is full"), store.transaction() as work:
        work._connection.exec_driver_sql("PRAGMA max_page_count=1")
        for number in range(200):
            work.receipts.append(draft(number))
        work.commit()
    assert write(store, 1)[0].sequence == 2

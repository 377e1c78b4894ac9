"""Whatever is done to a chain from outside, verification finds it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fakes import NOW
from hypothesis import given, settings
from hypothesis import strategies as st
from receipts_made import draft, trail

from facegate.domain.receipts import Part
from facegate.errors import InputError, ReceiptError
from facegate.services import verify_receipts
from facegate.services.audit_report import VerifyReport, verify_store
from facegate.services.export_receipts import export_csv, export_jsonl, verify_export
from facegate.store.unit_of_work import SqlStore

TABLES = {
    "receipts": ("sequence", "kind", "at", "door", "reason", "text", "previous_hash", "hash"),
    "receipt_parts": ("sequence", "part", "salt", "text", "subject_id", "subject_name"),
    "receipt_pictures": ("sequence", "number", "image"),
    "receipt_anchors": ("number", "at", "sequence", "hash", "anchor_hash"),
}
COUNT = 10


def build(folder: Path, count: int = COUNT) -> None:
    """A chain with pictures, erasures and anchors; the end is anchored. Older states beside it."""
    store = SqlStore(f"sqlite:///{folder / 'facegate.db'}")
    mine = trail(store, folder)
    for number in range(count):
        mine.append(draft(number, pictures=2 if number in {2, 5} else 0))
        if number == 4:
            with store.transaction() as work:
                work.receipts.erase(NOW, "asked", {Part.PERSON: [1, 3], Part.WORDS: [1]})
                work.receipts.erase(NOW, "over", {Part.PICTURES: [3]})
                work.commit()
            store.close()
            shutil.copy(folder / "facegate.db", folder / "older.db")
    mine.anchor()
    store.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chain")
    build(folder)
    return folder


def verified(folder: Path) -> VerifyReport:
    store = SqlStore(f"sqlite:///{folder / 'facegate.db'}")
    try:
        return verify_store(store, folder / "anchors.jsonl")
    finally:
        store.close()


def copied(made: Path, folder: str) -> Path:
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return Path(folder)


def opened(folder: Path) -> sqlite3.Connection:
    """As somebody with the file and time would: no triggers, no foreign keys."""
    connection = sqlite3.connect(folder / "facegate.db", isolation_level=None)
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in names:
        connection.execute(f"DROP TRIGGER {name}")
    return connection


def rows(connection: sqlite3.Connection) -> dict[str, list[tuple]]:
    return {
        table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608
        for table in TABLES
    }


def test_an_untouched_chain_is_intact(made: Path) -> None:
    report = verified(made)
    assert report.faults == []
    assert (report.entries, report.last, report.anchored) == (12, 12, 12)


strange = (
    st.none() | st.integers(-(2**40), 2**40) | st.text(max_size=8) | st.binary(max_size=40)
    | st.sampled_from(["granted", "erasure", "{}", "2026-01-01 00:00:00.000000", "NaN", "0" * 64])
)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_any_single_mutation_is_found(made: Path, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = copied(made, name)
        connection = opened(folder)
        before = rows(connection)
        table = data.draw(st.sampled_from([*TABLES, "receipts"]))
        ids = [i for (i,) in connection.execute(f"SELECT rowid FROM {table}")]  # noqa: S608
        action = data.draw(st.sampled_from(["change", "delete", "swap", "insert", "copy"]))
        with suppress(sqlite3.IntegrityError):  # the database itself refused
            mutate(connection, table, ids, action, data)
        after = rows(connection)
        connection.close()
        report = verified(folder)
        assert report.intact == (before == after), (table, action)


def mutate(
    connection: sqlite3.Connection, table: str, ids: list[int], action: str, data: st.DataObject
) -> None:
    columns = TABLES[table]
    one = data.draw(st.sampled_from(ids))
    if action == "change":
        column = data.draw(st.sampled_from(columns))
        connection.execute(
            f"UPDATE {table} SET {column} = ? WHERE rowid = ?",  # noqa: S608
            (data.draw(strange), one),
        )
    elif action == "delete":
        connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (one,))  # noqa: S608
    elif action == "swap":
        other = data.draw(st.sampled_from(ids))
        some = data.draw(st.sets(st.sampled_from(columns[1:]), min_size=1))
        names = ", ".join(sorted(some))
        read = f"SELECT {names} FROM {table} WHERE rowid = ?"  # noqa: S608
        values = [connection.execute(read, (number,)).fetchone() for number in (one, other)]
        connection.execute("BEGIN")
        try:
            places = ", ".join(f"{name} = ?" for name in sorted(some))
            write = f"UPDATE {table} SET {places} WHERE rowid = ?"  # noqa: S608
            if "previous_hash" in some or "hash" in some:  # make room for unique columns
                hidden = [f"{value}!" if isinstance(value, str) else value for value in values[0]]
                connection.execute(write, (*hidden, one))
            connection.execute(write, (*values[0], other))
            connection.execute(write, (*values[1], one))
        except sqlite3.IntegrityError:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    else:
        names = ", ".join(columns[1:])
        number = data.draw(st.integers(-3, 20))
        values = connection.execute(
            f"SELECT {names} FROM {table} WHERE rowid = ?",  # noqa: S608
            (one,),
        ).fetchone()
        if action == "insert":
            values = [
                f"{value}x" if name.endswith("hash") else value
                for name, value in zip(columns[1:], values, strict=True)
            ]
        marks = ", ".join("?" * len(columns))
        connection.execute(f"INSERT INTO {table} VALUES ({marks})", (number, *values))  # noqa: S608


@pytest.mark.parametrize("left", range(12))
@pytest.mark.parametrize("anchors_too", [False, True])
def test_a_cut_off_end_is_found_by_the_anchor(
    made: Path, tmp_path: Path, left: int, anchors_too: bool
) -> None:
    folder = copied(made, str(tmp_path))
    connection = opened(folder)
    for table in ("receipts", "receipt_parts", "receipt_pictures"):
        connection.execute(f"DELETE FROM {table} WHERE sequence > ?", (left,))  # noqa: S608
    if anchors_too:
        connection.execute("DELETE FROM receipt_anchors WHERE sequence > ?", (left,))
    connection.close()
    report = verified(folder)
    assert "cut_off" in {fault.kind for fault in report.faults}
    assert any("12" in fault.sentence for fault in report.faults)


def test_an_old_copy_put_back_is_found(made: Path, tmp_path: Path) -> None:
    folder = copied(made, str(tmp_path))
    shutil.copy(folder / "older.db", folder / "facegate.db")
    kinds = {fault.kind for fault in verified(folder).faults}
    assert "cut_off" in kinds


def test_an_old_copy_that_went_on_is_found(made: Path, tmp_path: Path) -> None:
    folder = copied(made, str(tmp_path))
    shutil.copy(folder / "older.db", folder / "facegate.db")
    store = SqlStore(f"sqlite:///{folder / 'facegate.db'}")
    with store.transaction() as work:
        for number in range(20):
            work.receipts.append(draft(number))
        work.commit()
    store.close()
    report = verified(folder)
    assert "anchor" in {fault.kind for fault in report.faults}
    assert any("written anew" in fault.sentence for fault in report.faults)


def test_another_database_is_found(made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    build(other)
    shutil.copy(made / "anchors.jsonl", other / "anchors.jsonl")
    assert "replaced" in {fault.kind for fault in verified(other).faults}


def test_another_id_of_the_database_is_found(made: Path, tmp_path: Path) -> None:
    folder = copied(made, str(tmp_path))
    connection = opened(folder)
    connection.execute("UPDATE gallery_state SET store_id = 'other'")
    connection.close()
    assert "this database" in " ".join(fault.sentence for fault in verified(folder).faults)


def test_receipts_put_in_before_an_anchor_are_found_though_hashed_right(
    made: Path, tmp_path: Path
) -> None:
    """Whoever can hash can write the whole chain anew; only the anchors know the old one."""
    folder = tmp_path / "anew"
    folder.mkdir()
    connection = opened(copied(made, str(folder)))
    for table in ("receipt_parts", "receipt_pictures", "receipt_anchors", "receipts"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
    connection.close()
    store = SqlStore(f"sqlite:///{folder / 'facegate.db'}")
    with store.transaction() as work:
        for number in range(30):
            work.receipts.append(draft(number, door="forged"))
        work.commit()
    store.close()
    assert {fault.kind for fault in verified(folder).faults} == {"anchor"}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda lines: lines[:-1], "anchor"),
        (lambda lines: lines[1:], "anchor"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "anchor"),
        (lambda lines: [*lines, lines[-1]], "anchor"),
        (lambda lines: [lines[0].replace('"sequence":1', '"sequence":2'), *lines[1:]], "anchor"),
        (lambda lines: [*lines[:-1], lines[-1][:-9]], "anchor"),
        (lambda lines: ["[]", *lines[1:]], "anchor"),
        (lambda lines: [], "anchor"),
    ],
)
def test_a_changed_anchor_file_is_found(
    made: Path, tmp_path: Path, change: Callable[[list[str]], list[str]], kind: str
) -> None:
    folder = copied(made, str(tmp_path))
    file = folder / "anchors.jsonl"
    lines = change(file.read_text().splitlines())
    file.write_text("".join(f"{line}\n" for line in lines))
    assert kind in {fault.kind for fault in verified(folder).faults}


def test_an_older_copy_of_the_anchor_file_may_lack_the_newest(made: Path, tmp_path: Path) -> None:
    lines = (made / "anchors.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "copy.jsonl").write_text("".join(lines[:2]))
    store = SqlStore(f"sqlite:///{made / 'facegate.db'}")
    report = verify_store(store, tmp_path / "copy.jsonl", is_copy=True)
    assert report.faults == []
    store.close()


def test_what_was_erased_and_is_there_again_is_found(made: Path, tmp_path: Path) -> None:
    folder = copied(made, str(tmp_path))
    mine = trail(SqlStore(f"sqlite:///{folder / 'facegate.db'}"), folder)
    connection = opened(folder)
    parts = connection.execute("SELECT * FROM receipt_parts WHERE sequence = 8").fetchall()
    picture = connection.execute("SELECT * FROM receipt_pictures WHERE number = 0").fetchall()
    mine.drop_pictures()
    mine.erase_person("Zoë 李")
    assert verified(folder).intact
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("DELETE FROM receipt_parts WHERE sequence = 8")
    connection.executemany("INSERT INTO receipt_parts VALUES (?, ?, ?, ?, ?, ?)", parts)
    connection.executemany("INSERT INTO receipt_pictures VALUES (?, ?, ?)", picture)
    connection.close()
    found = [(fault.kind, fault.sequence) for fault in verified(folder).faults]
    # Receipt 8 (number 5) is a stranger's: only its picture had been erased.
    assert found == [("erased_again", 8)]


def test_faults_beyond_a_hundred_are_counted(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'facegate.db'}")
    with store.transaction() as work:
        for number in range(130):
            work.receipts.append(draft(number))
        work.commit()
    connection = opened(tmp_path)
    connection.execute("UPDATE receipts SET door = 'x'")
    connection.close()
    report = verify_store(store, tmp_path / "none")
    assert (report.fault_count, len(report.faults)) == (130, verify_receipts.MAX_FAULTS)
    assert any("anchored" in remark for remark in report.remarks)


# Exports.


@pytest.fixture(scope="module")
def exported(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("export") / "all.jsonl"
    store = SqlStore(f"sqlite:///{made / 'facegate.db'}")
    with file.open("w", encoding="utf-8") as out:
        assert export_jsonl(store, out, lambda: NOW.replace(year=2030)) == 12
    store.close()
    return file


def test_an_export_verifies_by_itself_and_against_anchors(made: Path, exported: Path) -> None:
    assert verify_export(exported).faults == []
    report = verify_export(exported, made / "anchors.jsonl")
    assert report.faults == []
    assert (report.entries, report.anchored) == (12, 12)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_changed_export_is_found(exported: Path, data: st.DataObject) -> None:
    lines = exported.read_text().splitlines(keepends=True)
    action = data.draw(st.sampled_from(["cut", "swap", "repeat", "character", "tail"]))
    place = data.draw(st.integers(1, len(lines) - 1))
    changed = list(lines)
    if action == "cut":
        del changed[place]
    elif action == "swap":
        other = data.draw(st.integers(1, len(lines) - 1).filter(lambda n: n != place))
        changed[place], changed[other] = changed[other], changed[place]
    elif action == "repeat":
        changed.insert(place, changed[place])
    elif action == "tail":
        changed = changed[:place]
    else:
        at = data.draw(st.integers(0, len(lines[place]) - 2))
        new = data.draw(
            st.sampled_from('0123456789abcdef"{}[]:,.x').filter(lambda c: c != lines[place][at])
        )
        changed[place] = lines[place][:at] + new + lines[place][at + 1 :]
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "x.jsonl"
        file.write_text("".join(changed))
        assert not verify_export(file).intact


def test_an_export_without_people_names_nobody_and_verifies(made: Path, tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{made / 'facegate.db'}")
    for kind, export in (("jsonl", _jsonl), ("csv", export_csv)):
        file = tmp_path / f"x.{kind}"
        with file.open("w", encoding="utf-8") as out:
            export(store, out, people=False)
        assert "Zo" not in file.read_text(encoding="utf-8")
    assert verify_export(tmp_path / "x.jsonl").faults == []
    store.close()


def test_a_part_of_the_chain_verifies_and_says_where_it_begins(made: Path, tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{made / 'facegate.db'}")
    for after, entries in ((5, 7), (12, 0), (99, 0)):
        with (tmp_path / "x.jsonl").open("w") as out:
            assert _jsonl(store, out, after=after) == entries
        report = verify_export(tmp_path / "x.jsonl", made / "anchors.jsonl")
        assert report.faults == []
        assert any("begins behind" in remark for remark in report.remarks)
    store.close()


def test_a_table_for_spreadsheets_has_a_row_for_each_decision(made: Path, tmp_path: Path) -> None:
    import csv

    store = SqlStore(f"sqlite:///{made / 'facegate.db'}")
    with (tmp_path / "x.csv").open("w", encoding="utf-8", newline="") as out:
        assert export_csv(store, out) == COUNT
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == COUNT
    assert table[0]["subject_name"] == ""
    assert table[0]["erased"] == "person words"
    assert table[4]["subject_name"] == "Zoë 李"
    assert float(table[4]["similarity"]) == draft().similarity
    store.close()


@pytest.mark.parametrize("key", ["pa0ts", "more"])
def test_a_line_with_another_key_is_found(exported: Path, tmp_path: Path, key: str) -> None:
    lines = exported.read_text().splitlines(keepends=True)
    (place, *_) = [at for at, line in enumerate(lines) if '"parts":{}' in line]
    there = '"parts":{}' if key == "more" else ""
    lines[place] = lines[place].replace('"parts":{}', f'"{key}":{{}},{there}'.rstrip(","))
    (tmp_path / "x.jsonl").write_text("".join(lines))
    assert not verify_export(tmp_path / "x.jsonl").intact


@pytest.mark.parametrize("text", ["", "{}", "nonsense", '{"facegate_receipts":2}', "[]", "\xff"])
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.jsonl").write_bytes(text.encode("latin-1"))
    with pytest.raises(ReceiptError):
        verify_export(tmp_path / "x.jsonl")
    with pytest.raises(InputError, match="cannot be read"):
        verify_export(tmp_path / "missing.jsonl")


def _jsonl(store: SqlStore, out: Any, **kinds: Any) -> int:
    return export_jsonl(store, out, lambda: NOW.replace(year=2030), **kinds)

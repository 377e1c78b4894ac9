from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
from fakes import MODEL, NOW, embedding, threshold
from sqlalchemy import text

from facegate.domain.people import Template
from facegate.errors import (
    AlreadyEnrolled,
    ConfigError,
    DatabaseTooNew,
    StoreError,
    UnknownSubject,
)
from facegate.store import engine, migrate
from facegate.store.unit_of_work import SqlStore


def template(person: int = 0, source: str = "a", model: str = MODEL) -> Template:
    return Template(0, 0, embedding(person * 10), model, 0.5, f"{source}.jpg", source, NOW)


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'db' / 'facegate.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind that is there."""
    if request.param == "sqlite":
        yield url_of(tmp_path)
        return
    given = os.environ.get("FACEGATE_TEST_POSTGRESQL_URL")
    if not given:
        pytest.skip(
            "needs a PostgreSQL server: set FACEGATE_TEST_POSTGRESQL_URL to an empty database"
        )
    if migrate.status(given).current:
        migrate.downgrade(given, "base")
    yield given
    migrate.downgrade(given, "base")


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    store = SqlStore(url)
    yield store
    store.close()


def test_what_is_committed_comes_back_whole(store: SqlStore) -> None:
    with store.transaction() as work:
        subject = work.subjects.add("Zoë 李", NOW)
        stored = work.templates.add(subject.subject_id, template(3))
        work.commit()
    with store.snapshot() as work:
        found = work.subjects.by_name("Zoë 李")
        (back,) = work.templates.of_subject(found.subject_id)
    assert (found.enabled, found.created_at, found.template_count) == (True, NOW, 1)
    assert found.created_at.tzinfo is not None
    assert np.array_equal(back.embedding, embedding(30))
    for name in ("template_id", "subject_id", "model_id", "quality", "source", "created_at"):
        assert getattr(back, name) == getattr(stored, name)


def test_leaving_without_commit_changes_nothing(store: SqlStore) -> None:
    with store.transaction() as work:
        work.subjects.add("Ana", NOW)
    with pytest.raises(RuntimeError), store.transaction() as work:
        work.subjects.add("Ben", NOW)
        raise RuntimeError
    with store.snapshot() as work:
        assert work.subjects.list() == []


def test_names_are_unique_also_when_renaming(store: SqlStore) -> None:
    with store.transaction() as work:
        work.subjects.add("Ana", NOW)
        ben = work.subjects.add("Ben", NOW)
        work.commit()
    with pytest.raises(AlreadyEnrolled), store.transaction() as work:
        work.subjects.add("Ana", NOW)
    with pytest.raises(AlreadyEnrolled), store.transaction() as work:
        work.subjects.rename(ben.subject_id, "Ana")
    with pytest.raises(UnknownSubject), store.snapshot() as work:
        work.subjects.by_name("Cem")


def test_disabled_people_and_other_models_are_not_searchable(store: SqlStore) -> None:
    with store.transaction() as work:
        ana, ben = work.subjects.add("Ana", NOW), work.subjects.add("Ben", NOW)
        first = work.templates.add(ana.subject_id, template(1))
        work.templates.add(ana.subject_id, template(1, model="other@1"))
        work.templates.add(ben.subject_id, template(2))
        work.subjects.set_enabled(ben.subject_id, False)
        work.commit()
    with store.snapshot() as work:
        assert work.templates.searchable_ids(MODEL) == {first.template_id: ana.subject_id}
        assert work.templates.counts_by_model() == {MODEL: 2, "other@1": 1}


def test_removing_a_person_removes_the_templates_and_frees_no_number(store: SqlStore) -> None:
    with store.transaction() as work:
        ana = work.subjects.add("Ana", NOW)
        old = work.templates.add(ana.subject_id, template())
        work.commit()
    with store.transaction() as work:
        work.subjects.remove(ana.subject_id)
        work.commit()
    with store.transaction() as work:
        assert list(work.templates.load([old.template_id])) == []
        again = work.subjects.add("Ana", NOW)
        new = work.templates.add(again.subject_id, template())
        work.commit()
    assert new.template_id != old.template_id
    assert again.subject_id > ana.subject_id


def test_whatever_changes_the_search_moves_the_revision(store: SqlStore) -> None:
    seen = set()

    def note() -> None:
        with store.snapshot() as work:
            seen.add(work.gallery_revision())

    note()
    with store.transaction() as work:
        ana = work.subjects.add("Ana", NOW)
        stored = work.templates.add(ana.subject_id, template())
        work.commit()
    note()
    for change in (
        lambda work: work.subjects.set_enabled(ana.subject_id, False),
        lambda work: work.subjects.set_enabled(ana.subject_id, True),
        lambda work: work.templates.remove(stored.template_id),
        lambda work: work.subjects.remove(ana.subject_id),
    ):
        with store.transaction() as work:
            change(work)
            work.commit()
        note()
    assert len(seen) == 6
    assert len({store_id for store_id, _ in seen}) == 1


def test_the_newest_threshold_of_a_model_is_in_force(store: SqlStore) -> None:
    with store.transaction() as work:
        assert work.thresholds.current(MODEL) is None
        work.thresholds.add(threshold(0.4))
        work.thresholds.add(threshold(0.5))
        work.thresholds.add(threshold(0.9, model_id="other@1"))
        work.commit()
    with store.snapshot() as work:
        assert work.thresholds.current(MODEL) == threshold(0.5)
        assert [one.tau for one in work.thresholds.list()] == [0.9, 0.5, 0.4]


def test_an_unknown_f1_stays_unknown(store: SqlStore) -> None:
    with store.transaction() as work:
        work.thresholds.add(dataclasses.replace(threshold(), f1=float("nan")))
        work.commit()
    with store.snapshot() as work:
        found = work.thresholds.current(MODEL)
    assert found is not None
    assert np.isnan(found.f1)


def test_events_are_kept_newest_first_in_utc(store: SqlStore) -> None:
    local = NOW.astimezone(timezone(timedelta(hours=5)))
    with store.transaction() as work:
        work.events.add(NOW, "enroll", "Ana", "2 templates")
        work.events.add(local, "remove", "Ana")
        work.commit()
    with store.snapshot() as work:
        events = work.events.recent(10)
    assert [event.kind for event in events] == ["remove", "enroll"]
    assert events[0].at == NOW


def test_one_picture_makes_one_template_of_a_person(store: SqlStore) -> None:
    with store.transaction() as work:
        ana = work.subjects.add("Ana", NOW)
        work.templates.add(ana.subject_id, template(source="x"))
        assert work.templates.has_source(ana.subject_id, "x", MODEL)
        assert not work.templates.has_source(ana.subject_id, "x", "other@1")
        assert not work.templates.has_source(ana.subject_id, "y", MODEL)


def test_schema_equals_the_tables_and_can_be_taken_back(url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from facegate.store.tables import metadata

    migrate.upgrade(url)
    opened = engine.open_engine(url)
    with opened.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    opened.dispose()
    assert migrate.status(url) == migrate.SchemaStatus(migrate.HEAD, migrate.HEAD, (), False)
    migrate.downgrade(url, "base")
    assert migrate.status(url).pending == migrate.REVISIONS
    migrate.upgrade(url)
    assert not migrate.status(url).pending


def test_a_database_of_the_first_schema_keeps_everything(url: str) -> None:
    migrate.upgrade(url, "0001")
    opened = engine.open_engine(url)
    vector = template().embedding.astype("<f4").tobytes()
    with opened.execution_options(writes=True).begin() as connection:
        connection.execute(
            text("INSERT INTO subjects (name, created_at) VALUES ('Ana', :at)"), {"at": NOW}
        )
        connection.execute(
            text(
                "INSERT INTO templates (subject_id, model_id, embedding, quality, source, "
                "source_sha256, created_at) VALUES (1, :model, :vector, 0.5, 'a', 'old', :at)"
            ),
            {"model": MODEL, "vector": vector, "at": NOW},
        )
        connection.execute(text("UPDATE gallery_state SET revision = 7"))
    opened.dispose()
    assert migrate.status(url).pending == migrate.REVISIONS[1:]
    store = SqlStore(url)
    with store.transaction() as work:
        new = work.templates.add(1, template(source="new"))
        work.commit()
    with store.snapshot() as work:
        assert {one.source_sha256 for one in work.templates.of_subject(1)} == {"old", "new"}
        assert set(work.templates.searchable_ids(MODEL)) == {1, new.template_id}
        assert work.gallery_revision()[1] > 7
    store.close()
    migrate.downgrade(url, "0001")
    assert migrate.status(url).pending == migrate.REVISIONS[1:]
    with store.snapshot() as work:
        assert len(work.templates.of_subject(1)) == 2
    store.close()


def test_known_revisions_are_the_scripts() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from facegate.locations import shipped

    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")))
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(reversed([script.revision for script in scripts])) == migrate.REVISIONS


def test_every_constraint_has_a_name() -> None:
    from facegate.store.tables import metadata

    for table in metadata.tables.values():
        assert all(one.name for one in (*table.constraints, *table.indexes))


# SQLite alone: files.


def test_the_file_and_its_folder_are_private_and_in_wal_mode(tmp_path: Path) -> None:
    store = SqlStore(url_of(tmp_path))
    with store.snapshot() as work:
        assert work.subjects.list() == []
    file = tmp_path / "db" / "facegate.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    url = url_of(tmp_path)
    migrate.upgrade(url)
    file = engine.sqlite_file(url)
    assert file is not None
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = file.read_bytes()
    assert migrate.status(url).too_new
    with pytest.raises(DatabaseTooNew, match="9999"), SqlStore(url).snapshot():
        pass
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\x00" * 5000])
def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "facegate.db"
    file.write_bytes(content)
    with pytest.raises(StoreError, match=r"facegate\.db"), SqlStore(f"sqlite:///{file}").snapshot():
        pass
    assert file.read_bytes() == content


def test_a_damaged_page_is_reported(tmp_path: Path) -> None:
    url = url_of(tmp_path)
    store = SqlStore(url)
    with store.transaction() as work:
        ana = work.subjects.add("Ana", NOW)
        for number in range(200):
            work.templates.add(ana.subject_id, template(source=str(number)))
        work.commit()
    store.close()
    file = engine.sqlite_file(url)
    assert file is not None
    data = bytearray(file.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    file.write_bytes(data)
    for stray in file.parent.glob("*-*"):
        stray.unlink()
    with pytest.raises(StoreError), SqlStore(url).snapshot() as work:
        list(work.templates.of_subject(1))


@pytest.mark.parametrize("bad", [b"", b"\x00" * 128, b"123", b"\xff" * 128])
def test_tampered_embeddings_are_never_handed_out(tmp_path: Path, bad: bytes) -> None:
    url = url_of(tmp_path)
    store = SqlStore(url)
    with store.transaction() as work:
        ana = work.subjects.add("Ana", NOW)
        work.templates.add(ana.subject_id, template())
        work.commit()
    file = engine.sqlite_file(url)
    assert file is not None
    connection = sqlite3.connect(file)
    connection.execute("UPDATE templates SET embedding = ?", (bad,))
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match=r"Template \d+ in"), store.snapshot() as work:
        work.templates.of_subject(ana.subject_id)


def test_a_read_only_folder_can_be_read_but_not_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = url_of(tmp_path)
    store = SqlStore(url)
    with store.transaction() as work:
        work.subjects.add("Ana", NOW)
        work.commit()
    # The superuser may write anywhere, so the file's own rights would not stop this test.
    monkeypatch.setattr(engine, "_writable", lambda _: False)
    read_only = SqlStore(url)
    with read_only.snapshot() as work:
        assert [subject.name for subject in work.subjects.list()] == ["Ana"]
    with pytest.raises(StoreError, match="read-only"), read_only.transaction() as work:
        work.subjects.add("Ben", NOW)
        work.commit()


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StoreError, match="cannot be made"),
        SqlStore(f"sqlite:///{tmp_path / 'file' / 'x' / 'facegate.db'}").snapshot(),
    ):
        pass


@pytest.mark.parametrize("url", ["nonsense", "no-such-database://x/y"])
def test_urls_of_no_database_are_configuration_errors(url: str) -> None:
    with pytest.raises(ConfigError), SqlStore(url).snapshot():
        pass


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    url = url_of(tmp_path)
    store = SqlStore(url)
    with store.transaction() as work:
        work.subjects.add("Ana", NOW)
        work.commit()
    with pytest.raises(StoreError, match="disk is full"), store.transaction() as work:
        # The engine's own limit stands for the disk's.
        work._connection.exec_driver_sql("PRAGMA max_page_count=1")
        for number in range(500):
            work.subjects.add(f"person {number} " + "x" * 150, NOW)
        work.commit()
    with store.snapshot() as work:
        assert [subject.name for subject in work.subjects.list()] == ["Ana"]


def test_passwords_do_not_reach_messages() -> None:
    assert "hunter2" not in engine.without_password("postgresql://gate:hunter2@db/x")


def test_two_processes_write_at_once_from_the_first_start(tmp_path: Path) -> None:
    url = url_of(tmp_path)
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from facegate.store.unit_of_work import SqlStore
from fakes import *
from facegate.domain.people import Template
store = SqlStore({url!r})
for number in range(15):
    name = sys.argv[1] + str(number)
    with store.transaction() as work:
        one = work.subjects.add(name, NOW)
        work.templates.add(
            one.subject_id, Template(0, 0, embedding(0), MODEL, .5, name, name, NOW)
        )
        work.commit()
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, prefix]) for prefix in ("a", "b")]
    assert [writer.wait() for writer in writers] == [0, 0]
    with SqlStore(url).snapshot() as work:
        assert len(work.subjects.list()) == 30
        assert len(work.templates.searchable_ids(MODEL)) == 30


def test_opening_waits_for_another_program_that_opens(tmp_path: Path) -> None:
    url = url_of(tmp_path)
    with SqlStore(url).snapshot() as work:
        assert work.subjects.list() == []
    file = engine.sqlite_file(url)
    assert file is not None
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA journal_mode=DELETE")
    other.execute("BEGIN IMMEDIATE")  # turning on WAL mode now fails at once, without waiting
    release = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    release.start()
    with SqlStore(url).snapshot() as work:
        assert work.subjects.list() == []
    release.join()
    other.close()


def test_a_killed_enrollment_leaves_no_half_person(tmp_path: Path) -> None:
    url = url_of(tmp_path)
    with SqlStore(url).snapshot() as work:
        assert work.subjects.list() == []
    code = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from facegate.store.unit_of_work import SqlStore
from fakes import *
from facegate.domain.people import Template
with SqlStore({url!r}).transaction() as work:
    ana = work.subjects.add("Ana", NOW)
    for n in range(300):
        one = Template(0, 0, embedding(0), MODEL, .5, "a", str(n), NOW)
        work.templates.add(ana.subject_id, one)
    print("half way", flush=True)
    time.sleep(60)
    work.commit()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as stdout:
        assert stdout.readline().strip() == "half way"
    process.send_signal(signal.SIGKILL)
    process.wait()
    begin = time.monotonic()
    store = SqlStore(url)
    with store.transaction() as work:
        assert work.subjects.list() == []
        assert work.templates.counts_by_model() == {}
        work.subjects.add("Ana", NOW)
        work.commit()
    assert time.monotonic() - begin < engine.BUSY_TIMEOUT_S, "the dead process kept no lock"

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from fakes import NOW
from policies import PlainPins
from sqlalchemy import select

from facegate.domain.access import AccessRequest
from facegate.domain.doors import AntiPassback, Direction, Door
from facegate.domain.facts import DoorState
from facegate.domain.lockout import Attempts
from facegate.domain.policy import EVERYONE, Rule, Terms
from facegate.domain.schedules import ALWAYS, Holiday, Hours, OnHolidays, Schedule, Window
from facegate.errors import PolicyError, StoreError, UnknownSubject
from facegate.services.access import AccessControl
from facegate.services.policy_edit import PolicyEditor
from facegate.services.policy_file import policy_text, read_policy
from facegate.store import migrate, policy_tables
from facegate.store.unit_of_work import SqlStore

DOOR = Door("lobby", area="hall", direction=Direction.IN, anti_passback=AntiPassback.HARD)
OFFICE = Schedule(
    "office", (Window.parse("mon-fri 08:00-18:00"),), "Europe/Berlin", OnHolidays.OWN_HOURS,
    (Hours.parse("22:00-02:00"),),
)  # fmt: skip
MAY = Holiday("May", date(2026, 5, 1), date(2026, 5, 1), yearly=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """Ana and Ben in a database of each kind that is there."""
    url = f"sqlite:///{tmp_path / 'gate.db'}"
    if request.param == "postgresql":
        url = os.environ.get("FACEGATE_TEST_POSTGRESQL_URL", "")
        if not url:
            pytest.skip("needs a PostgreSQL server: set FACEGATE_TEST_POSTGRESQL_URL")
        if migrate.status(url).current:
            migrate.downgrade(url, "base")
    store = SqlStore(url)
    with store.transaction() as work:
        for name in ("Ana", "Ben"):
            work.subjects.add(name, NOW)
        work.commit()
    yield store
    store.close()
    if request.param == "postgresql":
        migrate.downgrade(url, "base")


def edit(store: SqlStore, change: Callable[[PolicyEditor], object]) -> None:
    with store.transaction() as work:
        change(PolicyEditor(work, NOW))
        work.commit()


def fill(store: SqlStore) -> None:
    def all_of_it(editor: PolicyEditor) -> None:
        editor.add_door(DOOR, everyone=True)
        editor.add_group("staff")
        editor.join("staff", ["Ana", "Ben"])
        editor.add_schedule(OFFICE)
        editor.add_holiday(MAY)
        editor.allow(Rule("staff", "lobby", "office"))
        editor.set_validity("Ana", "2026-01-01", "2026-12-25")
        editor.set_pin("Ana", "7391", PlainPins())

    edit(store, all_of_it)


def test_what_was_saved_comes_back_whole(store: SqlStore) -> None:
    fill(store)
    with store.snapshot() as work:
        policy = work.policy.load()
        ana = work.subjects.by_name("Ana").subject_id
        assert work.policy.grants("lobby", ana) == (
            (Rule(EVERYONE, "lobby"), ALWAYS),
            (Rule("staff", "lobby", "office"), OFFICE),
        )
        assert work.doors.find("lobby") == DOOR
        assert work.doors.find("gone") is None
        assert work.policy.holidays() == (MAY,)
    assert (policy.doors, policy.schedules, policy.holidays) == ((DOOR,), (OFFICE,), (MAY,))
    assert policy.members("staff") == {"Ana", "Ben"}
    assert set(policy.rules) == {Rule(EVERYONE, "lobby"), Rule("staff", "lobby", "office")}
    assert policy.people[0].terms == Terms("2026-01-01", "2026-12-25", has_pin=True)


CHANGES: list[Callable[[PolicyEditor], object]] = [
    lambda e: e.add_door(Door("side")),
    lambda e: e.set_door(Door("side", unlock_s=9)),
    lambda e: e.enable_door("side", enabled=False),
    lambda e: e.remove_door("side"),
    lambda e: e.add_group("new"),
    lambda e: e.join("new", ["Ben"]),
    lambda e: e.allow(Rule("new", "lobby")),
    lambda e: e.deny(Rule("new", "lobby")),
    lambda e: e.leave("new", ["Ben"]),
    lambda e: e.remove_group("new"),
    lambda e: e.add_schedule(Schedule("night", (Window.parse("daily 22:00-06:00"),))),
    lambda e: e.remove_schedule("night"),
    lambda e: e.add_holiday(Holiday("June", date(2026, 6, 1), date(2026, 6, 1))),
    lambda e: e.remove_holiday("June"),
    lambda e: e.set_validity("Ben", "", "2027-01-01"),
    lambda e: e.set_always_pin("Ben", True),
    lambda e: e.set_pin("Ben", "7391", PlainPins()),
    lambda e: e.remove_pin("Ben"),
    lambda e: e.replace_all(e.policy()),
]


def test_every_change_leaves_an_event_and_a_new_revision(store: SqlStore) -> None:
    fill(store)
    for change in CHANGES:
        with store.snapshot() as work:
            revision, events = work.policy.revision(), len(work.events.recent(999))
        edit(store, change)
        with store.snapshot() as work:
            assert work.policy.revision() > revision
            found = work.events.recent(999)
        assert len(found) == events + 1
        assert "7391" not in found[0].detail
        assert "(policy " in found[0].detail


def test_what_changes_nothing_leaves_no_trace(store: SqlStore) -> None:
    fill(store)
    with store.snapshot() as work:
        before = work.policy.revision(), len(work.events.recent(999))
    for change in (
        lambda e: e.set_door(DOOR),
        lambda e: e.join("staff", ["Ana"]),
        lambda e: e.allow(Rule("staff", "lobby", "office")),
        lambda e: e.deny(Rule("staff", "lobby")),
        lambda e: e.set_validity("Ana", "2026-01-01", "2026-12-25"),
        lambda e: e.set_always_pin("Ana", False),
    ):
        edit(store, change)
    with store.snapshot() as work:
        assert (work.policy.revision(), len(work.events.recent(999))) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.add_door(DOOR),
        lambda e: e.set_door(Door("gone")),
        lambda e: e.remove_door("gone"),
        lambda e: e.reset_door("gone"),
        lambda e: e.add_group("staff"),
        lambda e: e.add_group(EVERYONE),
        lambda e: e.remove_group(EVERYONE),
        lambda e: e.remove_group("gone"),
        lambda e: e.join(EVERYONE, ["Ana"]),
        lambda e: e.leave(EVERYONE, ["Ana"]),
        lambda e: e.add_schedule(OFFICE),
        lambda e: e.add_schedule(ALWAYS),
        lambda e: e.remove_schedule("always"),
        lambda e: e.remove_schedule("office"),  # in use
        lambda e: e.add_holiday(MAY),
        lambda e: e.remove_holiday("gone"),
        lambda e: e.allow(Rule("gone", "lobby")),
        lambda e: e.allow(Rule("staff", "gone")),
        lambda e: e.deny(Rule("staff", "lobby", "gone")),
        lambda e: e.set_pin("Ana", "1234", PlainPins()),
        lambda e: e.set_validity("Ana", "2027-01-01", "2026-01-01"),
    ],
)
def test_what_contradicts_itself_is_refused_and_changes_nothing(
    store: SqlStore, change: Callable[[PolicyEditor], object]
) -> None:
    fill(store)
    with store.snapshot() as work:
        before = work.policy.load()
    with pytest.raises(PolicyError):
        edit(store, change)
    with store.snapshot() as work:
        assert work.policy.load() == before


def test_unknown_people_are_refused(store: SqlStore) -> None:
    fill(store)
    with pytest.raises(UnknownSubject):
        edit(store, lambda e: e.join("staff", ["Cem"]))


def test_removing_a_person_removes_all_that_is_known_of_their_access(store: SqlStore) -> None:
    fill(store)
    with store.transaction() as work:
        ana = work.subjects.by_name("Ana").subject_id
        work.access.pass_through(ana, "hall", True, NOW)
        work.access.set_attempts(ana, "pins", Attempts(3, NOW))
        work.access.set_door_state("lobby", DoorState(NOW, Attempts(), ana, NOW))
        work.commit()
    with store.transaction() as work:
        work.subjects.remove(ana)
        for table in ("memberships", "person_terms", "person_attempts", "passages"):
            columns = getattr(policy_tables, table).c
            query = select(columns.subject_id).where(columns.subject_id == ana)
            assert work._connection.execute(query).first() is None
        assert work.access.door_state("lobby").first_id is None
        work.commit()


def test_a_removed_door_takes_its_rules_and_memory_along(store: SqlStore) -> None:
    fill(store)
    with store.transaction() as work:
        work.access.set_door_state("lobby", DoorState(NOW, Attempts(3, NOW)))
        work.commit()
    edit(store, lambda e: e.remove_door("lobby"))
    with store.snapshot() as work:
        assert work.policy.load().rules == ()
        assert work.access.door_state("lobby") == DoorState()
    edit(store, lambda e: e.add_door(DOOR))
    with store.snapshot() as work:
        assert work.access.door_state("lobby") == DoorState(last_at=NOW)


def test_what_a_door_and_people_remember_comes_back(store: SqlStore) -> None:
    fill(store)
    state = DoorState(
        NOW, Attempts(7, NOW, NOW + timedelta(seconds=30), True), 1, NOW - timedelta(seconds=3)
    )
    with store.transaction() as work:
        work.access.set_door_state("lobby", state)
        work.access.set_attempts(1, "claims", state.attempts)
        work.commit()
    with store.snapshot() as work:
        assert work.access.door_state("lobby") == state
        assert work.access.attempts(1, "claims") == state.attempts
        assert work.access.attempts(1, "pins") == Attempts()


def test_passages_are_few_and_the_newest_decides(store: SqlStore) -> None:
    fill(store)
    with store.transaction() as work:
        for number in range(9):
            at = NOW + timedelta(minutes=number)
            work.access.pass_through(1, "hall", number % 2 == 0, at)
        work.access.pass_through(2, "hall", True, NOW)
        assert work.access.inside("hall") == ["Ana", "Ben"]
        assert work.access.inside_since(1, "hall") == at
        work.access.take_back("hall", at)
        assert work.access.inside_since(1, "hall") is None
        assert work.access.inside("hall") == ["Ben"]
        assert len(work._connection.execute(select(policy_tables.passages)).all()) == 2


def test_another_policy_takes_the_place_of_this_one(store: SqlStore) -> None:
    fill(store)
    with store.snapshot() as work:
        before = work.policy.load()
    text = policy_text(before)

    def emptied(editor: PolicyEditor) -> None:
        editor.replace_all(read_policy("[[doors]]\nname = 'other'", before.people))

    edit(store, emptied)
    with store.snapshot() as work:
        now = work.policy.load()
        assert work.access.pin_hash(1)
    assert [door.name for door in now.doors] == ["other"]
    assert (now.groups, now.schedules, now.holidays, now.rules) == ((), (), (), ())
    assert now.people[0].terms == Terms(has_pin=True)
    edit(store, lambda e: e.replace_all(read_policy(text, now.people)))
    with store.snapshot() as work:
        back = work.policy.load()
    assert policy_text(back) == text


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE schedules SET windows = '[\"mon\"]' WHERE name = 'office'",
        "UPDATE schedules SET windows = 'x' WHERE name = 'office'",
        "UPDATE schedules SET holiday_hours = '[3]' WHERE name = 'office'",
        "UPDATE doors SET pad = 'none'",
        "UPDATE person_terms SET valid_until = 'soon'",
    ],
)
def test_damaged_rows_are_errors_of_the_store(store: SqlStore, damage: str) -> None:
    fill(store)
    with store.transaction() as work:
        work._connection.exec_driver_sql(damage)
        work.commit()
    with pytest.raises(StoreError, match="cannot be read"), store.snapshot() as work:
        work.policy.load()


def test_the_fifth_schema_comes_and_goes_and_keeps_the_people(store: SqlStore) -> None:
    fill(store)
    store.close()
    migrate.downgrade(store._url, "0004")
    assert migrate.status(store._url).pending[0] == "0005"
    with store.snapshot() as work:  # upgrades
        assert [one.name for one in work.subjects.list()] == ["Ana", "Ben"]
        assert work.policy.load().doors == ()


def test_of_rulings_at_once_only_one_passes_hard_anti_passback(store: SqlStore) -> None:
    fill(store)
    control, start, granted = AccessControl(lambda: NOW), threading.Barrier(4), []

    def pass_through() -> None:
        start.wait()
        with store.transaction() as work:
            ruling = control.rule(work, AccessRequest("lobby", 1, NOW))
            granted.append(ruling.granted)
            work.commit()

    threads = [threading.Thread(target=pass_through) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(granted) == [False, False, False, True]

"""Who may pass, as an operator sets it up and tries it out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from commands import facegate, process
from fakes import NOW
from typer.main import get_command
from typer.testing import CliRunner

from facegate.bootstrap import start
from facegate.cli import policy_replay
from facegate.cli.main import app
from facegate.domain.lockout import Attempts
from facegate.domain.reasons import Reason
from facegate.domain.receipts import ReceiptDraft
from facegate.errors import FacegateError


@pytest.fixture
def people() -> None:
    """Ana and Ben are enrolled; their faces do not matter here."""
    with start().store.transaction() as work:
        for name in ("Ana", "Ben"):
            work.subjects.add(name, NOW)
        work.commit()


def here(*arguments: object, typed: str | None = None) -> tuple[int, str]:
    """Run a command in this process: many of them, quickly."""
    ran = CliRunner().invoke(app, [str(one) for one in arguments], input=typed)
    if isinstance(ran.exception, FacegateError):
        assert str(ran.exception).endswith((".", "?"))
        return ran.exception.exit_code, ran.output
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran.exit_code, ran.output


def ok(*arguments: object) -> str:
    code, out = here(*arguments)
    assert code == 0, out
    return out


def test_an_office_from_the_first_door_to_the_holiday(people: None, tmp_path: Path) -> None:
    ok("doors", "add", "lobby", "--source", "rtsp://gate:hunter2@cam/1", "--zone", "Europe/Berlin")
    assert json.loads(here("policy", "check", "--json")[1])[0]["kind"] == "nobody_passes"
    ok("groups", "add", "staff")
    assert "Ana joined staff" in ok("groups", "join", "staff", "Ana")
    ok("policy", "schedule", "add", "office", "mon-fri 08:00-18:00")
    ok("policy", "holiday", "add", "Christmas", "2026-12-24", "2026-12-26", "--yearly")
    ok("policy", "allow", "staff", "lobby", "--schedule", "office")
    assert "Nothing contradicts itself" in ok("policy", "check")

    def tried(who: str, at: str) -> tuple[int, dict]:
        arguments = ("policy", "test", "--at", at, "--person", who, "--door", "lobby", "--json")
        code, out = here(*arguments)
        return code, json.loads(out)

    assert tried("Ana", "2026-12-23 17:59")[0] == 0
    code, evening = tried("Ana", "2026-12-23 19:00")
    assert (code, evening["reason"], evening["at"]) == (
        11, "outside_schedule", "2026-12-23T19:00:00+01:00",
    )  # fmt: skip
    assert "Ana's schedule 'office' ends at 18:00" in evening["explanation"]
    assert [one["name"] for one in evening["checks"] if not one["passed"]] == ["rule"]
    assert tried("Ana", "2027-12-24 12:00")[1]["reason"] == "holiday"
    assert tried("Ben", "2026-12-23 12:00")[1]["reason"] == "no_rule"
    shown = facegate(
        "policy", "test", "--at", "2026-12-24 19:00", "--person", "Ana", "--door", "lobby"
    )
    assert shown.code == 11
    assert "denied: Ana's schedule 'office' is closed on Christmas" in shown.out

    file = tmp_path / "policy.toml"
    ok("policy", "export", "-o", file)
    ok("doors", "remove", "lobby", "--yes")
    assert tried_code("Ana", "lobby") == 14
    ok("policy", "import", file, "--yes")
    assert tried("Ana", "2026-12-23 17:59")[0] == 0
    file.write_text("[[rules]]\ngroup = 'x'\ndoor = 'y'")
    assert here("policy", "import", file, "--yes")[0] == 14
    assert tried("Ana", "2026-12-23 17:59")[0] == 0, "nothing was changed"
    for command in (("doors", "list"), ("doors", "show", "lobby"), ("policy", "show")):
        for more in ((), ("--json",)):
            code, out = here(*command, *more)
            assert code == 0
            assert "hunter2" not in out


def tried_code(who: str, door: str) -> int:
    return here("policy", "test", "--person", who, "--door", door)[0]


def test_visitors_pins_and_look_alikes(people: None) -> None:
    ok("doors", "add", "lobby", "--everyone", "--zone", "Europe/Berlin")
    assert tried_code("Ana", "lobby") == 0
    ok("people", "validity", "Ana", "--until", "2026-01-31")
    assert "to 2026-01-31 (included)" in ok("people", "show", "Ana")
    assert tried_code("Ana", "lobby") == 11
    ok("people", "validity", "Ana", "--until", "")
    assert "There is none yet" in ok("people", "always-pin", "Ana", "on")
    assert tried_code("Ana", "lobby") == 11

    pin = ("people", "pin", "Ana", "--stdin")
    assert facegate(*pin, typed="1234\n").code == 14
    set_now = process(*pin, typed="73915\n")
    assert set_now.code == 0, set_now.err
    assert "73915" not in set_now.out + set_now.err
    arguments = ("policy", "test", "--person", "Ana", "--door", "lobby")
    assert here(*arguments)[0] == 11
    assert here(*arguments, "--with-pin")[0] == 0
    access = json.loads(here("people", "show", "Ana", "--json")[1])["access"]
    assert access == {
        "keypad_number": 1, "groups": [], "valid_from": None, "valid_until": None,
        "always_pin": True, "has_pin": True,
        "held_back": None, "held_back_until": None,
        "claims_held_back": None, "claims_held_back_until": None,
    }  # fmt: skip
    assert b"73915" not in b"".join(
        file.read_bytes() for file in start().settings.data_dir.glob("facegate.db*")
    )


def test_a_pin_is_typed_twice_and_not_shown(people: None) -> None:
    code, out = here("people", "pin", "Ana", typed="73915\n73915\n")
    assert code == 0, out
    assert "73915" not in out
    assert here("people", "pin", "Ana", typed="73915\n73916\n73915\n73915\n")[0] == 0
    assert here("people", "pin", "Ana", "--remove")[0] == 0
    assert not here("people", "show", "Ana")[1].count("a PIN is set")


def test_the_past_is_replayed_with_other_rules_and_another_threshold(
    people: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def past(work: object, begin: datetime) -> list[ReceiptDraft]:
        begun.append(begin)
        now = begin + timedelta(days=3)
        known = {"tau": 0.5, "similarity": 0.7, "margin": 0.05}
        return [
            ReceiptDraft(now, "lobby", "0", Reason.GRANTED, 1, "Ana", **known),
            ReceiptDraft(now, "side", "0", Reason.DOOR_DISABLED, 1, "Ana", **known),
        ]

    monkeypatch.setattr(policy_replay, "_past", past)
    here("doors", "add", "lobby", "--everyone")
    code, out = here("policy", "replay", "--since", "30d", "--json")
    assert code == 0
    assert json.loads(out)["visits"] == 2
    assert json.loads(out)["rows"] == []
    assert abs(start().clock() - timedelta(days=30) - begun[0]) < timedelta(minutes=1)
    found = json.loads(here("policy", "replay", "--tau", "0.8", "--door", "lobby", "--json")[1])
    assert (found["visits"], found["newly_denied"]) == (1, 1)
    assert (found["rows"][0]["then"], found["rows"][0]["now"]) == ("granted", "unknown_face")
    other = tmp_path / "other.toml"
    other.write_text("[[doors]]\nname = 'side'\n[[rules]]\ngroup = 'everyone'\ndoor = 'side'")
    shown = here("policy", "replay", "--policy", other)[1]
    assert "Of 2 visits, 1 would newly pass, 1 would newly be refused" in shown


def test_doors_and_people_are_changed_and_reset(people: None) -> None:
    here("doors", "add", "in", "--area", "hall", "--direction", "in", "--two-person", "20")
    for arguments in (
        ("doors", "set", "in", "--anti-passback", "hard", "--pin", "fallback", "--unlock", "5"),
        ("doors", "disable", "in"),
        ("doors", "enable", "in"),
        ("doors", "reset", "in"),
        ("people", "reset", "Ana"),
        ("groups", "add", "staff"),
        ("groups", "join", "staff", "Ana", "Ben"),
        ("groups", "leave", "staff", "Ben"),
        ("groups", "list"),
        ("policy", "schedule", "add", "s", "daily 08:00-18:00", "--on-holidays", "10:00-12:00"),
        ("policy", "schedule", "list"),
        ("policy", "holiday", "add", "May", "2026-05-01"),
        ("policy", "holiday", "list"),
    ):
        code, out = here(*arguments)
        assert code == 0, (arguments, out)
    door = json.loads(here("doors", "show", "in", "--json")[1])
    assert (door["anti_passback"], door["pin"], door["unlock_s"]) == ("hard", "fallback", 5)
    assert (door["area"], door["two_person_s"], door["enabled"]) == ("hall", 20, True)
    (group,) = json.loads(here("policy", "show", "--json")[1])["groups"]
    assert group == {"name": "staff", "members": ["Ana"]}
    (plan,) = json.loads(here("policy", "schedule", "list", "--json")[1])
    assert (plan["on_holidays"], plan["holiday_hours"]) == ("own_hours", ["10:00-12:00"])
    (holiday,) = json.loads(here("policy", "holiday", "list", "--json")[1])
    assert (holiday["first"], holiday["last"]) == ("2026-05-01", "2026-05-01")
    for arguments in (
        ("policy", "schedule", "remove", "s"),
        ("policy", "holiday", "remove", "May"),
        ("groups", "remove", "staff", "--yes"),
        ("doors", "remove", "in", "--yes"),
    ):
        assert here(*arguments)[0] == 0
    assert json.loads(here("policy", "show", "--json")[1])["doors"] == []


def test_mistakes_have_sentences_and_codes(people: None) -> None:
    ok("doors", "add", "lobby", "--zone", "UTC")
    for arguments, code in (
        (("doors", "add", "lobby"), 14),
        (("doors", "add", "x", "--pad", "nope"), 14),
        (("doors", "add", "x", "--zone", "Mars/Base"), 14),
        (("doors", "set", "gone", "--unlock", "5"), 14),
        (("doors", "set", "lobby", "--anti-passback", "hard"), 14),
        (("groups", "join", "gone", "Ana"), 14),
        (("groups", "join", "everyone", "Ana"), 14),
        (("policy", "allow", "everyone", "gone"), 14),
        (("policy", "deny", "everyone", "lobby"), 11),
        (("policy", "schedule", "add", "s", "mon"), 14),
        (("policy", "schedule", "add", "s"), 14),
        (("policy", "schedule", "remove", "always"), 14),
        (("policy", "holiday", "add", "h", "soon"), 14),
        (("policy", "test", "--person", "Cem", "--door", "lobby"), 5),
        (("policy", "test", "--person", "Ana", "--door", "gone"), 14),
        (("policy", "import", "/no/such/file", "--yes"), 4),
        (("policy", "replay", "--since", "long"), 14),
        (("people", "validity", "Ana"), 14),
        (("people", "always-pin", "Ana", "maybe"), 14),
        (("people", "pin", "Cem", "--stdin"), 5),
    ):
        assert here(*arguments)[0] == code, arguments


def test_empty_lists_say_what_to_do() -> None:
    assert "facegate doors add" in here("doors", "list")[1]
    assert json.loads(here("doors", "list", "--json")[1]) == []
    assert json.loads(here("groups", "list", "--json")[1]) == [{"name": "everyone", "members": []}]
    assert "nobody may pass" in here("policy", "show")[1]


def test_a_file_that_was_cut_off_wipes_nothing(people: None, tmp_path: Path) -> None:
    ok("doors", "add", "lobby", "--everyone")
    ok("doors", "add", "side")
    file = tmp_path / "policy.toml"
    ok("policy", "export", file)
    whole = file.read_text(encoding="utf-8")
    for text in ("", "# comments only", whole[: whole.index("[[rules]]")]):
        file.write_text(text, encoding="utf-8")
        assert here("policy", "import", file, "--yes")[0] == 14
        code, out = here("policy", "import", file, typed="y\n")
        assert (code, "?" in out) == (14, False), "it is read before anything is asked"
    assert json.loads(ok("policy", "show", "--json"))["rules"], "nothing was changed"
    file.write_text(whole.replace("side", "back"), encoding="utf-8")
    code, out = here("policy", "import", file, typed="n\n")
    assert code == 1
    assert "There is: 2 doors" in out
    assert "will be gone: side" in out
    assert "Gone: side" in ok("policy", "import", file, "--yes")
    ok("people", "validity", "Ana", "--until", "2026-01-31")
    assert here("policy", "import", file, "--yes")[0] == 14, "Ana would pass for ever"
    file.write_text("", encoding="utf-8")
    assert "0 doors" in ok("policy", "import", file, "--yes", "--empty")
    assert json.loads(ok("policy", "show", "--json"))["doors"] == []
    ok("policy", "import", file, "--yes")


def test_an_export_of_the_policy_keeps_a_file_that_is_there(people: None, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    ok("policy", "export", file)
    before = file.read_text(encoding="utf-8")
    ok("doors", "add", "lobby")
    for arguments in ((file,), ("--output", file)):
        assert here("policy", "export", *arguments)[0] == 4
        assert file.read_text(encoding="utf-8") == before
    ok("policy", "export", file, "--force")
    assert "lobby" in file.read_text(encoding="utf-8")
    assert here("policy", "export", file, "-o", file)[0] == 2


def test_addresses_are_checked_when_they_are_saved(people: None, tmp_path: Path) -> None:
    ok("doors", "add", "lobby", "--everyone")
    for option, address, code in (
        ("--output", "foo:bar", 13),
        ("--output", "gpio:17?puls=1", 13),
        ("--output", "nothing", 13),
        ("--source", "foo://bar", 4),
        ("--source", "foo:bar", 4),
        ("--source", "rtsp://", 4),
        ("--source", "usb:999", 4),
    ):
        assert here("doors", "add", "x", option, address)[0] == code, address
        assert here("doors", "set", "lobby", option, address)[0] == code, address
        file = tmp_path / "policy.toml"
        key = option.removeprefix("--")
        file.write_text(
            f"[[doors]]\nname = 'lobby'\n{key} = '{address}'\n"
            "[[rules]]\ngroup = 'everyone'\ndoor = 'lobby'"
        )
        assert here("policy", "import", file, "--yes")[0] == code, address
    assert [one["name"] for one in json.loads(ok("doors", "list", "--json"))] == ["lobby"]
    assert "Nothing contradicts itself" in ok("policy", "check")
    for address in ("0", "usb:Acme-1", "rtsp://u:p@cam/1", "test:?fps=5", "/not/yet.avi"):
        ok("doors", "set", "lobby", "--source", address)
    with start().store.transaction() as work:
        old = work.doors.by_name("lobby")
        work.doors.set(replace(old, output="foo:bar", source="foo://u:hunter2@bar"))
        work.commit()
    code, out = here("policy", "check", "--json")
    assert code == 11
    assert "hunter2" not in out
    assert {one["kind"] for one in json.loads(out)} == {"bad_source", "bad_output"}
    ok("doors", "set", "lobby", "--pin", "fallback")


def test_clocks_that_change_are_told(people: None) -> None:
    ok("doors", "add", "lobby", "--everyone", "--zone", "Europe/Berlin")
    tried = ("policy", "test", "--person", "Ana", "--door", "lobby", "--at")
    skipped = json.loads(ok(*tried, "2026-03-29 02:30", "--json"))
    assert skipped["at"] == "2026-03-29T03:00:00+02:00"
    assert "never show 2026-03-29 02:30" in skipped["time_note"]
    assert "never show" in ok(*tried, "2026-03-29 02:30")
    twice = json.loads(ok(*tried, "2026-10-25 02:30", "--json"))
    assert "2026-10-25T02:30:00+01:00" in twice["time_note"]
    for at, local in (
        ("2026-10-25 02:30+01:00", "2026-10-25T02:30:00+01:00"),
        ("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25 00:30Z", "2026-10-25T02:30:00+02:00"),
        ("2026-07-01 12:00", "2026-07-01T12:00:00+02:00"),
    ):
        found = json.loads(ok(*tried, at, "--json"))
        assert (found["at"], found["time_note"]) == (local, None)
    for at in ("2026-10-25Z", "2026-10-25 02:30+25:00", "2026-10-25 02:30 CET"):
        assert here(*tried, at)[0] == 14


def test_names_that_nobody_knows_are_told_before_any_question(people: None) -> None:
    ok("doors", "add", "lobby")
    for arguments, code in (
        (("doors", "remove", "gone"), 14),
        (("groups", "remove", "gone"), 14),
        (("people", "remove", "Cem"), 5),
        (("policy", "replay", "--door", "gone"), 14),
        (("doors", "add", "Lobby"), 14),
        (("doors", "set", "lobby"), 14),
    ):
        assert here(*arguments, typed="y\n")[0] == code, arguments
    assert "was like that already" in ok("doors", "set", "lobby", "--pin", "never")
    asked = facegate("people", "show", "ana")
    assert asked.code == 5
    assert "Did you mean 'Ana'?" in asked.err


def test_two_doors_of_a_file_differ_by_more_than_case(people: None, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("[[doors]]\nname = 'lobby'\n[[doors]]\nname = 'Lobby'", encoding="utf-8")
    assert here("policy", "import", file, "--yes")[0] == 14


def test_a_door_is_shown_with_its_rules_in_lines(people: None) -> None:
    ok("doors", "add", "lobby", "--everyone")
    ok("groups", "add", "staff")
    ok("policy", "allow", "staff", "lobby")
    shown = ok("doors", "show", "lobby")
    assert "\ufffd" not in shown
    assert "staff at lobby" in shown
    (row,) = json.loads(ok("doors", "list", "--json"))
    assert row["last_decision_at"] is None, "it never decided"
    at = NOW + timedelta(minutes=3)
    start().audit_trail().append(ReceiptDraft(at, "lobby", "0", Reason.UNKNOWN_FACE))
    for command in (("doors", "list"), ("doors", "show", "lobby")):
        found = json.loads(ok(*command, "--json"))
        row = found[0] if isinstance(found, list) else found
        assert row["last_decision_at"] == at.isoformat()


def test_who_is_held_back_is_shown_with_the_person(people: None) -> None:
    gate = start()
    now = gate.clock()
    with gate.store.transaction() as work:
        number = work.subjects.by_name("Ana").subject_id
        work.access.set_attempts(
            number, "pins", Attempts(6, now, blocked_until=now + timedelta(hours=1))
        )
        work.access.set_attempts(number, "claims", Attempts(50, now, locked=True))
        work.commit()
    access = json.loads(ok("people", "show", "Ana", "--json"))["access"]
    assert access["held_back"] == "rate_limited"
    assert access["held_back_until"] == (now + timedelta(hours=1)).isoformat()
    assert (access["claims_held_back"], access["claims_held_back_until"]) == ("locked_out", None)
    shown = ok("people", "show", "Ana")
    assert "Ana is held back: until" in shown
    assert "without a face, is held back" in shown
    ok("people", "reset", "Ana")
    assert "held back" not in ok("people", "show", "Ana")


def test_the_replayed_past_is_on_the_clock_of_its_doors(people: None) -> None:
    ok("doors", "add", "lobby", "--zone", "Asia/Tokyo")
    gate = start()
    now = gate.clock()
    known = {"tau": 0.5, "similarity": 0.7, "margin": 0.05}
    gate.audit_trail().append(ReceiptDraft(now, "lobby", "0", Reason.GRANTED, 1, "Ana", **known))
    shown = ok("policy", "replay")
    assert "time (Asia/Tokyo)" in shown
    assert f"{now.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m-%d %H:%M:%S}" in shown
    gate.audit_trail().append(ReceiptDraft(now, "gone", "0", Reason.GRANTED, 1, "Ana", **known))
    mixed = ok("policy", "replay")
    assert "time at the door" in mixed
    assert "+09:00" in mixed
    assert "+00:00" in mixed


@pytest.mark.parametrize(
    ("command", "option", "name"),
    [
        (("policy", "test"), "door", "lobby"),
        (("policy", "test"), "person", "Ana"),
        (("policy", "replay"), "door", "lobby"),
        (("audit", "log"), "door", "lobby"),
        (("audit", "log"), "person", "Ana"),
        (("outputs", "test"), "door", "lobby"),
        (("people", "show"), "name", "Ana"),
        (("people", "remove"), "name", "Ana"),
    ],
)
def test_names_complete_themselves(
    people: None, command: tuple[str, ...], option: str, name: str
) -> None:
    ok("doors", "add", "lobby")
    found: Any = get_command(app)
    for word in command:
        found = found.commands[word]
    (wanted,) = [one for one in found.params if one.name == option]
    context = found.make_context("", [], resilient_parsing=True)
    completed = wanted.shell_complete(context, name[:2])
    assert [one.value for one in completed] == [name]

"""Who may pass, as an operator sets it up and tries it out."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from commands import facegate, process
from fakes import NOW
from typer.testing import CliRunner

from facegate.bootstrap import start
from facegate.cli import policy_replay
from facegate.cli.main import app
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

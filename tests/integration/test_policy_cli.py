"""Who may pass, as an operator sets it up and tries it out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import facegate
from fakes import NOW

from facegate.bootstrap import start


@pytest.fixture
def people() -> None:
    """Ana and Ben are enrolled; their faces do not matter here."""
    with start().store.transaction() as work:
        for name in ("Ana", "Ben"):
            work.subjects.add(name, NOW)
        work.commit()


def ok(*arguments: object) -> str:
    ran = facegate(*arguments)
    assert ran.code == 0, ran.out + ran.err
    return ran.out


def test_an_office_from_the_first_door_to_the_holiday(people: None, tmp_path: Path) -> None:
    ok("doors", "add", "lobby", "--source", "rtsp://gate:hunter2@cam/1", "--zone", "Europe/Berlin")
    assert facegate("policy", "check", "--json").json()[0]["kind"] == "nobody_passes"
    ok("groups", "add", "staff")
    assert "Ana joined staff" in ok("groups", "join", "staff", "Ana")
    ok("policy", "schedule", "add", "office", "mon-fri 08:00-18:00")
    ok("policy", "holiday", "add", "Christmas", "2026-12-24", "2026-12-26", "--yearly")
    ok("policy", "allow", "staff", "lobby", "--schedule", "office")
    assert "Nothing contradicts itself" in ok("policy", "check")

    def tried(who: str, at: str) -> tuple[int, dict]:
        ran = facegate("policy", "test", "--at", at, "--person", who, "--door", "lobby", "--json")
        return ran.code, ran.json()

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
    assert facegate("policy", "import", file, "--yes").code == 14
    assert tried("Ana", "2026-12-23 17:59")[0] == 0, "nothing was changed"
    for command in (("doors", "list"), ("doors", "show", "lobby"), ("policy", "show")):
        for more in ((), ("--json",)):
            assert "hunter2" not in ok(*command, *more)


def tried_code(who: str, door: str) -> int:
    return facegate("policy", "test", "--person", who, "--door", door).code


def test_visitors_pins_and_look_alikes(people: None) -> None:
    ok("doors", "add", "lobby", "--everyone", "--zone", "Europe/Berlin")
    assert tried_code("Ana", "lobby") == 0
    ok("people", "validity", "Ana", "--until", "2026-01-31")
    assert "to 2026-01-31 (included)" in ok("people", "show", "Ana")
    assert tried_code("Ana", "lobby") == 11
    ok("people", "validity", "Ana", "--until", "")
    assert "There is none yet" in ok("people", "always-pin", "Ana", "on")
    assert tried_code("Ana", "lobby") == 11

    def pin(text: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "facegate", "people", "pin", "Ana", "--stdin"],
            input=text, capture_output=True, text=True, check=False, env=os.environ,
        )  # fmt: skip

    assert pin("1234\n").returncode == 14
    set_now = pin("73915\n")
    assert set_now.returncode == 0, set_now.stderr
    assert "73915" not in set_now.stdout + set_now.stderr
    arguments = ("policy", "test", "--person", "Ana", "--door", "lobby")
    assert facegate(*arguments).code == 11
    assert facegate(*arguments, "--with-pin").code == 0
    access = facegate("people", "show", "Ana", "--json").json()["access"]
    assert access == {
        "groups": [], "valid_from": None, "valid_until": None, "always_pin": True, "has_pin": True,
    }  # fmt: skip
    assert b"73915" not in b"".join(
        file.read_bytes() for file in start().settings.data_dir.glob("facegate.db*")
    )


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
        ran = facegate(*arguments)
        assert ran.code == code, (arguments, ran.out, ran.err)


def test_empty_lists_say_what_to_do() -> None:
    assert "facegate doors add" in ok("doors", "list")
    assert facegate("doors", "list", "--json").json() == []
    assert facegate("groups", "list", "--json").json() == [{"name": "everyone", "members": []}]
    assert "nobody may pass" in ok("policy", "show")

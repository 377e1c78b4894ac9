from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest
from commands import facegate

from facegate.doors.plugins import BUILT_IN, PluginEntry, find_plugin, load_plugins, open_output
from facegate.errors import DoorError

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


def test_built_ins_use_the_same_entries_as_strangers() -> None:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    with PYPROJECT.open("rb") as file:
        project = tomllib.load(file)["project"]
    assert project["entry-points"]["facegate.doors"] == BUILT_IN


@pytest.mark.parametrize("entry", load_plugins(), ids=lambda entry: entry.name)
def test_every_built_in_loads_and_says_what_it_is(entry: PluginEntry) -> None:
    assert entry.plugin is not None
    assert entry.failure == ""
    assert entry.plugin.summary
    assert entry.plugin.form.startswith(
        entry.name.removesuffix("s") if "mqtt" in entry.name else entry.name
    )
    assert entry.plugin.after_kill


def test_names_are_given_once() -> None:
    entries = [("bell", "a:A"), ("bell", "b:B"), *BUILT_IN.items()]
    bell = next(one for one in load_plugins(entries) if one.name == "bell")
    assert bell.plugin is None
    assert "a:A" in bell.failure
    assert "b:B" in bell.failure
    with pytest.raises(DoorError, match="two plugins"):
        find_plugin("bell", entries)


def test_a_stranger_cannot_take_a_built_in_name() -> None:
    entries = [("gpio", "stranger:Door"), *BUILT_IN.items()]
    with pytest.raises(DoorError):
        find_plugin("gpio", entries)
    assert find_plugin("simulator", entries)


def test_what_fails_is_listed_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("stranger_doors")
    module.Old = type("Old", (), {"api_version": 0})  # type: ignore[attr-defined]
    module.Half = type("Half", (), {"api_version": 1, "lock": lambda _: None})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stranger_doors", module)
    entries = [
        ("gone", "no_such_module_here:Door"),
        ("less", "stranger_doors:Missing"),
        ("old", "stranger_doors:Old"),
        ("half", "stranger_doors:Half"),
    ]
    reasons = {one.name: one.failure for one in load_plugins(entries)}
    assert "no_such_module_here" in reasons["gone"]
    assert "Missing" in reasons["less"]
    assert "api_version 0" in reasons["old"]
    assert "unlock" in reasons["half"]
    for name in reasons:
        with pytest.raises(DoorError):
            find_plugin(name, entries)


def test_a_stranger_with_a_defect_is_a_door_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    broken = {"api_version": 1, "summary": "", "form": "", "after_kill": "", "__init__": fail}
    broken |= dict.fromkeys(("unlock", "lock", "is_open", "close"), fail)
    broken["check"] = classmethod(lambda *_: None)
    module = types.ModuleType("stranger_doors")
    module.Bad = type("Bad", (), broken)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stranger_doors", module)
    monkeypatch.setitem(BUILT_IN, "bad", "stranger_doors:Bad")
    with pytest.raises(DoorError, match="ZeroDivisionError"):
        open_output("bad:")


def test_outputs_list() -> None:
    listed = {one["name"]: one for one in facegate("outputs", "list", "--json").json()}
    assert set(listed) >= set(BUILT_IN)
    assert listed["serial"]["failure"] is None


def test_outputs_test_opens_and_locks() -> None:
    ran = facegate("outputs", "test", "simulator:", "--pulse", "0.1", "--json")
    assert ran.code == 0
    said = ran.json()
    assert said["opened"]
    assert [one["kind"] for one in said["events"]][:3] == ["locked", "unlocked", "locked"]


def test_outputs_test_fails_with_13(tmp_path: Path) -> None:
    program = tmp_path / "door.sh"
    program.write_text("#!/bin/sh\nexit 4\n", encoding="utf-8")
    program.chmod(0o755)
    ran = facegate("outputs", "test", f"command:{program}", "--json")
    assert ran.code == 13
    assert json.loads(ran.out)["opened"] is False
    assert "exit code 4" in ran.err


def test_secrets_come_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    from facegate.config import load_settings

    monkeypatch.setenv("FACEGATE_DOORS__SECRETS__LOBBY", "0123456789abcdef")
    settings = load_settings()
    assert settings.doors.secrets["lobby"].get_secret_value() == "0123456789abcdef"
    assert "0123456789abcdef" not in repr(settings)
    ran = facegate("outputs", "test", "webhook:http://localhost:9/?key=lobby&timeout=0.1")
    assert ran.code == 13
    assert "0123456789abcdef" not in ran.out + ran.err


def test_a_missing_library_is_listed_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("paho", "serial", "gpiod", "gpiozero", "osdp"):
        monkeypatch.setitem(sys.modules, module, None)
    listed = {one["name"]: one for one in facegate("outputs", "list", "--json").json()}
    for name, extra in (
        ("mqtt", "mqtt"),
        ("mqtts", "mqtt"),
        ("serial", "serial"),
        ("gpio", "gpio"),
        ("wiegand", "gpio"),
        ("osdp", "osdp"),
    ):
        assert f"pip install 'facegate[{extra}]'" in listed[name]["failure"]
    assert listed["simulator"]["failure"] is None
    shown = facegate("outputs", "list").out
    assert "libosdp and pyserial" in shown
    assert shown.count("publishes orders to an MQTT broker") == 1
    assert "mqtt, mqtts" in shown


def test_an_output_that_cannot_lock_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    ordered = []

    class Stuck:
        def unlock(self, pulse_s: float, reference: str) -> None:
            ordered.append((pulse_s, reference))

        def lock(self) -> None:
            raise DoorError("the bolt is stuck.")

        def is_open(self) -> None:
            return None

        def close(self) -> None:
            return None

    monkeypatch.setattr("facegate.bootstrap.FaceGate.door_output", lambda *_: Stuck())
    ran = facegate("outputs", "test", "simulator:", "--pulse", "0.1", "--json")
    assert ran.code == 13
    assert "the bolt is stuck" in ran.err
    assert (ran.json()["opened"], ordered) == (False, [])

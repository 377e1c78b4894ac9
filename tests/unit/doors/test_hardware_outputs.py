"""What only a program, a board or a pin can get wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from far_sides import CONTEXT, ChipSide, CommandSide, SerialSide, SimulatorSide, ZeroSide, until

from facegate.doors import pulses
from facegate.doors.plugins import open_output
from facegate.doors.secrets import OutputContext
from facegate.doors.wiegand import wiegand26
from facegate.errors import DoorError

# the pulse


def test_a_machine_that_slept_locks_as_soon_as_it_wakes(monkeypatch: pytest.MonkeyPatch) -> None:
    side = SimulatorSide()
    door = side.open()
    door.unlock(60, "r1")
    real = pulses.steady_seconds
    monkeypatch.setattr(pulses, "steady_seconds", lambda: real() + 3600)
    assert until(lambda: not side.unlocked, 1)
    door.close()


def test_a_lock_that_fails_is_tried_until_it_works() -> None:
    side = SimulatorSide()
    door = side.open()
    door.unlock(0.05, "r1")
    side.break_it()
    time.sleep(0.1)
    assert side.unlocked
    with pytest.raises(DoorError):
        door.ensure_locked()
    door.fault = ""
    assert until(lambda: not side.unlocked)
    door.close()


def test_a_process_that_ends_locks(tmp_path: Path) -> None:
    side = CommandSide(tmp_path)
    script = (
        "import sys\nfrom facegate.doors.plugins import open_output\n"
        "door = open_output(sys.argv[1]); door.unlock(60, 'r1')\n"
        "raise SystemExit('an unhandled end')\n"
    )
    subprocess.run([sys.executable, "-c", script, side.spec], check=False, capture_output=True)
    assert side.moves == ["lock", "unlock", "lock"]


# command


def script(folder: Path, text: str) -> Path:
    path = folder / "program"
    path.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_arguments_are_passed_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEGATE_DOORS__SECRETS__WEBHOOK", "hunter2")
    log = tmp_path / "log"
    program = script(
        tmp_path,
        f"import json, os, sys\nopen({str(log)!r}, 'a').write(json.dumps("
        "[sys.argv[1:], dict(os.environ), os.getcwd()]) + '\\n')\n",
    )
    hostile = "$(reboot); rm -rf / `id` \n'\"{door} --help\0"
    door = open_output(f"command:{program}", OutputContext("{reference} | x"))
    door.unlock(2.5, hostile)
    door.close()
    runs = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    arguments, environment, folder = runs[1]
    assert arguments == ["unlock", "{reference} | x", "2.5", hostile.replace("\0", "")]
    assert set(environment) - {"LC_CTYPE"} == {"PATH", "LANG"}
    assert folder == "/"


def test_a_program_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    program = tmp_path / "program"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = lock ] && exit 0\n(sleep 0.6; touch "{mark}") &\nsleep 30\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    door = open_output(f"command:{program}?timeout=0.2")
    began = time.monotonic()
    with pytest.raises(DoorError, match="killed"):
        door.unlock(5, "r1")
    assert time.monotonic() - began < 0.5
    time.sleep(0.7)
    assert not mark.exists()
    door.close()


# serial


@pytest.fixture
def board() -> Iterator[SerialSide]:
    made = SerialSide()
    yield made
    made.close()


def test_a_killed_gate_leaves_a_plain_board_open_until_it_starts_again(board: SerialSide) -> None:
    script = (
        "import sys, time\nfrom facegate.doors.plugins import open_output\n"
        "open_output(sys.argv[1]).unlock(60, 'r1')\nprint('open', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, board.spec], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    time.sleep(0.1)
    assert board.moves == ["lock", "unlock"]  # as documented: nothing told the relay
    door = board.open()
    assert until(lambda: board.moves == ["lock", "unlock", "lock"])
    door.close()


def test_a_port_has_one_master(board: SerialSide) -> None:
    first, second = board.open(), board.open()
    with pytest.raises(DoorError):
        second.unlock(5, "r1")
    first.unlock(5, "r2")
    first.close()
    with suppress(DoorError):
        second.close()


def test_a_board_that_confirms_something_else_is_not_believed() -> None:
    side = SerialSide("waveshare")
    door = side.open()
    side.echo = False
    with pytest.raises(DoorError, match="confirm"):
        door.unlock(1, "r1")
    side.echo = True
    assert until(lambda: side.moves[-1] == "lock")
    door.close()
    side.close()


def test_a_board_that_comes_later_is_locked(tmp_path: Path) -> None:
    link = tmp_path / "ttyUSB0"
    door = open_output(f"serial:{link}")
    with pytest.raises(DoorError):
        door.unlock(5, "r1")
    side = SerialSide()
    link.symlink_to(side.path)
    assert until(lambda: side.moves == ["lock"])
    door.unlock(5, "r2")
    door.close()
    assert until(lambda: side.moves == ["lock", "unlock", "lock"])
    side.close()


# pins


def test_pins_are_taken_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    from gpiod.line import Bias, Direction, Value

    side = ChipSide(monkeypatch.setattr)
    door = open_output("gpio:17?contact=22&library=gpiod&active=low")
    assert side.config[17].direction is Direction.OUTPUT
    assert side.config[17].output_value is Value.INACTIVE
    assert side.config[17].active_low
    assert (side.config[22].direction, side.config[22].bias) == (Direction.INPUT, Bias.PULL_UP)
    door.close()
    assert side.released


@pytest.mark.parametrize(
    ("option", "when_high"), [("", True), ("&open=high", True), ("&open=low", False)]
)
def test_the_contact_pin_with_gpiod(
    monkeypatch: pytest.MonkeyPatch, option: str, when_high: bool
) -> None:
    from gpiod.line import Value

    side = ChipSide(monkeypatch.setattr)
    door = open_output(f"{side.spec}{option}")
    for level in (Value.ACTIVE, Value.INACTIVE):
        side.levels[22] = level
        assert door.is_open() is (when_high == (level is Value.ACTIVE))
    side.broken = True
    with pytest.raises(DoorError):
        door.is_open()
    side.broken = False
    door.close()


def test_the_contact_pin_with_gpiozero() -> None:
    side = ZeroSide()
    door = side.open()
    assert door.is_open() is True  # pulled up, nothing connected: a cut wire reads as open
    side.factory.pin(22).drive_low()
    assert door.is_open() is False
    door.close()
    side.close()


def test_a_low_active_lock_rests_high() -> None:
    side = ZeroSide()
    door = open_output("gpio:17?library=gpiozero&active=low")
    assert side.pin.state == 1
    door.unlock(5, "r1")
    assert side.pin.state == 0
    door.lock()
    assert side.pin.state == 1
    door.close()
    side.close()


def test_a_chip_that_is_not_there_is_said() -> None:
    with pytest.raises(DoorError, match="17"):
        open_output("gpio:17?library=gpiod&chip=/dev/null")


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("serial", "paho.mqtt.client", "gpiod", "gpiozero", "osdp"):
        monkeypatch.setitem(sys.modules, module, None)
    for spec in ("serial:/dev/ttyUSB0", "mqtt://localhost/door", "gpio:17", "osdp:/dev/ttyUSB0"):
        with pytest.raises(DoorError) as caught:
            open_output(spec, CONTEXT)
        assert "pip install 'facegate[" in caught.value.hint


def test_a_card_goes_over_two_wires(monkeypatch: pytest.MonkeyPatch) -> None:
    side = ChipSide(monkeypatch.setattr)
    door = open_output("wiegand:4,5?facility=118&card=1603&library=gpiod")
    assert side.config[4].active_low
    side.log.clear()
    door.unlock(5, "r1")
    raised: list[int] = []
    for pin, active in side.log:
        if active:
            raised.append(pin)
    assert tuple(pin - 4 for pin in raised) == wiegand26(118, 1603)
    levels: dict[int, Any] = {}
    for pin, active in side.log:  # never both at once, and both at rest in the end
        levels[pin] = active
        assert sum(levels.values()) <= 1
    assert not any(levels.values())
    side.broken = True
    with pytest.raises(DoorError):
        door.unlock(5, "r2")
    side.broken = False
    door.close()

"""What every output must do, in one body."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from far_sides import (
    ChipSide,
    CommandSide,
    FarSide,
    MqttSide,
    OsdpSide,
    SerialSide,
    SimulatorSide,
    WebSide,
    ZeroSide,
    until,
)

from facegate.errors import DoorError

KINDS = (
    "simulator", "command", "webhook", "mqtt", "serial", "waveshare", "gpiozero", "gpiod", "osdp",
)  # fmt: skip


@pytest.fixture(params=KINDS)
def side(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FarSide]:
    made: FarSide = {
        "simulator": SimulatorSide,
        "command": lambda: CommandSide(tmp_path),
        "webhook": WebSide,
        "mqtt": MqttSide,
        "serial": SerialSide,
        "waveshare": lambda: SerialSide("waveshare"),
        "gpiozero": ZeroSide,
        "gpiod": lambda: ChipSide(monkeypatch.setattr),
        "osdp": OsdpSide,
    }[request.param]()
    yield made
    made.close()


@pytest.fixture
def output(side: FarSide) -> Iterator[Any]:
    opened = side.open()
    yield opened
    with suppress(DoorError):  # it may have been broken on purpose
        opened.close()


def test_it_locks_first(side: FarSide, output: Any) -> None:
    assert until(lambda: side.moves)
    assert set(side.moves) == {"lock"}


def test_it_unlocks_and_locks_again_by_itself(side: FarSide, output: Any) -> None:
    output.unlock(0.2, "receipt 7")
    assert until(lambda: side.unlocked)
    time.sleep(0.3)  # the main thread hangs
    assert until(lambda: not side.unlocked, 2)
    output.ensure_locked()


def test_a_second_unlock_begins_the_time_again(side: FarSide, output: Any) -> None:
    output.unlock(0.4, "1")
    time.sleep(0.25)
    output.unlock(0.5, "2")
    began = time.monotonic()
    assert until(lambda: side.unlocked)
    time.sleep(max(0.3 - (time.monotonic() - began), 0))
    assert side.unlocked
    assert until(lambda: not side.unlocked, 2)


def test_lock_ends_a_pulse_and_may_come_again(side: FarSide, output: Any) -> None:
    output.unlock(20, "1")
    output.lock()
    assert until(lambda: side.moves and not side.unlocked)
    output.lock()
    output.ensure_locked()
    assert not side.unlocked


def test_close_locks_and_may_come_twice(side: FarSide, output: Any) -> None:
    output.unlock(20, "1")
    assert until(lambda: side.unlocked)
    output.close()
    assert until(lambda: not side.unlocked)
    output.close()
    output.lock()
    with pytest.raises(DoorError):
        output.unlock(1, "2")
    assert not side.unlocked


@pytest.mark.parametrize("pulse_s", [0, -1, float("nan"), float("inf"), 1000])
def test_senseless_pulses_do_nothing(output: Any, side: FarSide, pulse_s: float) -> None:
    with pytest.raises(DoorError):
        output.unlock(pulse_s, "1")
    assert "unlock" not in side.moves


def test_what_is_broken_says_so(side: FarSide, output: Any) -> None:
    until(lambda: side.moves)
    side.break_it()
    with pytest.raises(DoorError):
        output.unlock(0.2, "1")
    assert not side.unlocked
    with pytest.raises(DoorError):
        output.lock()
    with pytest.raises(DoorError):
        output.ensure_locked()


def test_contact_is_none_or_an_answer(output: Any) -> None:
    assert output.is_open() in (None, False, True)

"""`serial:/dev/ttyUSB0?protocol=lcus&channel=1` drives a relay board on a serial or USB port.

Most boards keep a relay closed until they are told otherwise: when this process is killed during a
pulse, the door stays open until it starts again (it locks first thing) or the board loses power.
Only `waveshare` ends the pulse by itself. With any other board use a lock that is timed by itself,
or a relay with a hardware timer behind it.

Most boards answer nothing either: that the bytes were written is all that is known.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from facegate.doors.libraries import Library
from facegate.doors.pulses import PulsedOutput
from facegate.doors.relay_protocols import (
    BAUD,
    MAX_CHANNEL,
    PROTOCOLS,
    Exchange,
    RelayBoard,
    hex_bytes,
)
from facegate.doors.secrets import OutputContext, need_library
from facegate.doors.spec import DoorSpec, Options
from facegate.errors import DoorError


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """A board and where it is.

    Attributes:
        port: device, like /dev/ttyUSB0, /dev/serial/by-id/… or COM3.
        board: how it is spoken to.
        baud: bits a second.
        timeout_s: for one exchange.
    """

    port: str
    board: RelayBoard
    baud: int
    timeout_s: float = 0.5


class SerialDoor(PulsedOutput):
    """Closes a relay for the time of the pulse."""

    api_version = 1
    summary = "a relay board on a serial or USB port"
    form = "serial:/dev/ttyUSB0[?protocol=lcus|kmtronic|numato|waveshare&channel=1&baud=9600]"
    needs = (Library("pyserial", "serial", ("serial",)),)
    after_kill = "stays open until the next start, except protocol=waveshare, which has a timer"

    def __init__(self, settings: SerialSettings, context: OutputContext) -> None:  # noqa: ARG002
        super().__init__()
        need_library("serial", "serial", "A serial relay needs pyserial.")
        self._settings = settings
        self._port: Any = None
        self._start()

    @classmethod
    def check(cls, spec: DoorSpec) -> SerialSettings:
        """Read the text."""
        options = Options(spec)
        protocol = options.choice("protocol", "lcus", PROTOCOLS)
        raw_on, raw_off = options.text("on"), options.text("off")
        if (protocol == "raw") != bool(raw_on and raw_off) or (protocol != "raw" and raw_on):
            raise DoorError("serial: needs on=HEX&off=HEX with protocol=raw, and only then.")
        board = RelayBoard(
            protocol,
            options.whole("channel", 1, 1, MAX_CHANNEL[protocol]),
            hex_bytes(raw_on, "on") if raw_on else b"",
            hex_bytes(raw_off, "off") if raw_off else b"",
        )
        settings = SerialSettings(
            spec.target,
            board,
            options.whole("baud", BAUD[protocol], 300, 921600),
            options.number("timeout", 0.5, 0.05, 2),
        )
        options.done()
        if not spec.target or "//" in spec.target:
            raise DoorError(f"serial: needs a port like /dev/ttyUSB0, not {spec.target!r}.")
        return settings

    def _open(self, pulse_s: float, reference: str) -> None:  # noqa: ARG002
        self._talk(self._settings.board.on(pulse_s))

    def _shut(self, reference: str) -> None:  # noqa: ARG002
        self._talk(self._settings.board.off())

    def _talk(self, exchange: Exchange) -> None:
        try:
            port = self._port or self._connect()
            if exchange.answer:
                port.reset_input_buffer()
            port.write(exchange.sent)
            port.flush()
            answer = port.read(len(exchange.answer)) if exchange.answer else b""
        except DoorError:
            raise
        except Exception as error:  # pyserial raises OSError, termios.error, ValueError
            self._let_go()  # a board that was plugged in again is a new device
            raise DoorError(f"{self._settings.port} does not work ({error}).") from error
        if answer != exchange.answer:
            raise DoorError(f"The relay board on {self._settings.port} did not confirm.")

    def _connect(self) -> Any:
        import serial

        one = self._settings
        self._port = serial.Serial(
            one.port, one.baud, timeout=one.timeout_s, write_timeout=one.timeout_s, exclusive=True
        )
        return self._port

    def _let_go(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            with contextlib.suppress(Exception):
                port.close()

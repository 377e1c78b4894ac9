"""`osdp:/dev/ttyUSB0?address=1&output=0` drives an output of an OSDP device over RS-485.

The pulse is timed by the device itself (temporary output), so it ends whatever becomes of this
process, and the device confirms each order. The secure channel is always on; its key of 16 bytes
is a secret in hexadecimal.

A device that was away is not asked again for minutes by the library; the control panel is made
anew instead, so a plugged-in device works at the next order.
"""

from __future__ import annotations

import contextlib
import math
import re
import threading
import time
from dataclasses import dataclass
from typing import Any

from facegate.domain.steady import steady_seconds
from facegate.doors.libraries import Library
from facegate.doors.pulses import PulsedOutput
from facegate.doors.secrets import OutputContext, need_library
from facegate.doors.spec import DoorSpec, Options
from facegate.errors import DoorError

PERMANENT_OFF, TEMPORARY_ON = 1, 5
"""Control codes of osdp_OUT (IEC 60839-11-5): off, ending a timer; on for the timer's time."""

_REFRESH_S = 0.01
_DONE = 0


@dataclass(frozen=True, slots=True)
class OsdpSettings:
    """A device on the bus.

    Attributes:
        port: serial device.
        address: of the peripheral device, 0 to 126.
        output: number of its output, from 0.
        baud: bits a second.
        key_name: name of the secret with the secure channel's key (32 hexadecimal digits).
        timeout_s: for one order, the secure channel's handshake included.
    """

    port: str
    address: int = 1
    output: int = 0
    baud: int = 9600
    key_name: str = "osdp"
    timeout_s: float = 1.5


class OsdpDoor(PulsedOutput):
    """A control panel with one device."""

    api_version = 1
    summary = "an output of an OSDP device, secure channel only"
    form = "osdp:/dev/ttyUSB0[?address=1&output=0&baud=9600&key=SECRET-NAME]"
    needs = (Library("libosdp", "osdp", ("osdp",)), Library("pyserial", "osdp", ("serial",)))
    after_kill = "the device ends the pulse by itself"

    def __init__(self, settings: OsdpSettings, context: OutputContext) -> None:
        super().__init__()
        need_library("osdp", "osdp", "OSDP needs libosdp.")
        need_library("serial", "osdp", "OSDP needs pyserial.")
        self._settings = settings
        key = context.secret(settings.key_name, "The OSDP device")
        if not re.fullmatch(r"[0-9A-Fa-f]{32}", key):
            raise DoorError(
                f"The secret {settings.key_name!r} is not 16 bytes in hexadecimal digits."
            )
        self._key = bytes.fromhex(key)
        self._panel: _Panel | None = None
        self._start()

    def __repr__(self) -> str:
        return f"OsdpDoor({self._settings!r})"

    @classmethod
    def check(cls, spec: DoorSpec) -> OsdpSettings:
        """Read the text."""
        options = Options(spec)
        settings = OsdpSettings(
            spec.target,
            options.whole("address", 1, 0, 126),
            options.whole("output", 0, 0, 255),
            options.whole("baud", 9600, 300, 921600),
            options.text("key", "osdp"),
            options.number("timeout", 1.5, 0.3, 2),
        )
        options.done()
        if not spec.target:
            raise DoorError("osdp: needs a port like /dev/ttyUSB0.")
        return settings

    def _open(self, pulse_s: float, reference: str) -> None:  # noqa: ARG002
        self._order(TEMPORARY_ON, math.ceil(round(pulse_s * 10, 3)))

    def _shut(self, reference: str) -> None:  # noqa: ARG002
        self._order(PERMANENT_OFF, 0)

    def _order(self, code: int, tenths: int) -> None:
        ends = steady_seconds() + self._settings.timeout_s
        try:
            self._panel = self._panel or _Panel(self._settings, self._key)
            self._panel.order(code, tenths, ends)
        except Exception as error:
            self._let_go()
            if isinstance(error, DoorError):
                raise
            raise DoorError(f"{self._settings.port} does not work ({error}).") from error

    def _let_go(self) -> None:
        panel, self._panel = self._panel, None
        if panel is not None:
            panel.close()


class _Panel:
    """The library's control panel and the thread that keeps its bus alive."""

    def __init__(self, settings: OsdpSettings, key: bytes) -> None:
        import serial
        from osdp import Command, ControlPanel, LibFlag, LogLevel, PDInfo

        self._settings, self._command = settings, Command.Output
        self._port = serial.Serial(
            settings.port, settings.baud, timeout=0, write_timeout=0.5, exclusive=True
        )
        self._answers: list[int] = []
        self._answered = threading.Condition()
        device = PDInfo(
            settings.address, _channel(self._port), scbk=key, flags=[LibFlag.EnforceSecure]
        )
        self._cp = ControlPanel(
            [device], log_level=LogLevel.Critical, command_completion_handler=self._on_done
        )
        # The library's own thread would keep the process from ending; this one does not.
        self._cp.lock = threading.Lock()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._refresh, name="osdp", daemon=True)
        self._thread.start()

    def order(self, code: int, tenths: int, ends: float) -> None:
        """Send one order and wait until the device confirmed it. Raises DoorError."""
        one = self._settings
        name = f"The OSDP device {one.address} on {one.port}"
        while not self._cp.is_sc_active(one.address):
            if steady_seconds() > ends:
                raise DoorError(f"{name} does not answer over a secure channel.")
            time.sleep(_REFRESH_S)
        with self._answered:
            self._answers.clear()
            sent = self._cp.submit_command(
                one.address,
                {
                    "command": self._command,
                    "output_no": one.output,
                    "control_code": code,
                    "timer_count": tenths,
                },
            )
            left = max(ends - steady_seconds(), 0)
            if not sent or not self._answered.wait_for(lambda: bool(self._answers), left):
                raise DoorError(f"{name} did not confirm in time.")
            if self._answers[0] != _DONE:
                raise DoorError(f"{name} refused the order.")

    def _on_done(self, address: int, command: Any, status: int) -> None:  # noqa: ARG002
        with self._answered:
            self._answers.append(status)
            self._answered.notify_all()

    def _refresh(self) -> None:
        while not self._ends.is_set():
            with self._cp.lock:
                self._cp.ctx.refresh()
            time.sleep(_REFRESH_S)

    def close(self) -> None:
        """Stop the thread first: the library must not be torn down while it runs."""
        self._ends.set()
        self._thread.join(2)
        with contextlib.suppress(Exception):
            self._port.close()


def _channel(port: Any) -> Any:
    from osdp.channel import Channel

    class SerialChannel(Channel):  # type: ignore[misc]  # the library is untyped
        """Bytes from and to the port; trouble with it looks like silence to the library."""

        def read(self, max_bytes: int) -> bytes:
            with contextlib.suppress(Exception):
                return bytes(port.read(max_bytes))
            return b""

        def write(self, buf: bytes) -> int:
            with contextlib.suppress(Exception):
                return int(port.write(buf) or 0)
            return -1

        def flush(self) -> None:
            with contextlib.suppress(Exception):
                port.reset_input_buffer()

    return SerialChannel()

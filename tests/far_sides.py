"""The other side of each door output: what a lock would see, and how to break it."""

from __future__ import annotations

import json
import os
import pty
import threading
import time
import tty
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from brokers import Broker
from certificates import Certificates

from facegate.doors.plugins import open_output
from facegate.doors.secrets import OutputContext
from facegate.doors.signing import HEADER, Receiver

KEY = "0123456789abcdef0123456789abcdef"
CONTEXT = OutputContext("lobby", {"webhook": KEY, "osdp": KEY})


def until(true: Callable[[], Any], timeout_s: float = 3.0) -> bool:
    """Wait until something is so; False when it does not come."""
    ends = time.monotonic() + timeout_s
    while time.monotonic() < ends:
        if true():
            return True
        time.sleep(0.005)
    return bool(true())


class FarSide:
    """What the lock was told: `moves` holds `unlock` and `lock`, oldest first."""

    times_itself = False
    """Whether the far side ends the pulse, so that no `lock` need come."""

    spec = ""

    def __init__(self) -> None:
        self.moves: list[str] = []

    def open(self) -> Any:
        """The output that leads here."""
        return open_output(self.spec, CONTEXT)

    @property
    def unlocked(self) -> bool:
        """Whether the last thing heard was to unlock."""
        return bool(self.moves) and self.moves[-1] == "unlock"

    def break_it(self) -> None:
        """From now on nothing works."""

    def close(self) -> None:
        """Put away."""


class CommandSide(FarSide):
    def __init__(self, folder: Path) -> None:
        self.log = folder / "moves.txt"
        self.program = folder / "door.sh"
        self.program.write_text(f'#!/bin/sh\necho "$1" >> "{self.log}"\n', encoding="utf-8")
        self.program.chmod(0o755)
        self.spec = f"command:{self.program}"

    @property
    def moves(self) -> list[str]:  # type: ignore[override]
        return self.log.read_text(encoding="utf-8").split() if self.log.exists() else []

    def break_it(self) -> None:
        self.program.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")


class WebSide(FarSide):
    def __init__(self) -> None:
        super().__init__()
        side = self
        self.receiver, self.status, self.delay_s = Receiver(KEY), 200, 0.0
        self.requests: list[tuple[bytes, str]] = []
        self.headers: dict[str, str] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                side.requests.append((body, self.headers[HEADER]))
                time.sleep(side.delay_s)
                if side.status == 200:
                    said = side.receiver.accept(body, self.headers[HEADER], time.time())
                    side.moves.append(said["action"])
                try:
                    self.send_response(side.status)
                    for name, value in side.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                except OSError:
                    pass  # the door did not wait

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.spec = f"webhook:http://127.0.0.1:{self.port}/door?timeout=0.3"

    def break_it(self) -> None:
        self.status = 503

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join(5)
        self.server.server_close()


class MqttSide(FarSide):
    """A lock behind a broker; over TLS where certificates are given."""

    def __init__(self, shown: Certificates | None = None) -> None:
        super().__init__()
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.broker = Broker(shown=shown)
        self.messages: list[Any] = []
        self.client = Client(CallbackAPIVersion.VERSION2, client_id="lock")
        ready = threading.Event()
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_message = lambda _c, _d, message: self._heard(message)
        if shown is not None:
            self.client.tls_set(str(shown.ca))
        self.client.connect("localhost" if shown else "127.0.0.1", self.broker.port)
        self.client.loop_start()
        self.client.subscribe("doors/lobby", 1)
        assert ready.wait(5)
        self.spec = f"mqtt://127.0.0.1:{self.broker.port}/doors/lobby?timeout=0.5"
        if shown is not None:
            address = f"mqtts://localhost:{self.broker.port}/doors/lobby"
            self.spec = f"{address}?timeout=1&ca={shown.ca}"

    def _heard(self, message: Any) -> None:
        self.messages.append(message)
        self.moves.append(json.loads(message.payload)["action"])

    def break_it(self) -> None:
        self.broker.stop()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        self.broker.stop()


class SerialSide(FarSide):
    """A pseudo terminal with a relay board behind it."""

    def __init__(self, protocol: str = "lcus") -> None:
        super().__init__()
        self.near, self.far = pty.openpty()
        tty.setraw(self.far)
        self.path = os.ttyname(self.far)
        self.heard = b""
        self.echo = protocol == "waveshare"
        self.times_itself = self.echo
        self.on, self.off = {
            "lcus": (bytes.fromhex("A00101A2"), bytes.fromhex("A00100A1")),
            "waveshare": (bytes.fromhex("010502"), bytes.fromhex("0105000000")),
        }[protocol]
        self.ends = False
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        self.spec = f"serial:{self.path}?protocol={protocol}&timeout=0.3"

    def _listen(self) -> None:
        import select

        os.set_blocking(self.near, False)
        while not self.ends:
            if not select.select([self.near], [], [], 0.02)[0]:
                continue
            try:
                read = os.read(self.near, 64)
            except OSError:
                continue
            self.heard += read
            if self.echo:
                os.write(self.near, read)

    @property
    def moves(self) -> list[str]:  # type: ignore[override]
        found, rest = [], self.heard
        while rest:
            if rest.startswith(self.on):
                found.append("unlock")
            elif rest.startswith(self.off):
                found.append("lock")
            rest = rest[8 if self.echo else 4 :]
        return found

    @moves.setter
    def moves(self, _: list[str]) -> None:
        pass

    def break_it(self) -> None:
        self.close()

    def close(self) -> None:
        self.ends = True
        self.thread.join(5)
        for one in (self.near, self.far):
            with suppress(OSError):
                os.close(one)
        self.near = self.far = -1


class ZeroSide(FarSide):
    """gpiozero with its own mock pins."""

    spec = "gpio:17?contact=22&library=gpiozero"

    def __init__(self) -> None:
        from gpiozero import Device
        from gpiozero.pins.mock import MockFactory

        self.factory = MockFactory()
        Device.pin_factory = self.factory
        self.pin = self.factory.pin(17)
        self.broken = False

    @property
    def moves(self) -> list[str]:  # type: ignore[override]
        return ["unlock" if one.state else "lock" for one in self.pin.states]

    def break_it(self) -> None:
        def fail(_: object) -> None:
            raise OSError("the pin is gone")

        self.pin._set_state = fail

    def close(self) -> None:
        from gpiozero import Device

        self.factory.reset()
        Device.pin_factory = None


class ChipSide(FarSide):
    """The calls of gpiod 2, without a chip."""

    spec = "gpio:17?contact=22&library=gpiod"

    def __init__(self, patch: Callable[[str, Any], None], outputs: tuple[int, ...] = (17,)) -> None:
        super().__init__()
        from gpiod.line import Value

        self.active, self.levels = Value.ACTIVE, {22: Value.INACTIVE}
        self.log: list[tuple[int, bool]] = []
        self.config: dict[int, Any] = {}
        self.broken = self.released = False
        self.outputs = outputs

        def request_lines(path: str, consumer: str, config: dict[int, Any]) -> ChipSide:
            self.config = config
            return self

        patch("gpiod.request_lines", request_lines)

    def set_value(self, pin: int, value: Any) -> None:
        if self.broken:
            raise OSError("the chip is gone")
        self.log.append((pin, value == self.active))
        if pin == 17:
            self.moves.append("unlock" if value == self.active else "lock")

    def get_value(self, pin: int) -> Any:
        if self.broken:
            raise OSError("the chip is gone")
        return self.levels[pin]

    def release(self) -> None:
        self.released = True

    def break_it(self) -> None:
        self.broken = True


class OsdpSide(FarSide):
    """An OSDP device of the library, at the other end of a pseudo terminal."""

    times_itself = True

    def __init__(self) -> None:
        super().__init__()
        from osdp import Capability, LogLevel, PDCapabilities, PDInfo, PeripheralDevice
        from osdp.channel import Channel

        self.near, self.far = pty.openpty()
        tty.setraw(self.far)
        os.set_blocking(self.near, False)
        self.orders: list[dict[str, int]] = []
        near = self.near

        class Wire(Channel):
            def read(self, max_bytes: int) -> bytes:
                try:
                    return os.read(near, max_bytes)
                except OSError:
                    return b""

            def write(self, buf: bytes) -> int:
                try:
                    return os.write(near, buf)
                except OSError:
                    return -1

            def flush(self) -> None:
                pass

        abilities = PDCapabilities(
            [(Capability.OutputControl, 1, 1), (Capability.CommunicationSecurity, 1, 1)]
        )
        self.device = PeripheralDevice(
            PDInfo(1, Wire(), scbk=bytes.fromhex(KEY)),
            abilities,
            log_level=LogLevel.Critical,
            command_handler=self._obey,
        )
        self.device.start()
        self.runs = True
        self.spec = f"osdp:{os.ttyname(self.far)}?timeout=1"

    def _obey(self, order: dict[str, int]) -> tuple[int, None]:
        self.orders.append(order)
        self.moves.append("unlock" if order["control_code"] == 5 else "lock")
        return 0, None

    def break_it(self) -> None:
        if self.runs:
            self.device.stop()
            self.runs = False

    def close(self) -> None:
        self.break_it()
        os.close(self.near)
        os.close(self.far)


class SimulatorSide(FarSide):
    spec = "simulator:"

    def __init__(self) -> None:
        self.door: Any = None

    def open(self) -> Any:
        self.door = super().open()
        return self.door

    @property
    def moves(self) -> list[str]:  # type: ignore[override]
        return [one.action for one in self.door.history]

    def break_it(self) -> None:
        self.door.fault = "broken on purpose"

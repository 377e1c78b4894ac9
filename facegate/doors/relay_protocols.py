"""The bytes that serial relay boards understand. Pure functions."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from facegate.errors import DoorError

PROTOCOLS = ("lcus", "kmtronic", "numato", "waveshare", "raw")
"""Boards that are known; `raw` sends the bytes that the operator gives."""

MAX_CHANNEL = {"lcus": 8, "kmtronic": 8, "numato": 10, "waveshare": 32, "raw": 1}
BAUD = {"lcus": 9600, "kmtronic": 9600, "numato": 19200, "waveshare": 9600, "raw": 9600}
HAS_TIMER = {"waveshare"}
"""Boards that end the pulse by themselves, whatever becomes of this process."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is written to a board, and what it must answer; an empty answer is not waited for."""

    sent: bytes
    answer: bytes = b""


def lcus(channel: int, on: bool) -> bytes:
    """LCUS-1/2/4/8 (CH340): A0, channel from 1, 1 or 0, low byte of the sum. From its data sheet:

    A0 01 01 A2 closes relay 1, A0 01 00 A1 opens it. The board answers nothing.
    """
    head = bytes((0xA0, channel, int(on)))
    return head + bytes((sum(head) & 0xFF,))


def kmtronic(channel: int, on: bool) -> bytes:
    """KMtronic USB relays: FF, channel from 1, 1 or 0. The board answers nothing."""
    return bytes((0xFF, channel, int(on)))


def numato(channel: int, on: bool) -> bytes:
    """Numato USB relays: a line of text, channels from 0; the tenth and later are letters."""
    digit = "0123456789ABCDEFGHIJKLMNOPQRSTUV"[channel - 1]
    return f"relay {'on' if on else 'off'} {digit}\r".encode()


def waveshare_pulse(channel: int, pulse_s: float, device: int = 1) -> bytes:
    """Waveshare Modbus RTU Relay: close a relay for a time that the board itself keeps.

    Function 05, register 0x0200 + channel from 0, time in tenths of a second (rounded up); the
    board answers the same bytes.
    """
    tenths = min(max(math.ceil(round(pulse_s * 10, 3)), 1), 0x7FFF)
    return modbus_frame(bytes((device, 0x05, 0x02, channel - 1)) + tenths.to_bytes(2, "big"))


def waveshare_off(channel: int, device: int = 1) -> bytes:
    """Waveshare Modbus RTU Relay: open a relay; function 05, register channel from 0, value 0."""
    return modbus_frame(bytes((device, 0x05, 0x00, channel - 1, 0x00, 0x00)))


def modbus_frame(body: bytes) -> bytes:
    """A Modbus RTU frame: the body and its CRC-16, low byte first.

    Source:
        Modbus over serial line 1.02, 6.2.2: polynomial 0xA001 (reflected), start 0xFFFF.
    """
    crc = 0xFFFF
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return body + crc.to_bytes(2, "little")


def hex_bytes(text: str, name: str) -> bytes:
    """Read bytes like `A00101A2` or `A0 01 01 A2`. Raises DoorError."""
    digits = text.replace(" ", "")
    if not re.fullmatch(r"([0-9A-Fa-f]{2}){1,64}", digits):
        raise DoorError(f"{name}={text!r} must be 1 to 64 bytes in hexadecimal, like A00101A2.")
    return bytes.fromhex(digits)


@dataclass(frozen=True, slots=True)
class RelayBoard:
    """One relay of one board.

    Attributes:
        protocol: one of PROTOCOLS.
        channel: counted from 1.
        raw_on, raw_off: for `raw`.
    """

    protocol: str
    channel: int = 1
    raw_on: bytes = b""
    raw_off: bytes = b""

    def on(self, pulse_s: float) -> Exchange:
        """Close the relay: the door opens."""
        if self.protocol == "waveshare":
            frame = waveshare_pulse(self.channel, pulse_s)
            return Exchange(frame, frame)
        return Exchange(self._plain(True))

    def off(self) -> Exchange:
        """Open the relay: the door locks."""
        if self.protocol == "waveshare":
            frame = waveshare_off(self.channel)
            return Exchange(frame, frame)
        return Exchange(self._plain(False))

    def _plain(self, on: bool) -> bytes:
        if self.protocol == "raw":
            return self.raw_on if on else self.raw_off
        return {"lcus": lcus, "kmtronic": kmtronic, "numato": numato}[self.protocol](
            self.channel, on
        )

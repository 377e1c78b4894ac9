"""Frames and bytes, against plain loops and published examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.doors.relay_protocols import (
    RelayBoard,
    kmtronic,
    lcus,
    modbus_frame,
    numato,
    waveshare_off,
    waveshare_pulse,
)
from facegate.doors.wiegand import wiegand26
from facegate.errors import DoorError


def test_known_relay_commands() -> None:
    assert lcus(1, True).hex() == "a00101a2"
    assert lcus(1, False).hex() == "a00100a1"
    assert lcus(2, True).hex() == "a00201a3"
    assert kmtronic(1, True).hex() == "ff0101"
    assert numato(1, True) == b"relay on 0\r"
    assert numato(10, False) == b"relay off 9\r"
    # The maker's examples: relay 0 for 0.7 s; relay 0 off.
    assert waveshare_pulse(1, 0.7).hex() == "0105020000078db0"
    assert waveshare_off(1).hex() == "010500000000cdca"


@given(st.binary(min_size=1, max_size=20))
def test_modbus_crc_as_long_division(body: bytes) -> None:
    # The same remainder, bit by bit on a list: reflected 0x8005, start 0xFFFF.
    register = [1] * 16  # lowest bit first
    for byte in body:
        for place in range(8):
            out = register[0] ^ (byte >> place & 1)
            register = [*register[1:], 0]
            if out:
                register = [one ^ (0xA001 >> at & 1) for at, one in enumerate(register)]
    crc = sum(bit << at for at, bit in enumerate(register))
    assert modbus_frame(body) == body + bytes((crc & 0xFF, crc >> 8))


@given(st.floats(0.01, 120))
def test_a_timed_relay_never_opens_for_less_than_asked(pulse_s: float) -> None:
    frame = waveshare_pulse(1, pulse_s)
    tenths = frame[4] << 8 | frame[5]
    assert pulse_s - 1e-3 <= tenths / 10 < pulse_s + 0.1 + 1e-3


def test_a_board_that_answers_is_listened_to() -> None:
    assert RelayBoard("waveshare", 2).on(1).answer == waveshare_pulse(2, 1)
    assert RelayBoard("lcus").on(1).answer == b""
    raw = RelayBoard("raw", raw_on=b"\x01", raw_off=b"\x02")
    assert (raw.on(1).sent, raw.off().sent) == (b"\x01", b"\x02")


def plain_wiegand(facility: int, card: int) -> str:
    """The frame as text, with the parities counted by hand."""
    data = f"{facility:08b}{card:016b}"
    even = "1" if data[:12].count("1") % 2 == 1 else "0"
    odd = "0" if data[12:].count("1") % 2 == 1 else "1"
    return even + data + odd


@given(st.integers(0, 255), st.integers(0, 65535))
def test_wiegand_as_a_plain_loop_says(facility: int, card: int) -> None:
    bits = wiegand26(facility, card)
    assert "".join(map(str, bits)) == plain_wiegand(facility, card)
    assert sum(bits[:13]) % 2 == 0
    assert sum(bits[13:]) % 2 == 1


def test_known_wiegand_frames() -> None:
    def hexadecimal(facility: int, card: int) -> str:
        return f"{int(''.join(map(str, wiegand26(facility, card))), 2):07x}"

    assert hexadecimal(0, 0) == "0000001"
    assert hexadecimal(255, 65535) == "1ffffff"
    assert hexadecimal(1, 1) == "2020002"
    assert hexadecimal(118, 1603) == "2ec0c86"  # the last 26 bits of a HID tag's 2006ec0c86


@pytest.mark.parametrize(("facility", "card"), [(-1, 0), (256, 0), (0, -1), (0, 65536)])
def test_cards_out_of_range_are_refused(facility: int, card: int) -> None:
    with pytest.raises(DoorError):
        wiegand26(facility, card)

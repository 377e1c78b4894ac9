"""Pictures that say their number, as H.264, and its packets for RTP (RFC 6184).

Real cameras send H.264 with parameter sets, key frames and differences, and pictures larger than a
packet: so does this, with x264 as PyAV brings it.
"""

from __future__ import annotations

import base64
import re
import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from cameras import noisy

SIZE_WH = (160, 120)
FPS = 30
MAX_PAYLOAD = 700
_BITS = 8
_BAR_PX = SIZE_WH[0] // _BITS
_SINGLE, _PARAMETERS, _AGGREGATE, _FRAGMENT = 0x1F, (7, 8), 24, 28


def numbered(number: int) -> np.ndarray:
    """A noisy wall whose upper part is bars, dark and bright: the bits of a number below 256."""
    picture = noisy(number, size_wh=SIZE_WH)
    for bit in range(_BITS):
        level = 200 if number >> bit & 1 else 50
        picture[: SIZE_WH[1] // 3, bit * _BAR_PX : (bit + 1) * _BAR_PX] = level
    # What a decoder would show in the wrong place if it joined two pictures.
    x = number * 7 % (SIZE_WH[0] - 20)
    picture[-30:-10, x : x + 20] = (30, 90, 230)
    return picture


def number_of(picture: np.ndarray) -> int:
    """The number of a picture that came through a stream."""
    bars = picture[10 : SIZE_WH[1] // 3 - 10].mean(axis=(0, 2)).reshape(_BITS, _BAR_PX).mean(axis=1)
    return int(sum(1 << bit for bit in range(_BITS) if bars[bit] > 125))


@lru_cache(maxsize=1)
def pictures_h264(count: int = 30) -> tuple[tuple[bytes, ...], ...]:
    """The NAL units of each of some numbered pictures; every 15th can be decoded by itself."""
    av = pytest.importorskip("av", reason="H.264 is encoded by PyAV, which is not installed")
    if "libx264" not in av.codecs_available:
        pytest.skip("this build of PyAV has no H.264 encoder")
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = SIZE_WH
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, FPS)
    encoder.framerate = Fraction(FPS)
    encoder.options = {
        "preset": "ultrafast", "tune": "zerolatency", "g": "15", "crf": "18",
        "x264-params": "threads=1:scenecut=0",
    }  # fmt: skip
    coded = []
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(numbered(number), format="bgr24")
        packets_ = encoder.encode(frame.reformat(format="yuv420p"))
        coded.append(_units(b"".join(map(bytes, packets_))))
    return tuple(coded)


def _units(stream: bytes) -> tuple[bytes, ...]:
    """Take a byte stream (annex B) apart."""
    return tuple(unit for unit in re.split(rb"\x00\x00\x00?\x01", stream) if unit)


def sdp() -> str:
    """The description of the stream, with its parameter sets as most cameras send them."""
    sets = [unit for unit in pictures_h264()[0] if unit[0] & _SINGLE in _PARAMETERS]
    coded = ",".join(base64.b64encode(unit).decode() for unit in sets)
    return (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=gate\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={coded}\r\na=control:track0\r\n"
    )


def packets(number: int, first: int) -> Iterator[bytes]:
    """The RTP packets of one picture.

    Args:
        number: of the picture; they begin again after the last.
        first: sequence number of the first packet.
    """
    pictures = pictures_h264()
    payloads = list(_payloads(pictures[number % len(pictures)]))
    for index, payload in enumerate(payloads):
        last = index == len(payloads) - 1
        time = number * 90_000 // FPS & 0xFFFFFFFF
        yield struct.pack(
            ">BBHII", 0x80, 96 | last << 7, first + index & 0xFFFF, time, 7
        ) + payload  # fmt: skip


def _payloads(units: Sequence[bytes]) -> Iterator[bytes]:
    """Parameter sets together, small units alone, large ones in fragments (RFC 6184, 5.6-8)."""
    sets = [unit for unit in units if unit[0] & _SINGLE in _PARAMETERS]
    if sets:
        yield bytes([0x60 | _AGGREGATE]) + b"".join(
            struct.pack(">H", len(unit)) + unit for unit in sets
        )
    for unit in units:
        if unit in sets:
            continue
        if len(unit) <= MAX_PAYLOAD:
            yield unit
            continue
        head, kind = unit[0] & 0xE0 | _FRAGMENT, unit[0] & _SINGLE
        for at in range(1, len(unit), MAX_PAYLOAD):
            begins, ends = at == 1, at + MAX_PAYLOAD >= len(unit)
            yield bytes([head, begins << 7 | ends << 6 | kind]) + unit[at : at + MAX_PAYLOAD]

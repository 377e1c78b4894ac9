"""A small RTSP server that sends motion JPEG through the RTSP connection itself.

RTSP: RFC 2326, section 10.12 for the interleaved data. JPEG in RTP: RFC 2435.
"""

from __future__ import annotations

import re
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cameras import jpeg, noisy

_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=gate\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 26\r\na=control:track0\r\n"
)


def _parts(data: bytes) -> tuple[bytes, bytes]:
    """Quantization tables and entropy-coded data of a baseline JPEG."""
    tables, at = b"", 2
    while True:
        marker, length = struct.unpack(">HH", data[at : at + 4])
        body = data[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xFFDB:
            while body:
                tables, body = tables + body[1:65], body[65:]
        if marker == 0xFFDA:
            return tables, data[at:-2]


def _packets(data: bytes, number: int, size_wh: tuple[int, int]) -> Iterator[bytes]:
    tables, scan = _parts(data)
    step = 1300
    for index, offset in enumerate(range(0, len(scan), step)):
        last = offset + step >= len(scan)
        rtp = struct.pack(
            ">BBHII", 0x80, 26 | (last << 7), (number * 64 + index) & 0xFFFF, number * 3000, 7
        )
        head = struct.pack(">I", offset) + bytes([1, 255, size_wh[0] // 8, size_wh[1] // 8])
        if offset == 0:
            head += struct.pack(">BBH", 0, 0, len(tables)) + tables
        packet = rtp + head + scan[offset : offset + step]
        yield struct.pack(">BBH", 0x24, 0, len(packet)) + packet


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        try:
            while True:
                line = self.rfile.readline().decode()
                if not line:
                    return
                headers = {}
                while header := self.rfile.readline().decode().strip():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                self._answer(line, headers)
        except OSError:
            pass

    def _answer(self, line: str, headers: dict[str, str]) -> None:
        method, url = line.split()[:2]
        extra, body = "", ""
        if self.server.basic and headers.get("authorization") != f"Basic {self.server.basic}":
            self._reply("401 Unauthorized", headers, 'WWW-Authenticate: Basic realm="gate"\r\n', "")
            return
        if "missing" in url:
            self._reply("404 Not Found", headers, "", "")
            return
        if method == "OPTIONS":
            extra = "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif method == "DESCRIBE":
            body = _SDP
            extra = f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\n"
        elif method == "SETUP":
            assert re.search("TCP", headers["transport"])
            extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        self._reply("200 OK", headers, extra + "Session: 1\r\n", body)
        if method == "PLAY":
            self._play()

    def _reply(self, status: str, headers: dict[str, str], extra: str, body: str) -> None:
        head = f"RTSP/1.0 {status}\r\nCSeq: {headers.get('cseq', '0')}\r\n{extra}"
        self.wfile.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def _play(self) -> None:
        for number in range(self.server.frames):
            picture = noisy(number % 8, size_wh=(160, 120))
            for packet in _packets(jpeg(picture), number, (160, 120)):
                self.wfile.write(packet)
            if self.server.stopping.wait(1 / 30):
                return
        self.server.stopping.wait(30)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, frames: int, basic: str) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.frames, self.basic = frames, basic
        self.stopping = threading.Event()


class RtspServer:
    """Sends `frames` pictures of 160x120 to each who asks, then keeps silent."""

    def __init__(self, port: int = 0, frames: int = 1_000_000, basic: str = "") -> None:
        self._server = _Server(port, frames, basic)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def rtsp_server(**options: Any) -> Iterator[RtspServer]:
    """A server for the length of a test."""
    server = RtspServer(**options)
    try:
        yield server
    finally:
        server.stop()

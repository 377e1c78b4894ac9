"""A small RTSP server that sends motion JPEG or H.264 through the RTSP connection itself.

RTSP: RFC 2326, section 10.12 for the interleaved data. JPEG in RTP: RFC 2435. H.264: `h264.py`.
"""

from __future__ import annotations

import re
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h264
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
        yield rtp + head + scan[offset : offset + step]


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
            body = h264.sdp() if self.server.codec == "h264" else _SDP
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
        sent, server = 0, self.server
        for number in range(server.frames):
            if server.codec == "h264":
                packets = list(h264.packets(number, sent))
            else:
                packets = list(_packets(jpeg(noisy(number % 8)), number, (160, 120)))
            if number == server.cut:
                packets = packets[: len(packets) // 2]
            for packet in packets:
                self.wfile.write(struct.pack(">BBH", 0x24, 0, len(packet)) + packet)
            sent += len(packets)
            server.sent_at.append(time.monotonic())
            if server.stopping.wait(1 / 30):
                return
        server.stopping.wait(30)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, frames: int, basic: str, codec: str, cut: int | None) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.frames, self.basic, self.codec, self.cut = frames, basic, codec, cut
        self.sent_at: list[float] = []
        self.stopping = threading.Event()


class RtspServer:
    """Sends `frames` pictures to each who asks, then keeps silent.

    Args:
        port: 0: any.
        frames: how many for each connection.
        basic: user and password as they are sent; empty: anybody may watch.
        codec: `jpeg` or `h264`; 160x120 both.
        cut: number of a picture of which only the first half of the packets is sent.
    """

    def __init__(
        self,
        port: int = 0,
        frames: int = 1_000_000,
        basic: str = "",
        codec: str = "jpeg",
        cut: int | None = None,
    ) -> None:
        self._server = _Server(port, frames, basic, codec, cut)
        self.port = self._server.server_address[1]
        self.sent_at = self._server.sent_at
        """When each picture was sent, of all connections together."""
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

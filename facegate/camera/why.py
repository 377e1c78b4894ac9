"""Finds out why a stream cannot be opened; opencv only says that it cannot."""

from __future__ import annotations

import re
import socket
import ssl
from urllib.parse import urlsplit

_PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
PROBE_TIMEOUT_S = 1.0

Why = tuple[str, str]
"""A cause of CameraUnavailable, and words for it."""

_MEANINGS = {
    401: ("refused", "it asks for a user name and password."),
    403: ("refused", "it does not give this stream to you."),
    404: ("missing", "the server knows no such stream."),
}


def why_closed(url: str, timeout_s: float = PROBE_TIMEOUT_S) -> Why:
    """Ask a server once more and read its status line.

    RTSP and HTTP answer alike: `HTTP/1.1 401 Unauthorized`, `RTSP/1.0 404 Not Found`. The password
    is not sent: this asks without the digest that keeps it secret.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        with _connect(host, port, timeout_s, tls=parts.scheme in {"https", "rtsps"}) as connection:
            connection.sendall(_request(url))
            return _meaning(connection.recv(256), has_password=bool(parts.password))
    except socket.gaierror:
        return "missing", f"nobody knows a host called {host}."
    except ConnectionRefusedError:
        return "refused", f"{host} is there, but nothing answers at port {port}."
    except TimeoutError:
        return "timeout", f"{host} does not answer."
    except OSError:
        return "unplugged", f"{host} cannot be reached."


def _connect(host: str, port: int, timeout_s: float, *, tls: bool) -> socket.socket:
    connection = socket.create_connection((host, port), timeout_s)
    if not tls:
        return connection
    context = ssl.create_default_context()
    # Only the status is read, and cameras sign their own certificates.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=host)


def _request(url: str) -> bytes:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    path = parts.path or "/"
    if parts.query:
        path += f"?{parts.query}"
    if parts.scheme.startswith("rtsp"):
        lines = [f"DESCRIBE {parts.scheme}://{host}{path} RTSP/1.0", "CSeq: 1"]
    else:
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "replace")


def _meaning(answer: bytes, *, has_password: bool) -> Why:
    match = re.match(rb"(?:HTTP|RTSP)/\d\.\d (\d{3})", answer)
    status = int(match[1]) if match else 0
    if status in {401, 403} and has_password:
        return "refused", "most likely it does not accept this user name and password."
    if status in _MEANINGS:
        return _MEANINGS[status]
    if status >= 400:
        return "refused", f"the server answers with error {status}."
    if not answer:
        return "timeout", "it closes the connection without an answer."
    return "unreadable", "it answers, but sends no video that can be read."

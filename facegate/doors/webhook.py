"""`webhook:https://host/path` sends a signed order to one address that the operator names.

The body is described in `facegate.doors.messages`, the signature in `facegate.doors.signing`. Any
2xx answer means that it is done. Failures of the network and 5xx answers are tried again within
the time limit, with the same body and so the same nonce; nothing is tried after it. Redirects are
never followed, certificates are checked, proxies of the environment are not used.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from facegate.domain.steady import steady_seconds
from facegate.doors.messages import order, utc_now
from facegate.doors.network import Link
from facegate.doors.pulses import PulsedOutput
from facegate.doors.secrets import OutputContext
from facegate.doors.signing import HEADER, LEAST_KEY_LENGTH, sign
from facegate.doors.spec import DoorSpec, Options
from facegate.errors import DoorError

_BACKOFF_S = (0.05, 0.1, 0.2, 0.4)
_SUCCESS = range(200, 300)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where orders go.

    Attributes:
        https: whether TLS is used.
        host, port: whom to connect to.
        path: what is asked for, with its query.
        link: how; its secret signs the orders.
    """

    https: bool
    host: str
    port: int
    path: str
    link: Link


class WebhookDoor(PulsedOutput):
    """Posts `unlock` and, after the pulse, `lock`."""

    api_version = 1
    summary = "posts a signed order to a web address"
    form = "webhook:https://HOST/PATH[?key=SECRET-NAME&timeout=S&ca=FILE]"
    after_kill = "the receiver must lock by itself after pulse_s"

    def __init__(self, settings: WebhookSettings, context: OutputContext) -> None:
        super().__init__()
        self._settings, self._door = settings, context.door
        name = settings.link.key_name
        self._key = context.secret(name, "The webhook")
        if len(self._key) < LEAST_KEY_LENGTH:
            raise DoorError(
                f"The secret {name!r} is shorter than {LEAST_KEY_LENGTH} characters.",
                hint="Make one: python3 -c 'import secrets; print(secrets.token_hex(32))'.",
            )
        self._tls = settings.link.tls() if settings.https else None
        self._start()

    def __repr__(self) -> str:
        return f"WebhookDoor({self._settings!r})"

    @classmethod
    def check(cls, spec: DoorSpec) -> WebhookSettings:
        """Read the text. Plain http is allowed only to this machine or with plain=yes."""
        options = Options(spec)
        link = Link.read(options, "webhook")
        plain = options.choice("plain", "no", ("yes", "no")) == "yes"
        options.done()
        try:
            url = urlsplit(spec.target)
            host, port = url.hostname or "", url.port
        except ValueError as error:
            raise DoorError(f"{spec.target!r} is not a web address.") from error
        if url.scheme not in ("https", "http") or not host or " " in spec.target:
            raise DoorError(f"{spec.target!r} is not a web address that begins with https://.")
        if url.scheme == "http" and not plain and host not in _LOOPBACK:
            raise DoorError(
                "A webhook to another machine must use https.",
                hint="plain=yes allows http where the network is the operator's own: orders are "
                "still signed, but can be read and held back.",
            )
        https = url.scheme == "https"
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        return WebhookSettings(https, host, port or (443 if https else 80), path, link)

    def _open(self, pulse_s: float, reference: str) -> None:
        self._send("unlock", pulse_s, reference)

    def _shut(self, reference: str) -> None:
        self._send("lock", 0.0, reference)

    def _send(self, action: str, pulse_s: float, reference: str) -> None:
        timeout_s = self._settings.link.timeout_s
        ends = steady_seconds() + timeout_s
        body = order(action, self._door, pulse_s, reference, utc_now())
        for pause_s in (*_BACKOFF_S, None):
            left = ends - steady_seconds()
            if left <= 0:
                trouble = f"did not answer within {timeout_s:g} s"
                break
            try:
                status = self._post(body, left)
            except (OSError, http.client.HTTPException) as error:
                trouble = f"cannot be reached ({type(error).__name__}: {error})"
                if isinstance(error, ssl.SSLCertVerificationError):  # it stays what it is
                    break
                if steady_seconds() >= ends:  # this side hung up
                    trouble = f"did not answer within {timeout_s:g} s"
            else:
                if status in _SUCCESS and steady_seconds() <= ends:
                    return
                trouble = f"answered with status {status}"
                if status < 500:  # a redirect or a refusal will not change by asking again
                    break
            if pause_s is None or steady_seconds() + pause_s >= ends:
                break
            time.sleep(pause_s)
        raise DoorError(
            f"{self._settings.host}:{self._settings.port} {trouble}; asked to {action}."
        )

    def _post(self, body: bytes, timeout_s: float) -> int:
        one = self._settings
        connection: http.client.HTTPConnection
        if self._tls is not None:
            connection = http.client.HTTPSConnection(
                one.host, one.port, timeout=timeout_s, context=self._tls
            )
        else:
            connection = http.client.HTTPConnection(one.host, one.port, timeout=timeout_s)
        ends = steady_seconds() + timeout_s
        # A socket's timeout begins anew with each byte; this one ends it all.
        hangup = threading.Timer(timeout_s, _hang_up, (connection,))
        hangup.daemon = True
        hangup.start()
        try:
            connection.connect()
            if steady_seconds() > ends:  # looking up a name knows no timeout
                raise TimeoutError("the connection took too long")
            headers = {
                "Content-Type": "application/json",
                "Connection": "close",
                HEADER: sign(self._key, body, time.time()),
            }
            connection.request("POST", one.path, body, headers)
            # Only the status counts. A body is never read: it could come for ever.
            return connection.getresponse().status
        finally:
            hangup.cancel()
            connection.close()


def _hang_up(connection: http.client.HTTPConnection) -> None:
    sock = connection.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

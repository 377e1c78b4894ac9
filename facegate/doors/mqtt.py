"""`mqtt://host:1883/topic` publishes orders to a broker; `mqtts://` does so over TLS.

Orders are those of `facegate.doors.messages`, or two plain texts (`on=ON&off=OFF`) for relays that
know no more. They are sent with QoS 1 and never retained: who subscribes later must not find an
old order. The will that the broker publishes when this process dies is the order to lock.

An order that the broker did not confirm in time is taken back: the client is thrown away with its
queue, because it would deliver the order whenever the broker comes back. What is confirmed is that
the broker has it, not that the door moved; a contact topic tells more.
"""

from __future__ import annotations

import contextlib
import secrets
import ssl
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from facegate.domain.steady import steady_seconds
from facegate.doors.libraries import Library
from facegate.doors.messages import order, utc_now
from facegate.doors.network import Link
from facegate.doors.pulses import PulsedOutput
from facegate.doors.secrets import OutputContext, need_library
from facegate.doors.spec import DoorSpec, Options
from facegate.errors import DoorError

if TYPE_CHECKING:
    from paho.mqtt.client import Client

KEEPALIVE_S = 5
"""The broker publishes the will after 1.5 times this without a sign of life."""

_OPEN_WORDS = ("open", "on", "1", "true")
_CLOSED_WORDS = ("closed", "off", "0", "false")


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Where orders go.

    Attributes:
        tls: whether the connection is encrypted.
        host, port: the broker.
        topic: of the orders.
        link: how; its secret is the password.
        user: login name, or empty for none.
        on, off: plain payloads instead of JSON; both or neither are empty.
        contact: topic on which the door's leaf is told (`open`/`closed`), or empty.
    """

    tls: bool
    host: str
    port: int
    topic: str
    link: Link
    user: str = ""
    on: str = ""
    off: str = ""
    contact: str = ""


class MqttDoor(PulsedOutput):
    """Publishes `unlock` and, after the pulse, `lock`."""

    api_version = 1
    summary = "publishes orders to an MQTT broker"
    form = (
        "mqtt[s]://HOST[:PORT]/TOPIC[?user=NAME&key=SECRET-NAME&on=ON&off=OFF&contact=TOPIC"
        "&timeout=S&ca=FILE]"
    )
    needs = (Library("paho-mqtt", "mqtt", ("paho",)),)
    after_kill = "the broker publishes the order to lock; the receiver also has pulse_s"

    def __init__(self, settings: MqttSettings, context: OutputContext) -> None:
        super().__init__()
        need_library("paho.mqtt.client", "mqtt", "MQTT needs paho-mqtt.")
        self._settings, self._door = settings, context.door
        self._password = ""
        if settings.user:
            self._password = context.secret(settings.link.key_name, "The MQTT broker")
        self._tls = settings.link.tls() if settings.tls else None
        if self._tls is not None:
            self._tls.sslsocket_class = _TidySocket
        self._client: Any = None  # a paho client
        self._settled = threading.Event()
        """Connected, or refused for good: waiting changes nothing."""
        self._connected = False
        self._refusal = ""
        self._leaf: bool | None = None
        self._start()

    def __repr__(self) -> str:
        return f"MqttDoor({self._settings!r})"

    @classmethod
    def check(cls, spec: DoorSpec) -> MqttSettings:
        """Read the text."""
        options = Options(spec)
        tls = spec.scheme == "mqtts"
        try:
            url = urlsplit(spec.target)
            host, port = url.hostname or "", url.port
        except ValueError as error:
            raise DoorError(f"{spec!s} is not the address of a broker.") from error
        settings = MqttSettings(
            tls=tls,
            host=host,
            port=port or (8883 if tls else 1883),
            topic=url.path.removeprefix("/"),
            link=Link.read(options, "mqtt"),
            user=options.text("user"),
            on=options.text("on"),
            off=options.text("off"),
            contact=options.text("contact"),
        )
        options.done()
        if not host or not settings.topic or not spec.target.startswith("//"):
            raise DoorError(f"{spec!s} lacks a broker or a topic: mqtt://HOST/TOPIC.")
        if any(wild in topic for topic in (settings.topic, settings.contact) for wild in "+#\0"):
            raise DoorError("A door's topic is one topic, without + and #.")
        if bool(settings.on) != bool(settings.off) or (settings.on == settings.off != ""):
            raise DoorError("Plain payloads need two different texts: on=ON&off=OFF.")
        if url.query or "#" in spec.target:
            raise DoorError(f"{spec!s} is not the address of a broker.")
        return settings

    def _open(self, pulse_s: float, reference: str) -> None:
        self._send(self._payload("unlock", pulse_s, reference))

    def _shut(self, reference: str) -> None:
        self._send(self._payload("lock", 0.0, reference))

    def _payload(self, action: str, pulse_s: float, reference: str) -> bytes:
        one = self._settings
        if one.on:
            return (one.on if action == "unlock" else one.off).encode()
        return order(action, self._door, pulse_s, reference, utc_now())

    def is_open(self) -> bool | None:
        """What was last told on the contact's topic. Raises DoorError while nothing is known."""
        if not self._settings.contact:
            return None
        if not self._connected or self._leaf is None:
            raise DoorError("The door's contact has not said anything yet.")
        return self._leaf

    def _send(self, payload: bytes) -> None:
        one = self._settings
        ends = steady_seconds() + one.link.timeout_s
        where = f"The MQTT broker {one.host}:{one.port}"
        try:
            client = self._client or self._connect()
            self._settled.wait(max(ends - steady_seconds(), 0))
            if not self._connected:
                raise DoorError(f"{where} {self._refusal or 'is not connected'}.")
            message = client.publish(one.topic, payload, qos=1, retain=False)
            message.wait_for_publish(max(ends - steady_seconds(), 0))
            if not message.is_published() or steady_seconds() > ends:
                raise DoorError(f"{where} did not confirm the order in time.")
        except DoorError:
            self._throw_away()
            raise
        except Exception as error:  # paho raises OSError, ValueError, RuntimeError
            self._throw_away()
            raise DoorError(f"{where} cannot be reached ({error}).") from error

    def _connect(self) -> Client:
        from paho.mqtt.client import Client, MQTTv311
        from paho.mqtt.enums import CallbackAPIVersion

        one = self._settings
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"facegate-{secrets.token_hex(6)}",
            clean_session=True,
            protocol=MQTTv311,
        )
        if one.user:
            client.username_pw_set(one.user, self._password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.will_set(one.topic, self._payload("lock", 0.0, "offline"), qos=1, retain=False)
        client.connect_timeout = one.link.timeout_s
        client.reconnect_delay_set(1, 4)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._client, self._refusal = client, ""
        self._settled.clear()
        client.connect_async(one.host, one.port, keepalive=KEEPALIVE_S)
        client.loop_start()
        return client

    def _on_connect(
        self, client: Client, _data: Any, _flags: Any, reason_code: Any, _properties: Any
    ) -> None:
        if client is not self._client:
            return
        if reason_code.is_failure:
            self._refusal = f"refused the connection ({reason_code})"
            self._settled.set()
            return
        if self._settings.contact:
            client.subscribe(self._settings.contact, qos=1)
        self._connected, self._refusal = True, ""
        self._settled.set()

    def _on_connect_fail(self, client: Client, _data: Any) -> None:
        # Paho does not pass the reason on, but calls this where it has just caught it.
        error = sys.exc_info()[1]
        if client is not self._client:
            return
        if isinstance(error, ssl.SSLCertVerificationError):
            self._refusal = f"shows a certificate that is not trusted ({error.verify_message})"
            self._settled.set()
        elif error is not None:
            self._refusal = f"cannot be reached ({error})"

    def _on_disconnect(
        self, client: Client, _data: Any, _flags: Any, _reason: Any, _properties: Any
    ) -> None:
        if client is self._client:
            self._leaf = None  # what the contact said before may no longer be true
            self._not_connected()

    def _not_connected(self) -> None:
        self._connected = False
        if not self._refusal:
            self._settled.clear()

    def _on_message(self, _client: Client, _data: Any, message: Any) -> None:
        word = bytes(message.payload)[:20].decode(errors="replace").strip().lower()
        known = word in _OPEN_WORDS or word in _CLOSED_WORDS
        self._leaf = (word in _OPEN_WORDS) if known else None

    def _throw_away(self) -> None:
        client, self._client = self._client, None
        self._not_connected()
        self._leaf = None
        if client is not None:
            # Leaving takes up to a second where the network is dead; nobody waits for it.
            threading.Thread(target=_leave, args=(client,), daemon=True).start()

    def _let_go(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            _leave(client)


class _TidySocket(ssl.SSLSocket):
    """Paho forgets sockets whose certificate is refused, and tries again and again."""

    def do_handshake(self, block: bool = False) -> None:
        """Check the other side; where that fails, hang up."""
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _leave(client: Client) -> None:
    with contextlib.suppress(Exception):
        client.disconnect()
    with contextlib.suppress(Exception):
        client.loop_stop()

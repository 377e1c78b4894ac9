"""What only a webhook or a broker can get wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from brokers import Broker, free_port
from certificates import authority
from far_sides import CONTEXT, KEY, MqttSide, WebSide, until
from hypothesis import given
from hypothesis import strategies as st

from facegate.doors.messages import order
from facegate.doors.plugins import open_output
from facegate.doors.secrets import OutputContext
from facegate.doors.signing import Receiver, sign, verify
from facegate.errors import DoorError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
TIME_S = NOW.timestamp()


# what is sent


def test_an_order_says_when_it_ends() -> None:
    said = json.loads(order("unlock", "Tür 1", 5, "r1", NOW))
    assert said.pop("nonce")
    assert said == {
        "action": "unlock", "at": "2026-01-02T03:04:05.000+00:00", "door": "Tür 1",
        "expires_at": "2026-01-02T03:04:07.000+00:00", "pulse_s": 5, "reference": "r1",
    }  # fmt: skip


def test_local_time_is_sent_as_utc() -> None:
    local = NOW.astimezone(timezone(timedelta(hours=5)))
    assert json.loads(order("lock", "", 0, "", local))["at"] == "2026-01-02T03:04:05.000+00:00"


# signatures


def test_a_published_signature() -> None:
    # Made with: printf '1767323045.000.{"a":1}' | openssl dgst -sha256 -hmac KEY
    given_ = sign("key-of-16-letters", b'{"a":1}', TIME_S)
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "key-of-16-letters"],
        input=f'{TIME_S:.3f}.{{"a":1}}'.encode(), capture_output=True, check=True,
    ).stdout.decode().split()[-1]  # fmt: skip
    assert given_ == f"t={TIME_S:.3f},v1={made}"


@given(st.binary(max_size=50), st.integers(0, 10**6))
def test_any_flipped_bit_is_refused(body: bytes, place: int) -> None:
    header = sign(KEY, body, TIME_S)
    assert verify(KEY, body, header, TIME_S)
    changed = bytearray(header.encode() + b"|" + body)
    changed[place // 8 % len(changed)] ^= 1 << place % 8
    head, _, rest = bytes(changed).partition(b"|")
    assert not verify(KEY, rest, head.decode("latin-1"), TIME_S)


@pytest.mark.parametrize("age_s", [2.01, 30, -2.01, 1e6])
def test_old_and_future_signatures_are_refused(age_s: float) -> None:
    assert not verify(KEY, b"x", sign(KEY, b"x", TIME_S), TIME_S + age_s)


@pytest.mark.parametrize(
    "header", ["", "t=1,v1=", "v1=00", "t=nan,v1=" + "0" * 64, "t=1.000,v1=" + "0" * 64, "ü" * 80]
)
def test_nonsense_headers_are_refused(header: str) -> None:
    assert not verify(KEY, b"x", header, 1.0)


def test_a_replayed_order_is_refused() -> None:
    receiver = Receiver(KEY)
    body = order("unlock", "lobby", 5, "r1", NOW)
    header = sign(KEY, body, TIME_S)
    assert receiver.accept(body, header, TIME_S)["action"] == "unlock"
    for later in (0.0, 1.0, 1.99, 3.0, 100.0):
        with pytest.raises(DoorError):
            receiver.accept(body, header, TIME_S + later)
    with pytest.raises(DoorError):
        receiver.accept(body, sign(KEY, body, TIME_S + 1), TIME_S + 1)


def test_a_receiver_forgets_only_what_is_too_old_to_come_again() -> None:
    receiver = Receiver(KEY)
    for n in range(50):
        body = order("lock", "lobby", 0, "", NOW)
        receiver.accept(body, sign(KEY, body, TIME_S + n), TIME_S + n)
    assert len(receiver._seen) <= 6


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"null"])
def test_signed_nonsense_is_refused(body: bytes) -> None:
    with pytest.raises(DoorError):
        Receiver(KEY).accept(body, sign(KEY, body, TIME_S), TIME_S)


# webhook


@pytest.fixture
def web() -> Iterator[WebSide]:
    made = WebSide()
    yield made
    made.close()


def test_a_key_is_needed_and_must_be_long() -> None:
    for secrets in ({}, {"webhook": "short"}):
        with pytest.raises(DoorError) as caught:
            open_output("webhook:https://door.example/", OutputContext("lobby", secrets))
        assert "short" not in f"{caught.value} {caught.value.hint}".replace("shorter", "")


def test_secrets_are_not_printed(web: WebSide) -> None:
    door = open_output(web.spec, CONTEXT)
    assert KEY not in repr(door) + repr(CONTEXT) + str(door)
    door.close()


def test_a_failure_is_tried_again_with_the_same_nonce(web: WebSide) -> None:
    door = open_output(web.spec, CONTEXT)
    web.requests.clear()
    web.status = 503
    threading.Timer(0.08, setattr, (web, "status", 200)).start()
    door.unlock(5, "r1")
    assert len(web.requests) >= 2
    assert len({json.loads(body)["nonce"] for body, _ in web.requests}) == 1
    door.close()


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 410])
def test_redirects_and_refusals_are_final(web: WebSide, status: int) -> None:
    door = open_output(web.spec, CONTEXT)
    other = WebSide()
    web.status, web.headers = status, {"Location": f"http://127.0.0.1:{other.port}/"}
    web.requests.clear()
    with pytest.raises(DoorError, match=str(status)):
        door.unlock(5, "r1")
    unlocks = [body for body, _ in web.requests if json.loads(body)["action"] == "unlock"]
    assert len(unlocks) == 1
    assert other.requests == []
    other.close()
    web.status = 200
    door.close()


def test_an_answer_that_comes_too_late_is_a_failure(web: WebSide) -> None:
    door = open_output(web.spec, CONTEXT)
    web.delay_s = 0.6
    began = time.monotonic()
    with pytest.raises(DoorError):
        door.unlock(5, "r1")
    assert time.monotonic() - began < 0.55  # the limit is 0.3
    web.delay_s = 0
    # The server works through what it was sent, and the lock is tried until it is confirmed.
    assert until(lambda: web.moves[-1] == "lock")
    with suppress(DoorError):
        door.close()


def test_a_server_that_trickles_is_hung_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ends = threading.Event()

        def trickle() -> None:
            server.settimeout(0.05)
            while not ends.is_set():
                with suppress(OSError):
                    visitor, _ = server.accept()
                    with visitor:
                        visitor.sendall(b"HTTP/1.1 ")
                        while not ends.wait(0.05):
                            visitor.sendall(b"2")

        thread = threading.Thread(target=trickle, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        began = time.monotonic()
        door = open_output(f"webhook:http://127.0.0.1:{port}/?timeout=0.2", CONTEXT)
        assert time.monotonic() - began < 0.5
        ends.set()
        thread.join(5)
    with pytest.raises(DoorError):
        door.close()


def test_an_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    shown = authority(tmp_path / "ours")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.server, shown.key)
    side = WebSide()
    side.server.socket = context.wrap_socket(side.server.socket, server_side=True)
    address = f"webhook:https://localhost:{side.port}/?timeout=1"
    trusting = open_output(f"{address}&ca={shown.ca}", CONTEXT)
    trusting.unlock(5, "r1")
    assert side.moves == ["lock", "unlock"]
    trusting.close()
    careful = open_output(address, CONTEXT)
    with pytest.raises(DoorError, match="CERTIFICATE_VERIFY_FAILED"):
        careful.unlock(5, "r1")
    assert side.moves == ["lock", "unlock", "lock"]
    with pytest.raises(DoorError):
        careful.close()
    side.close()


# broker


@pytest.fixture
def mqtt() -> Iterator[MqttSide]:
    made = MqttSide()
    yield made
    made.close()


def test_orders_are_never_retained_and_are_confirmed(mqtt: MqttSide) -> None:
    door = mqtt.open()
    door.unlock(5, "r1")
    door.close()
    assert until(lambda: len(mqtt.messages) == 3)
    assert [one.retain for one in mqtt.messages] == [False] * 3
    assert [one.qos for one in mqtt.messages] == [1] * 3


def listen_as_broker(port: int, heard: list[bytes], ends: threading.Event) -> None:
    """Say yes to everything, as MQTT 3.1.1 has it, and keep what is published."""
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(0.05)
        while not ends.is_set():
            with suppress(OSError):
                visitor, _ = server.accept()
                with visitor:
                    visitor.settimeout(0.05)
                    while not ends.is_set():
                        with suppress(TimeoutError):
                            packet = visitor.recv(4096)
                            if not packet:
                                break
                            if packet[0] >> 4 == 1:
                                visitor.sendall(b"\x20\x02\x00\x00")
                            elif packet[0] >> 4 == 3:
                                start = 3 if packet[1] & 0x80 else 2
                                topic = int.from_bytes(packet[start : start + 2], "big")
                                number = packet[start + 2 + topic : start + 4 + topic]
                                heard.append(packet)
                                visitor.sendall(b"\x40\x02" + number)


def test_an_order_is_not_delivered_when_the_broker_comes_back(mqtt: MqttSide) -> None:
    door = mqtt.open()
    # The lock's own client would come back as well, and the broker below serves one at a time.
    mqtt.client.disconnect()
    mqtt.client.loop_stop()
    mqtt.broker.stop()
    with pytest.raises(DoorError):
        door.unlock(5, "lost")
    heard: list[bytes] = []
    ends = threading.Event()
    thread = threading.Thread(target=listen_as_broker, args=(mqtt.broker.port, heard, ends))
    thread.start()
    try:
        # It locks by itself as soon as the broker is there; what was lost stays lost.
        assert until(lambda: heard, 15)
        door.unlock(5, "fresh")
        door.close()
    finally:
        ends.set()
        thread.join(5)
    unlocks = [one for one in heard if b'"action": "unlock"' in one]
    assert len(unlocks) == 1
    assert b"fresh" in unlocks[0]
    assert b'"action": "lock"' in heard[0]


def test_a_gate_that_starts_before_its_broker_works_once_it_is_there() -> None:
    port = free_port()
    door = open_output(f"mqtt://127.0.0.1:{port}/doors/lobby?timeout=0.5", CONTEXT)
    with pytest.raises(DoorError):
        door.unlock(5, "r1")
    broker = Broker(port)
    door.unlock(5, "r2")
    door.close()
    broker.stop()


def test_the_broker_locks_when_the_gate_is_killed(mqtt: MqttSide) -> None:
    script = (
        "import sys, time\n"
        "from facegate.doors.plugins import open_output\n"
        "open_output(sys.argv[1]).unlock(60, 'r1')\n"
        "print('open', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, mqtt.spec], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"open\n"
    assert until(lambda: mqtt.unlocked)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert until(lambda: not mqtt.unlocked)
    assert json.loads(mqtt.messages[-1].payload)["reference"] == "offline"


def test_the_contact_is_a_topic(mqtt: MqttSide) -> None:
    door = open_output(f"{mqtt.spec}&contact=doors/leaf", CONTEXT)
    with pytest.raises(DoorError):
        door.is_open()  # nothing was said yet: unknown is not closed

    def heard(word: str) -> Any:
        mqtt.client.publish("doors/leaf", word, qos=1)

        def known() -> bool:
            with suppress(DoorError):
                return door.is_open() is not None
            return False

        until(known, 1)
        time.sleep(0.05)
        return door.is_open()

    assert heard("open") is True
    assert heard("CLOSED") is False
    with pytest.raises(DoorError):
        heard("perhaps")
    door.close()


def test_a_password_is_needed_where_there_is_a_user() -> None:
    with pytest.raises(DoorError, match="mqtt"):
        open_output("mqtt://127.0.0.1/door?user=gate", OutputContext("lobby"))


def test_a_broker_over_tls_is_trusted_by_its_authority_and_name_only(tmp_path: Path) -> None:
    ours, other = authority(tmp_path / "ours"), authority(tmp_path / "other")
    side = MqttSide(ours)
    door = side.open()
    door.unlock(5, "r1")
    assert until(lambda: side.moves == ["lock", "unlock"])
    door.close()
    assert until(lambda: side.moves == ["lock", "unlock", "lock"])

    by_number = side.spec.replace("localhost", "127.0.0.1")
    refused = {
        side.spec.replace(str(ours.ca), str(other.ca)): "not trusted",
        side.spec.partition("&ca=")[0]: "not trusted .*issuer",
        by_number: "not trusted .*IP address mismatch",
        by_number.replace("mqtts", "mqtt").partition("&ca=")[0]: "is not connected",
    }
    for spec, words in refused.items():
        careful = open_output(spec, CONTEXT)
        with pytest.raises(DoorError, match=words):
            careful.unlock(5, "r2")
        with pytest.raises(DoorError):
            careful.close()
    assert side.moves == ["lock", "unlock", "lock"], "nothing came through"
    side.close()


@pytest.mark.parametrize("scheme", ["mqtts://localhost:1/door", "webhook:https://localhost:1/door"])
def test_certificates_that_cannot_be_read_are_told_before_anybody_waits(
    scheme: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.pem").write_text("no certificate", encoding="utf-8")
    for name in ("missing.pem", "broken.pem"):
        with pytest.raises(DoorError, match=f"{name} cannot be read"):
            open_output(f"{scheme}?ca={tmp_path / name}", CONTEXT)

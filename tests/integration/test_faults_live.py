"""What a running door does when something breaks: it stays locked, says why, and comes back.

A whole door, with real networks, on a stream of generated visits over HTTP. What breaks is really
broken; only waits are shortened, and two things are stood in for: a full disk is a limit on the
size of files (EFBIG where a disk says ENOSPC), and the jump of the clock is the gate's own clock's.
"""

from __future__ import annotations

import http.server
import json
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from brokers import Broker, free_port
from cameras import jpeg, until
from commands import facegate

from facegate import doorway
from facegate.bootstrap import start
from facegate.camera.backoff import Backoff
from facegate.camera.health import HealthRules
from facegate.camera.opening import open_camera
from facegate.camera.timing import Timing
from facegate.doorway import Doorway
from facegate.engine.limits import GateLimits
from facegate.engine.states import GateEvent, GateState
from facegate.services.demo import COLLINS, HOPPER
from facegate.vision.film import empty_scene, visit_film, with_noise
from facegate.vision.images import load_image

SIZE_WH = (480, 360)
HANGS = ""
PATIENCE_S = 60.0
"""Everything is waited for only until it happens; this long on a machine that is very busy."""

RULES = HealthRules(
    black_after_s=0.3, overexposed_after_s=0.3, frozen_after_s=1.0, silent_after_s=1.0
)
LIMITS = GateLimits(result_s=0.1, retry_s=0.1, same_visit_s=0.1)


@pytest.fixture(scope="module")
def scenes() -> dict[str, list[bytes]]:
    """Pictures to be sent again and again: a visitor, nobody, black, white, and one that stands."""
    reader, empty, random = start().reader, empty_scene(SIZE_WH), np.random.default_rng(0)
    made = {"nobody": [jpeg(with_noise(empty, random)) for _ in range(8)]}
    for name, portrait in (("collins", COLLINS), ("hopper", HOPPER)):
        photo = load_image(portrait.path()).frame_bgr
        reading = reader.read_main(photo)
        assert reading is not None
        film = visit_film(photo, reading.face.landmarks_xy, 16, SIZE_WH, (40, 46))
        made[name] = [jpeg(frame) for frame in film][4:]
    for name, levels in (("black", (0, 4)), ("white", (252, 256))):
        shape = (4, SIZE_WH[1], SIZE_WH[0], 3)
        made[name] = [jpeg(one) for one in random.integers(*levels, shape, np.uint8)]
    made["frozen"] = made["nobody"][:1]
    return made


class Stream:
    """Sends one of the scenes as motion JPEG over HTTP; `scene` may be changed at any time.

    In the scene HANGS it sends nothing.
    """

    def __init__(self, scenes: dict[str, list[bytes]]) -> None:
        self._scenes, self.scene, self.port = scenes, "nobody", 0
        self.begin()
        self.url = f"http://127.0.0.1:{self.port}/"

    def begin(self) -> None:
        """Start, again at the same port."""
        stream, scenes, stopping = self, self._scenes, threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
                self.end_headers()
                number = 0
                try:
                    while not stopping.wait(1 / 20):
                        if stream.scene == HANGS:
                            continue
                        pictures = scenes[stream.scene]
                        data = pictures[number % len(pictures)]
                        head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}"
                        self.wfile.write(head.encode() + b"\r\n\r\n" + data + b"\r\n")
                        number += 1
                except OSError:
                    pass

        self._stopping = stopping
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """End it, like a pulled plug."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


class Door:
    """A door that runs on a thread of its own, and what it told."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.events, self.ahead = stream, [], timedelta()
        gate = start(gate={"store_wait_s": 0.2, "patience_s": 0.5})
        gate.clock = self.now
        camera = open_camera(
            stream.url, open_timeout_s=2.0, read_timeout_s=1.0, rules=RULES,
            backoff=Backoff(first_s=0.05, most_s=0.2), timing=Timing(now=self.now),
        )  # fmt: skip
        self.doorway = Doorway(gate, "lobby", on_event=self.events.append, camera=camera)
        self.output = self.doorway._controller._output
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.doorway.run, args=(self._stop,))
        self._thread.start()

    def now(self) -> datetime:
        """The wall clock, which may be set wrong."""
        return datetime.now(timezone.utc) + self.ahead

    def visit(self, who: str) -> str:
        """Let somebody stand before the camera until they are decided about; gives the reason."""
        told = len(self.events)
        self.stream.scene = who

        def decided() -> list[GateEvent]:
            return [one for one in self.events[told:] if one.kind in {"decision", "fault"}]

        until(decided, PATIENCE_S)
        return str(decided()[0].details["reason"])

    def rests(self) -> None:
        """Nobody is in view any more, and all is well again."""
        self.stream.scene = "nobody"

        def waits() -> bool:
            view = self.doorway.view
            return view.state is GateState.LOOKING and not view.faces

        until(waits, PATIENCE_S)

    def fails(self, change: Callable[[], object], state: str) -> None:
        """Break the camera, and wait until it is told to be so and the door to be out of order."""
        told = len(self.events)
        change()

        def found() -> bool:
            news = [one for one in self.events[told:] if one.kind == "camera"]
            return any(one.details["camera"] == state for one in news)

        until(found, PATIENCE_S)
        until(lambda: self.doorway.view.state is GateState.OUT_OF_ORDER, PATIENCE_S)

    def shows(self, scene: str) -> None:
        """Let something else be seen."""
        self.stream.scene = scene

    def close(self) -> None:
        """End it in order."""
        self._stop.set()
        self._thread.join()
        self.doorway.close()


@pytest.fixture
def stream(scenes: dict[str, list[bytes]]) -> Iterator[Stream]:
    made = Stream(scenes)
    yield made
    made.stop()


@pytest.fixture
def lobby(enrolled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A door that everybody who is enrolled may pass."""
    assert facegate("doors", "add", "lobby", "--everyone", "--pad", "off").code == 0
    monkeypatch.setattr(doorway, "limits_of", lambda _: LIMITS)


@contextmanager
def running(stream: Stream) -> Iterator[Door]:
    door = Door(stream)
    try:
        yield door
    finally:
        door.close()


def receipts() -> list[str]:
    """The reasons in the database, oldest first; its chain must be whole."""
    checked = facegate("audit", "verify")
    assert checked.code == 0, checked.out + checked.err
    rows = facegate("audit", "log", "--json").json()
    return [one["reason"] for one in sorted(rows, key=lambda one: one["sequence"])]


def unlocks(door: Door) -> int:
    return [one.action for one in door.output.history].count("unlock")


def test_a_camera_that_fails_in_every_way(lobby: None, stream: Stream) -> None:
    with running(stream) as door:
        assert door.visit("collins") == "granted"
        door.rests()
        faults = {"frozen": "frozen", "black": "black", "white": "overexposed", HANGS: "silent"}
        for scene, state in faults.items():
            door.fails(partial(door.shows, scene), state)
            door.rests()
        door.fails(stream.stop, "unplugged")
        stream.begin()
        door.rests()
        assert door.visit("hopper") == "granted"
        assert unlocks(door) == 2
    assert not door.output.unlocked
    assert receipts().count("granted") == 2


def test_a_camera_that_is_pulled_in_mid_decision(lobby: None, stream: Stream) -> None:
    with running(stream) as door:
        door.rests()
        stream.scene = "collins"
        until(lambda: any(one.state is GateState.CHECKING for one in door.events), PATIENCE_S)
        door.fails(partial(door.shows, "black"), "black")
        decided = [one.details["reason"] for one in door.events if one.kind == "decision"]
        assert unlocks(door) == decided.count("granted"), "nothing opens without a decision"
        granted = unlocks(door)
        door.rests()
        assert door.visit("hopper") == "granted"
        assert unlocks(door) == granted + 1
    assert receipts().count("granted") == granted + 1


def test_a_database_that_is_locked_and_then_damaged(
    lobby: None, stream: Stream, tmp_path: Path
) -> None:
    database = tmp_path / "data" / "facegate.db"
    with running(stream) as door:
        assert door.visit("collins") == "granted"
        door.rests()
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert door.visit("hopper") == "store_fault"
            other.execute("ROLLBACK")
        door.rests()
        assert door.visit("hopper") == "granted"
        door.rests()

        whole = database.read_bytes()
        database.write_bytes(np.random.default_rng(0).bytes(len(whole)))
        assert door.visit("collins") == "store_fault"
        assert unlocks(door) == 2
        database.write_bytes(whole)
        door.rests()
        assert door.visit("collins") == "granted"
    assert not door.output.unlocked
    found = receipts()
    assert found.count("granted") == 3
    assert "store_fault" in found, "what could not be written down then was written down later"


def test_a_full_disk(lobby: None, stream: Stream) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with running(stream) as door:
        assert door.visit("collins") == "granted"
        door.rests()
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        try:
            assert door.visit("hopper") == "store_fault"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert unlocks(door) == 1
        door.rests()
        assert door.visit("hopper") == "granted"
    assert receipts().count("granted") == 2


def test_a_broker_that_is_gone_and_comes_back(lobby: None, stream: Stream) -> None:
    port = free_port()
    address = f"mqtt://127.0.0.1:{port}/doors/lobby?timeout=1"
    assert facegate("doors", "set", "lobby", "--output", address).code == 0
    broker = Broker(port)
    with ExitStack() as stack:
        stack.callback(broker.stop)
        door = stack.enter_context(running(stream))
        assert door.visit("collins") == "granted"
        door.rests()
        broker.stop()
        assert door.visit("hopper") == "door_fault"
        assert {one.state for one in door.events if one.details.get("reason") == "door_fault"} == {
            GateState.OUT_OF_ORDER
        }
        again = Broker(port)
        stack.callback(again.stop)
        door.rests()
        assert door.visit("hopper") == "granted"
    found = receipts()
    assert found[0] == found[-1] == "granted"
    assert "door_fault" in found


@pytest.mark.parametrize("hours", [5, -5])
def test_a_clock_that_jumps(lobby: None, stream: Stream, hours: int) -> None:
    with running(stream) as door:
        assert door.visit("collins") == "granted"
        door.rests()
        door.ahead = timedelta(hours=hours)
        assert door.visit("hopper") == "clock_fault"
        assert unlocks(door) == 1
        door.ahead = timedelta()
        door.rests()
        assert door.visit("hopper") == "granted"
    assert receipts().count("granted") == 2


def test_a_gate_that_is_killed_in_mid_decision(lobby: None, stream: Stream) -> None:
    command = [sys.executable, "-m", "facegate", "watch", "--door", "lobby", "--json"]
    with subprocess.Popen([*command, "--source", stream.url], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        try:
            _read_until(program.stdout.readline, "looking")
            stream.scene = "collins"
            _read_until(program.stdout.readline, "checking")
        finally:
            program.send_signal(signal.SIGKILL)
        assert program.wait() == -signal.SIGKILL
    before = receipts()
    assert set(before) <= {"granted"}
    with running(stream) as door:
        assert door.visit("hopper") == "granted"
        assert unlocks(door) == 1
    assert receipts() == [*before, "granted"]


def _read_until(readline: Callable[[], bytes], state: str) -> None:
    """Read events until one has a state."""
    ends = time.monotonic() + PATIENCE_S
    while json.loads(readline())["state"] != state:
        assert time.monotonic() < ends, f"it was never {state}"

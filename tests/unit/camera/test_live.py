from __future__ import annotations

import base64
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from cameras import StreamServer, noisy, stream_server, until
from rtsp import rtsp_server

from facegate.camera.backoff import Backoff
from facegate.camera.capture import CaptureCamera
from facegate.camera.devices import DeviceRoots
from facegate.camera.live import UsbSource
from facegate.camera.opening import open_camera
from facegate.camera.why import why_closed
from facegate.domain.frames import CameraState
from facegate.errors import CameraUnavailable

SECRET = "g3heim"  # noqa: S105 - made up, to be looked for
QUICK = Backoff(first_s=0.05, most_s=0.1)


def quick_camera(url: str) -> CaptureCamera:
    return open_camera(url, open_timeout_s=1.0, read_timeout_s=0.3, backoff=QUICK)


def comes_to(camera: CaptureCamera, state: CameraState) -> bool:
    camera.next_frame(0.01)
    return camera.status().state is state


def test_motion_jpeg_over_http() -> None:
    with stream_server() as server, quick_camera(f"http://127.0.0.1:{server.port}/a") as camera:
        until(lambda: comes_to(camera, CameraState.LIVE))
        frame = camera.next_frame(5)
        assert frame is not None
        assert frame.bgr.shape == (120, 160, 3)
        assert float(frame.bgr.mean()) == pytest.approx(120, abs=3)


def test_motion_jpeg_over_rtsp() -> None:
    with rtsp_server() as server, quick_camera(f"rtsp://127.0.0.1:{server.port}/a") as camera:
        until(lambda: comes_to(camera, CameraState.LIVE))
        frame = camera.next_frame(5)
        assert frame is not None
        assert frame.bgr.shape == (120, 160, 3)
        assert float(frame.bgr.mean()) == pytest.approx(120, abs=3)


def test_passwords_reach_the_server_and_nobody_else() -> None:
    basic = base64.b64encode(f"admin:a@/{SECRET}".encode()).decode()
    with stream_server() as http, rtsp_server(basic=basic) as rtsp:
        for url in (
            f"http://admin:a%40%2F{SECRET}@127.0.0.1:{http.port}/closed",
            f"rtsp://admin:a%40%2F{SECRET}@127.0.0.1:{rtsp.port}/closed",
        ):
            with quick_camera(url) as camera:
                until(lambda camera=camera: comes_to(camera, CameraState.LIVE))
                assert SECRET not in f"{camera.address}{camera!r}{camera.status()}"
                assert all(SECRET not in thread.name for thread in threading.enumerate())
        assert f"Basic {basic}" in http.authorization


def test_a_server_that_goes_away_and_comes_back() -> None:
    server = StreamServer()
    with quick_camera(f"http://127.0.0.1:{server.port}/a") as camera:
        until(lambda: comes_to(camera, CameraState.LIVE))
        server.stop()
        until(lambda: comes_to(camera, CameraState.UNPLUGGED))
        assert "nothing answers" in camera.status().detail
        server = StreamServer(port=server.port)
        until(lambda: comes_to(camera, CameraState.LIVE))
    server.stop()


def test_a_stream_that_falls_silent_is_opened_again() -> None:
    with stream_server(frames=20, hang=True) as server:
        with quick_camera(f"http://127.0.0.1:{server.port}/a") as camera:
            until(lambda: comes_to(camera, CameraState.SILENT))
            until(lambda: comes_to(camera, CameraState.LIVE))
        assert len(server.authorization) >= 2


@contextmanager
def mute_server() -> Iterator[int]:
    """Accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_server_that_accepts_and_says_nothing_does_not_hold_us_up(scheme: str) -> None:
    with mute_server() as port:
        camera = open_camera(f"{scheme}://127.0.0.1:{port}/a", open_timeout_s=0.2, backoff=QUICK)
        # The question why has a time of its own.
        camera._source._why = lambda url: why_closed(url, timeout_s=0.1)
        with camera:
            begun = time.monotonic()
            until(lambda: comes_to(camera, CameraState.UNPLUGGED))
            assert time.monotonic() - begun < 3.0
            assert "does not answer" in camera.status().detail


def test_the_reason_why_a_stream_is_closed() -> None:
    with stream_server() as server, mute_server() as mute, rtsp_server(basic="x") as rtsp:
        base = f"127.0.0.1:{server.port}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            nobody = free.getsockname()[1]
        expected = {
            f"http://{base}/closed": ("refused", "asks for a user name"),
            f"http://a:{SECRET}@{base}/closed": ("refused", "does not accept"),
            f"rtsp://127.0.0.1:{rtsp.port}/a": ("refused", "asks for a user name"),
            f"http://{base}/missing": ("missing", "no such stream"),
            f"http://{base}/a?b=c": ("unreadable", "no video"),
            f"http://127.0.0.1:{nobody}/": ("refused", "nothing answers"),
            f"http://127.0.0.1:{mute}/": ("timeout", "does not answer"),
            f"https://127.0.0.1:{server.port}/a": ("unplugged", "cannot be reached"),
            "rtsp://no-such-host.invalid/a": ("missing", "nobody knows"),
        }
        for url, (cause, words) in expected.items():
            found, message = why_closed(url, timeout_s=0.2)
            assert (found, words in message) == (cause, True), (url, found, message)
            assert SECRET not in message
        assert server.authorization.count(None) == len(server.authorization), "sent in the clear"


def test_nothing_is_written_past_the_log(tmp_path: Path) -> None:
    """Opencv and FFmpeg write to standard error by themselves."""
    script = (
        "import sys, time\n"
        "from facegate.camera.opening import open_camera\n"
        "for url in sys.argv[1:]:\n"
        "    with open_camera(url, open_timeout_s=0.2) as camera:\n"
        "        camera.next_frame(0.4)\n"
        "        print(camera.address, camera.status())\n"
    )
    (tmp_path / "broken.avi").write_bytes(b"RIFF broken")
    with stream_server() as server, mute_server() as mute:
        ran = subprocess.run(
            [
                sys.executable, "-c", script, "0", str(tmp_path / "broken.avi"),
                f"http://admin:{SECRET}@127.0.0.1:{mute}/x?token={SECRET}",
                f"rtsp://admin:{SECRET}@127.0.0.1:1/password={SECRET}",
                f"http://admin:{SECRET}@127.0.0.1:{server.port}/missing",
            ],
            capture_output=True, text=True, check=True, env={**os.environ},
        )  # fmt: skip
    assert ran.stderr == ""
    assert SECRET not in ran.stdout


class FakeCapture:
    """Stands in for cv2.VideoCapture."""

    def __init__(self, pictures: list[np.ndarray] | None) -> None:
        self.pictures = pictures
        self.released = False

    def isOpened(self) -> bool:  # noqa: N802 - opencv's name
        return self.pictures is not None

    def read(self) -> tuple[bool, np.ndarray | None]:
        return (True, self.pictures.pop(0)) if self.pictures else (False, None)

    def release(self) -> None:
        self.released = True


def plug(tmp_path: Path, number: int, stable_id: str = "", name: str = "HD camera") -> DeviceRoots:
    """Make the system list a camera."""
    roots = DeviceRoots(tmp_path / "sys", tmp_path / "dev")
    entry = roots.sys / f"video{number}"
    entry.mkdir(parents=True)
    (entry / "name").write_text(f"{name}\n")
    (entry / "index").write_text("0\n")
    by_id = roots.dev / "v4l" / "by-id"
    by_id.mkdir(parents=True, exist_ok=True)
    (roots.dev / f"video{number}").write_bytes(b"")
    if stable_id:
        (by_id / stable_id).unlink(missing_ok=True)
        (by_id / stable_id).symlink_to(f"../../video{number}")
    return roots


def usb(target: str, roots: DeviceRoots, pictures: list | None, **options) -> UsbSource:
    opened = options.pop("opened", [])

    def opener(number: int, size_wh: tuple[int, int], fps: float) -> FakeCapture:
        opened.append((number, size_wh, fps))
        return FakeCapture(pictures)

    return UsbSource(
        target, f"usb:{target}", (1280, 720), 30.0, roots=roots, opener=opener, **options
    )


def test_a_camera_is_found_by_its_stable_id_also_under_another_number(tmp_path: Path) -> None:
    opened: list = []
    roots = plug(tmp_path, 0, "usb-Acme-index0")
    source = usb("usb-Acme-index0", roots, [noisy()], opened=opened)
    source.open()
    assert source.read() is not None
    assert source.read() is None
    source.close()
    (roots.sys / "video0" / "name").unlink()
    (roots.sys / "video0" / "index").unlink()
    (roots.sys / "video0").rmdir()
    with pytest.raises(CameraUnavailable) as caught:
        source.open()
    assert caught.value.cause == "unplugged"
    plug(tmp_path, 4, "usb-Acme-index0")
    source.open()
    source.close()
    assert opened == [(0, (1280, 720), 30.0), (4, (1280, 720), 30.0)]


def test_a_device_that_does_not_open_is_busy(tmp_path: Path) -> None:
    source = usb("0", plug(tmp_path, 0), None)
    with pytest.raises(CameraUnavailable) as caught:
        source.open()
    assert caught.value.cause == "busy"
    source.close()


def test_a_virtual_camera_is_not_even_opened_unless_allowed(tmp_path: Path) -> None:
    roots, opened = plug(tmp_path, 0, name="OBS Virtual Camera"), []
    with pytest.raises(CameraUnavailable) as caught:
        usb("0", roots, [noisy()], opened=opened).open()
    assert caught.value.cause == "virtual"
    assert opened == []
    usb("0", roots, [noisy()], opened=opened, allow_virtual=True).open()
    assert len(opened) == 1


def test_the_state_of_a_virtual_camera_tells_so(tmp_path: Path) -> None:
    roots = plug(tmp_path, 0, name="ManyCam Virtual Webcam")
    with open_camera("0", roots=roots, backoff=QUICK) as camera:
        until(lambda: comes_to(camera, CameraState.VIRTUAL))
        assert "ManyCam" in camera.status().detail
        assert camera.next_frame(0) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_device_that_may_not_be_used_says_how(tmp_path: Path) -> None:
    roots = plug(tmp_path, 0)
    (roots.dev / "video0").chmod(0)
    with pytest.raises(CameraUnavailable, match="group"):
        usb("0", roots, [noisy()]).open()

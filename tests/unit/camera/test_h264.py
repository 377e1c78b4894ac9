"""What most cameras send, H.264 over RTSP, from a server of our own to the gate's frames."""

from __future__ import annotations

import numpy as np
import pytest
from cameras import until
from h264 import SIZE_WH, number_of, numbered, pictures_h264
from rtsp import RtspServer, rtsp_server

from facegate.camera import opencv
from facegate.camera.backoff import Backoff
from facegate.camera.capture import CaptureCamera
from facegate.camera.live import StreamSource
from facegate.camera.opening import open_camera
from facegate.domain.arrays import ImageArray
from facegate.domain.frames import CameraState

CODING_ERROR = 4.0
"""Mean difference of a picture and what comes through the stream, gray levels; a picture that was
joined from two differs by more than 10."""


@pytest.fixture(scope="module", autouse=True)
def count() -> int:
    """How many different pictures there are; skips where nothing can encode them."""
    return len(pictures_h264())


def address(server: RtspServer) -> str:
    return f"rtsp://127.0.0.1:{server.port}/a"


def camera_of(server: RtspServer) -> CaptureCamera:
    backoff = Backoff(first_s=0.05, most_s=0.1)
    return open_camera(address(server), open_timeout_s=2.0, read_timeout_s=0.3, backoff=backoff)


def next_picture(camera: CaptureCamera) -> ImageArray:
    frame = until(lambda: camera.next_frame(0.1))
    return frame.bgr


def comes_to(camera: CaptureCamera, state: CameraState) -> bool:
    camera.next_frame(0.01)
    return camera.status().state is state


def error(picture: ImageArray) -> float:
    """How much a picture differs from the one whose number it shows, mean gray levels."""
    sent = numbered(number_of(picture))
    return float(np.abs(picture.astype(np.float32) - sent).mean())


def test_every_picture_comes_whole_and_in_order(count: int) -> None:
    with rtsp_server(codec="h264") as server:
        source = StreamSource(address(server), "shown", 2.0, 0.5)
        source.open()
        # More keep pictures back, one each; by itself it takes as many as the machine has.
        assert source._capture.get(opencv.load().CAP_PROP_N_THREADS) == 1
        pictures = [source.read() for _ in range(count + 5)]
        source.close()
    assert [number_of(one) for one in pictures] == [*range(count), *range(5)]
    assert {one.shape for one in pictures} == {(SIZE_WH[1], SIZE_WH[0], 3)}
    assert max(map(error, pictures)) < CODING_ERROR


def test_the_gate_sees_what_was_sent_just_now(count: int) -> None:
    with rtsp_server(codec="h264") as server, camera_of(server) as camera:

        def behind() -> int:
            return (len(server.sent_at) - 1 - number_of(next_picture(camera))) % count

        until(lambda: behind() <= 2)
        assert camera.status().state is CameraState.LIVE


def test_lost_packets_spoil_pictures_until_the_next_key_frame_only(count: int) -> None:
    with rtsp_server(codec="h264", cut=20) as server:
        source = StreamSource(address(server), "shown", 2.0, 0.5)
        source.open()
        pictures = [source.read() for _ in range(count + 10)]
        source.close()
    assert [number_of(one) for one in pictures[:20]] == [*range(20)]
    after = pictures[count + 1 :]  # the spoiled picture may be left out
    assert max(map(number_of, after)) < 15
    assert max(map(error, pictures[:20] + after)) < CODING_ERROR


def test_a_stream_that_stalls_is_told_and_opened_again() -> None:
    with rtsp_server(codec="h264", frames=45) as server, camera_of(server) as camera:
        until(lambda: comes_to(camera, CameraState.SILENT))
        assert camera.next_frame(0) is None
        until(lambda: comes_to(camera, CameraState.LIVE))
        assert len(server.sent_at) > 45
        assert error(next_picture(camera)) < CODING_ERROR


def test_a_server_that_is_killed_is_told_and_found_again() -> None:
    server = RtspServer(codec="h264")
    with camera_of(server) as camera:
        until(lambda: comes_to(camera, CameraState.LIVE))
        server.stop()
        until(lambda: comes_to(camera, CameraState.UNPLUGGED))
        assert "nothing answers" in camera.status().detail
        server = RtspServer(port=server.port, codec="h264")
        until(lambda: comes_to(camera, CameraState.LIVE))
        assert error(next_picture(camera)) < CODING_ERROR
    server.stop()

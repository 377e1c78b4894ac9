"""`facegate cameras` as people run it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from cameras import stream_server, write_video
from commands import facegate


def test_list_answers_with_and_without_cameras() -> None:
    ran = facegate("cameras", "list", "--json")
    assert ran.code == 0
    for device in ran.json():
        assert device["address"].startswith("usb:")


def test_check_tells_size_rate_and_state_and_saves_a_picture(tmp_path: Path) -> None:
    target = tmp_path / "Bild ü.png"
    ran = facegate(
        "cameras",
        "check",
        "test:?size=320x240&fps=20",
        "--seconds",
        0.5,
        "--json",
        "--save",
        target,
    )
    assert ran.code == 0
    told = ran.json()
    assert (told["width"], told["height"], told["state"]) == (320, 240, "live")
    assert told["fps"] == pytest.approx(20, rel=0.3)
    assert told["saved"] == str(target)
    assert cv2.imdecode(np.fromfile(target, np.uint8), 1).shape == (240, 320, 3)


def test_check_of_a_file_and_a_stream(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.avi", frames=6)
    ran = facegate("cameras", "check", f"{clip}?pace=fast")
    assert ran.code == 0
    assert "160x120" in ran.out
    assert "ended: the recording is over" in ran.out
    with stream_server() as server:
        url = f"http://admin:g3heim@127.0.0.1:{server.port}/closed"
        ran = facegate("cameras", "check", url, "--seconds", 0.5)
    assert ran.code == 0
    assert "live" in ran.out
    assert "g3heim" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("250", 12), ("/no/such/clip.avi", 12), ("rtsp://a:g3heim@127.0.0.1:1/x", 12),
        ("ftp://a:g3heim@h/", 4), ("test:?size=1", 4), ("", 4),
    ],
)  # fmt: skip
def test_what_gives_no_pictures_has_its_exit_code(address: str, code: int) -> None:
    ran = facegate("cameras", "check", address, "--seconds", 0.3)
    assert ran.code == code
    assert "g3heim" not in ran.out + ran.err


def test_an_empty_file_gives_no_pictures_and_still_json(tmp_path: Path) -> None:
    clip = tmp_path / "empty.avi"
    clip.write_bytes(b"")
    ran = facegate("cameras", "check", clip, "--json")
    assert ran.code == 12
    assert (ran.json()["frames"], ran.json()["state"]) == (0, "ended")
    assert "the file is empty" in ran.err


def test_pictures_are_only_saved_as_pictures(tmp_path: Path) -> None:
    ran = facegate("cameras", "check", "test:", "--save", tmp_path / "picture.exe")
    assert ran.code == 4

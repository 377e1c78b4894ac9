from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.camera.address import CameraAddress, Pace, SourceKind
from facegate.camera.redact import redact
from facegate.errors import CameraUnavailable, FacegateError, InputError

SECRET = "g3heim"  # noqa: S105 - made up, to be looked for


@pytest.mark.parametrize(
    ("text", "kind", "target"),
    [
        ("0", SourceKind.USB, "0"),
        (" 12 ", SourceKind.USB, "12"),
        ("007", SourceKind.USB, "7"),
        ("usb:3", SourceKind.USB, "3"),
        ("USB:usb-Acme_HD-video-index0", SourceKind.USB, "usb-Acme_HD-video-index0"),
        ("/dev/video2", SourceKind.USB, "2"),
        ("/dev/v4l/by-id/usb-Acme-video-index0", SourceKind.USB, "usb-Acme-video-index0"),
        ("rtsp://10.0.0.2/live", SourceKind.STREAM, "rtsp://10.0.0.2/live"),
        ("RTSP://[fe80::1]:8554/a", SourceKind.STREAM, "rtsp://[fe80::1]:8554/a"),
        ("https://cam.example/mjpg?fps=5", SourceKind.STREAM, "https://cam.example/mjpg?fps=5"),
        ("test:", SourceKind.TEST, ""),
    ],
)
def test_every_form_is_understood(text: str, kind: SourceKind, target: str) -> None:
    address = CameraAddress.parse(text)
    assert (address.kind, address.target) == (kind, target)


def test_options_are_read() -> None:
    address = CameraAddress.parse("test:?size=640x480&fps=15&frames=9&pace=fast")
    assert (address.size_wh, address.fps, address.frames) == ((640, 480), 15.0, 9)
    assert address.pace is Pace.FAST
    assert CameraAddress.parse("0?size=1920x1080").size_wh == (1920, 1080)


def test_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("clip.avi", "Größe 東京.avi", "odd?pace=fast", "a@b:c.avi"):
        (tmp_path / name).write_bytes(b"x")
        assert CameraAddress.parse(name).target == str(tmp_path / name)
        assert CameraAddress.parse(name).pace is Pace.REAL
    assert CameraAddress.parse("clip.avi?pace=fast").pace is Pace.FAST
    assert CameraAddress.parse(".?fps=2").kind is SourceKind.FOLDER
    assert CameraAddress.parse(".?fps=2").fps == 2.0


def test_a_number_is_a_camera_also_beside_a_file_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").write_bytes(b"x")
    assert CameraAddress.parse("0").kind is SourceKind.USB
    assert CameraAddress.parse("./0").kind is SourceKind.FILE


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "a\0b", "x" * 5000, "256", "99999999999999999999", "-1", "usb:", "usb:../../etc",
        "usb:..", "usb:a/b", "ftp://x/y", "file:///etc/passwd", "rtsp://", "http:///x",
        "rtsp://host:port/x", "rtsp://host:99999/", "http://a b/", "http://[::1/x", "test:?size=5",
        "test:?fps=nan", "test:?fps=0", "test:?fps=inf", "test:?pace=slow", "test:?frames=-1",
        "test:?size=99999x2", "test:?speed=2", "0?pace=fast", "test:abc", "/dev/null", "٣",
        "~nobody-of-this-name/x", "\ud800", "~\ud800",
    ],
)  # fmt: skip
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises((InputError, CameraUnavailable)) as caught:
        CameraAddress.parse(text)
    assert str(caught.value)


def test_a_path_without_anything_says_so(tmp_path: Path) -> None:
    with pytest.raises(CameraUnavailable) as caught:
        CameraAddress.parse(str(tmp_path / "gone.avi?pace=fast"))
    assert caught.value.cause == "missing"


@pytest.mark.parametrize(
    "text",
    [
        f"rtsp://admin:{SECRET}@10.0.0.2/live",
        f"rtsp://{SECRET}@10.0.0.2/live",
        f"http://10.0.0.2/video?user=admin&pwd={SECRET}&fps=5",
        f"http://10.0.0.2/video?anything={SECRET}",
        f"http://10.0.0.2/video;jsessionid={SECRET}",
        f"rtsp://10.0.0.2/user=admin_password={SECRET}_channel=1_stream=0.sdp",
        f"rtsp://10.0.0.2/user=admin&PASSWORD={SECRET}&channel=1.sdp",
        f"rtsp://admin:a@{SECRET}@10.0.0.2/live",
        f"rtsp://10.0.0.2/live#{SECRET}",
        # refused ones
        f"rtsp://admin:a/{SECRET}@10.0.0.2/live",
        f"rtsp://admin:12/{SECRET}@10.0.0.2/live",
        f"rtsp://admin:?{SECRET}@10.0.0.2/live",
        f"rtsp://admin:{SECRET}@10.0.0.2:port/live",
        f"rtsp://admin:{SECRET} x@10.0.0.2/live",
        f"rtps://admin:{SECRET}@10.0.0.2/live",
        f"admin:{SECRET}@10.0.0.2/live",
    ],
)
def test_passwords_are_never_shown(text: str) -> None:
    try:
        address = CameraAddress.parse(text)
    except FacegateError as error:
        assert SECRET not in f"{error} {error.hint} {error!r}"
    else:
        assert SECRET in address.target
        assert SECRET not in f"{address} {address!r} {address.shown}"


def test_harmless_parts_stay_readable() -> None:
    assert redact("rtsp://a:b@h:1/x/y?channel=1&subtype=0&k=v") == (
        "rtsp://***@h:1/x/y?channel=1&subtype=0&k=***"
    )
    assert redact("rtsp://h/user=a_password=b_channel=1.sdp") == (
        "rtsp://h/user=***_password=***_channel=1.sdp"
    )


@given(st.text(max_size=60))
def test_any_text_gives_an_address_or_an_error(text: str) -> None:
    try:
        address = CameraAddress.parse(text)
    except FacegateError:
        return
    assert address.shown


@given(st.from_regex(r"[A-Za-z0-9._~!$%^*()+-]{6,20}", fullmatch=True))
def test_no_password_survives(password: str) -> None:
    secret = f"Qz{password}zQ"
    assert secret not in CameraAddress.parse(f"rtsp://u:{secret}@h/p").shown
    assert secret not in CameraAddress.parse(f"http://h/p?a=1&token={secret}").shown

from __future__ import annotations

from pathlib import Path

import pytest

from facegate.camera.devices import DeviceRoots, find_device, list_devices
from facegate.camera.virtual import virtual_name


@pytest.mark.parametrize(
    "name",
    [
        "OBS Virtual Camera", "OBS Cam", "obs-camera", "Dummy video device (0x0000)",
        "ManyCam Virtual Webcam",
        "Snap Camera", "DroidCam Source 3", "Droidcam", "XSplit VCam", "e2eSoft iVCam", "EpocCam",
        "Iriun Webcam", "SplitCam Video Driver", "CamTwist", "CyberLink YouCam 9", "mmhmm Camera",
        "Reincubate Camo", "Camera (NVIDIA Broadcast)", "v4l2loopback", "vivid-000-vid-cap",
        "Unity Video Capture", "NDI Webcam Video 1", "screen-capture-recorder", "AlterCam",
        "Fake camera",
    ],
)  # fmt: skip
def test_known_virtual_cameras_are_recognized(name: str) -> None:
    assert virtual_name(name)
    assert virtual_name(name.upper())


@pytest.mark.parametrize(
    "name",
    [
        "HD Pro Webcam C920", "Integrated Camera: Integrated C", "Logitech BRIO",
        "USB2.0 HD UVC WebCam",
        "Microsoft® LifeCam HD-3000", "FaceTime HD Camera", "OBSBOT Tiny 2", "Snapdragon Camera",
        "Camouflage trail camera", "Sandisk cam", "mmal service 16.1", "unicam-image", "",
    ],
)  # fmt: skip
def test_real_cameras_are_not(name: str) -> None:
    assert virtual_name(name) == ""


def test_drivers_and_the_kernel_tell_under_any_name() -> None:
    assert virtual_name("HD Pro Webcam C920", "v4l2loopback")
    assert virtual_name("HD Pro Webcam C920", "uvcvideo") == ""
    assert virtual_name("HD Pro Webcam C920", "", "/sys/devices/virtual/video4linux/video0")
    path = "/sys/devices/pci0000:00/0000:00:14.0/usb1/1-5/1-5:1.0/video4linux/video0"
    assert virtual_name("HD Pro Webcam C920", "uvcvideo", path) == ""


@pytest.fixture
def roots(tmp_path: Path) -> DeviceRoots:
    """Two devices of a real camera, and a loopback that calls itself one."""
    made = DeviceRoots(tmp_path / "class", tmp_path / "dev")
    made.sys.mkdir()
    by_id = made.dev / "v4l" / "by-id"
    by_id.mkdir(parents=True)
    driver = tmp_path / "drivers" / "uvcvideo"
    driver.mkdir(parents=True)
    places = {
        0: (tmp_path / "devices" / "usb1" / "video4linux", "HD Webcam", "0"),
        1: (tmp_path / "devices" / "usb1" / "video4linux", "HD Webcam", "1"),
        10: (tmp_path / "devices" / "virtual" / "video4linux", "HD Webcam C920\x1b[2J", "0"),
    }
    for number, (folder, name, index) in places.items():
        device = folder / f"video{number}"
        device.mkdir(parents=True)
        (device / "name").write_text(name + "\n")
        (device / "index").write_text(index + "\n")
        (made.sys / f"video{number}").symlink_to(device)
        (made.dev / f"video{number}").write_bytes(b"")
        if "usb1" in str(folder):
            (device / "device").mkdir()
            (device / "device" / "driver").symlink_to(driver)
            (by_id / f"usb-Acme_HD-video-index{index}").symlink_to(f"../../video{number}")
    (made.sys / "v4l-subdev0").mkdir()
    (by_id / "usb-gone-index0").symlink_to("../../video99")
    return made


def test_devices_are_listed_with_stable_ids(roots: DeviceRoots) -> None:
    found = list_devices(roots)
    assert [one.number for one in found] == [0, 1, 10]
    assert [one.address for one in found] == [
        "usb:usb-Acme_HD-video-index0", "usb:usb-Acme_HD-video-index1", "usb:10",
    ]  # fmt: skip
    assert [one.main for one in found] == [True, False, True]
    assert [bool(one.virtual) for one in found] == [False, False, True]
    assert "\x1b" not in found[2].name


def test_devices_are_found_by_number_and_id(roots: DeviceRoots) -> None:
    for target, number in (("0", 0), ("usb-Acme_HD-video-index1", 1), ("10", 10)):
        device = find_device(target, roots)
        assert device is not None
        assert device.number == number
    for target in ("2", "", "usb-gone-index0", "video0"):
        assert find_device(target, roots) is None


def test_a_machine_without_cameras_lists_none(tmp_path: Path) -> None:
    assert list_devices(DeviceRoots(tmp_path / "no", tmp_path / "no")) == []

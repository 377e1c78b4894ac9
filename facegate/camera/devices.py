"""The cameras of this machine, as Linux lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from facegate.camera.virtual import virtual_name


@dataclass(frozen=True, slots=True)
class DeviceRoots:
    """Where the kernel lists cameras; tests have their own."""

    sys: Path = Path("/sys/class/video4linux")
    dev: Path = Path("/dev")


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """One video device.

    Attributes:
        number: N of /dev/videoN; may change with the next start of the machine.
        stable_id: name in /dev/v4l/by-id, the same in every socket and after every start; empty
            when there is none.
        name: what the camera calls itself.
        virtual: which virtual camera it is; empty for a real one.
        main: whether it is the first device of its camera; the others mostly carry no pictures.
    """

    number: int
    stable_id: str
    name: str
    virtual: str
    main: bool

    @property
    def address(self) -> str:
        """The address that keeps its meaning longest."""
        return f"usb:{self.stable_id or self.number}"


def list_devices(roots: DeviceRoots | None = None) -> list[CameraDevice]:
    """All video devices, by number; empty where Linux lists none, and on other systems."""
    roots = roots or DeviceRoots()
    ids = _stable_ids(roots)
    found = []
    for entry in _entries(roots.sys):
        match = re.fullmatch(r"video(\d+)", entry.name)
        if match:
            number = int(match[1])
            found.append(_device(entry, number, ids.get(number, "")))
    return sorted(found, key=lambda device: device.number)


def find_device(target: str, roots: DeviceRoots | None = None) -> CameraDevice | None:
    """The device of a number or stable id; None when it is not there (now)."""
    for device in list_devices(roots):
        if target and target in {str(device.number), device.stable_id}:
            return device
    return None


def _device(entry: Path, number: int, stable_id: str) -> CameraDevice:
    name = _text(entry / "name")
    driver = entry / "device" / "driver"
    virtual = virtual_name(
        name, driver.resolve().name if driver.exists() else "", str(entry.resolve())
    )
    return CameraDevice(
        number, stable_id, name or f"video{number}", virtual, _text(entry / "index") in {"", "0"}
    )


def _stable_ids(roots: DeviceRoots) -> dict[int, str]:
    ids: dict[int, str] = {}
    for link in sorted(_entries(roots.dev / "v4l" / "by-id")):
        match = re.fullmatch(r"video(\d+)", link.resolve().name)
        if match:
            ids.setdefault(int(match[1]), link.name)
    return ids


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _text(file: Path) -> str:
    """A device's own words, without anything that could move a terminal's cursor."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "".join(c for c in text.strip() if c.isprintable())

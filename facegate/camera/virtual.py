"""Recognizes cameras that are programs: they show whatever somebody feeds them.

A door must not trust them: a recorded video fed into one looks exactly like a person. Names and
drivers can be forged by whoever rules the machine, so this guards against mistakes and casual
tricks; a device that the Linux kernel lists as virtual is recognized under any name.
"""

from __future__ import annotations

import re

_NAMES = (
    ("OBS Virtual Camera", r"\bobs\b"),
    ("v4l2loopback", r"loopback|dummy video device"),
    ("ManyCam", r"many\s*cam"),
    ("Snap Camera", r"\bsnap\s*cam"),
    ("DroidCam", r"droid\s*cam"),
    ("XSplit VCam", r"xsplit|\bvcam\b"),
    ("iVCam", r"\bivcam\b"),
    ("EpocCam", r"epoc\s*cam"),
    ("Iriun", r"iriun"),
    ("e2eSoft", r"e2esoft|vcam"),
    ("SplitCam", r"split\s*cam"),
    ("CamTwist", r"cam\s*twist"),
    ("YouCam", r"you\s*cam"),
    ("mmhmm", r"mmhmm"),
    ("Camo", r"\bcamo\b"),
    ("NVIDIA Broadcast", r"nvidia broadcast"),
    ("AlterCam", r"alter\s*cam"),
    ("Webcamoid", r"webcamoid|akv\s*cam"),
    ("Unity Video Capture", r"unity (video|virtual)"),
    ("NDI", r"\bndi\b"),
    ("a test driver", r"\bvivid\b|\bvimc\b|\bvicodec\b"),
    ("a virtual camera", r"virtual|fake|screen.?cap"),
)
_DRIVERS = {
    "v4l2loopback": "v4l2loopback",
    "v4l2loopback_dc": "DroidCam",
    "v4l2loopback-dc": "DroidCam",
    "akvcam": "Webcamoid",
    "vivid": "a test driver",
    "vimc": "a test driver",
}


def virtual_name(name: str, driver: str = "", device_path: str = "") -> str:
    """Which virtual camera a device is; empty for one that seems to be made of glass.

    Args:
        name: as the system lists it.
        driver: name of its kernel driver, where known.
        device_path: where the kernel lists it below /sys/devices, links resolved, where known.
    """
    if driver.lower() in _DRIVERS:
        return _DRIVERS[driver.lower()]
    for known, pattern in _NAMES:
        if re.search(pattern, name, re.IGNORECASE):
            return known
    if "/devices/virtual/" in device_path:
        return "a virtual camera"
    return ""

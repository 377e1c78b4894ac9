"""What this runs on: for `doctor`, `bench` and `report`."""

from __future__ import annotations

import platform
from pathlib import Path

LIBRARIES = ("numpy", "opencv-python-headless", "onnxruntime", "faiss-cpu", "sqlalchemy")


def library_versions() -> dict[str, str]:
    """The versions of the libraries that results depend on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = "in another build"
    return found


def processor_name() -> str:
    """The processor's name, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()

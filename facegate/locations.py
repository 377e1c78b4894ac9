"""Where the read-only files that come with FaceGate are: in the wheel or in a checkout."""

from __future__ import annotations

from pathlib import Path

from facegate.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent


def shipped(name: str) -> Path:
    """Find the folder `assets` or `migrations`.

    Raises:
        ConfigError: the installation is incomplete.
    """
    for folder in (_PACKAGE / f"_{name}", _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise ConfigError(
        f"The folder {name!r} that comes with FaceGate is missing.", hint="Install FaceGate again."
    )

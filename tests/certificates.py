"""Certificates of an authority of our own, made by openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


@dataclass(frozen=True)
class Certificates:
    """Files of one authority and of the server that it signed for.

    Attributes:
        ca: certificate of the authority.
        server, key: certificate and key of the server `localhost`.
    """

    ca: Path
    server: Path
    key: Path


def authority(folder: Path) -> Certificates:
    """Make an authority, and let it sign for `localhost`."""
    folder.mkdir()
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    ca_key = folder / "ca.key"
    _openssl(
        "-subj", "/CN=Authority of a test", "-addext", "keyUsage=critical,keyCertSign",
        "-keyout", ca_key, "-out", made.ca,
    )  # fmt: skip
    _openssl(
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-addext", "basicConstraints=critical,CA:FALSE", "-CA", made.ca, "-CAkey", ca_key,
        "-keyout", made.key, "-out", made.server,
    )  # fmt: skip
    return made


def _openssl(*arguments: object) -> None:
    command = ["openssl", "req", "-x509", *_NEW_KEY, *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)

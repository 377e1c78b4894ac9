"""What doors at the other end of a network share: a secret, a time limit, and whom to trust."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import Self

from facegate.doors.spec import Options
from facegate.errors import DoorError


@dataclass(frozen=True, slots=True)
class Link:
    """How the other side is spoken to.

    Attributes:
        key_name: name of the secret that is shared with it.
        timeout_s: time for one order, with all its tries and the wait for a connection.
        ca_file: certificates to trust instead of the system's, or None.
    """

    key_name: str
    timeout_s: float = 1.5
    ca_file: Path | None = None

    @classmethod
    def read(cls, options: Options, key_name: str) -> Self:
        """Take `key`, `timeout` and `ca` from a door's options. Raises DoorError."""
        return cls(
            options.text("key", key_name),
            options.number("timeout", 1.5, 0.05, 2),
            Path(options.text("ca")) if options.has("ca") else None,
        )

    def tls(self) -> ssl.SSLContext:
        """Rules for a connection whose certificate and host name are checked.

        Raises:
            DoorError: the certificates to trust cannot be read.
        """
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # ssl.SSLError is one too
            raise DoorError(f"The certificates in {self.ca_file} cannot be read.") from error

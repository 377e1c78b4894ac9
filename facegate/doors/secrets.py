"""What an output needs beside its text: the door's name, secrets, optional libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module

from facegate.errors import DoorError

SECRET_VARIABLE = "FACEGATE_DOORS__SECRETS__"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class OutputContext:
    """Where an output stands.

    Attributes:
        door: name of the door, for the other side.
        secrets: name (lower case) to value; never printed.
    """

    door: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    def secret(self, name: str, why: str) -> str:
        """A secret by its name.

        Args:
            name: as the door's text names it; case does not matter.
            why: what it is for, for the error's sentence.

        Raises:
            DoorError: there is none of that name.
        """
        value = self.secrets.get(name.lower(), "")
        if not value:
            raise DoorError(
                f"{why} needs the secret {name!r}, which is not set.",
                hint=f"Set {SECRET_VARIABLE}{name.upper()}, or {name.lower()} below "
                "[doors.secrets] in facegate.toml.",
            )
        return value


def need_library(module: str, extra: str, sentence: str) -> None:
    """Make sure that an optional library is there, before anybody waits at the door.

    Args:
        module: what is imported.
        extra: the optional part of FaceGate that brings it.
        sentence: the error's.

    Raises:
        DoorError: it is not installed, or broken.
    """
    try:
        import_module(module)
    except ImportError as error:
        raise DoorError(
            sentence, hint=f"Install it: pip install 'facegate[{extra}]' ({error})."
        ) from error

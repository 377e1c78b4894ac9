"""What the commands of the policy share: names that complete themselves, and times."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from facegate.domain.policy import Policy
    from facegate.services.policy_edit import PolicyEditor

_SINCE = re.compile(r"(\d{1,5})\s*(h|d|w)")


def _completed(pick: Callable[[Policy], list[str]]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        from facegate.bootstrap import start
        from facegate.errors import FacegateError

        try:
            with start().store.snapshot() as work:
                names = pick(work.policy.load())
        except FacegateError:  # a completion is no place for complaints
            return []
        return [name for name in names if name.lower().startswith(incomplete.lower())]

    return complete


def _groups(policy: Policy) -> list[str]:
    return ["everyone", *(one.name for one in policy.groups)]


def _schedules(policy: Policy) -> list[str]:
    return ["always", *(one.name for one in policy.schedules)]


complete_door = _completed(lambda policy: [one.name for one in policy.doors])
complete_group = _completed(_groups)
complete_schedule = _completed(_schedules)
complete_person = _completed(lambda policy: [one.name for one in policy.people])

DoorName = Annotated[
    str,
    typer.Argument(help="Name of a door.", show_default=False, autocompletion=complete_door),
]
GroupName = Annotated[
    str,
    typer.Argument(help="Name of a group.", show_default=False, autocompletion=complete_group),
]
PersonName = Annotated[
    str,
    typer.Argument(
        help="Name of an enrolled person.", show_default=False, autocompletion=complete_person
    ),
]
Force = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@contextmanager
def editing() -> Iterator[PolicyEditor]:
    """Change the policy: all of it is stored at the end, or nothing."""
    from facegate.bootstrap import start
    from facegate.services.policy_edit import PolicyEditor

    gate = start()
    with gate.store.transaction() as work:
        yield PolicyEditor(work, gate.clock())
        work.commit()


def local_zone() -> str:
    """Name of this machine's time zone; UTC where it has none by name."""
    from facegate.domain.local_time import zone_named
    from facegate.errors import PolicyError

    link = Path("/etc/localtime")
    target = link.resolve().as_posix() if link.exists() else ""
    for name in (os.environ.get("TZ", ""), target.partition("zoneinfo/")[2]):
        try:
            return zone_named(name).key
        except PolicyError:
            continue
    return "UTC"


def parse_since(text: str) -> timedelta:
    """Read `30d`, `12h` or `2w`. Raises PolicyError."""
    from facegate.errors import PolicyError

    match = _SINCE.fullmatch(text.strip().lower())
    if match is None:
        raise PolicyError(f"{text!r} is no length of time.", hint="Write it as in 30d, 12h or 2w.")
    hours = {"h": 1, "d": 24, "w": 7 * 24}[match[2]]
    return timedelta(hours=int(match[1]) * hours)


def read_policy_file(file: Path, now: Policy) -> Policy:
    """Read and check a policy file for the people of a policy. Raises PolicyError, InputError."""
    from facegate.errors import InputError
    from facegate.services.policy_file import read_policy

    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is no text in UTF-8.") from error
    return read_policy(text, now.people)

"""Checks the addresses of a door's camera and lock when they are saved, without the devices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from facegate.domain.doors import Door
    from facegate.domain.policy import Policy
    from facegate.domain.policy_check import Finding

BOTH = ("source", "output")


def check_addresses(door: Door, which: Iterable[str] = BOTH) -> str:
    """Refuse what `facegate watch` could never open.

    A file that is not there passes: it may come, and the gate may be another machine. So does an
    empty source, which `watch --source` gives.

    Args:
        door: as it will be stored.
        which: what of it was given: `source`, `output` or both.

    Returns:
        What the operator should know all the same, a sentence; mostly empty.

    Raises:
        InputError: the source is no address.
        DoorError: the output is none, or its plugin is not here.
    """
    from facegate.camera.address import FORMS, CameraAddress
    from facegate.doors.plugins import check_output
    from facegate.errors import CameraUnavailable, InputError

    if "output" in which:
        check_output(door.output)
    if "source" not in which or not door.source:
        return ""
    try:
        CameraAddress.parse(door.source)
    except CameraUnavailable as error:
        if _is_meant_as_kind(door.source):
            raise InputError(f"{door.source!r} is no camera's address.", hint=FORMS) from error
        return str(error)
    return ""


def _is_meant_as_kind(text: str) -> bool:
    """Whether what stands before the colon was meant for a kind of address, as in `foo:bar`."""
    head, colon, _ = text.partition(":")
    return bool(colon) and len(head) > 1 and head.isalnum()  # `C:` is a drive


def changed_doors(before: Policy, after: Policy) -> Iterator[tuple[Door, list[str]]]:
    """The doors whose addresses are not those of before, with what is new of each."""
    for door in after.doors:
        old = before.door(door.name)
        new = [name for name in BOTH if old is None or getattr(old, name) != getattr(door, name)]
        if new:
            yield door, new


def address_findings(policy: Policy) -> list[Finding]:
    """What of the stored addresses cannot work here, for `policy check`."""
    from facegate.domain.policy_check import Finding
    from facegate.errors import DoorError, InputError

    found = []
    for door in policy.doors:
        for which in BOTH:
            try:
                why = check_addresses(door, (which,))
            except (InputError, DoorError) as error:
                why = str(error)
            if why:
                text = f"The {which} of {door.name!r} cannot be used: {why}"
                found.append(Finding(f"bad_{which}", door.name, text))
    return found

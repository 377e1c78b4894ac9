"""`facegate people pin|validity|always-pin|reset`: what holds for one person at all doors."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.output import console, plain
from facegate.cli.policy_options import PersonName, editing

if TYPE_CHECKING:
    from facegate.domain.lockout import Hold
    from facegate.domain.policy import Policy, Terms
    from facegate.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True)
class Holds:
    """What a person's next attempt must wait for.

    Attributes:
        pins: the person at all doors, after wrong PINs.
        claims: only their PIN in the place of a face.
    """

    pins: Hold | None
    claims: Hold | None

    def as_dict(self) -> dict[str, Any]:
        """As `people show --json` has it; times are UTC."""
        found: dict[str, Any] = {}
        for name, hold in (("held_back", self.pins), ("claims_held_back", self.claims)):
            until = hold.until if hold is not None else None
            found[name] = hold.reason.value if hold is not None else None
            found[f"{name}_until"] = until.isoformat() if until is not None else None
        return found


def read_holds(work: UnitOfWork, subject_id: int, at: datetime) -> Holds:
    """What holds a person back at a moment."""
    access = work.access
    pins, claims = (access.attempts(subject_id, kind) for kind in ("pins", "claims"))
    return Holds(pins.hold(at), claims.hold(at))


def print_holds(held: Holds, name: str) -> None:
    """A line for each; none for somebody whom nothing holds back."""
    for what, hold in ((name, held.pins), (f"the PIN of {name}, without a face,", held.claims)):
        if hold is None:
            continue
        if hold.until is None:
            until = f"{hold.reason.sentence}; `facegate people reset` lifts it"
        else:
            until = f"until {hold.until.astimezone():%Y-%m-%d %H:%M:%S %Z} after wrong PINs"
        console().print(f"[yellow]{plain(what)} is held back: {plain(until)}[/yellow]")


def pin(
    name: PersonName,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the PIN from standard input.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the PIN away.")] = False,
) -> None:
    """Set a person's PIN, typed twice and not shown."""
    from facegate.services.pins import Argon2Pins

    if remove:
        with editing() as editor:
            editor.remove_pin(name)
        console().print(f"{plain(name)} has no PIN any more.")
        return
    with editing() as editor:  # somebody unknown is told before the PIN is typed
        editor.check_person(name)
    typed = (
        sys.stdin.readline().rstrip("\r\n")
        if stdin
        else typer.prompt("PIN", hide_input=True, confirmation_prompt="Once more")
    )
    with editing() as editor:
        editor.set_pin(name, typed, Argon2Pins())
        number = editor.check_person(name).subject_id
    console().print(f"{plain(name)} has a new PIN, and is number {number} at keypads.")


def validity(
    name: PersonName,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from", help="First day, or day and time, at the door's clock; '' for none."
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Last day (included), or day and time; '' for none."),
    ] = None,
) -> None:
    """Let a person pass only from one day to another: temporary visitors."""
    from facegate.errors import PolicyError

    if begin is None and until is None:
        raise PolicyError("Nothing to change.", hint="Give --from, --until or both.")
    with editing() as editor:
        before = editor.check_person(name).terms
        first = before.valid_from if begin is None else begin
        last = before.valid_until if until is None else _end(until)
        terms = editor.set_validity(name, first, last).terms
    console().print(f"{plain(name)} is valid {plain(describe_validity(terms))}.")


def _end(text: str) -> str:
    """A last day lasts to its end."""
    from facegate.domain.local_time import parse_local

    if not text:
        return ""
    read, is_day = parse_local(text), len(text.strip()) == len("2026-12-24")
    return (read + timedelta(days=is_day)).isoformat()


def always_pin(
    name: PersonName,
    state: Annotated[str, typer.Argument(metavar="on|off", help="on or off.", show_default=False)],
) -> None:
    """Always ask a person for the PIN: twins and look-alikes."""
    from facegate.errors import PolicyError

    if state not in {"on", "off"}:
        raise PolicyError(f"always-pin is on or off, not {state!r}.")
    with editing() as editor:
        person = editor.set_always_pin(name, state == "on")
    word = "always" if state == "on" else "no longer always"
    console().print(f"{plain(name)} {word} needs the PIN.")
    if state == "on" and not person.terms.has_pin:
        console().print("[yellow]There is none yet: see `facegate people pin`.[/yellow]")


def reset(name: PersonName) -> None:
    """Lift a person's delays and lock-out, and forget in which areas they are."""
    with editing() as editor:
        editor.reset_person(name)
    console().print(f"{plain(name)} is not held back any more.")


def describe_validity(terms: Terms) -> str:
    """From when to when, in words."""
    words = []
    if terms.valid_from:
        words.append(f"from {terms.valid_from.removesuffix(':00').replace('T', ' ')}")
    if terms.valid_until:
        end = datetime.fromisoformat(terms.valid_until)
        whole_day = end.time() == time()
        last = f"{end - timedelta(days=1):%Y-%m-%d} (included)"
        words.append(f"to {last}" if whole_day else f"until {end:%Y-%m-%d %H:%M}")
    return " ".join(words) or "without limits"


def access_dict(policy: Policy, name: str) -> dict[str, Any]:
    """What holds for a person, as `people show --json` has it."""
    person = next(one for one in policy.people if one.name == name)
    terms = person.terms
    return {
        "keypad_number": person.subject_id,
        "groups": sorted(one.name for one in policy.groups if name in one.members),
        "valid_from": terms.valid_from or None,
        "valid_until": terms.valid_until or None,
        "always_pin": terms.always_pin,
        "has_pin": terms.has_pin,
    }


def print_access(policy: Policy, name: str) -> None:
    """What holds for a person, in two lines."""
    person = next(one for one in policy.people if one.name == name)
    terms = person.terms
    groups = ", ".join(sorted(one.name for one in policy.groups if name in one.members))
    pin = f"number {person.subject_id} at keypads, "
    pin += "a PIN is set" if terms.has_pin else "no PIN"
    always = "; always needs it" if terms.always_pin else ""
    out = console()
    out.print(f"groups: {plain(groups or 'everyone only')}; {pin}{always}")
    out.print(f"valid {plain(describe_validity(terms))}")

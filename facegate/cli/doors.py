"""`facegate doors`: the doors, and what each asks of people."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Signature, signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.output import JsonOption, console, plain, print_json, remark, table
from facegate.cli.policy_options import DoorName, Force, editing, local_zone

if TYPE_CHECKING:
    from datetime import datetime

    from facegate.domain.doors import Door
    from facegate.domain.facts import DoorState

app = typer.Typer(help="See and change the doors.", no_args_is_help=True)

_OPTIONS: dict[str, Any] = {
    "source": Annotated[
        str | None, typer.Option(help="Camera: number, device, rtsp:// address or file.")
    ],
    "output": Annotated[str | None, typer.Option(help="What moves the lock, such as simulator:.")],
    "zone": Annotated[
        str | None, typer.Option(help="Time zone, such as Europe/Berlin; else this machine's.")
    ],
    "pad": Annotated[
        str | None,
        typer.Option(help="Attack check: off, passive, challenge_when_unsure or challenge_always."),
    ],
    "tailgating": Annotated[
        str | None, typer.Option(help="Several faces in view: nearest counts, all, or log only.")
    ],
    "unlock_s": Annotated[
        float | None,
        typer.Option("--unlock", metavar="SECONDS", help="Length of the unlock pulse."),
    ],
    "held_open_s": Annotated[
        float | None,
        typer.Option(
            "--held-open", metavar="SECONDS", help="Alarm when open for longer; 0: never."
        ),
    ],
    "area": Annotated[str | None, typer.Option(help="Area that the door leads into or out of.")],
    "direction": Annotated[str | None, typer.Option(help="in or out; with --area.")],
    "anti_passback": Annotated[
        str | None,
        typer.Option(
            help="Nobody enters an area twice: off, soft (let in, and noted) or hard. Leaving is "
            "always allowed: nobody is locked in."
        ),
    ],
    "two_person_s": Annotated[
        float | None,
        typer.Option(
            "--two-person", metavar="SECONDS", help="Two people within this time; 0: one."
        ),
    ],
    "pin": Annotated[
        str | None, typer.Option(help="PIN: never, second_factor or fallback for the face.")
    ],
}
"""The fields of a door that its operator chooses."""


def _with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Put the options of a door in the place of a command's `values`: those that are given."""
    parameters, shown = signature(command, eval_str=True).parameters.values(), []
    for one in parameters:
        shared = _OPTIONS.items() if one.name == "values" else [(one.name, one.annotation)]
        default = None if one.name == "values" else one.default
        shown += [one.replace(name=name, annotation=kind, default=default) for name, kind in shared]

    @wraps(command)
    def run(**given: Any) -> None:
        values = {name: given.pop(name) for name in _OPTIONS}
        command(**given, values={key: one for key, one in values.items() if one is not None})

    run.__annotations__ = {one.name: one.annotation for one in shown}
    run.__signature__ = Signature(shown)  # type: ignore[attr-defined]  # what typer reads
    return run


@app.command("add")
@_with_options
def add(
    name: Annotated[str, typer.Argument(help="Name of the new door.", show_default=False)],
    values: dict[str, Any],
    everyone: Annotated[
        bool, typer.Option("--everyone", help="Everybody who is enrolled may always pass it.")
    ] = False,
) -> None:
    """Add a door. Nobody may pass it until a rule says so."""
    from facegate.cli.door_addresses import check_addresses
    from facegate.domain.doors import Door

    door = Door.from_dict({"name": name, "zone": local_zone(), **values})
    told = check_addresses(door)
    with editing() as editor:
        editor.add_door(door, everyone=everyone)
    if told:
        remark(told)
    console().print(f"The door {plain(door.name)} is added, on the clock of {plain(door.zone)}.")
    if not everyone:
        console().print(
            "[dim]Nobody may pass it yet: see `facegate policy allow` or "
            f"`facegate policy allow everyone {plain(door.name)}`.[/dim]"
        )


@app.command("set")
@_with_options
def set_door(name: DoorName, values: dict[str, Any]) -> None:
    """Change a door; what is not named stays."""
    from facegate.cli.door_addresses import check_addresses
    from facegate.domain.doors import Door
    from facegate.errors import PolicyError

    with editing() as editor:
        before = editor.door(name)
        if not values:
            raise PolicyError("Nothing to change.", hint="`facegate doors set --help` shows what.")
        door = Door.from_dict({**before.as_dict(), **values})
        told = check_addresses(door, values)
        changed = editor.set_door(door)
    if told:
        remark(told)
    word = "is changed" if changed else "was like that already"
    console().print(f"The door {plain(name)} {word}.")


@app.command("list")
def list_doors(as_json: JsonOption = False) -> None:
    """Show all doors."""
    from facegate.bootstrap import start

    gate = start()
    with gate.store.snapshot() as work:
        doors = [(door, work.access.door_state(door.name)) for door in work.doors.list()]
        last = {door.name: work.receipts.last_at(door.name) for door, _ in doors}
    if as_json:
        now = gate.clock()
        print_json([_door_dict(door, state, now, last[door.name]) for door, state in doors])
        return
    if not doors:
        console().print("There is no door yet. Begin with `facegate doors add`.")
        return
    shown = table("door", "state", "camera", "output", "attacks", "PIN", "area")
    for door, state in doors:
        area = f"{door.area} ({door.direction.value})" if door.area else ""
        shown.add_row(
            plain(door.name), _state(door, state, gate.clock()), plain(_secret_free(door.source)),
            plain(_secret_free(door.output)), door.pad.value, door.pin.value, plain(area),
        )  # fmt: skip
    console().print(shown)


@app.command("show")
def show(name: DoorName, as_json: JsonOption = False) -> None:
    """Show one door with its rules, and who is held back."""
    from facegate.bootstrap import start

    gate = start()
    with gate.store.snapshot() as work:
        door, state = work.doors.by_name(name), work.access.door_state(name)
        last = work.receipts.last_at(name)
        rules = [str(rule) for rule in work.policy.load().rules if rule.door == door.name]
        inside = list(work.access.inside(door.area)) if door.area else []
    content = _door_dict(door, state, gate.clock(), last)
    if as_json:
        print_json({**content, "rules": rules, "inside": inside})
        return
    shown = table("what", "is")
    for key, value in content.items():
        shown.add_row(key, plain("" if value is None else value))
    shown.add_row("rules", "\n".join(map(plain, rules)) or "none: nobody may pass")
    if door.area:
        shown.add_row("inside", plain(", ".join(inside) or "nobody"))
    console().print(shown)


@app.command("remove")
def remove(name: DoorName, yes: Force = False) -> None:
    """Delete a door with its rules."""
    from facegate.bootstrap import start

    if not yes:
        with start().store.snapshot() as work:
            work.doors.by_name(name)  # an unknown one is told before the question
        typer.confirm(f"Delete the door {name} and its rules?", abort=True)
    with editing() as editor:
        editor.remove_door(name)
    console().print(f"The door {plain(name)} is deleted.")


@app.command("enable")
def enable(name: DoorName) -> None:
    """Switch a door on again."""
    with editing() as editor:
        editor.enable_door(name, enabled=True)
    console().print(f"The door {plain(name)} is enabled.")


@app.command("disable")
def disable(name: DoorName) -> None:
    """Switch a door off: nobody passes."""
    with editing() as editor:
        editor.enable_door(name, enabled=False)
    console().print(f"The door {plain(name)} is disabled.")


@app.command("reset")
def reset(name: DoorName) -> None:
    """Lift a door's delays and lock-out; also after its clock was wrong."""
    with editing() as editor:
        editor.reset_door(name)
    console().print(f"Nobody is held back at {plain(name)} any more.")


def _state(door: Door, state: DoorState, now: datetime) -> str:
    if not door.enabled:
        return "[yellow]disabled[/yellow]"
    held = state.attempts.hold(now)
    return "enabled" if held is None else f"[yellow]{plain(held.reason.value)}[/yellow]"


def _door_dict(
    door: Door, state: DoorState, now: datetime, last: datetime | None
) -> dict[str, Any]:
    held = state.attempts.hold(now)
    return {
        **door.as_dict(),
        "source": _secret_free(door.source),
        "output": _secret_free(door.output),
        "failures": state.attempts.failures,
        "held_back": held.reason.value if held is not None else None,
        "held_back_until": held.until.isoformat() if held is not None and held.until else None,
        "last_decision_at": last.isoformat() if last is not None else None,
    }


def without_passwords(policy: dict[str, Any]) -> dict[str, Any]:
    """A policy for people and pipes to see."""
    doors = [
        {**door, **{key: _secret_free(door[key]) for key in ("source", "output")}}
        for door in policy["doors"]
    ]
    return {**policy, "doors": doors}


def _secret_free(address: str) -> str:
    """An address without the password that stands before its @."""
    scheme, separator, rest = address.partition("://")
    host = rest.rpartition("@")[2] if separator else ""
    user = rest.rpartition("@")[0].partition(":")[0] if separator else ""
    return f"{scheme}://{user}:***@{host}" if user or host != rest else address

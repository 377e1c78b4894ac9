"""`facegate outputs`: the ways a door can be opened, and whether one of them works."""

from __future__ import annotations

from typing import Annotated

import typer

from facegate.cli.output import JsonOption, console, plain, print_json, table
from facegate.cli.policy_options import complete_door

app = typer.Typer(help="See how doors can be opened, and try one.", no_args_is_help=True)


@app.command("list")
def outputs(as_json: JsonOption = False) -> None:
    """List the kinds of outputs; one that cannot be used here is shown with its reason."""
    from facegate.doors.plugins import load_plugins

    entries = load_plugins()
    if as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "origin": one.origin,
                    "summary": one.plugin.summary if one.plugin else "",
                    "form": one.plugin.form if one.plugin else "",
                    "after_kill": one.plugin.after_kill if one.plugin else "",
                    "failure": one.failure or one.missing or None,
                }
                for one in entries
            ]
        )
        return
    shown = table("output", "what it is", "written", "killed during a pulse")
    names: dict[str, list[str]] = {}
    for one in entries:
        names.setdefault(one.origin, []).append(one.name)
    for one in entries:
        if one.plugin is None:
            shown.add_row(plain(one.name), f"[red]failed: {plain(one.failure)}[/red]", "", "")
        elif one.name == names[one.origin][0]:  # mqtt and mqtts are one plugin
            what = plain(one.plugin.summary)
            if one.missing:
                what += f"\n[red]{plain(one.missing)}[/red]"
            name = plain(", ".join(names[one.origin]))
            shown.add_row(name, what, plain(one.plugin.form), plain(one.plugin.after_kill))
    console().print(shown)


@app.command("test")
def test(
    spec: Annotated[
        str, typer.Argument(help="The output, like gpio:17 or simulator:.", show_default=False)
    ],
    pulse_s: Annotated[
        float, typer.Option("--pulse", min=0.1, max=30, help="How long it stays open, seconds.")
    ] = 2.0,
    door: Annotated[
        str,
        typer.Option(
            "--door", help="Name that the other side is told.", autocompletion=complete_door
        ),
    ] = "test",
    as_json: JsonOption = False,
) -> None:
    """Open a door for a moment and say what happened: the lock really moves.

    It is locked first, and not opened when that fails. Exit code 13 when it did not work.
    """
    import time

    from facegate.bootstrap import start
    from facegate.domain.steady import steady_seconds
    from facegate.doors.controller import DoorController
    from facegate.doors.events import DoorEvent, DoorEventKind
    from facegate.doors.plugins import check_output
    from facegate.errors import DoorError

    written = str(check_output(spec))
    out = console()
    began = steady_seconds()
    events: list[tuple[float, DoorEvent]] = []

    def note(event: DoorEvent) -> None:
        passed_s = steady_seconds() - began
        events.append((passed_s, event))
        if not as_json:
            color = "red" if event.kind.is_alarm else "cyan"
            kind = event.kind.value.replace("_", " ")
            out.print(f"{passed_s:6.2f} s  [{color}]{kind}[/{color}]  {plain(event.detail)}")

    controller = DoorController(
        start().door_output(spec, door), pulse_s=pulse_s, held_open_s=3600, on_event=note
    )
    try:
        # What could not be locked would stay open behind the one who tries it.
        works = controller.poll() and "lock" not in controller.faults
        opened = works and controller.unlock("test")
        ends = steady_seconds() + pulse_s + 2
        while opened and steady_seconds() < ends:
            if any(event.kind is DoorEventKind.LOCKED and event.reference for _, event in events):
                break
            time.sleep(0.05)
    finally:
        controller.close()
    faults = [event.detail for _, event in events if event.kind is DoorEventKind.FAULT]
    if as_json:
        print_json(
            {
                "output": written,
                "door": door,
                "opened": opened,
                "faults": faults,
                "events": [
                    {"after_s": round(passed_s, 4), "kind": e.kind.value, "detail": e.detail}
                    for passed_s, e in events
                ],
            }
        )
    if not opened or faults:
        reason = faults[0] if faults else "it did not answer in time."
        raise DoorError(f"The door's output {written} failed: {reason}")
    if not as_json:
        out.print("It opened and locked again, as far as the output can tell. Did the lock move?")

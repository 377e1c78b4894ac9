"""`facegate policy`: who may pass which door, when; tried out before it matters."""

from __future__ import annotations

from typing import Annotated

import typer

from facegate.cli import policy_exchange, policy_replay, policy_times
from facegate.cli.output import (
    EXIT_NO,
    JsonOption,
    console,
    plain,
    print_json,
    table,
)
from facegate.cli.policy_options import (
    DoorName,
    GroupName,
    complete_door,
    complete_person,
    complete_schedule,
    editing,
)

app = typer.Typer(help="See, change and try out who may pass.", no_args_is_help=True)
app.add_typer(policy_times.schedules, name="schedule")
app.add_typer(policy_times.holidays, name="holiday")
app.command("replay")(policy_replay.replay_past)
app.command("export")(policy_exchange.export_policy)
app.command("import")(policy_exchange.import_policy)

ScheduleOption = Annotated[
    str,
    typer.Option("--schedule", help="Name of a schedule.", autocompletion=complete_schedule),
]


@app.command("allow")
def allow(group: GroupName, door: DoorName, schedule: ScheduleOption = "always") -> None:
    """Let a group pass a door while a schedule is open."""
    from facegate.domain.policy import Rule

    with editing() as editor:
        added = editor.allow(Rule(group, door, schedule))
    word = "may pass" if added else "already may pass"
    console().print(f"{plain(group)} {word} {plain(door)}, {plain(schedule)}.")


@app.command("deny")
def deny(group: GroupName, door: DoorName, schedule: ScheduleOption = "always") -> None:
    """Take such a rule away; other rules may still let people pass."""
    from facegate.domain.policy import Rule

    with editing() as editor:
        removed = editor.deny(Rule(group, door, schedule))
    if not removed:
        console().print("There was no such rule; see `facegate policy show`.")
        raise typer.Exit(EXIT_NO)
    console().print(f"{plain(group)} may not pass {plain(door)}, {plain(schedule)}, any more.")


@app.command("show")
def show(as_json: JsonOption = False) -> None:
    """Show all rules."""
    from facegate.bootstrap import start
    from facegate.cli.doors import without_passwords
    from facegate.services.policy_file import policy_dict

    with start().store.snapshot() as work:
        policy = work.policy.load()
    if as_json:
        print_json(without_passwords(policy_dict(policy)))
        return
    shown = table("group", "door", "schedule", "people", right=["people"])
    for rule in policy.rules:
        people = str(len(policy.members(rule.group)))
        shown.add_row(plain(rule.group), plain(rule.door), plain(rule.schedule), people)
    console().print(f"[bold]policy {policy.revision}[/bold]")
    console().print(shown if policy.rules else "No rule: nobody may pass any door.")


@app.command("test")
def test(
    person: Annotated[
        str,
        typer.Option("--person", help="Enrolled person.", autocompletion=complete_person),
    ],
    door: Annotated[str, typer.Option("--door", help="A door.", autocompletion=complete_door)],
    at: Annotated[
        str,
        typer.Option(
            "--at",
            help="Day and time at the door's clock, or with Z or an offset such as +01:00; "
            "else now.",
        ),
    ] = "",
    with_pin: Annotated[
        bool, typer.Option("--with-pin", help="Take the right PIN as typed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """May this person pass this door then? Nothing is changed. Exit code 11: no."""
    from facegate.bootstrap import start
    from facegate.domain.access import AccessRequest
    from facegate.domain.local_time import read_moment, zone_named

    gate = start()
    with gate.store.snapshot() as work:
        subject, place = work.subjects.by_name(person), work.doors.by_name(door)
        zone = zone_named(place.zone)
        when, note = read_moment(at, zone) if at else (gate.clock(), "")
        request = AccessRequest(place.name, subject.subject_id, when)
        found = gate.access_control().explain(work, request, assume_pin=with_pin)
    ruling = found.ruling
    local = when.astimezone(zone)
    if as_json:
        print_json(
            {
                "granted": ruling.granted,
                "reason": ruling.reason.value,
                "explanation": ruling.explanation,
                "rule": ruling.rule,
                "at": local.isoformat(),
                "time_note": note or None,
                "checks": [
                    {"name": one.name, "passed": one.passed, "text": one.text}
                    for one in found.checks
                ],
            }
        )
    else:
        shown = table("check", "", "seen")
        words = {True: "[green]yes[/green]", False: "[bold red]no[/bold red]", None: ""}
        for one in found.checks:
            shown.add_row(one.name, words[one.passed], plain(one.text))
        console().print(shown)
        answer = "[green]yes[/green]" if ruling.granted else "[bold red]denied[/bold red]"
        console().print(f"{answer}: {plain(ruling.explanation)}")
        offset = local.isoformat()[-len("+00:00") :]
        console().print(f"[dim]{local:%a %Y-%m-%d %H:%M} {plain(place.zone)} ({offset})[/dim]")
        if note:
            console().print(f"[yellow]{plain(note)}[/yellow]")
    if not ruling.granted:
        raise typer.Exit(EXIT_NO)


@app.command("check")
def check(as_json: JsonOption = False) -> None:
    """Find what can hardly be meant. Exit code 11: something was found."""
    from facegate.bootstrap import start
    from facegate.cli.door_addresses import address_findings
    from facegate.domain.policy_check import contradictions

    gate = start()
    with gate.store.snapshot() as work:
        policy = work.policy.load()
    found = [*contradictions(policy, gate.clock()), *address_findings(policy)]
    if as_json:
        print_json([{"kind": one.kind, "name": one.name, "text": one.text} for one in found])
    elif found:
        for one in found:
            console().print(f"[yellow]{plain(one.text)}[/yellow]")
    else:
        console().print("Nothing contradicts itself.")
    if found:
        raise typer.Exit(EXIT_NO)

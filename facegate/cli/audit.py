"""`facegate audit`: the receipts of all decisions at the doors."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli import audit_check, audit_show
from facegate.cli.door_clocks import DoorClocks
from facegate.cli.output import JsonOption, console, json_line, plain, print_json, table
from facegate.cli.policy_options import complete_door, complete_person

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.domain.receipts import Erasure, Receipt
    from facegate.ports.store import UnitOfWork

FOLLOW_EVERY_S = 1.0
"""How often `log --follow` looks for new receipts."""

app = typer.Typer(
    help="See, verify and replay the receipts of all decisions.", no_args_is_help=True
)
app.command("show")(audit_show.show)
app.command("verify")(audit_check.verify)
app.command("replay")(audit_check.replay)
app.command("export")(audit_check.export)


@app.command("log")
def log(
    door: Annotated[
        str, typer.Option("--door", help="Only this door.", autocompletion=complete_door)
    ] = "",
    person: Annotated[
        str,
        typer.Option(
            "--person",
            help="Only this person, by today's name or an older one.",
            autocompletion=complete_person,
        ),
    ] = "",
    reason: Annotated[
        str, typer.Option("--reason", help="Only this reason: granted, unknown_face, …")
    ] = "",
    since: Annotated[
        str, typer.Option("--since", help="Only since 7d, 12h, 30m ago, or a date.")
    ] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, newest.")] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new ones until interrupted.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List decisions, oldest first. With --follow, --json prints a line for each."""
    from facegate.bootstrap import start

    gate = start()
    with gate.store.snapshot() as work:
        _must_be_known(work, door, person)
        clocks = DoorClocks(work.doors.list())
    found = _find(gate, door, person, reason, since, limit=limit)
    if not follow:
        _print(found, clocks, as_json=as_json)
        return
    last = _print_lines(found, clocks, as_json=as_json)
    if not found:
        with gate.store.snapshot() as work:
            last, _ = work.receipts.head()
    while True:
        time.sleep(FOLLOW_EVERY_S)
        new = _find(gate, door, person, reason, since, after=last)
        last = max(last, _print_lines(new, clocks, as_json=as_json))


@app.command("anchor")
def anchor(
    renew: Annotated[
        bool,
        typer.Option(
            "--renew",
            help="Begin a lost or damaged anchor file anew. `audit verify` tells of it for ever.",
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the newest hash to the anchor file now."""
    from facegate.bootstrap import start

    gate = start()
    if renew:
        _renew(gate, yes=yes, as_json=as_json)
        return
    made = gate.audit_trail().anchor()
    file = gate.settings.anchors
    if as_json:
        found = None if made is None else {"number": made.number, "sequence": made.sequence}
        print_json({"anchor_file": str(file), "anchor": found})
    elif made is None:
        console().print("There are no receipts yet.")
    else:
        console().print(f"Receipt {made.sequence} is anchored in {plain(file)}.")


def _renew(gate: FaceGate, *, yes: bool, as_json: bool) -> None:
    if not yes:
        typer.confirm(
            "Nothing outside the database will vouch for the receipts so far. Begin anew?",
            abort=True,
        )
    entry, kept = gate.audit_trail().renew_anchors()
    file = gate.settings.anchors
    if as_json:
        print_json(
            {
                "anchor_file": str(file),
                "sequence": entry.sequence,
                "lost_anchors": entry.lost_anchors,
                "old_file": None if kept is None else str(kept),
            }
        )
        return
    console().print(f"{plain(file)} begins anew; receipt {entry.sequence} says so.")
    if kept is not None:
        console().print(f"What was there is now {plain(kept)}.")


@app.command("drop-pictures")
def drop_pictures(
    before: Annotated[
        str, typer.Option("--before", help="Only older ones: 7d, or a date. Else all.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete kept pictures of decisions; the receipts stay, and the chain stays valid."""
    from facegate.bootstrap import start
    from facegate.domain.moments import parse_moment

    gate = start()
    limit = parse_moment(before, gate.clock().astimezone()) if before else None
    if not yes:
        typer.confirm("Delete the pictures for good?", abort=True)
    _tell_erasure(gate.audit_trail().drop_pictures(limit), as_json=as_json)


@app.command("erase")
def erase(
    person: Annotated[
        str, typer.Argument(help="Name, also of somebody removed.", show_default=False)
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase a person from all receipts: name, number, words about them, pictures.

    Time, door, reason and scores stay, and the chain stays valid. Everybody who ever had the name
    is erased. The enrollment is not touched: see `facegate people remove`.
    """
    from facegate.bootstrap import start

    gate = start()
    if not yes:
        typer.confirm(f"Erase {person} from all receipts for good?", abort=True)
    _tell_erasure(gate.audit_trail().erase_person(person), as_json=as_json)


def _must_be_known(work: UnitOfWork, door: str, person: str) -> None:
    """Refuse names that neither the present nor any receipt knows: they are mistyped."""
    if door and work.receipts.last_at(door) is None:
        work.doors.by_name(door)
    if person and not work.receipts.of_subject(person):
        work.subjects.by_name(person)


def _find(
    gate: FaceGate,
    door: str,
    person: str,
    reason: str,
    since: str,
    *,
    after: int = 0,
    limit: int | None = None,
) -> list[Receipt]:
    """Receipts that meet the conditions, oldest first."""
    from facegate.domain.moments import parse_moment
    from facegate.domain.reasons import Reason
    from facegate.errors import InputError

    try:
        cause = Reason(reason) if reason else None
    except ValueError as error:
        known = ", ".join(one.value for one in Reason)
        raise InputError(f"{reason!r} is no reason.", hint=f"There are {known}.") from error
    begin = parse_moment(since, gate.clock().astimezone()) if since else None
    with gate.store.snapshot() as work:
        subject = work.subjects.find(person) if person else None
        wanted: list[int | str | None] = [person] if person else [None]
        if subject is not None:
            wanted.append(subject.subject_id)
        found = {
            one.sequence: one
            for who in wanted
            for one in work.receipts.filter(
                door=door or None, reason=cause, subject=who, since=begin, after=after, limit=limit
            )
        }
    ordered = [found[number] for number in sorted(found)]
    return ordered if limit is None else ordered[-limit:]


def _print(found: list[Receipt], clocks: DoorClocks, *, as_json: bool) -> None:
    if as_json:
        print_json([audit_show.receipt_dict(one) for one in found])
        return
    if not found:
        console().print("There are no such receipts.")
        return
    doors = [one.draft.door for one in found]
    heading, mixed = clocks.heading(doors), clocks.common(doors) is None
    shown = table("number", heading, "door", "who", "result", "reason", right=["number"])
    for one in found:
        shown.add_row(*_cells(one, clocks, offset=mixed))
    console().print(shown)


def _print_lines(found: list[Receipt], clocks: DoorClocks, *, as_json: bool) -> int:
    """Print a line for each; gives the last sequence, 0 without any."""
    for one in found:
        if as_json:
            sys.stdout.write(json_line(audit_show.receipt_dict(one)))
        else:
            console().print("  ".join(_cells(one, clocks, offset=True)))
    sys.stdout.flush()
    return found[-1].sequence if found else 0


def _cells(one: Receipt, clocks: DoorClocks, *, offset: bool) -> list[str]:
    draft = one.draft
    at = clocks.shown(draft.at, draft.door, offset=offset)
    granted = draft.reason.value == "granted"
    result = "[green]granted[/green]" if granted else "[yellow]denied[/yellow]"
    who = plain(audit_show.who(one))
    reason = plain(draft.explanation or draft.reason.sentence)
    return [str(one.sequence), at, plain(draft.door), who, result, reason]


def _tell_erasure(entry: Erasure | None, *, as_json: bool) -> None:
    counts: dict[str, Any] = {} if entry is None else audit_show.erasure_counts(entry)
    if as_json:
        print_json({"sequence": None if entry is None else entry.sequence, "erased": counts})
    elif entry is None or not counts:
        console().print("There was nothing to delete.")
    else:
        told = ", ".join(f"{part} of {count}" for part, count in counts.items())
        console().print(f"Erased from receipts: {told}. Receipt {entry.sequence} says so.")

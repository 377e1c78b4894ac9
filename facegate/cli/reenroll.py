"""`facegate people reenroll` and `people drop-crops`: what kept pictures are for, and their end."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from facegate.cli.output import (
    EXIT_PARTLY,
    JsonOption,
    console,
    json_line,
    plain,
    print_json,
    progress,
    remark,
    table,
)

if TYPE_CHECKING:
    from facegate.services.reenroll import ReenrollmentRow


def reenroll(
    model: Annotated[
        str,
        typer.Option(
            "--model",
            metavar="NAME",
            help="The network to make templates for.",
            show_default=False,
        ),
    ],
    drop_old: Annotated[
        bool,
        typer.Option(
            "--drop-old",
            help="Delete the templates of networks that are no longer in use, each once it has a "
            "successor. Refused while the door uses another network.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be made, change nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make templates for another network from kept pictures, without seeing people again.

    Pictures are kept only while the setting keep_crops is on. Each person is stored at once or not
    at all; interrupt it and run it again, it goes on where it stopped. Old and new templates live
    side by side until --drop-old. Exit code 10: some people had no kept pictures.
    """
    from facegate.bootstrap import start
    from facegate.errors import ConfigError
    from facegate.services.reenroll import ReenrollmentStatus

    door, gate = start(), start(model)
    drop: set[str] = set()
    if drop_old:
        if door.embedder_card.model_id != gate.embedder_card.model_id:
            raise ConfigError(
                f"The door uses {door.embedder_card.model_id}; its templates stay.",
                hint=f"First `facegate models use {gate.embedder_card.name}`, then drop the old.",
            )
        with gate.store.snapshot() as work:
            stored = set(work.templates.counts_by_model())
        drop = stored - {gate.embedder_card.model_id, door.batch_card.model_id}
    reenroller = gate.reenroller()
    people = reenroller.people()
    rows = reenroller.reenroll(people, drop_models=drop, dry_run=dry_run)
    done: list[ReenrollmentRow] = []
    for row in progress(rows, len(people), "Enrolling again"):
        done.append(row)
        if as_json:
            sys.stdout.write(json_line(row.as_dict()))
    if drop and not dry_run:
        gate.forget_indexes()
    if not as_json:
        _print(done, gate.embedder_card.model_id, dry_run=dry_run)
        if not gate.baseline().is_set:
            remark(f"{gate.embedder_card.name} has no threshold yet: run `facegate tune` for it.")
    lacking = {ReenrollmentStatus.PARTLY, ReenrollmentStatus.NO_CROPS}
    if any(row.status in lacking for row in done):
        raise typer.Exit(EXIT_PARTLY)


def _print(rows: list[ReenrollmentRow], model_id: str, *, dry_run: bool) -> None:
    shown = table("person", "result", "templates", "reason", right=["templates"])
    for row in rows:
        if row.message:
            shown.add_row(
                plain(row.name),
                f"[yellow]{row.status.value.replace('_', ' ')}[/yellow]",
                f"{row.made + row.had} of {row.made + row.had + row.missing}",
                plain(row.message),
            )
    if shown.row_count:
        console().print(shown)
        remark("Enroll these people's pictures again: `facegate enroll … --model NAME`.")
    counts = Counter(row.status.value.replace("_", " ") for row in rows)
    counts["to do" if dry_run else "done"] = counts.pop("done", 0)
    summary = (
        ", ".join(f"{count} {status}" for status, count in counts.items() if count) or "nobody"
    )
    verb = "would be made" if dry_run else "made"
    made, dropped = sum(row.made for row in rows), sum(row.dropped for row in rows)
    deleted = f", {dropped} of other networks deleted" if dropped else ""
    console().print(f"{made} templates {verb} for {plain(model_id)}{deleted}; people: {summary}.")


def drop_crops(
    name: Annotated[
        str, typer.Argument(help="Name of a person; empty: everybody.", show_default=False)
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete kept pictures for good; templates stay, and people still match."""
    from facegate.bootstrap import start

    gate = start()
    with gate.store.snapshot() as work:
        subjects = [work.subjects.by_name(name)] if name else work.subjects.list()
        counts = work.kept_crops.counts()
    numbers = [one.subject_id for one in subjects if counts.get(one.subject_id)]
    total = sum(counts[number] for number in numbers)
    if total and not yes:
        typer.confirm(f"Delete {total} kept picture(s) for good?", abort=True)
    removed = 0
    with gate.store.transaction() as work:
        for number in numbers:
            removed += work.kept_crops.remove(number)
        if removed:
            work.events.add(gate.clock(), "drop crops", name, f"{removed} kept pictures")
            work.commit()
    if as_json:
        print_json({"removed": removed})
    else:
        console().print(f"{removed} kept picture(s) deleted.")

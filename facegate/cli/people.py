"""`facegate people`: the enrolled people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli import people_access, reenroll
from facegate.cli.output import JsonOption, console, plain, print_json, table
from facegate.cli.policy_options import PersonName
from facegate.cli.threshold import print_risk

if TYPE_CHECKING:
    from facegate.domain.people import Subject

app = typer.Typer(help="See and change who is enrolled.", no_args_is_help=True)
app.command("reenroll")(reenroll.reenroll)
app.command("drop-crops")(reenroll.drop_crops)
app.command("pin")(people_access.pin)
app.command("validity")(people_access.validity)
app.command("always-pin")(people_access.always_pin)
app.command("reset")(people_access.reset)

Name = PersonName


@app.command("list")
def list_people(as_json: JsonOption = False) -> None:
    """Show everybody who is enrolled."""
    from facegate.bootstrap import start

    gate = start()
    with gate.store.snapshot() as work:
        subjects = work.subjects.list()
    if as_json:
        print_json([_subject_dict(subject) for subject in subjects])
        return
    if not subjects:
        console().print("Nobody is enrolled yet. Begin with `facegate enroll`.")
        return
    shown = table("name", "templates", "state", "since", right=["templates"])
    for subject in subjects:
        state = "enabled" if subject.enabled else "[yellow]disabled[/yellow]"
        since = subject.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        shown.add_row(plain(subject.name), str(subject.template_count), state, since)
    console().print(shown)
    print_risk(gate)


@app.command("show")
def show(name: Name, as_json: JsonOption = False) -> None:
    """Show one person with all templates."""
    from facegate.bootstrap import start

    gate = start()
    with gate.store.snapshot() as work:
        subject = work.subjects.by_name(name)
        held = people_access.read_holds(work, subject.subject_id, gate.clock())
        templates = work.templates.of_subject(subject.subject_id)
        kept = work.kept_crops.sources(subject.subject_id)
        policy = work.policy.load()
    if as_json:
        rows = [
            {
                "template_id": one.template_id,
                "source": one.source,
                "source_sha256": one.source_sha256,
                "quality": round(one.quality, 4),
                "model": one.model_id,
                "created_at": one.created_at.isoformat(),
                "picture_kept": one.source_sha256 in kept,
            }
            for one in templates
        ]
        access = people_access.access_dict(policy, subject.name) | held.as_dict()
        print_json({**_subject_dict(subject), "access": access, "templates": rows})
        return
    state = "enabled" if subject.enabled else "[yellow]disabled[/yellow]"
    console().print(f"[bold]{plain(subject.name)}[/bold], {state}")
    people_access.print_access(policy, subject.name)
    people_access.print_holds(held, subject.name)
    shown = table("source", "quality", "model", "date", "picture", right=["quality"])
    for one in templates:
        date = one.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        picture = "kept" if one.source_sha256 in kept else ""
        shown.add_row(plain(one.source), f"{one.quality:.2f}", plain(one.model_id), date, picture)
    console().print(shown)


@app.command("rename")
def rename(
    name: Name,
    new_name: Annotated[str, typer.Argument(help="The name from now on.", show_default=False)],
) -> None:
    """Change a person's name."""
    from facegate.bootstrap import start
    from facegate.domain.people import clean_name

    gate, new_name = start(), clean_name(new_name)
    with gate.store.transaction() as work:
        subject = work.subjects.by_name(name)
        work.subjects.rename(subject.subject_id, new_name)
        work.events.add(gate.clock(), "rename", new_name, f"was {name}")
        work.commit()
    console().print(f"{plain(name)} is now {plain(new_name)}.")


@app.command("disable")
def disable(name: Name) -> None:
    """Let a person no longer match; the templates are kept."""
    _set_enabled(name, enabled=False)


@app.command("enable")
def enable(name: Name) -> None:
    """Let a disabled person match again."""
    _set_enabled(name, enabled=True)


@app.command("remove")
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a person with all templates and kept pictures."""
    from facegate.bootstrap import start

    gate = start()
    with gate.store.snapshot() as work:
        subject = work.subjects.by_name(name)
    if not yes:
        count = subject.template_count
        typer.confirm(f"Delete {subject.name} and {count} template(s) for good?", abort=True)
    with gate.store.transaction() as work:
        subject = work.subjects.by_name(name)
        work.subjects.remove(subject.subject_id)
        work.events.add(gate.clock(), "remove", subject.name, "")
        work.commit()
    gate.forget_indexes()
    console().print(f"{plain(name)} is deleted.")
    print_risk(gate)


def _set_enabled(name: str, *, enabled: bool) -> None:
    from facegate.bootstrap import start

    gate = start()
    word = "enabled" if enabled else "disabled"
    with gate.store.transaction() as work:
        subject = work.subjects.by_name(name)
        if subject.enabled != enabled:
            work.subjects.set_enabled(subject.subject_id, enabled)
            work.events.add(gate.clock(), word.removesuffix("d"), subject.name, "")
            work.commit()
    console().print(f"{plain(subject.name)} is {word}.")
    print_risk(gate)


def _subject_dict(subject: Subject) -> dict[str, Any]:
    return {
        "name": subject.name,
        "enabled": subject.enabled,
        "template_count": subject.template_count,
        "created_at": subject.created_at.isoformat(),
    }

"""`facegate policy export|import`: the whole policy as a file, and back."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facegate.cli.output import console, plain, refuse_overwriting, remark, write_atomically
from facegate.cli.policy_options import Force, editing

if TYPE_CHECKING:
    from facegate.domain.policy import Policy

_KINDS = ("doors", "groups", "schedules", "holidays", "rules")


def export_policy(
    file: Annotated[
        Path | None, typer.Argument(help="File; else standard output.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The same as FILE.", show_default=False)
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there.")
    ] = False,
) -> None:
    """Write the whole policy as TOML, without PINs. Camera addresses may hold passwords."""
    from facegate.bootstrap import start
    from facegate.services.policy_file import policy_text

    if file is not None and output is not None:
        raise typer.BadParameter("Give FILE or --output, not both.")
    target = file or output
    if target is not None:
        refuse_overwriting(target, force=force)
    with start().store.snapshot() as work:
        text = policy_text(work.policy.load())
    if target is None:
        sys.stdout.write(text)
    else:
        write_atomically(target, text.encode("utf-8"))


def import_policy(
    file: Annotated[Path, typer.Argument(help="TOML, as `policy export` writes it.")],
    yes: Force = False,
    empty: Annotated[
        bool,
        typer.Option("--empty", help="Mean it: no door, no rule or nobody's limits are left."),
    ] = False,
) -> None:
    """Put a file in the place of the whole policy; checked before anything is saved.

    A file without doors, rules or limits of people (validity, always a PIN) is refused while there
    are some: it was probably cut off.
    """
    from facegate.bootstrap import start
    from facegate.cli.door_addresses import changed_doors, check_addresses
    from facegate.cli.policy_options import read_policy_file
    from facegate.errors import PolicyError

    with start().store.snapshot() as work:
        before = work.policy.load()
    after = read_policy_file(file, before)
    if not empty:
        _refuse_loss(file, before, after)
    remarks = [check_addresses(door, which) for door, which in changed_doors(before, after)]
    gone = [door.name for door in before.doors if after.door(door.name) is None]
    if not yes:
        out = console()
        out.print(f"There is: {_contents(before)}.")
        out.print(f"There will be: {_contents(after)}.")
        if gone:
            out.print(f"[yellow]These doors will be gone: {plain(', '.join(gone))}.[/yellow]")
        typer.confirm("Put the file in the place of all that?", abort=True)
    with editing() as editor:
        now = editor.policy()
        if now.revision != before.revision or now.people != before.people:
            raise PolicyError("Somebody changed the policy meanwhile.", hint="Import it again.")
        editor.replace_all(after)
    console().print(f"In force: {_contents(after)}.")
    if gone:
        console().print(f"[yellow]Gone: {plain(', '.join(gone))}.[/yellow]")
    for text in filter(None, remarks):
        remark(text)


def _refuse_loss(file: Path, before: Policy, after: Policy) -> None:
    from facegate.errors import PolicyError
    from facegate.evaluation.words import counted

    for kind in ("doors", "rules"):
        there = len(getattr(before, kind))
        if there and not getattr(after, kind):
            raise PolicyError(
                f"{file} has no {kind}, and the policy has {counted(there, kind[:-1], kind)}: is "
                "the file cut off? Nothing was changed.",
                hint="--empty imports it all the same.",
            )
    # They stand at the end of a file; without them visitors would never expire.
    if _limited(before) and not _limited(after):
        people = counted(_limited(before), "person", "people")
        raise PolicyError(
            f"{file} would lift the limits of {people}: is the file cut off? Nothing was changed.",
            hint="--empty imports it all the same.",
        )


def _limited(policy: Policy) -> int:
    """How many people have limits."""
    from facegate.domain.policy import Terms

    return sum(replace(one.terms, has_pin=False) != Terms() for one in policy.people)


def _contents(policy: Policy) -> str:
    from facegate.evaluation.words import counted

    counts = [counted(len(getattr(policy, kind)), kind[:-1], kind) for kind in _KINDS]
    limited = counted(_limited(policy), "person", "people")
    return ", ".join([*counts, f"{limited} with limits"])

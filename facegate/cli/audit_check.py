"""`facegate audit verify`, `replay` and `export`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from facegate.cli.audit_show import Sequence
from facegate.cli.output import (
    EXIT_NO,
    JsonOption,
    console,
    plain,
    print_json,
    refuse_overwriting,
    remark,
    table,
)

if TYPE_CHECKING:
    from facegate.services.audit_report import VerifyReport


def verify(
    file: Annotated[
        Path | None, typer.Option("--file", help="Verify an export instead of the database.")
    ] = None,
    anchors: Annotated[
        Path | None,
        typer.Option("--anchors", help="A copy of the anchor file; else the one in use."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find whatever was changed, taken out, put in or cut off. Exit code 15 when anything was."""
    from facegate.bootstrap import start
    from facegate.errors import InputError, ReceiptError
    from facegate.services.audit_report import verify_store
    from facegate.services.export_receipts import verify_export

    if anchors is not None and not anchors.is_file():
        raise InputError(f"There is no anchor file {anchors}.")
    if file is not None:
        with _counter("verified") as tick:
            report = verify_export(file, anchors, tick)
    else:
        gate = start()
        used = anchors or gate.settings.anchors
        with _counter("verified") as tick:
            report = verify_store(gate.store, used, is_copy=anchors is not None, on_entry=tick)
    if as_json:
        print_json(report.as_dict())
    else:
        _print_report(report)
    if not report.intact:
        sys.exit(ReceiptError.exit_code)


def replay(sequence: Sequence, as_json: JsonOption = False) -> None:
    """Decide again from the kept pictures; exit code 11 when anything differs by a bit.

    Exit code 15 when it cannot be replayed: no pictures, other networks, a person removed.
    """
    from facegate.bootstrap import start
    from facegate.domain.receipts import Receipt
    from facegate.errors import ModelError, ReceiptError
    from facegate.services.replay import replay as again

    gate = start()
    with gate.store.snapshot() as work:
        entry = work.receipts.get(sequence)
        pictures = work.receipts.pictures(sequence)
    if not isinstance(entry, Receipt):
        raise ReceiptError(f"Receipt {sequence} is an erasure; there is nothing to replay.")
    used = entry.draft.models.get("embedder", "")
    if used and used != gate.embedder_card.model_id:
        try:
            gate = gate.with_model(used)
            _ = gate.embedder_card
        except ModelError as error:
            raise ReceiptError(
                f"Receipt {sequence} cannot be replayed: its network {used} is not here."
            ) from error
    found = again(entry, pictures, gate.replay_chain())
    if as_json:
        print_json(found.as_dict())
    else:
        shown = table("what", "recorded", "replayed", "")
        for one in found.findings:
            word = "[green]same[/green]" if one.same else "[red]different[/red]"
            shown.add_row(plain(one.what), plain(one.recorded), plain(one.replayed), word)
        console().print(shown)
        for note in found.notes:
            console().print(plain(note))
        console().print("The same, bit by bit." if found.same else "[red]Not the same.[/red]")
    if not found.same:
        sys.exit(EXIT_NO)


def export(
    file: Annotated[Path, typer.Argument(help="FILE.jsonl, which can be verified, or FILE.csv.")],
    after: Annotated[int, typer.Option("--after", min=0, help="Begin behind this number.")] = 0,
    people: Annotated[
        bool,
        typer.Option("--people/--no-people", help="Leave out names, rules and explanations."),
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a file that is there.")
    ] = False,
) -> None:
    """Write the receipts to a file, without pictures."""
    from facegate.bootstrap import start
    from facegate.errors import InputError
    from facegate.services.export_receipts import export_csv, export_jsonl

    kind = file.suffix.lower()
    if kind not in {".jsonl", ".csv"}:
        raise InputError(f"{file} must end in .jsonl or .csv.")
    refuse_overwriting(file, force=force)
    gate = start()
    with _written_whole(file) as out, _counter("exported") as tick:
        if kind == ".csv":
            count = export_csv(gate.store, out, after=after, people=people, on_entry=tick)
        else:
            count = export_jsonl(
                gate.store, out, gate.clock, after=after, people=people, on_entry=tick
            )
    console(stderr=True).print(f"{count} receipts are in {plain(file)}.")


@contextmanager
def _written_whole(file: Path) -> Iterator[TextIO]:
    """A file that is there whole or not at all; it names people, so it is this user's alone."""
    from facegate.errors import InputError

    try:
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
                yield out
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"{file} cannot be written ({error.strerror}).") from error


def _print_report(report: VerifyReport) -> None:
    out = console()
    for fault in report.faults:
        out.print(f"[red]{plain(fault.sentence)}[/red]")
    if report.fault_count > len(report.faults):
        out.print(f"[red]And {report.fault_count - len(report.faults)} more.[/red]")
    counted = f"{report.entries:,} receipts, {report.anchors:,} anchors"
    if report.intact:
        out.print(f"[green]The chain is intact[/green]: {counted}.")
        if report.last > report.anchored:
            held = f"up to receipt {report.anchored}" if report.anchored else "none"
            out.print(f"[dim]Anchors hold {held}; a cut behind that would not be seen.[/dim]")
    else:
        out.print(f"[bold red]The chain is broken[/bold red]: {counted}.")
    for text in report.remarks:
        remark(text)


@contextmanager
def _counter(word: str) -> Iterator[Callable[[int], None]]:
    """Counts on a terminal; silent elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with console(stderr=True).status("") as status:

        def tick(sequence: int) -> None:
            if sequence % 500 == 0:
                status.update(f"{word} {sequence:,}")

        yield tick

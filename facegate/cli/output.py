"""What all commands share for talking to people and to machines.

Results go to standard output, everything else (progress, remarks, errors) to standard error, so
that `--json` can always be piped.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

EXIT_PARTLY = 10
"""The command ran to its end, but refused or failed some of its inputs."""

EXIT_NO = 11
"""The answer is no: `verify` saw two people, `models verify` or `doctor` found a fault."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Embedding network, see `facegate models list`; else the one in use.",
    ),
]

Item = TypeVar("Item")


def console(*, stderr: bool = False) -> Console:
    """A rich console; plain text when the output is not a terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=not sys.stdout.isatty())


def table(*columns: str, title: str = "", right: Iterable[str] = ()) -> Table:
    """An empty table in the one style of all commands.

    Args:
        columns: headings.
        title: shown above; may be empty.
        right: headings of the columns of numbers.
    """
    from rich import box
    from rich.table import Table

    made = Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        header_style="bold cyan",
        pad_edge=False,
    )
    numeric = set(right)
    for column in columns:
        made.add_column(column, justify="right" if column in numeric else "left", overflow="fold")
    return made


def plain(text: object) -> str:
    """Text as it is: names and paths may hold brackets that rich would read as markup."""
    from rich.markup import escape

    cleaned = "".join(c if c.isprintable() else "\ufffd" for c in str(text))  # no escape sequences
    return escape(cleaned)


def percent(share: float) -> str:
    """A share for people: two decimals, and for small ones as many as show two digits.

    NaN, the rate of no trials at all, is `unknown`.
    """
    if math.isnan(share):
        return "unknown"
    decimals = 2 if share == 0 else max(2, 1 - math.floor(math.log10(abs(share) * 100)))
    return f"{share:.{decimals}%}"


def print_json(value: Any) -> None:
    """Print indented JSON; NaN, which JSON lacks, becomes null, and dates ISO 8601 text."""
    text = json.dumps(without_nan(value), indent=2, ensure_ascii=False, default=_iso_text)
    sys.stdout.write(text + "\n")


def _iso_text(value: object) -> str:
    if isinstance(value, date):  # also datetime
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in JSON.")


def json_line(value: Any) -> str:
    """One row of JSON Lines. Undecodable bytes of a path are escaped, so the line stays UTF-8."""
    line = json.dumps(without_nan(value), ensure_ascii=False)
    return line.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


def without_nan(value: Any) -> Any:
    """Replace NaN and infinities by None, through lists and dicts."""
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {key: without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(one) for one in value]
    return value


def csv_line(values: Iterable[Any]) -> str:
    """One line of CSV."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(["" if v is None else v for v in values])
    return buffer.getvalue()


def remark(text: str) -> None:
    """Tell the person something beside the result."""
    console(stderr=True).print(f"[yellow]{plain(text)}[/yellow]")


def fail(message: str, hint: str, exit_code: int) -> int:
    """Print an error to standard error; gives back the exit code."""
    out = console(stderr=True)
    out.print(f"[bold red]Error:[/bold red] {plain(message)}")
    if hint:
        out.print(f"[dim]{plain(hint)}[/dim]")
    return exit_code


def progress(items: Iterable[Item], total: int | None, title: str) -> Iterator[Item]:
    """Show a progress bar with the time left while items are worked through.

    Nothing is shown when standard error is not a terminal.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(title, total=total)
        for item in items:
            yield item
            bar.advance(task)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is either the old or the new one, never a part.

    Raises:
        InputError: it cannot be written.
    """
    from facegate.errors import InputError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            # mkstemp makes private files; results are as public as any file the person makes.
            umask = os.umask(0)
            os.umask(umask)
            Path(temporary).chmod(0o666 & ~umask)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}).") from error


def refuse_overwriting(path: Path, *, force: bool) -> None:
    """Keep a file that is there. Raises InputError."""
    from facegate.errors import InputError

    if not force and path.exists():
        raise InputError(
            f"{path} is there already; nothing was written.", hint="--force writes over it."
        )


@contextmanager
def result_stream(output: Path | None) -> Iterator[Any]:
    """Standard output, or a file that appears only when all of it was written."""
    if output is None:
        yield sys.stdout
        return
    buffer = io.StringIO()
    yield buffer
    write_atomically(output, buffer.getvalue().encode("utf-8"))

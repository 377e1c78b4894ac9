"""`facegate report`: a measurement as one HTML file for people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facegate.cli.evaluate_tables import CacheOption, OnePersonOption
from facegate.cli.output import (
    JsonOption,
    ModelOption,
    console,
    plain,
    print_json,
    remark,
    write_atomically,
)


def report(
    root: Annotated[
        Path, typer.Option("--root", help="Folder of the pictures.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="HTML file to write.", show_default=False)
    ],
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--pairs", help="List of pairs (LFW's form or CSV); else made from a folder per person."
        ),
    ] = None,
    non_mated: Annotated[
        Path | None,
        typer.Option(
            "--non-mated",
            help="List of pictures of people seen once, a path a line: all pairs of them show "
            "small false match rates.",
        ),
    ] = None,
    non_mated_root: Annotated[
        Path | None,
        typer.Option("--non-mated-root", help="Folder that this list's paths start from."),
    ] = None,
    one_person: OnePersonOption = None,
    json_results: Annotated[
        list[Path] | None,
        typer.Option(
            "--json-results",
            help="What `facegate eval … --json` printed, to show as well (may be repeated).",
        ),
    ] = None,
    plots: Annotated[
        list[Path] | None,
        typer.Option("--add-plot", help="PNG or SVG to show as well (may be repeated)."),
    ] = None,
    title: Annotated[str, typer.Option("--title", help="Of the report.")] = "",
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures/--no-pictures",
            help="Show the faces of the worst pairs, or leave out all faces and names of pictures.",
        ),
    ] = True,
    examples: Annotated[
        int, typer.Option("--examples", min=0, max=60, help="Pairs shown of each kind.")
    ] = 6,
    model: ModelOption = "",
    cache: CacheOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure one-to-one error rates and write them as one HTML file, with curves and examples."""
    from facegate import __version__
    from facegate.bootstrap import start
    from facegate.cli.report_parts import added_section, gather, plots_section
    from facegate.errors import InputError
    from facegate.report.html import render
    from facegate.report.page import verification_page
    from facegate.services.thresholds import must_be_set

    if (non_mated is None) != (non_mated_root is None):
        raise InputError("--non-mated and --non-mated-root belong together.")
    if one_person is not None and non_mated is None:
        raise InputError("--one-person needs --non-mated.")
    if output.is_dir():
        raise InputError(f"{output} is a folder; --output names the file to write.")
    added = tuple((file.name, added_section(file)) for file in json_results or ())
    if plots:
        added += ((", ".join(file.name for file in plots), plots_section(plots)),)
    gate = start(model)
    must_be_set(gate.baseline())
    evidence = gather(
        gate,
        root,
        pairs,
        None
        if non_mated is None or non_mated_root is None
        else (non_mated, non_mated_root, one_person),
        added,
        cache,
        examples=examples,
        pictures=pictures,
    )
    page = verification_page(evidence, title, gate.clock(), f"FaceGate {__version__}")
    data = render(page).encode("utf-8")
    write_atomically(output, data)
    faces, once = len(evidence.crops or ()), evidence.seen_once
    if as_json:
        print_json(
            {
                "report": str(output),
                "bytes": len(data),
                "faces_shown": faces,
                "verification": evidence.measured.result.as_dict(),
                "non_mated_list": None if once is None else once.report.as_dict(),
            }
        )
        return
    for statement in page.statements:
        console().print(plain(statement.sentence.replace("\u00a0", " ")))
    console().print(f"[bold]{plain(output)}[/bold] is written, {len(data) / 1e6:.1f} MB.")
    if faces:
        remark(f"It shows {faces} faces of people; --no-pictures leaves them out.")

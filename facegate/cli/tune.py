"""`facegate tune`: choose τ from labeled pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from facegate.cli.output import (
    JsonOption,
    ModelOption,
    console,
    percent,
    plain,
    print_json,
    progress,
    remark,
    write_atomically,
)


def tune(
    root: Annotated[
        Path,
        typer.Argument(
            help="Folder with a folder per person; or the pictures' root, with --pairs.",
            show_default=False,
        ),
    ],
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="List of labeled pairs (LFW's form or CSV).")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Measure and show τ, but leave the one in force.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write the ROC and the score histograms as PNG.")
    ] = None,
    model: ModelOption = "",
    as_json: JsonOption = False,
) -> None:
    """Find the threshold with the best F1 and put it in force for the network in use."""
    from facegate.bootstrap import start
    from facegate.evaluation.pairs import people_in, read_pairs
    from facegate.evaluation.plots import roc_png
    from facegate.services.measure import (
        encode_pictures,
        pictures_of,
        tune_on_pairs,
        tune_on_people,
    )

    gate = start(model)
    model_id = gate.embedder_card.model_id
    if pairs is None:
        people = people_in(root)
        files = [path for paths in people.values() for path in paths]
        encoded = encode_pictures(gate.reader, progress(files, len(files), "Encoding"))
        words = f"{root.name}: {len(people)} people, {len(encoded.embeddings)} pictures, all pairs"
        found, mated, non_mated = tune_on_people(encoded, people, model_id, words, gate.clock)
    else:
        listed = read_pairs(pairs, root)
        files = pictures_of(listed)
        encoded = encode_pictures(gate.reader, progress(files, len(files), "Encoding"))
        words = f"{pairs.name}: {len(listed)} pairs"
        found, mated, non_mated = tune_on_pairs(encoded, listed, model_id, words, gate.clock)
    if not dry_run:
        with gate.store.transaction() as work:
            work.thresholds.add(found)
            work.events.add(gate.clock(), "tune", "", f"tau {found.tau:.4f} for {model_id}")
            work.commit()
    if plot is not None:
        write_atomically(plot, roc_png(mated, non_mated, found.tau, words))
    if as_json:
        print_json(
            {**_as_dict(found), "failed_to_acquire": len(encoded.failed), "stored": not dry_run}
        )
        return
    out = console()
    out.print(f"[bold]τ = {found.tau:.4f}[/bold] for {model_id}, F1 {found.f1:.4f}")
    for title, one in (("FMR ", found.fmr), ("FNMR", found.fnmr)):
        out.print(
            f"{title} {percent(one.value)}: {one.errors} of {one.trials} pairs, "
            f"95 % interval {percent(one.low)} to {percent(one.high)}"
        )
    out.print(f"[dim]{plain(found.data)}[/dim]")
    if encoded.failed:
        remark(f"{len(encoded.failed)} pictures had no face or could not be read.")
    out.print("Nothing was changed." if dry_run else "It is in force from now on.")


def _as_dict(found: Any) -> dict[str, Any]:
    from facegate.evaluation.verification import rate_dict

    return {
        "tau": found.tau,
        "margin": found.margin,
        "model": found.model_id,
        "method": found.method,
        "f1": found.f1,
        "fmr": rate_dict(found.fmr),
        "fnmr": rate_dict(found.fnmr),
        "data": found.data,
        "created_at": found.created_at.isoformat(),
    }

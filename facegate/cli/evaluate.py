"""`facegate eval`: how often is it wrong?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facegate.cli.output import (
    JsonOption,
    ModelOption,
    console,
    percent,
    plain,
    print_json,
    progress,
    table,
    write_atomically,
)

if TYPE_CHECKING:
    from facegate.domain.decisions import Rate, Threshold

app = typer.Typer(help="Measure error rates on labeled pictures.", no_args_is_help=True)

Root = Annotated[
    Path, typer.Option("--root", help="Folder with a folder per person.", show_default=False)
]


@app.command("verification")
def verification(
    root: Root,
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--pairs", help="List of pairs (LFW's form or CSV); else made from the folders."
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write the ROC and the score histograms as PNG.")
    ] = None,
    model: ModelOption = "",
    as_json: JsonOption = False,
) -> None:
    """One-to-one: accuracy by ten folds, TMR at given FMRs, AUC."""
    from facegate.bootstrap import start
    from facegate.evaluation.pairs import folder_pairs, people_in, read_pairs
    from facegate.evaluation.plots import roc_png
    from facegate.services.measure import encode_pictures, measure_verification, pictures_of

    gate = start(model)
    threshold = gate.threshold()
    _must_be_set(threshold)
    listed = folder_pairs(people_in(root), folds=10) if pairs is None else read_pairs(pairs, root)
    files = pictures_of(listed)
    encoded = encode_pictures(gate.reader, progress(files, len(files), "Encoding"))
    report, mated, non_mated = measure_verification(
        encoded, listed, threshold.tau, gate.embedder_card.model_id
    )
    if plot is not None:
        title = f"{root.name}: {report.mated} mated, {report.non_mated} non-mated pairs"
        write_atomically(plot, roc_png(mated, non_mated, report.tau, title))
    if as_json:
        print_json(report.as_dict())
        return
    out = console()
    out.print(
        f"[bold]accuracy {report.accuracy_mean:.2%}[/bold] ± {report.accuracy_std:.2%} "
        f"over {report.folds} folds, AUC {report.auc:.5f}, EER {report.eer:.2%}"
    )
    shown = table("rate", "value", "count", "95 % interval", right=["value", "count"])
    for fmr, tmr in report.tmr_at_fmr.items():
        shown.add_row(f"TMR at FMR {fmr:.0e}", *_cells(tmr))
    shown.add_row(f"FMR at τ = {report.tau:.3f}", *_cells(report.fmr))
    shown.add_row(f"FNMR at τ = {report.tau:.3f}", *_cells(report.fnmr))
    out.print(shown)
    out.print(
        f"{report.pictures} pictures, {report.failed_to_acquire} without a face or unreadable. "
        f"{report.model_id}"
    )
    for warning in report.warnings:
        out.print(f"[yellow]{plain(warning)}[/yellow]")


@app.command("identification")
def identification(root: Root, model: ModelOption = "", as_json: JsonOption = False) -> None:
    """One-to-many, open-set: rank-1, FNIR and FPIR at the threshold in force.

    The first picture of everybody with two or more is enrolled (into a store of its own), the
    others are searched; people with one picture are the strangers.
    """
    from facegate.bootstrap import start
    from facegate.evaluation.pairs import people_in
    from facegate.services.measure import measure_identification

    people = people_in(root)
    in_use = start(model)
    threshold = in_use.threshold()
    _must_be_set(threshold)
    total = sum(len(paths) - (len(paths) > 1) for paths in people.values())
    with tempfile.TemporaryDirectory(prefix="facegate-eval-") as folder:
        gate = in_use.apart(Path(folder))
        report = measure_identification(
            people,
            reader=gate.reader,
            store=gate.store,
            gallery=gate.gallery,
            enroller=gate.enroller(),
            threshold=threshold,
            rules=gate.settings.identification.rules(),
            watch=lambda paths: progress(paths, total, "Searching"),
        )
        gate.store.close()
    if as_json:
        print_json(report.as_dict())
        return
    out = console()
    out.print(
        f"{report.enrolled} people enrolled with one picture each"
        + (f", {report.not_enrolled} refused (all a miss)" if report.not_enrolled else "")
        + f"; τ = {report.tau:.3f}"
    )
    shown = table("rate", "value", "count", "95 % interval", right=["value", "count"])
    shown.add_row("rank-1", *_cells(report.rank_1))
    shown.add_row("FNIR", *_cells(report.fnir))
    shown.add_row("  of it a wrong name", *_cells(report.misidentified))
    shown.add_row("FPIR", *_cells(report.fpir))
    out.print(shown)
    for group, counts in report.outcomes.items():
        words = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in counts.items())
        out.print(f"{group}: {words}")


def _must_be_set(threshold: Threshold) -> None:
    """Raises EvaluationError: error rates at no threshold would be those of a door that is shut."""
    from facegate.errors import EvaluationError

    if not threshold.is_set:
        raise EvaluationError(
            f"{threshold.model_id} has no threshold yet, so there is nothing to measure it at.",
            hint="Run `facegate tune` for it, on other people than those measured.",
        )


def _cells(measured: Rate) -> tuple[str, str, str]:
    return (
        percent(measured.value),
        f"{measured.errors}/{measured.trials}",
        f"{percent(measured.low)} to {percent(measured.high)}",
    )

"""`facegate eval`: how often is it wrong?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli import evaluate_detection, evaluate_fairness, evaluate_gate, evaluate_pad
from facegate.cli.evaluate_tables import (
    CacheOption,
    OnePersonOption,
    growth_tables,
    non_mated_table,
    rate_cells,
    warn,
    watch_encoding,
)
from facegate.cli.output import (
    JsonOption,
    ModelOption,
    console,
    csv_line,
    print_json,
    table,
    write_atomically,
)

if TYPE_CHECKING:
    from facegate.evaluation.identification import IdentificationReport
    from facegate.evaluation.operating_points import NonMatedReport

app = typer.Typer(help="Measure error rates on labeled pictures.", no_args_is_help=True)
app.command("detection")(evaluate_detection.detection)
app.command("fairness")(evaluate_fairness.fairness)
app.command("gate")(evaluate_gate.gate)
app.command("pad")(evaluate_pad.pad)

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
    non_mated: Annotated[
        Path | None,
        typer.Option(
            "--non-mated",
            help="List of pictures of people seen once, a path a line, '#' for comments. All pairs "
            "of them choose the thresholds of small FMRs.",
        ),
    ] = None,
    non_mated_root: Annotated[
        Path | None,
        typer.Option("--non-mated-root", help="Folder that this list's paths start from."),
    ] = None,
    one_person: OnePersonOption = None,
    most_alike: Annotated[
        Path | None,
        typer.Option(
            "--most-alike",
            help="Write the list's 200 most alike pairs as CSV: look whether they show one person.",
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write the DET and the score histograms as PNG.")
    ] = None,
    model: ModelOption = "",
    cache: CacheOption = None,
    as_json: JsonOption = False,
) -> None:
    """One-to-one: accuracy by ten folds, TMR at given FMRs, AUC.

    With --non-mated also thresholds for FMRs down to one in a million, and what supports them.
    """
    from facegate.bootstrap import start
    from facegate.errors import InputError
    from facegate.evaluation.det_plot import det_png, whole_scan
    from facegate.evaluation.lists import read_seen_once
    from facegate.evaluation.pairs import folder_pairs, people_in, read_pairs
    from facegate.services.measure import encode_pictures, measure_verification, pictures_of
    from facegate.services.measure_scale import measure_non_mated
    from facegate.services.thresholds import must_be_set

    if (non_mated is None) != (non_mated_root is None):
        raise InputError("--non-mated and --non-mated-root belong together.")
    for option, given in (("--most-alike", most_alike), ("--one-person", one_person)):
        if given is not None and non_mated is None:
            raise InputError(f"{option} needs --non-mated.")
    gate = start(model)
    must_be_set(gate.baseline())
    listed = folder_pairs(people_in(root), folds=10) if pairs is None else read_pairs(pairs, root)
    once = None
    if non_mated is not None and non_mated_root is not None:
        once = read_seen_once(non_mated, non_mated_root, one_person)
    kept = None if cache is None else gate.face_cache(cache)
    tau = gate.threshold_policy().for_gallery(1).tau
    encoded = encode_pictures(gate.reader, pictures_of(listed), kept, watch_encoding("pairs"))
    report, same, different = measure_verification(
        encoded, listed, tau, gate.embedder_card.model_id
    )
    small: NonMatedReport | None = None
    scan = whole_scan(different)
    if once is not None and non_mated_root is not None:
        watch = watch_encoding("people seen once")
        encoded_once = encode_pictures(gate.reader, once.paths, kept, watch)
        small, scan = measure_non_mated(encoded_once, once, encoded, listed, tau)
        if most_alike is not None:
            write_atomically(most_alike, _most_alike_csv(small, non_mated_root))
    if plot is not None:
        title = f"{root.name}: {report.mated:,} mated, {scan.pairs:,} non-mated pairs"
        write_atomically(plot, det_png(scan, same, tau, title))
    if as_json:
        shown: dict[str, Any] = report.as_dict()
        if small is not None:
            shown["non_mated_list"] = small.as_dict()
        print_json(shown)
        return
    out = console()
    out.print(
        f"[bold]accuracy {report.accuracy_mean:.2%}[/bold] ± {report.accuracy_std:.2%} "
        f"over {report.folds} folds, AUC {report.auc:.5f}, EER {report.eer:.2%}"
    )
    rows = table("rate", "value", "count", "95 % interval", right=["value", "count"])
    for fmr, tmr in report.tmr_at_fmr.items():
        rows.add_row(f"TMR at FMR {fmr:.0e}", *rate_cells(tmr))
    rows.add_row(f"FMR at τ = {report.tau:.3f}", *rate_cells(report.fmr))
    rows.add_row(f"FNMR at τ = {report.tau:.3f}", *rate_cells(report.fnmr))
    out.print(rows)
    out.print(
        f"{report.pictures} pictures, {report.failed_to_acquire} without a face or unreadable. "
        f"{report.model_id}"
    )
    warn(report.warnings)
    if small is not None:
        non_mated_table(small)


def _most_alike_csv(report: NonMatedReport, root: Path) -> bytes:
    lines = [csv_line(["similarity", "path_a", "path_b"])]
    lines += [
        csv_line([f"{score:.4f}", *(path.relative_to(root).as_posix() for path in (a, b))])
        for score, a, b in report.most_alike
    ]
    return "".join(lines).encode("utf-8", "backslashreplace")


@app.command("identification")
def identification(
    root: Root,
    distractors: Annotated[
        Path | None,
        typer.Option(
            "--distractors",
            help="People enrolled besides who never come: a folder of pictures, or a list of paths "
            "with --distractors-root; each picture another person, nobody of --root.",
        ),
    ] = None,
    distractors_root: Annotated[
        Path | None,
        typer.Option("--distractors-root", help="Folder that this list's paths start from."),
    ] = None,
    gallery_sizes: Annotated[
        list[int] | None,
        typer.Option(
            "--gallery-size",
            min=1,
            help="Numbers of people enrolled to measure (may be repeated). "
            "[default: 10, 100, 1000, 10000, 40000, and everybody]",
            show_default=False,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", help="Write FNIR and FPIR against the gallery's size as PNG."),
    ] = None,
    model: ModelOption = "",
    cache: CacheOption = None,
    as_json: JsonOption = False,
) -> None:
    """One-to-many, open-set: rank-1, FNIR and FPIR at the threshold in force for such a
    gallery, and at given FPIRs.

    The first picture of everybody with two or more is enrolled (into a store of its own), the
    others are searched; people with one picture are the strangers. Galleries of other sizes follow,
    drawn at random.
    """
    from facegate.bootstrap import start
    from facegate.evaluation.growth import SIZES
    from facegate.evaluation.growth_plot import growth_png
    from facegate.evaluation.pairs import people_in
    from facegate.services.measure import run_identification
    from facegate.services.measure_scale import measure_scale, read_distractors
    from facegate.services.thresholds import must_be_set

    people = people_in(root)
    others = _distractor_pictures(distractors, distractors_root)
    outer = start(model)
    must_be_set(outer.baseline())
    thresholds = outer.threshold_policy()
    kept = None if cache is None else outer.face_cache(cache)
    with tempfile.TemporaryDirectory(prefix="facegate-eval-") as folder:
        gate = outer.apart(Path(folder))
        run = run_identification(
            people,
            reader=gate.reader,
            store=gate.store,
            gallery=gate.gallery,
            enroller=gate.enroller(),
            thresholds=thresholds,
            rules=gate.settings.identification.rules(),
            cache=kept,
            watch=watch_encoding("searches"),
        )
        extra = None
        if others:
            rules = gate.settings.enrollment.rules()
            extra = read_distractors(
                gate.reader, others, rules, kept, watch_encoding("distractors")
            )
        gate.store.close()
    growth = None
    if run.enrolled:
        growth = measure_scale(
            run, extra, lambda size: thresholds.for_gallery(size).tau, gallery_sizes or SIZES
        )
        if plot is not None:
            title = f"{root.name}: up to {growth.rows[-1].size:,} people enrolled"
            write_atomically(plot, growth_png(growth, title))
    report = run.report
    if as_json:
        shown: dict[str, Any] = report.as_dict()
        shown["growth"] = None if growth is None else growth.as_dict()
        if extra is not None:
            shown["distractors_refused"] = extra.refused
        print_json(shown)
        return
    _print_identification(report)
    if growth is None:
        warn(["Nobody could be enrolled, so there is no gallery to grow."])
    else:
        growth_tables(growth)
    if extra is not None and extra.refused:
        words = ", ".join(
            f"{count} {word.replace('_', ' ')}" for word, count in extra.refused.items()
        )
        warn([f"Distractors not enrolled: {words}."])


def _print_identification(report: IdentificationReport) -> None:
    """The rates at the threshold in force."""
    out = console()
    out.print(
        f"{report.enrolled} people enrolled with one picture each"
        + (f", {report.not_enrolled} refused (all a miss)" if report.not_enrolled else "")
        + f"; τ = {report.tau:.3f}"
    )
    rows = table("rate", "value", "count", "95 % interval", right=["value", "count"])
    rows.add_row("rank-1", *rate_cells(report.rank_1))
    rows.add_row("FNIR", *rate_cells(report.fnir))
    rows.add_row("  of it a wrong name", *rate_cells(report.misidentified))
    rows.add_row("FPIR", *rate_cells(report.fpir))
    out.print(rows)
    for group, counts in report.outcomes.items():
        words = ", ".join(f"{count} {word.replace('_', ' ')}" for word, count in counts.items())
        out.print(f"{group}: {words}")


def _distractor_pictures(source: Path | None, root: Path | None) -> list[Path]:
    """The pictures of a folder, or those that a list names. Raises InputError."""
    from facegate.cli.sources import pictures_from
    from facegate.errors import InputError
    from facegate.evaluation.lists import read_list

    if source is None:
        if root is not None:
            raise InputError("--distractors-root needs --distractors.")
        return []
    if source.is_dir():
        return pictures_from([source], recursive=True)
    if root is None:
        raise InputError(
            "A list of distractors needs --distractors-root, the folder its paths start from."
        )
    return read_list(source, root)

"""What the `eval` commands show: tables of rates, and options they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facegate.cli.output import console, percent, plain, progress, table

if TYPE_CHECKING:
    from facegate.domain.decisions import Rate
    from facegate.evaluation.fairness import GroupComparison
    from facegate.evaluation.growth import GrowthReport, SpreadRate
    from facegate.evaluation.operating_points import NonMatedReport

CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        help="Keep what was read from each picture in this folder, to go on there after an "
        "interruption; changed networks, settings or files are read anew. It holds biometric "
        "templates of the pictured people: protect it, and delete it when you are done.",
    ),
]


OnePersonOption = Annotated[
    Path | None,
    typer.Option(
        "--one-person",
        help="CSV of the list's pairs that do show one person, as --most-alike writes them: look "
        "at those, delete the rows of different people, and give the rest here. They are not "
        "counted as different people then.",
    ),
]


def watch_encoding(what: str) -> Callable[[Sequence[Path]], Iterable[Path]]:
    """A progress bar for pictures that are being read."""
    return lambda paths: progress(paths, len(paths), f"Reading {what}")


def warn(sentences: Iterable[str]) -> None:
    """Show what the data cannot support."""
    out = console()
    for sentence in sentences:
        out.print(f"[yellow]{plain(sentence)}[/yellow]")


def rate_cells(measured: Rate) -> tuple[str, str, str]:
    """Value, count and interval of a rate."""
    return (
        percent(measured.value) if measured.trials else "",
        f"{measured.errors}/{measured.trials}",
        interval_cell((measured.low, measured.high)),
    )


def interval_cell(interval: tuple[float, float] | None) -> str:
    """An interval of shares, or a dash when there is none."""
    return "-" if interval is None else f"{percent(interval[0])} to {percent(interval[1])}"


def non_mated_table(report: NonMatedReport) -> None:
    """Show the operating points of a list of people seen once."""
    from facegate.evaluation.words import counted

    out = console()
    out.print(
        f"\n[bold]{report.pairs:,} non-mated pairs[/bold] of {report.faces:,} people seen once; "
        f"{report.mated:,} mated pairs of {report.mated_people:,} people"
    )
    matched = table("at", "τ", "TMR", "matches", "95 %", "95 %, people", right=["τ", "matches"])
    let_in = table("at", "pairs above", "FMR, 95 %", "95 %, people", "supported")
    for point in report.points:
        name = "τ in force" if point.target is None else f"FMR {point.target:.0e}"
        if point.tau is None or point.fmr is None or point.tmr is None:
            matched.add_row(name, *[""] * 5)
            let_in.add_row(name, *[""] * 3, "[yellow]no[/yellow]")
            continue
        matched.add_row(
            name,
            f"{point.tau:.4f}",
            percent(point.tmr.value),
            f"{point.tmr.errors}/{point.tmr.trials}",
            interval_cell((point.tmr.low, point.tmr.high)),
            interval_cell(point.tmr_people),
        )
        let_in.add_row(
            name,
            f"{point.fmr.errors:,}",
            _small_interval((point.fmr.low, point.fmr.high)),
            _small_interval(point.fmr_people),
            "yes" if point.supported else "[yellow]no[/yellow]",
        )
    out.print(matched)
    out.print(let_in)
    for point in report.points:
        if point.reason:
            name = "τ in force" if point.target is None else f"FMR {point.target:.0e}"
            warn([f"{name} is not supported. {point.reason}"])
    warn(report.warnings)
    if report.one_person:
        words = counted(report.one_person, "more pair shows", "more pairs show")
        out.print(f"{words} one person, and do not count.")
    if report.most_alike:
        score, a, b = report.most_alike[0]
        out.print(f"The most alike pair has {score:.3f}: {plain(a)} and {plain(b)}")


def _small_interval(interval: tuple[float, float] | None) -> str:
    return "-" if interval is None else f"{interval[0]:.1e} to {interval[1]:.1e}"


def growth_tables(report: GrowthReport) -> None:
    """Show how search errs as the gallery grows."""
    out = console()
    targets = [point.target for point in report.rows[0].at_fpir]
    columns = [f"FNIR at FPIR {target:.1%}" for target in targets]
    rows = table(
        "enrolled", "searches", "rank-1", *columns, "FNIR at τ", "FPIR at τ",
        title=f"Growing galleries, {report.stranger_searches:,} searches of strangers",
        right=["enrolled", "searches"],
    )  # fmt: skip
    for row in report.rows:
        rows.add_row(
            f"{row.size:,}",
            f"{row.fnir.trials:,.0f}",
            _spread_cell(row.rank_1),
            *(
                "cannot be told" if one.fnir is None else _spread_cell(one.fnir)
                for one in row.at_fpir
            ),
            _spread_cell(row.fnir),
            _spread_cell(row.fpir),
        )
    out.print(rows)
    draws = max(row.draws for row in report.rows)
    if draws > 1:
        out.print(f"Means of {draws} random galleries of each size but the last; 95 % intervals.")
    warn(report.warnings)


def _spread_cell(spread: SpreadRate) -> str:
    """Two lines: the rate, its interval."""
    if not spread.trials:
        return "-"
    return f"{percent(spread.value)}\n[dim]{spread.low:.1%} to {spread.high:.1%}[/dim]"


def groups_table(one: GroupComparison) -> None:
    """Show the groups of one division at one threshold."""
    out = console()
    rows = table(
        one.division, "no face", one.measure, "errors", "95 %", "95 %, people",
        title=f"{one.measure} by {one.division} at τ = {one.tau:.4f} ({one.title})",
        right=["no face", one.measure, "errors"],
    )  # fmt: skip
    # A name broken in two is hard to read; an interval in two lines is not.
    rows.columns[0].min_width = min(20, max((len(group.name) for group in one.groups), default=0))
    for group in one.groups:
        rate = group.errors
        rows.add_row(
            plain(group.name) + ("" if group.compared else " *"),
            f"{group.failed.errors}/{group.failed.trials}",
            percent(rate.value) if rate.trials else "",
            f"{rate.errors}/{rate.trials}",
            interval_cell((rate.low, rate.high)),
            interval_cell(group.people),
        )
    rows.add_section()
    rows.add_row("overall", "", *rate_cells(one.overall), "")
    out.print(rows)
    if len(one.groups) < 2:
        return
    spread = one.spread
    names = f"{plain(spread.worst)} over {plain(spread.best)}"
    if spread.ratio is not None:
        words = ""
        if spread.people is not None:
            low, high = spread.people
            most = f"to {high:.1f}" if math.isfinite(high) else "and more"
            words = f", 95 % interval over people {low:.1f} {most}"
        out.print(f"[bold]Worst over best: {spread.ratio:.1f}[/bold] ({names}{words})")
        if spread.reason:
            warn([f"Not to be relied on: {spread.reason}."])
    else:
        out.print(f"Worst over best cannot be told: {plain(spread.reason)}.")
    if spread.worst and spread.at_least >= 1.05:
        out.print(f"The intervals are apart by a factor of {spread.at_least:.1f} at least.")
    elif spread.worst:
        out.print("The intervals overlap: no difference is shown.")
    if spread.left_out:
        out.print("[dim]* too small to be compared[/dim]")

"""What `facegate eval detection` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from facegate.cli.evaluate_tables import interval_cell, warn
from facegate.cli.output import console, percent, plain, table

if TYPE_CHECKING:
    from facegate.cli.evaluate_detection import _Scenes
    from facegate.evaluation.detection_report import HeightFigures
    from facegate.evaluation.landmark_errors import LandmarkReport
    from facegate.services.measure_detection import FoundFaces, Subject

_MOST_LISTED = 20


def print_scenes(run: _Scenes) -> None:
    """Show what the scenes gave."""
    from facegate.evaluation.words import counted

    out = console()
    measured = run.measured
    out.print(f"[bold]{len(measured.paths):,} scenes[/bold] of {plain(run.scenes)}")
    columns = [
        f"{plain(one.name)}\n{plain(one.model_id.partition('@')[2])}" for one in run.subjects
    ]
    rows = table("", *columns, right=columns)
    for place, height in enumerate(run.reports[run.subjects[0].name].heights):
        per = [run.reports[one.name].heights[place] for one in run.subjects]
        faces = counted(height.faces, "face", "faces")
        rows.add_row(f"[bold]{height.min_height_px:g} px: {faces}[/bold]", *[""] * len(per))
        rows.add_row("  average precision", *map(_precision, per))
        rows.add_row("    95 %", *map(_precision_span, per))
        for allowed in height.recall_at_false_alarms or {}:
            cells = [_recall_at(figures, allowed) for figures in per]
            rows.add_row(f"  recall at {allowed:g} FA", *cells)
        rows.add_row("  recall at threshold", *(percent(one.recall.value) for one in per))
        rows.add_row("    95 %", *(interval_cell((one.recall.low, one.recall.high)) for one in per))
        rows.add_row("  FA there", *(f"{one.false_alarms / max(1, one.scenes):.3f}" for one in per))
        rows.add_section()
    rows.add_row("threshold", *(f"{one.threshold:.3f}" for one in run.subjects))
    out.print(rows)
    out.print("[dim]FA: false alarms a picture. Lower faces are ignored.[/dim]")
    if run.compared:
        first, second = map(plain, run.compared)
        for one in run.differences:
            span = "no interval"
            if one.interval is not None:
                span = f"95 % {one.interval[0]:+.4f} to {one.interval[1]:+.4f}"
            out.print(
                f"Average precision from {one.min_height_px:g} px, {first} less {second}: "
                f"[bold]{one.value:+.4f}[/bold] ({span})"
            )
    _print_bands(run)
    print_landmarks(run.landmarks, [])
    _print_times(run)
    if run.missing:
        missing = counted(run.missing, "labeled scene has", "labeled scenes have")
        out.print(f"[dim]{missing} no picture in the folder.[/dim]")
    _print_problems([*measured.unreadable, *run.problems])


def _precision(figures: HeightFigures) -> str:
    value = figures.average_precision
    return "-" if value is None else f"{value:.4f}"


def _precision_span(figures: HeightFigures) -> str:
    span = figures.interval
    return "-" if span is None else f"{span[0]:.3f} to {span[1]:.3f}"


def _recall_at(figures: HeightFigures, allowed: float) -> str:
    rates = figures.recall_at_false_alarms
    return "-" if rates is None else percent(rates[allowed])


def _print_bands(run: _Scenes) -> None:
    columns = [plain(one.name) for one in run.subjects]
    rows = table("height", "faces", *columns, title="Missed at the threshold, by height",
                 right=["faces", *columns])  # fmt: skip
    # The drawn faces, and so the bands, are the same for all.
    for bands in zip(*(run.reports[one.name].bands for one in run.subjects), strict=True):
        first = bands[0]
        ends = f"{first.from_px} to {first.below_px} px"
        rows.add_row(
            f"from {first.from_px} px" if first.below_px is None else ends,
            f"{first.missed.trials:,}",
            *(f"{percent(band.missed.value)} ({band.missed.errors:,})" for band in bands),
        )
    console().print(rows)


def print_landmarks(reports: Sequence[LandmarkReport], problems: Sequence[str]) -> None:
    """Show landmark errors."""
    for report in reports:
        rows = table(
            "detector", "found", "mean error", "median", "above 0.1",
            title=f"{plain(report.reference)}: errors in parts of the {report.divided_by}, on "
            f"{report.common:,} of {report.faces:,} faces, which all found",
            right=["found", "mean error", "median", "above 0.1"],
        )  # fmt: skip
        for name, one in report.detectors.items():
            rows.add_row(
                plain(name),
                f"{one.found.errors:,}",
                f"{one.mean:.4f}",
                f"{one.median:.4f}",
                f"{percent(one.failed.value)} ({one.failed.errors:,})",
            )
        console().print(rows)
    _print_problems(problems)


def _print_times(run: _Scenes) -> None:
    rows = table(
        "detector", "stage", "median", "quartiles", title="Milliseconds a picture",
        right=["median", "quartiles"],
    )  # fmt: skip
    for name, stages in run.measured.timings().items():
        for stage, one in stages.items():
            spread = f"{one.low_ms:.2f} to {one.high_ms:.2f}"
            rows.add_row(plain(name or "every picture"), stage, f"{one.median_ms:.2f}", spread)
    console().print(rows)


def print_found(found: FoundFaces, subjects: Sequence[Subject]) -> None:
    """Show in how many pictures a face was found."""
    out = console()
    rows = table("detector", "threshold", "face found", "lowest score",
                 title=f"{len(found.paths):,} pictures with a face",
                 right=["threshold", "face found", "lowest score"])  # fmt: skip
    for one in subjects:
        rows.add_row(
            plain(one.name),
            f"{one.threshold:.3f}",
            f"{len(found.paths) - len(found.without(one)):,}",
            f"{min(found.surest[one.name], default=0.0):.3f}",
        )
    out.print(rows)
    for one in subjects:
        without = found.without(one)
        for path in without[:_MOST_LISTED]:
            out.print(f"{plain(one.name)} finds no face: {plain(path)}")
        if len(without) > _MOST_LISTED:
            out.print(f"[dim]and {len(without) - _MOST_LISTED:,} more; --json lists all[/dim]")
    _print_problems(found.unreadable)


def _print_problems(problems: Sequence[str]) -> None:
    warn(problems[:_MOST_LISTED])
    if len(problems) > _MOST_LISTED:
        warn([f"and {len(problems) - _MOST_LISTED:,} more; --json lists all"])

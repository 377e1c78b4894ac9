"""The page of `facegate eval detection`: figures, curves, and the pictures that say the most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from facegate.evaluation.detection_report import DetectionReport, PrecisionDifference
from facegate.evaluation.landmark_errors import LandmarkReport
from facegate.evaluation.timing import Timing
from facegate.report.content import (
    Block,
    Facts,
    Figure,
    Figures,
    Note,
    Picture,
    Points,
    Prose,
    Report,
    Section,
    Statement,
    Table,
)
from facegate.report.svg import Axis, Chart, linear_axis
from facegate.report.words import NBSP, count, count_of, counted, interval, share

NONE = "-"
CURVE_POINTS = 400
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Sighting:
    """A missed face or a false alarm, cut out of its picture.

    Attributes:
        title: what it is, in a few words.
        name: of the picture.
        cutout: with boxes; None when the picture could not be read again.
    """

    title: str
    name: str
    cutout: Picture | None


@dataclass(frozen=True, slots=True, eq=False)
class DetectionEvidence:
    """All that goes into the page.

    Attributes:
        scenes_name, labels_name: of the folder and the list.
        scenes: how many were looked at.
        side_px: to which the networks' pictures were scaled.
        reports: by detector's name, the most interesting first.
        model_ids: by detector's name.
        differences: of the first detector from the peer; empty without one.
        compared: names of these two; empty without a peer.
        landmarks: against given ones.
        timings: by detector's name and stage; shared stages under an empty name.
        shown: name of the detector whose errors are shown.
        missed, false_alarms: its errors.
        problems: what could not be read, in words.
        circumstances: machine and settings.
    """

    scenes_name: str
    labels_name: str
    scenes: int
    side_px: int
    reports: Mapping[str, DetectionReport]
    model_ids: Mapping[str, str]
    differences: Sequence[PrecisionDifference]
    compared: tuple[str, ...]
    landmarks: Sequence[LandmarkReport]
    timings: Mapping[str, Mapping[str, Timing]]
    shown: str
    missed: Sequence[Sighting]
    false_alarms: Sequence[Sighting]
    problems: Sequence[str]
    circumstances: tuple[tuple[str, str], ...]


def detection_page(evidence: DetectionEvidence, made_at: datetime, made_by: str) -> Report:
    """The whole page.

    Args:
        evidence: what was measured.
        made_at: time zone aware.
        made_by: program and version.
    """
    people = sum(one.cutout is not None for one in (*evidence.missed, *evidence.false_alarms))
    privacy = "This file contains no photographs of people."
    if people:
        privacy = (
            f"This file contains {counted(people, 'cutout')} of the pictures measured, most of "
            "them with people, and the names of the pictures. Keep it as you keep the pictures."
        )
    sections = [
        _heights_section(evidence),
        _curves_section(evidence),
        _bands_section(evidence),
        _sightings_section(evidence),
    ]
    if evidence.landmarks:
        sections.append(_landmarks_section(evidence.landmarks))
    sections += [_times_section(evidence), _method_section(evidence)]
    return Report(
        title=f"Face detection measured on {evidence.scenes_name}",
        subtitle=(
            f"{counted(evidence.scenes, 'scene')} with faces drawn by people "
            f"({evidence.labels_name})."
        ),
        made_at=made_at,
        made_by=made_by,
        privacy=privacy,
        statements=_statements(evidence),
        sections=tuple(sections),
    )


def _statements(evidence: DetectionEvidence) -> tuple[Statement, ...]:
    said = []
    shown = evidence.reports[evidence.shown]
    for figures in shown.heights:
        missed = figures.recall.trials - figures.recall.errors
        said.append(
            Statement(
                f"{count(missed) if missed else 'none'} of {count(figures.faces)}",
                f"faces of {figures.min_height_px:g} px or more were missed by {evidence.shown} at "
                f"its threshold, with {count(figures.false_alarms)} false alarms in "
                f"{counted(figures.scenes, 'picture')}.",
            )
        )
    return tuple(said[:3])


def _heights_section(evidence: DetectionEvidence) -> Section:
    rows = []
    for name, report in evidence.reports.items():
        for figures in report.heights:
            if figures.average_precision is None:
                continue
            low_high = NONE
            if figures.interval is not None:
                low_high = f"{figures.interval[0]:.3f} to {figures.interval[1]:.3f}"
            at = figures.recall_at_false_alarms
            rows.append(
                (
                    name,
                    f"{figures.min_height_px:g} px",
                    count(figures.faces),
                    precision_cell(figures.average_precision),
                    low_high,
                    *(share(one) for one in (at or {}).values()),
                )
            )
    columns = (
        *("detector", "from", "faces", "average precision", "95" + NBSP + "%"),
        *("recall at 0.01", "at 0.1", "at 1 false alarm a picture"),
    )
    blocks: list[Block] = [
        Table(columns, tuple(rows), frozenset(range(1, 8)), "By least height of a face"),
        Table(
            ("detector", "threshold", "from", "found", "recall, 95 %", "false alarms", "a picture"),
            tuple(
                (
                    name,
                    f"{report.threshold:.3f}",
                    f"{figures.min_height_px:g} px",
                    count_of(figures.recall),
                    f"{share(figures.recall.value)}, {interval(figures.recall)}",
                    count(figures.false_alarms),
                    f"{figures.false_alarms / max(1, figures.scenes):.3f}",
                )
                for name, report in evidence.reports.items()
                for figures in report.heights
            ),
            frozenset({1, 2, 5, 6}),
            "At each detector's own threshold",
        ),
    ]
    if evidence.differences:
        first, second = evidence.compared
        rows_of = tuple(
            (
                f"{one.min_height_px:g} px",
                f"{one.value:+.4f}",
                NONE
                if one.interval is None
                else f"{one.interval[0]:+.4f} to {one.interval[1]:+.4f}",
            )
            for one in evidence.differences
        )
        title = f"Average precision of {first} less that of {second}, on the same draws of scenes"
        headings = ("from", "difference", "95" + NBSP + "%")
        blocks.append(Table(headings, rows_of, frozenset({1, 2}), title))
    lead = (
        "Faces lower than the least height are neither wanted nor held against a detector. Average "
        "precision is the area below precision over recall; 1 would be perfect. Its interval comes "
        "from drawing the scenes anew."
    )
    return Section("How many faces are found", lead, tuple(blocks))


def precision_cell(value: float | None) -> str:
    """Average precision as it is written: four digits, or a dash."""
    return NONE if value is None or math.isnan(value) else f"{value:.4f}"


def _curves_section(evidence: DetectionEvidence) -> Section:
    complete = {
        name: report
        for name, report in evidence.reports.items()
        if report.heights and report.heights[0].average_precision is not None
    }
    figures = []
    for place, height in enumerate(next(iter(evidence.reports.values())).heights):
        curves = {name: report.counted[place].curve() for name, report in complete.items()}
        # From just below where the curves come to rest at the left.
        strictest = [curve.recall_at_false_alarms(0) for curve in curves.values()]
        low = min(strictest, default=0.0)
        y = linear_axis(max(0.0, math.floor(low * 5) / 5), 1.0, "recall", percent=True)
        ticks = tuple((10.0**n, f"{10.0**n:g}") for n in range(-3, 2))
        x = Axis(1e-3, 10.0, "false alarms per picture", ticks, logarithmic=True)
        title = f"Faces of {height.min_height_px:g} px or more"
        chart = Chart(x, y, f"{title}: recall over false alarms per picture.")
        kinds = dict(zip(curves, ("curve", "second", "mated"), strict=False))
        for name, kind in kinds.items():
            curve = curves[name]
            if not len(curve.recall):
                continue
            step = max(1, len(curve.recall) // CURVE_POINTS)
            picks = np.unique(
                np.append(np.arange(0, len(curve.recall), step), -1) % len(curve.recall)
            )
            xs = curve.false_alarms[picks] / max(1, curve.scenes)
            picks, xs = picks[xs <= x.high], xs[xs <= x.high]
            chart.line(xs.tolist(), curve.recall[picks].tolist(), kind)
        if kinds:
            chart.legend([(kind, name) for name, kind in kinds.items()], "bottom right")
        figures.append(Figure(title, chart.drawing(), ""))
    return Section(
        "Recall against false alarms",
        "From the strictest threshold, at the left, to the mildest.",
        (Figures(tuple(figures)),),
    )


def _bands_section(evidence: DetectionEvidence) -> Section:
    bands = {(b.from_px, b.below_px) for one in evidence.reports.values() for b in one.bands}
    rows = []
    for low, high in sorted(bands, key=lambda ends: ends[0]):
        cells = []
        for report in evidence.reports.values():
            here = [band.missed for band in report.bands if band.from_px == low]
            cells.append(f"{share(here[0].value)} ({count_of(here[0])})" if here else NONE)
        ends = f"from {low} px" if high is None else f"{low} to {high} px"
        rows.append((ends, *cells))
    columns = ("height of the face", *evidence.reports)
    return Section(
        "Misses by height",
        "Faces missed at each detector's own threshold.",
        (Table(columns, tuple(rows), frozenset(range(1, len(columns)))),),
    )


def _sightings_section(evidence: DetectionEvidence) -> Section:
    blocks: list[Block] = []
    for title, none, sightings in (
        ("Tallest faces missed", "No face was missed.", evidence.missed),
        ("Surest false alarms", "There was no false alarm.", evidence.false_alarms),
    ):
        blocks.append(Facts((), title))
        if not sightings:
            blocks.append(Prose(none))
            continue
        shown = tuple(
            Figure(one.title, one.cutout, one.name) for one in sightings if one.cutout is not None
        )
        blocks.append(Figures(shown, small=True))
    lead = (
        f"Errors of {evidence.shown} at its threshold. Green and dashed: drawn by people. Blue: "
        "found, and right. Red: found, but no face was drawn there. Look whether the labels are "
        "right: some false alarms are faces that nobody drew."
    )
    return Section("The pictures to look at", lead, tuple(blocks))


def _landmarks_section(reports: Sequence[LandmarkReport]) -> Section:
    tables = tuple(
        Table(
            ("detector", "found", "mean error", "median", "failed"),
            tuple(
                (
                    name,
                    count_of(one.found),
                    f"{one.mean:.4f}",
                    f"{one.median:.4f}",
                    f"{share(one.failed.value)} ({count_of(one.failed)})",
                )
                for name, one in report.detectors.items()
            ),
            frozenset(range(1, 5)),
            f"{report.reference}, in parts of the {report.divided_by}; "
            f"{count(report.common)} of {count(report.faces)} faces were found by all",
        )
        for report in reports
    )
    lead = (
        "Mean distance of the five points from those given, on the faces that all detectors found. "
        "Failed: above 0.1."
    )
    return Section("Landmarks", lead, tables)


def _times_section(evidence: DetectionEvidence) -> Section:
    rows = tuple(
        (
            name or "every picture",
            stage,
            f"{one.median_ms:.2f}",
            f"{one.low_ms:.2f} to {one.high_ms:.2f}",
        )
        for name, stages in evidence.timings.items()
        for stage, one in stages.items()
    )
    columns = ("detector", "stage", "median ms", "quartiles ms")
    lead = "Per picture, in this run, all detectors in turns on the same pictures."
    return Section("Times by stage", lead, (Table(columns, rows, frozenset({2, 3})),))


def _method_section(evidence: DetectionEvidence) -> Section:
    blocks: list[Block] = [
        Points(
            (
                "A detection, the surest first, belongs to the drawn face that it overlaps most, "
                "from half of their union on (IoU 0.5), as WIDER FACE's own evaluation has it. A "
                "second detection of one face is a false alarm.",
                "What is lower than the least height and finds no wanted face is ignored too.",
                f"Networks alone see each picture scaled, up or down, so that its longest side is "
                f"{evidence.side_px} px, with candidates from a score of 0.02 and suppression at "
                "IoU 0.45; the door's detector scales pictures itself.",
                "Heights are those in the pictures' files.",
            )
        ),
        Facts(tuple(evidence.model_ids.items()), "Networks"),
        Facts(evidence.circumstances, "Circumstances"),
    ]
    if evidence.problems:
        more = len(evidence.problems) - _MOST_PROBLEMS
        shown = tuple(evidence.problems[:_MOST_PROBLEMS])
        blocks += [
            Note(f"{counted(len(evidence.problems), 'entry', 'entries')} could not be read:"),
            Points(shown + ((f"and {count(more)} more",) if more > 0 else ())),
        ]
    return Section("How it was measured", "", tuple(blocks))

"""What a list of people seen once adds: small false match rates, and what supports them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from facegate.domain.decisions import Rate
from facegate.evaluation.operating_points import NonMatedReport, OperatingPoint
from facegate.report.content import (
    Block,
    Face,
    FacePair,
    Facts,
    Note,
    PairGallery,
    Picture,
    Prose,
    Section,
    Statement,
    Table,
)
from facegate.report.faces import gap_words, relative_name
from facegate.report.words import NBSP, count, count_of, counted, interval, share, target


def point_in_force(report: NonMatedReport) -> OperatingPoint:
    """The one at the threshold in force; a report always has it."""
    return next(point for point in report.points if point.target is None)


def rate_in_force(report: NonMatedReport) -> Rate:
    """The FMR at the threshold in force, from the lower to the upper end of both its intervals."""
    point = point_in_force(report)
    if point.fmr is None:
        return Rate(0, 0, 0.0, 1.0)
    low, high = point.fmr_people or (point.fmr.low, point.fmr.high)
    return replace(point.fmr, low=min(low, point.fmr.low), high=max(high, point.fmr.high))


def strangers_statement(report: NonMatedReport, name: str) -> Statement:
    """The list's result at the threshold in force, in a sentence."""
    fmr = rate_in_force(report)
    verb = "was" if fmr.errors < 2 else "were"
    some = count(fmr.errors) if fmr.errors else "none"
    if not fmr.errors:
        how = f"at most {share(fmr.high)}, 95 %, if pairs were independent"
    else:
        how = f"{share(fmr.value)}; 95 % interval {interval(fmr)}"
    return Statement(
        count_of(fmr),
        f"Of all {counted(fmr.trials, 'pair')} among the "
        f"{counted(report.faces, 'person', 'people')} of {name}, {some} {verb} taken for one "
        f"person ({how}).",
    )


def strangers_section(
    report: NonMatedReport,
    name: str,
    digest: str,
    corrected: tuple[str, str],
    root: Path,
    crops: Mapping[Path, Picture] | None,
    examples: int,
) -> Section:
    """Tables of all operating points, and the most alike pairs.

    Args:
        report: the measurement.
        name, digest: of the list; the digest is SHA-256, hex.
        corrected: the same of the file that names pairs which show one person; empty without one.
        root: file names are shown relative to it.
        crops: aligned faces by path; None leaves people out.
        examples: how many of the most alike pairs are shown.
    """
    facts = (
        ("List", name),
        ("SHA-256 of the list", digest),
        ("People seen once", count(report.faces)),
        ("Pairs of different people", count(report.pairs)),
        *_left_out(report.one_person, *corrected),
        ("Pairs of one person", f"{count(report.mated)}, of {count(report.mated_people)} people"),
        ("Pictures left out", _failures(report)),
        ("Intervals over people", f"percentiles of {count(report.replicates)} draws, seed 0"),
    )
    rates = [_row(point, point.fmr, point.fmr_people) for point in report.points]
    matches = [_row(point, point.tmr, point.tmr_people) for point in report.points]
    columns = ("at", "τ", "value", "count", "95 %, exact", "95 %, over people")
    numeric = frozenset({1, 2, 3, 4, 5})
    blocks: list[Block] = [
        Facts(facts),
        Table(columns, tuple(rates), numeric, "False match rate of the list"),
        Table(
            columns, tuple(matches), numeric, "True match rate of the pairs, at the same thresholds"
        ),
    ]
    blocks += [Note(f"{_name(point)}: {point.reason}") for point in report.points if point.reason]
    blocks += [Prose(warning) for warning in report.warnings]
    if crops is not None and examples:
        tau = point_in_force(report).tau or 0.0
        pairs = tuple(
            FacePair(
                similarity,
                gap_words(similarity, tau),
                Face(relative_name(a, root), crops.get(a)),
                Face(relative_name(b, root), crops.get(b)),
            )
            for similarity, a, b in report.most_alike[:examples]
        )
        lead = "Look whether two pictures show one person after all; then the rates are too high."
        blocks.append(PairGallery("Most alike people of the list", lead, pairs))
    lead = (
        "Everybody on the list is compared with everybody else. Thresholds for small false match "
        "rates come from the list; the true match rate there from the pairs. The exact interval "
        "takes pairs for independent, which they are not; the one over people draws people anew."
    )
    return Section("Small false match rates", lead, tuple(blocks))


def _left_out(pairs: int, name: str, digest: str) -> tuple[tuple[str, str], ...]:
    if not name:
        return ()
    return (
        ("Left out of these", f"{counted(pairs, 'pair')} that show one person, by {name}"),
        ("SHA-256 of that file", digest),
    )


def _row(
    point: OperatingPoint, measured: Rate | None, people: tuple[float, float] | None
) -> tuple[str, ...]:
    if point.tau is None or measured is None:
        return (_name(point), "too few pairs", "", "", "", "")
    over_people = "none" if people is None else _ends(people)
    counts = count_of(measured)
    return (
        _name(point),
        f"{point.tau:.4f}",
        share(measured.value),
        counts,
        interval(measured),
        over_people,
    )


def _name(point: OperatingPoint) -> str:
    return "τ in force" if point.target is None else f"FMR{NBSP}{target(point.target)}"


def _ends(ends: tuple[float, float]) -> str:
    return f"{share(ends[0])} to {share(ends[1])}"


def _failures(report: NonMatedReport) -> str:
    lost = sum(report.failed.values())
    if not lost:
        return "none"
    reasons = ", ".join(
        f"{count(number)} {reason.replace('_', ' ')}"
        for reason, number in sorted(report.failed.items())
    )
    return f"{count(lost)} ({reasons})"

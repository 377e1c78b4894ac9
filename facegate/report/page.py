"""Puts the parts of a verification report in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from facegate.evaluation.examples import TellingPairs
from facegate.evaluation.non_mated import PairScan
from facegate.evaluation.operating_points import NonMatedReport
from facegate.report.content import Picture, Report, Section
from facegate.report.curves import curves_section
from facegate.report.faces import faces_section
from facegate.report.glossary import words_section
from facegate.report.networks import Network, networks_section
from facegate.report.strangers import rate_in_force, strangers_section, strangers_statement
from facegate.report.verification import (
    Measured,
    acquire_section,
    limits,
    privacy,
    rates_section,
    statements,
    story_section,
    subtitle,
)


@dataclass(frozen=True, slots=True, eq=False)
class SeenOnce:
    """A list of people seen once, measured.

    Attributes:
        report, scan: all pairs of the list.
        name, digest: of the list; the digest is SHA-256, hex.
        root: folder of its pictures.
        corrected_by, corrected_digest: the file that names pairs of it which show one person;
            empty when there is none.
    """

    report: NonMatedReport
    scan: PairScan
    name: str
    digest: str
    root: Path
    corrected_by: str = ""
    corrected_digest: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """All that goes into the report.

    Attributes:
        measured: the verification.
        telling: pairs to show.
        crops: aligned faces by path; None leaves people out.
        examples: how many pairs of each kind are shown.
        root: folder of the pictures.
        pairs_digest: SHA-256 of the list of pairs, hex; empty when there is no list.
        seen_once: of a second list, when there is one.
        networks: detection, landmarks, embedding, in this order.
        added: further sections, such as `facegate.report.results` makes, with the names of the
            files they come from.
        circumstances: machine, versions, settings and command line.
    """

    measured: Measured
    telling: TellingPairs
    crops: Mapping[Path, Picture] | None
    examples: int
    root: Path
    pairs_digest: str
    seen_once: SeenOnce | None
    networks: tuple[Network, ...]
    added: tuple[tuple[str, Section], ...]
    circumstances: Section


def verification_page(evidence: Evidence, title: str, made_at: datetime, made_by: str) -> Report:
    """The whole report.

    Args:
        evidence: what was measured.
        title: of the page; empty: named after the pictures.
        made_at: time zone aware.
        made_by: program and version.
    """
    measured, once = evidence.measured, evidence.seen_once
    tau = measured.result.tau
    same, different = (measured.similarities[kind] for kind in (measured.mated, ~measured.mated))
    chain = [network.model_id for network in evidence.networks]
    crops = evidence.crops
    sections = [
        story_section(measured, evidence.pairs_digest, chain),
        rates_section(measured),
        curves_section(same, different, tau, None if once is None else once.scan),
    ]
    said = statements(measured)
    if once is not None:
        said = (said[0], strangers_statement(once.report, once.name), *said[1:])
        sections.append(
            strangers_section(
                once.report,
                once.name,
                once.digest,
                (once.corrected_by, once.corrected_digest),
                once.root,
                crops,
                evidence.examples,
            )
        )
    sections += [
        faces_section(evidence.telling, tau, evidence.root, crops),
        acquire_section(measured, names=crops is not None),
        *(section for _, section in evidence.added),
        networks_section(evidence.networks),
        evidence.circumstances,
        words_section(),
    ]
    return Report(
        title=" ".join(title.split()) or f"Face verification measured on {measured.pictures_name}",
        subtitle=subtitle(measured),
        made_at=made_at,
        made_by=made_by,
        privacy=privacy(
            None if crops is None else len(crops), [name for name, _ in evidence.added]
        ),
        statements=said,
        limits=limits(measured, None if once is None else rate_in_force(once.report)),
        sections=tuple(sections),
    )

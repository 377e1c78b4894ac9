"""`facegate demo`: see it work on real faces within a minute of installing."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facegate.cli.output import (
    EXIT_PARTLY,
    JsonOption,
    console,
    plain,
    print_json,
    remark,
    table,
    write_atomically,
)

if TYPE_CHECKING:
    from facegate.services.demo import Visit
    from facegate.services.enroll import EnrollmentRow


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where to write the annotated picture.")
    ] = Path("facegate-demo.jpg"),
    as_json: JsonOption = False,
) -> None:
    """Enroll and identify public-domain portraits; your own data is left alone.

    Exit code 10: something did not come out as it should.
    """
    from facegate.bootstrap import start
    from facegate.services.demo import COLLINS, HOPPER, enroll_portrait, visits

    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="facegate-demo-") as folder:
        # Always the networks that ship: others may have no threshold, or want another target.
        own = Path(folder)
        gate = start(
            data_dir=own,
            models_dir=own / "models",
            database_url="",
            embedder_model="",
            threshold_target="f1",
        )
        enroller, identifier = gate.enroller(), gate.identifier()
        _must_be_accepted(enroll_portrait(enroller, COLLINS))
        strangers = list(visits(identifier, HOPPER, enrolled=False))
        _must_be_accepted(enroll_portrait(enroller, HOPPER))
        known = [
            visit
            for portrait in (COLLINS, HOPPER)
            for visit in visits(identifier, portrait, enrolled=True)
        ]
        tau = gate.threshold().tau
        gate.store.close()
    elapsed_s = time.perf_counter() - began
    everything = strangers + known
    write_atomically(output, _contact_sheet(everything))
    right = sum(visit.as_expected for visit in everything)
    if as_json:
        print_json(
            {
                "as_expected": right,
                "visits": len(everything),
                "threshold": tau,
                "elapsed_s": round(elapsed_s, 2),
                "picture": str(output),
                "rows": [
                    {**visit.result.as_dict(), "expected": visit.expected} for visit in everything
                ],
            }
        )
    else:
        _print(strangers, known, tau)
        console().print(
            f"\n[bold]{right} of {len(everything)} visits came out right[/bold] "
            f"in {elapsed_s:.1f} s. Look at [cyan]{plain(output)}[/cyan].\n"
        )
        console().print(_NEXT)
    if right < len(everything):
        raise typer.Exit(EXIT_PARTLY)


def _must_be_accepted(row: EnrollmentRow) -> None:
    if row.message:
        remark(f"{row.name}'s portrait: {row.message}.")


_NEXT = """[bold]Now with your own photographs[/bold]
  facegate enroll --name "Your Name" me1.jpg me2.jpg     [dim]two or three, in different light[/dim]
  facegate identify photos/ --annotate marked/           [dim]who is in these pictures?[/dim]
  facegate people list                                   [dim]who is enrolled?[/dim]
  facegate tune people/                                  [dim]fit τ, a folder per person[/dim]"""


def _print(strangers: list[Visit], known: list[Visit], tau: float) -> None:
    from facegate.services.demo import COLLINS, HOPPER

    out = console()
    out.print(
        f"Two portraits, {COLLINS.name} ({COLLINS.credit}) and {HOPPER.name} ({HOPPER.credit}), "
        f"in {len(strangers)} conditions each.\nA face matches from similarity τ = {tau:.3f} on.\n"
    )
    by_title = {visit.title: [visit] for visit in strangers}
    for visit in known:
        by_title[visit.title].append(visit)
    shown = table(
        "condition",
        f"{HOPPER.name}\nbefore enrollment",
        COLLINS.name,
        f"{HOPPER.name}\nenrolled",
    )
    for title, (stranger, first, second) in by_title.items():
        shown.add_row(title, _cell(stranger), _cell(first), _cell(second))
    out.print(shown)


def _cell(visit: Visit) -> str:
    color = "green" if visit.as_expected else "bold red"
    if not visit.result.faces:
        return f"[{color}]no face[/{color}]"
    face = visit.result.faces[0]
    words = face.decision.outcome.value.replace("_", " ")
    similarity = face.decision.similarity
    number = "" if similarity is None else f" {similarity:.2f}"
    return f"[{color}]{words}{number}[/{color}]"


def _contact_sheet(everything: list[Visit]) -> bytes:
    """All visits side by side, marked."""
    from facegate.vision.annotate import FaceMark, contact_sheet

    tiles = []
    for visit in everything:
        marks = [
            FaceMark(
                face.bbox_xyxy,
                face.landmarks_xy,
                face.decision.outcome,
                face.subject or face.decision.outcome.value.replace("_", " "),
            )
            for face in visit.result.faces
        ]
        tiles.append((visit.frame_bgr, marks, visit.title))
    return contact_sheet(tiles, columns=len(everything) // 3)

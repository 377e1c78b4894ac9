"""`facegate eval gate`: play recorded visits to a door and count what it did."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.output import JsonOption, console, percent, plain, print_json, progress, table

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.domain.arrays import ImageArray
    from facegate.engine.drill import VisitResult

FILM_FRAMES = 60
"""Of a visit made from a photograph: four seconds."""


def gate(
    visits: Annotated[
        Path, typer.Argument(help="CSV: kind, expect (open or shut), frames; person, beside, at.")
    ],
    people: Annotated[
        Path, typer.Option("--people", help="Folder with a folder of pictures for each person.")
    ],
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="Rules (TOML) with one door; else all may always pass."),
    ] = None,
    pad: Annotated[
        str, typer.Option("--pad", help="Attack check, where no policy is given.")
    ] = "passive",
    as_json: JsonOption = False,
) -> None:
    """Enroll people apart, play visits to a door, and count by kind what the door did.

    Nothing is stored. Folders of frames are played at 15 frames a second of simulated time.
    """
    from facegate.bootstrap import start
    from facegate.domain.attacks import PadPolicy
    from facegate.doorway import simulated_door
    from facegate.engine.plans import read_visits
    from facegate.services.audit_report import verify_store

    if pad not in [one.value for one in PadPolicy]:
        raise typer.BadParameter(", ".join(PadPolicy), param_hint="--pad")

    facegate = start()
    with tempfile.TemporaryDirectory(prefix="facegate-drill-") as folder:
        apart = facegate.apart(Path(folder))
        enrolled, refused = _enroll(apart, people)
        film = _film(apart)
        first = datetime(2026, 1, 5, 9, tzinfo=timezone.utc)  # a Monday morning
        plans = sorted(read_visits(visits, first, film), key=lambda one: one.at)
        rules = policy.read_text(encoding="utf-8") if policy else ""
        drill = simulated_door(apart, plans[0].at - timedelta(hours=1), rules, PadPolicy(pad))
        results = list(progress(drill.run(plans), len(plans), "Visits"))
        chain = verify_store(apart.store, apart.settings.anchors)
    if as_json:
        print_json(
            {
                "enrolled": enrolled,
                "refused": refused,
                "networks": apart.models_in_use(),
                "kinds": _kinds(results),
                "visits": [one.as_dict() for one in results],
                "receipts": chain.as_dict(),
            }
        )
        return
    shown = table(
        "kind", "visits", "as it should", "opened", "95 %", "seconds", "reasons",
        right=["visits", "as it should", "opened", "95 %", "seconds"],
    )  # fmt: skip
    for kind, row in _kinds(results).items():
        low, high = row["interval_95"]
        seconds = row["median_s"]
        reasons = ", ".join(f"{reason} {count}" for reason, count in row["reasons"].items())
        shown.add_row(
            plain(kind), str(row["visits"]), str(row["as_expected"]), str(row["opened"]),
            f"{percent(low)} to {percent(high)}",
            "" if seconds is None else f"{seconds:.2f}", plain(reasons),
        )  # fmt: skip
    console().print(shown)
    console().print(
        f"[dim]{enrolled} people enrolled, {refused} refused; opened: share with its interval; "
        f"seconds: median from the first frame with the face to the first decision. "
        f"Receipts: {'whole' if chain.intact else 'BROKEN'}.[/dim]"
    )
    for one in results:
        if not one.as_expected:
            told = f"{one.plan.kind}, {one.plan.title}: {', '.join(one.reasons) or 'no decision'}"
            console().print(f"[yellow]{plain(told)}[/yellow]")


def _enroll(gate: FaceGate, people: Path) -> tuple[int, int]:
    from facegate.cli.sources import portraits_from
    from facegate.services.enroll import EnrollmentStatus

    accepted, refused = set(), 0
    for row in gate.enroller().enroll(portraits_from([people], ""), main_face_only=True):
        if row.status is EnrollmentStatus.ACCEPTED:
            accepted.add(row.name)
        else:
            refused += 1
    return len(accepted), refused


def _film(gate: FaceGate) -> Any:
    from facegate.vision.film import visit_film
    from facegate.vision.images import load_image

    def film(photo: Path) -> Iterator[ImageArray]:
        frame = load_image(photo).frame_bgr
        reading = gate.reader.read_main(frame)
        if reading is None:
            return iter(())
        seed = sum(photo.name.encode())
        return visit_film(frame, reading.face.landmarks_xy, FILM_FRAMES, seed=seed)

    return film


def _kinds(results: list[VisitResult]) -> dict[str, dict[str, Any]]:
    import statistics
    from collections import Counter

    from facegate.evaluation.rates import rate

    kinds: dict[str, dict[str, Any]] = {}
    for kind in dict.fromkeys(one.plan.kind for one in results):
        of = [one for one in results if one.plan.kind == kind]
        opened = rate(sum(bool(one.opened) for one in of), len(of))
        seconds = [one.elapsed_s for one in of if one.elapsed_s is not None]
        counted = Counter(reason for one in of for reason in one.reasons[:1] or ["no decision"])
        kinds[kind] = {
            "visits": len(of),
            "as_expected": sum(one.as_expected for one in of),
            "opened": opened.errors,
            "interval_95": [opened.low, opened.high],
            "median_s": statistics.median(seconds) if seconds else None,
            "reasons": dict(counted.most_common()),
        }
    return kinds

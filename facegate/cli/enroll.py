"""`facegate enroll`: people from pictures, folders or a list."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facegate.cli.detector_options import (
    MaxFacesOption,
    MinFaceOption,
    TilesOption,
    ZoomOption,
    detector_settings,
)
from facegate.cli.output import (
    EXIT_PARTLY,
    JsonOption,
    ModelOption,
    console,
    json_line,
    plain,
    progress,
    remark,
    table,
)
from facegate.cli.threshold import print_risk

if TYPE_CHECKING:
    from facegate.services.enroll import EnrollmentRow


def enroll(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="Pictures or folders of one person (with [bold]--name[/bold]); or one folder that "
            "holds a folder per person; or a CSV file with the columns name and path.",
            show_default=False,
            readable=False,
        ),
    ],
    name: Annotated[str, typer.Option("--name", "-n", help="The person in all the pictures.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Judge every picture, store nothing.")
    ] = False,
    allow_duplicates: Annotated[
        bool,
        typer.Option(
            "--allow-duplicates",
            help="Also accept a face that is enrolled under another name (twins).",
        ),
    ] = False,
    main_face_only: Annotated[
        bool,
        typer.Option(
            "--main-face",
            help="Where several people are in a picture, take the large one in the middle.",
        ),
    ] = False,
    tiles: TilesOption = None,
    zoom: ZoomOption = None,
    min_face_px: MinFaceOption = None,
    max_faces: MaxFacesOption = None,
    model: ModelOption = "",
    as_json: JsonOption = False,
) -> None:
    """Enroll people; every picture is accepted or refused with the reason.

    With the setting [bold]keep_crops[/bold] (off by default) a picture of each face is kept in the
    database, so that another network can be used later (`facegate people reenroll`). Unlike a
    template it shows the person to whoever can read the database; it is deleted with the person.

    Run it again after an interruption: people who are stored are skipped. Exit code 10 tells that
    some pictures were refused.
    """
    import sys

    from facegate.bootstrap import start
    from facegate.cli.sources import portraits_from
    from facegate.domain.quality import Flaw
    from facegate.errors import InputError
    from facegate.services.enroll import EnrollmentStatus

    people = portraits_from(sources, name)
    total = sum(len(person.paths) for person in people)
    if not total:
        raise InputError(
            "No pictures were found.", hint="JPEG, PNG, WebP, TIFF, BMP and GIF count."
        )
    gate = start(model, **detector_settings(tiles, min_face_px, max_faces, zoom))
    if not gate.baseline().is_set:
        remark(
            f"{gate.embedder_card.name} has no threshold yet: a face that is enrolled under "
            "another name is not noticed, and nobody matches before `facegate tune`."
        )
    rows = gate.enroller().enroll(
        people,
        dry_run=dry_run,
        allow_duplicates=allow_duplicates,
        main_face_only=main_face_only,
    )
    done: list[EnrollmentRow] = []
    for row in progress(rows, total, "Enrolling"):
        done.append(row)
        if as_json:
            sys.stdout.write(json_line(row.as_dict()))
    if not as_json:
        _print(done, dry_run=dry_run)
        if not dry_run and any(row.status is EnrollmentStatus.ACCEPTED for row in done):
            print_risk(gate)
        if any(Flaw.SEVERAL_FACES.value in row.reasons for row in done):
            remark("--main-face takes the large face in the middle where several are in a picture.")
    refused = [
        row for row in done if row.status in {EnrollmentStatus.REJECTED, EnrollmentStatus.ERROR}
    ]
    if refused:
        raise typer.Exit(EXIT_PARTLY)


def _print(rows: list[EnrollmentRow], *, dry_run: bool) -> None:
    from facegate.services.enroll import EnrollmentStatus

    colors = {
        EnrollmentStatus.ACCEPTED: "green",
        EnrollmentStatus.ALREADY: "dim",
        EnrollmentStatus.REJECTED: "yellow",
        EnrollmentStatus.ERROR: "red",
    }
    accepted = {row.name for row in rows if row.status is EnrollmentStatus.ACCEPTED}
    # Thousands of accepted pictures need no line each; what went wrong always gets one.
    many = len(rows) > 60
    shown = table("person", "picture", "result", "quality", "reason", right=["quality"])
    for row in rows:
        fine = row.status in {EnrollmentStatus.ACCEPTED, EnrollmentStatus.ALREADY}
        if many and fine and not row.message:
            continue
        color = colors[row.status]
        shown.add_row(
            plain(row.name),
            plain(row.path.name),
            f"[{color}]{row.status.value.replace('_', ' ')}[/{color}]",
            "" if row.quality is None else f"{row.quality:.2f}",
            plain(row.message),
        )
    if shown.row_count:
        console().print(shown)
    counts = Counter(row.status.value.replace("_", " ") for row in rows)
    summary = ", ".join(f"{count} {status}" for status, count in counts.items())
    verb = "would be enrolled" if dry_run else "enrolled"
    console().print(f"{len(accepted)} people {verb}; pictures: {summary}.")
    empty = {row.name for row in rows} - {
        row.name
        for row in rows
        if row.status in {EnrollmentStatus.ACCEPTED, EnrollmentStatus.ALREADY}
    }
    if empty:
        names = ", ".join(sorted(empty)[:10]) + (" …" if len(empty) > 10 else "")
        remark(f"Nothing could be used of: {names}")

"""`facegate quality`: how good are the faces of these pictures, and what to change?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facegate.cli.output import (
    EXIT_PARTLY,
    JsonOption,
    console,
    json_line,
    plain,
    progress,
    remark,
    result_stream,
    table,
    write_atomically,
)

if TYPE_CHECKING:
    from facegate.domain.quality import Flaw
    from facegate.services.face_quality import JudgedFace, JudgedImage
    from facegate.vision.images import LoadedImage

WEAK_BELOW = 60.0
"""Measures with a lower score are named to people; a limit need not be broken for that."""

WEAK_SHOWN = 3


def quality(
    paths: Annotated[
        list[Path],
        # readable=False: what cannot be read becomes a row, not the end of the run
        typer.Argument(
            help="Pictures, folders or quoted patterns.", show_default=False, readable=False
        ),
    ],
    draw: Annotated[
        Path | None,
        typer.Option(
            "--draw",
            metavar="DIR",
            help="Write the pictures with each face's score and flaws into this folder.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the result to this file.")
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive/--no-recursive", help="Look into folders in folders.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Measure the faces of pictures after ISO/IEC 29794-5, and say what they are good enough for.

    Nothing is compared, and nothing is kept. With --json one line for each picture.

    A picture that cannot be read becomes a row with an error, and exit code 10.
    """
    from facegate.bootstrap import start
    from facegate.cli.identify import annotated_paths
    from facegate.cli.sources import pictures_from
    from facegate.services.face_quality import judge_files

    files = pictures_from(paths, recursive=recursive)
    gate = start()
    settings = gate.settings
    uses = {
        "enrollment": settings.enrollment.rules(),
        "identification": settings.identification.rules(),
        "gate": settings.gate.rules(),
    }
    drawn = annotated_paths(files, draw) if draw else {}
    rows = progress(judge_files(gate.reader, files, uses), len(files), "Measuring")
    failed = 0
    kept: list[JudgedImage] = []
    with result_stream(output) as stream:
        for row, image in rows:
            failed += row.error is not None
            if image is not None and row.path in drawn:
                write_atomically(drawn[row.path], _drawn(row, image))
            if as_json:
                stream.write(json_line(row.as_dict()))
            else:
                kept.append(row)
        if not as_json:
            stream.write(_table_text(kept, width=None if output is None else 160))
    if draw:
        remark(f"Pictures with scores are in {draw}.")
    if failed:
        raise typer.Exit(EXIT_PARTLY)


def _table_text(rows: list[JudgedImage], width: int | None) -> str:
    numbers = ["face", "score", "eyes px", "yaw", "pitch", "roll"]
    shown = table("picture", *numbers, "weakest", "good for", "to change", right=numbers)
    for row in rows:
        picture = plain(row.path)
        blank = [""] * 7
        if row.error is not None:
            reason = plain(row.error.removeprefix(f"{row.path}: "))
            shown.add_row(picture, *blank, "[red]error[/red]", reason)
        elif not row.faces:
            shown.add_row(picture, *blank, "[dim]no face[/dim]", "")
        for number, face in enumerate(row.faces, start=1):
            one = face.quality
            shown.add_row(
                picture if number == 1 else "",
                str(number),
                f"{100 * one.score:.0f}",
                f"{one.eye_distance_px:.0f}",
                *(f"{angle:+.0f}°" for angle in (one.yaw_deg, one.pitch_deg, one.roll_deg)),
                _weak(face),
                _good_for(face),
                plain("; ".join(flaw.sentence for flaw in _all_flaws(face))),
            )
    out = console()
    if width is not None:
        out.width = width
    with out.capture() as capture:
        out.print(shown)
        faces = sum(len(row.faces) for row in rows)
        good = sum(not face.flaws["enrollment"] for row in rows for face in row.faces)
        out.print(f"{len(rows)} pictures, {faces} faces, {good} good enough to enroll.")
    return capture.get()


def _weak(face: JudgedFace) -> str:
    weak = [one for one in face.weakest if one.score < WEAK_BELOW][:WEAK_SHOWN]
    return ", ".join(f"{one.name.replace('_', ' ')} {one.score:.0f}" for one in weak)


def _good_for(face: JudgedFace) -> str:
    good = [use for use, flaws in face.flaws.items() if not flaws]
    return f"[green]{', '.join(good)}[/green]" if good else "[red]nothing[/red]"


def _all_flaws(face: JudgedFace) -> list[Flaw]:
    """Of all uses, each once, worst first."""
    return list(dict.fromkeys(flaw for flaws in face.flaws.values() for flaw in flaws))


def _drawn(row: JudgedImage, image: LoadedImage) -> bytes:
    from facegate.domain.decisions import Outcome
    from facegate.vision.annotate import FaceMark, annotate

    scale = image.pixels_per_frame_pixel
    colors = {True: Outcome.LOW_QUALITY, False: Outcome.MATCH}
    marks = [
        FaceMark(
            face.bbox_xyxy / scale,
            face.landmarks_xy / scale,
            colors[bool(face.flaws["enrollment"])],
            _label(face),
        )
        for face in row.faces
    ]
    return annotate(image.frame_bgr, marks)


def _label(face: JudgedFace) -> str:
    flaws = face.flaws["enrollment"]
    worst = f" {flaws[0].value.replace('_', ' ')}" if flaws else ""
    return f"{100 * face.quality.score:.0f}{worst}"

"""`facegate quality`: how good are the faces of these pictures, and what to change?"""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap
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
    write_atomically,
)

if TYPE_CHECKING:
    from facegate.domain.quality import Flaw
    from facegate.services.face_quality import JudgedFace, JudgedImage
    from facegate.vision.images import LoadedImage

WEAK_BELOW = 60.0
"""Measures with a lower score are named to people; a limit need not be broken for that."""

WEAK_SHOWN = 3

INDENT = 11
"""Columns before what is said of a face."""


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
            stream.write(_text(kept, width=None if output is None else 160))
    if draw:
        remark(f"Pictures with scores are in {draw}.")
    if failed:
        raise typer.Exit(EXIT_PARTLY)


def _text(rows: list[JudgedImage], width: int | None) -> str:
    """A paragraph for each picture: sentences of advice fit no table."""
    out = console()
    if width is not None:
        out.width = width
    with out.capture() as capture:
        for row in rows:
            out.print(f"[bold]{plain(row.path)}[/bold]")
            if row.error is not None:
                for line in wrap(row.error.removeprefix(f"{row.path}: "), out.width - 2):
                    out.print(f"  [red]{plain(line)}[/red]")
            elif not row.faces:
                out.print("  [dim]no face[/dim]")
            for number, face in enumerate(row.faces, start=1):
                out.print(f"  face {number}   {_measures(face)}")
                for sentence, style in _advice(face):
                    for line in wrap(sentence, out.width - INDENT):
                        out.print(" " * INDENT + plain(line), style=style)
        faces = sum(len(row.faces) for row in rows)
        good = sum(not face.flaws["enrollment"] for row in rows for face in row.faces)
        out.print(f"{len(rows)} pictures, {faces} faces, {good} good enough to enroll.")
    return capture.get()


def _measures(face: JudgedFace) -> str:
    one = face.quality
    angles = zip(("yaw", "pitch", "roll"), (one.yaw_deg, one.pitch_deg, one.roll_deg), strict=True)
    return (
        f"[bold cyan]{100 * one.score:3.0f}[/bold cyan] of 100   "
        f"eyes {one.eye_distance_px:.0f} px apart   "
        + " ".join(f"{name} {angle:+.0f}°" for name, angle in angles)
    )


def _advice(face: JudgedFace) -> list[tuple[str, str]]:
    """Sentences, and the style of each."""
    good = [use for use, flaws in face.flaws.items() if not flaws]
    lines = [(f"good for {', '.join(good) or 'nothing'}", "green" if good else "red")]
    if weak := _weak(face):
        lines.append((f"weakest: {weak}", "dim"))
    if flaws := _all_flaws(face):
        lines.append(("; ".join(flaw.sentence for flaw in flaws), ""))
    return lines


def _weak(face: JudgedFace) -> str:
    weak = [one for one in face.weakest if one.score < WEAK_BELOW][:WEAK_SHOWN]
    return ", ".join(f"{one.name.replace('_', ' ')} {one.score:.0f}" for one in weak)


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

"""`facegate identify`: who is in these pictures?"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator
from enum import Enum
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
    ModelOption,
    console,
    csv_line,
    json_line,
    plain,
    progress,
    remark,
    result_stream,
    table,
    write_atomically,
)

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.services.identify import IdentifiedFace, IdentifiedImage
    from facegate.vision.images import LoadedImage


class Format(str, Enum):
    """How the result is printed."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


CSV_COLUMNS = [
    "path",
    "width",
    "height",
    "error",
    "face",
    "outcome",
    "subject",
    "similarity",
    "second_similarity",
    "threshold",
    "score",
    "quality",
    "x1",
    "y1",
    "x2",
    "y2",
    "model",
]


def identify(
    paths: Annotated[
        list[Path],
        # readable=False: what cannot be read becomes a row, not the end of the run
        typer.Argument(
            help="Pictures, folders or quoted patterns.", show_default=False, readable=False
        ),
    ],
    output_format: Annotated[
        Format, typer.Option("--format", "-f", help="table for people, jsonl or csv for machines.")
    ] = Format.TABLE,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the result to this file.")
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            "--annotate",
            metavar="DIR",
            help="Write the pictures with boxes, names and similarities into this folder.",
        ),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive/--no-recursive", help="Look into folders in folders.")
    ] = True,
    tiles: TilesOption = None,
    zoom: ZoomOption = None,
    min_face_px: MinFaceOption = None,
    max_faces: MaxFacesOption = None,
    model: ModelOption = "",
) -> None:
    """Identify everybody in pictures against the enrolled people.

    Folders are identified with the network meant for them (the setting batch_embedder_model, or
    `facegate models use NAME --for folders`) once everybody is enrolled with it and it has a
    threshold; everything else, and folders until then, with the door's. --model overrules both.

    A picture that cannot be read becomes a row with an error, and exit code 10.
    """
    from facegate.bootstrap import start
    from facegate.cli.sources import pictures_from

    shape = Format.JSONL if as_json else output_format
    files = pictures_from(paths, recursive=recursive)
    gate = start(model, **detector_settings(tiles, min_face_px, max_faces, zoom))
    if not model and any(path.is_dir() for path in paths):
        gate = gate.for_folders()
    _warn(gate)
    annotated = annotated_paths(files, annotate) if annotate else {}
    rows = progress(gate.identifier().identify_files(files), len(files), "Identifying")
    with result_stream(output) as stream:
        failed = 0
        kept: list[IdentifiedImage] = []
        if shape is Format.CSV:
            stream.write(csv_line(CSV_COLUMNS))
        for row, image in rows:
            failed += row.error is not None
            if image is not None and row.path in annotated:
                write_atomically(annotated[row.path], _drawn(row, image))
            if shape is Format.JSONL:
                stream.write(json_line(row.as_dict()))
            elif shape is Format.CSV:
                stream.writelines(_csv_lines(row))
            else:
                kept.append(row)
        if shape is Format.TABLE:
            stream.write(_table_text(kept, width=None if output is None else 160))
    if annotate:
        remark(f"Annotated pictures are in {annotate}.")
    if failed:
        raise typer.Exit(EXIT_PARTLY)


def _warn(gate: FaceGate) -> None:
    """Say what the person should know before reading the results."""
    from facegate.services.thresholds import NO_THRESHOLD

    threshold = gate.threshold()
    if not threshold.is_set:
        remark(f"{gate.embedder_card.name}: {NO_THRESHOLD}.")
    elif not len(gate.gallery):
        remark("Nobody is enrolled, so everybody is unknown. Begin with `facegate enroll`.")
    if not threshold.supported:
        remark(threshold.note)


def annotated_paths(files: list[Path], folder: Path) -> dict[Path, Path]:
    """Where each annotated picture goes: the same tree below the folder, each file once."""
    root = Path(os.path.commonpath([file.absolute().parent for file in files]))
    taken: set[Path] = set()
    result: dict[Path, Path] = {}
    for file in files:
        relative = file.absolute().relative_to(root)
        target = folder / relative.with_suffix(".jpg")
        if target in taken:  # a.png beside a.jpg
            target = folder / relative.with_name(f"{relative.name}.jpg")
        taken.add(target)
        result[file] = target
    return result


def _drawn(row: IdentifiedImage, image: LoadedImage) -> bytes:
    from facegate.vision.annotate import FaceMark, annotate

    scale = image.pixels_per_frame_pixel
    marks = [
        FaceMark(
            face.bbox_xyxy / scale, face.landmarks_xy / scale, face.decision.outcome, _label(face)
        )
        for face in row.faces
    ]
    return annotate(image.frame_bgr, marks)


def _label(face: IdentifiedFace) -> str:
    from facegate.domain.decisions import Outcome

    if face.decision.outcome is Outcome.LOW_QUALITY:
        return face.decision.flaws[0].value.replace("_", " ")
    who = face.subject or face.decision.outcome.value
    similarity = face.decision.similarity
    return who if similarity is None else f"{who} {similarity:.2f}"


def _csv_lines(row: IdentifiedImage) -> Iterator[str]:
    picture = [row.path, row.width, row.height, row.error]
    if not row.faces:
        yield csv_line([*picture, *[None] * (len(CSV_COLUMNS) - len(picture))])
    for number, one in enumerate(row.faces):
        face = one.as_dict()
        keys = ("outcome", "subject", "similarity", "second_similarity", "threshold")
        yield csv_line(
            [
                *picture,
                number,
                *(face[key] for key in keys),
                face["score"],
                face["quality"],
                *face["bbox_xyxy"],
                face["model"],
            ]
        )


def _table_text(rows: list[IdentifiedImage], width: int | None) -> str:
    from facegate.domain.decisions import Outcome

    colors = {
        Outcome.MATCH: "green",
        Outcome.UNKNOWN: "red",
        Outcome.AMBIGUOUS: "yellow",
        Outcome.LOW_QUALITY: "dim",
    }
    shown = table(
        "picture",
        "face",
        "outcome",
        "person",
        "similarity",
        "second",
        "remark",
        right=["face", "similarity", "second"],
    )
    counts: Counter[str] = Counter()
    for row in rows:
        picture = plain(row.path)
        if row.error is not None:
            reason = row.error.removeprefix(f"{row.path}: ")
            shown.add_row(picture, "", "[red]error[/red]", "", "", "", plain(reason))
            counts["error"] += 1
        elif not row.faces:
            shown.add_row(picture, "0", "[dim]no face[/dim]", "", "", "", "")
            counts["no face"] += 1
        for number, face in enumerate(row.faces, start=1):
            outcome = face.decision.outcome
            counts[outcome.value.replace("_", " ")] += 1
            shown.add_row(
                picture if number == 1 else "",
                str(number),
                f"[{colors[outcome]}]{outcome.value.replace('_', ' ')}[/{colors[outcome]}]",
                plain(face.subject or ""),
                _number(face.decision.similarity),
                _number(face.decision.second_similarity),
                plain(_remark(face)),
            )
    out = console()
    if width is not None:
        out.width = width
    with out.capture() as capture:
        out.print(shown)
        faces = sum(len(row.faces) for row in rows)
        parts = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
        out.print(f"{len(rows)} pictures, {faces} faces: {parts}.")
    return capture.get()


def _remark(face: IdentifiedFace) -> str:
    from facegate.services.thresholds import NO_THRESHOLD

    if face.decision.flaws:
        return "; ".join(flaw.sentence for flaw in face.decision.flaws)
    return NO_THRESHOLD if math.isinf(face.decision.tau) else ""


def _number(similarity: float | None) -> str:
    return "" if similarity is None else f"{similarity:.3f}"

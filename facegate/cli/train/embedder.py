"""`facegate train embedder`: from pictures to the embedding network that ships."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facegate.cli.output import (
    console,
    percent,
    plain,
    print_json,
    progress,
    remark,
    write_atomically,
)
from facegate.cli.train.common import (
    DeviceOption,
    DoneOption,
    OnnxOption,
    RecipeOption,
    RunOption,
    ThreadsOption,
    go_on,
    need_torch,
)

if TYPE_CHECKING:
    from facegate.domain.arrays import FloatArray, ImageArray
    from facegate.training.embedder.data import FindsLandmarks

app = typer.Typer(
    help="Train the embedding network: prepare, teach, clean, then train and export.",
    invoke_without_command=True,
    no_args_is_help=True,
)

DataOption = Annotated[
    Path, typer.Option("--data", help="Folder of all prepared sets.", file_okay=False)
]


class Source(str, Enum):
    """How a set's pictures and people are found."""

    CELEBA = "celeba"
    FAIRFACE = "fairface"
    FOLDERS = "folders"
    PICTURES = "pictures"


class Bits(str, Enum):
    """In how many bits a large weight is stored."""

    WHOLE = "32"
    HALF = "16"
    BYTE = "8"


@app.callback()
def train(
    context: typer.Context,
    data: DataOption = Path("data"),
    run: RunOption = Path("run"),
    recipe: RecipeOption = "embedder_accurate",
    start: Annotated[
        Path | None,
        typer.Option(help="ONNX network to begin with; without one, from random weights."),
    ] = None,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = 2,
) -> None:
    """Train by a recipe, or go on with an interrupted run.

    The run's folder gets the checkpoint, the best weights by held-out people, a log, and pictures
    of the losses and of verification.
    """
    if context.invoked_subcommand is not None:
        return
    need_torch(threads, device)
    from facegate.training.curves import curves_png
    from facegate.training.embedder.data import FacePool, open_prepared, was_cleaned
    from facegate.training.embedder.loop import EmbedderTraining, read_log
    from facegate.training.embedder.recipe import EmbedderRecipe
    from facegate.training.embedder.start import first_network
    from facegate.training.recipe import read_recipe

    settings = read_recipe(EmbedderRecipe, recipe)
    pool = FacePool([open_prepared(data / name) for name in settings.sets])
    for name in settings.sets:
        if not was_cleaned(data / name):
            remark(f"{name} was not cleaned: people of test sets may be among its faces.")
    network = first_network(settings, start)
    training = EmbedderTraining(settings, pool, network, run, device)

    def draw() -> None:
        write_atomically(run / "curves.png", curves_png(read_log(run), f"{recipe} in {run}"))

    go_on(run, training.train(), training.run.seen, settings.images, draw)
    console(stderr=True).print(f"Done. Curves: {plain(run / 'curves.png')}")
    typer.echo(f"Now `facegate train embedder export --run {run} --output FILE.onnx`.")


@app.command()
def prepare(
    source: Annotated[Source, typer.Argument(help="Kind of set.")],
    images: Annotated[Path, typer.Option(help="Folder of its pictures.", exists=True)],
    data: DataOption,
    name: Annotated[str | None, typer.Option(help="Of the prepared set; else the kind.")] = None,
    identities: Annotated[
        Path | None, typer.Option(help="CelebA's identity_CelebA.txt.", exists=True)
    ] = None,
    cached: Annotated[
        Path | None,
        typer.Option(help="npz of files, landmarks_xy and teachers' embeddings.", exists=True),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(help="YuNet's ONNX file, to align by it instead of by our own detector."),
    ] = None,
) -> None:
    """Find and align all faces of a set once; broken pictures and those without a face are listed.

    celeba: aligned pictures with identities. fairface: pictures below `train`, maybe with cached
    landmarks. folders: one folder of pictures for each person. pictures: any pictures, of people
    nobody named.
    """
    need_torch()
    from facegate.errors import InputError
    from facegate.training.embedder import data as sets

    teachers: dict[str, FloatArray] | None = None
    if source is Source.CELEBA:
        if identities is None:
            raise InputError("CelebA's identities are missing.", hint="Give --identities.")
        faces = list(sets.celeba_faces(images, identities))
    elif source is Source.FAIRFACE:
        if cached is None:
            faces = list(sets.fairface_pictures(images))
        else:
            faces, teachers = sets.fairface_faces(images, cached)
    else:
        faces = list(sets.folder_faces(images, named=source is Source.FOLDERS))
    if not faces:
        raise InputError(f"{images} holds no pictures of this kind.")
    finder = sets.YunetLandmarks(teacher) if teacher is not None else _own_landmarks()
    folder = _named(data, name or source.value)
    if (folder / "faces.npz").exists():
        remark(f"{folder} is made anew: teach, label and clean it again.")
    shown = progress(faces, len(faces), "Aligning")
    kept = sets.prepare(shown, folder, finder, teachers)
    typer.echo(f"{kept} of {len(faces)} faces are in {folder}")


@app.command()
def teach(
    data: DataOption,
    name: Annotated[str, typer.Option(help="What recipes call the teacher.")],
    weights: Annotated[Path, typer.Option(help="Its ONNX file.", exists=True, dir_okay=False)],
    sets: Annotated[list[str], typer.Argument(help="Names of prepared sets.")],
    mean: Annotated[
        list[float] | None,
        typer.Option(
            help="It sees (x - mean) * scale; x from 0 to 255. Once, or for red, green and blue. "
            "[default: 0]",
            show_default=False,
        ),
    ] = None,
    scale: Annotated[
        list[float] | None, typer.Option(help="See --mean. [default: 1]", show_default=False)
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="1 if it was exported for one face.")] = 16,
    threads: ThreadsOption = 2,
) -> None:
    """Run a teacher once over prepared faces, as they are and mirrored, and keep what it says."""
    need_torch(threads)
    from facegate.errors import InputError
    from facegate.training.embedder.data import open_prepared
    from facegate.training.embedder.teachers import Teacher, add_teacher, plain_onnx

    for option, values in (("--mean", mean), ("--scale", scale)):
        if values and len(values) not in {1, 3}:
            raise InputError(f"{option} is given once, or for red, green and blue.")
    teacher = Teacher(plain_onnx(weights), mean or (0.0,), scale or (1.0,), batch)
    folders = {one: data / one for one in sets}
    counts = {one: len(open_prepared(folder)) for one, folder in folders.items()}
    for one, folder in folders.items():
        count = counts[one]
        for _ in progress(
            add_teacher(folder, name, teacher, threads), -(-count // batch), f"{name}: {one}"
        ):
            pass
        typer.echo(f"{name} has seen {count} faces of {folder}")


@app.command()
def label(
    data: DataOption,
    name: Annotated[str, typer.Argument(help="Of the prepared set.")],
    labels: Annotated[
        Path, typer.Option(help="CSV with a column `file` and columns of groups.", exists=True)
    ],
    group: Annotated[str, typer.Option(help="Column that names the group.")],
    root: Annotated[
        str, typer.Option(help="Folder in the table's paths from which the set was prepared.")
    ] = ".",
    without: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=VALUE: these faces get no group; repeatable."),
    ] = None,
) -> None:
    """Say which group of people each face belongs to, for a recipe that heeds the worst group."""
    need_torch()
    from facegate.errors import InputError
    from facegate.evaluation.lists import NO_GROUP, read_labels
    from facegate.training.embedder import data as sets

    skipped = [tuple(one.partition("=")[::2]) for one in without or []]
    if not all(column and value for column, value in skipped):
        raise InputError("--without wants COLUMN=VALUE.")
    columns = dict.fromkeys([group, *(column for column, _ in skipped)])
    table = read_labels(labels, Path(), [[column] for column in columns])
    below = Path(root)
    group_of = {
        path.relative_to(below).as_posix(): table.groups[group][place]
        for place, path in enumerate(table.paths)
        if path.is_relative_to(below)
        and table.groups[group][place] != NO_GROUP
        and not any(table.groups[column][place] == value for column, value in skipped)
    }
    folder = data / name
    count = sets.label(folder, group_of)
    typer.echo(f"{count} of {len(sets.open_prepared(folder))} faces of {folder} have a group")


@app.command()
def clean(
    data: DataOption,
    sets: Annotated[list[str], typer.Argument(help="Names of prepared sets.")],
    test: Annotated[
        list[str] | None,
        typer.Option(help="Prepared set of test people, who must not be trained on; repeatable."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Leave out test people, doubled pictures and wrong names, as teachers see them.

    Names differ between sets or are missing, so people are told apart by what all teachers that
    `teach` ran over all these sets say, centered and whitened on the sets together.
    """
    need_torch()
    import numpy as np

    from facegate.errors import ConfigError
    from facegate.training.embedder.cleaning import left_out
    from facegate.training.embedder.data import open_prepared, store_columns
    from facegate.training.embedder.whitening import TELLING_SHRINK, fit_whitening

    opened = {name: open_prepared(data / name) for name in sets}
    tests = [open_prepared(data / name) for name in test or []]
    common = sorted(set.intersection(*(set(one.teachers) for one in [*opened.values(), *tests])))
    if not common:
        raise ConfigError(
            f"No teacher has seen all of {', '.join([*sets, *(test or [])])}.",
            hint="Run `facegate train embedder teach` for each of them first.",
        )
    even = {
        teacher: fit_whitening(
            np.concatenate([faces.teachers[teacher] for faces in opened.values()]), TELLING_SHRINK
        )
        for teacher in common
    }
    shown = [
        even[t].apply(np.concatenate([one.teachers[t] for one in tests])) for t in common if tests
    ]
    found: dict[str, dict[str, int]] = {}
    for name, faces in opened.items():
        reasons = left_out(
            [even[teacher].apply(faces.teachers[teacher]) for teacher in common],
            faces.person,
            shown,
        )
        store_columns(data / name, left_out=reasons)
        kinds, counts = np.unique(reasons, return_counts=True)
        found[name] = {str(k) or "kept": int(c) for k, c in zip(kinds, counts, strict=True)}
    if json:
        print_json(found)
        return
    for name, kinds_of in found.items():
        typer.echo(f"{name}: " + ", ".join(f"{kind} {count}" for kind, count in kinds_of.items()))


@app.command()
def export(
    run: DoneOption,
    output: OnnxOption,
    share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Of the tuned weights; the rest is of the start network."),
    ] = 1.0,
    bits: Annotated[
        Bits, typer.Option(help="Of a large weight in the file; a face takes as long.")
    ] = Bits.WHOLE,
    mirror: Annotated[bool, typer.Option(help="Also encode the mirrored face: twice the time.")] = (
        False
    ),
) -> None:
    """Write the best weights of a run as ONNX."""
    need_torch()
    import hashlib

    from facegate.training.embedder.export import blend, export_onnx, read_onnx
    from facegate.training.embedder.loop import best_network, best_seen

    network = best_network(run)
    if share < 1:
        network = blend(network, read_onnx(run / "start.onnx"), share)
    network.sees_mirrored = mirror
    export_onnx(network, output, int(bits.value))
    content = output.read_bytes()
    kept = "" if share == 1 else f", {percent(share)} of it tuned"
    typer.echo(
        f"{output}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}; validated "
        f"best after {best_seen(run):,} images{kept}"
    )


def _named(data: Path, name: str) -> Path:
    """The folder of a set; names lead nowhere else."""
    from facegate.errors import InputError

    if name in {"", ".", ".."} or Path(name).name != name:
        raise InputError(f"{name!r} is no name for a set.")
    return data / name


def _own_landmarks() -> FindsLandmarks:
    """The main face's landmarks by our own detector and landmark network, as at the gate."""
    from facegate.bootstrap import start
    from facegate.services.reading import main_face

    detector = start().detector

    def find(frame_bgr: ImageArray) -> FloatArray | None:
        faces = detector.detect(frame_bgr)
        height, width = frame_bgr.shape[:2]
        return main_face(faces, (width, height)).landmarks_xy if faces else None

    return find

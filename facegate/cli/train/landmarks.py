"""`facegate train landmarks`: from single faces to the landmark network that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facegate.cli.train.common import (
    DeviceOption,
    DoneOption,
    OnnxOption,
    RecipeOption,
    RunOption,
    ThreadsOption,
    go_on,
    need_torch,
    write_network,
)

app = typer.Typer(
    help="Train the landmark network: prepare, then train and export.",
    invoke_without_command=True,
    no_args_is_help=True,
)


@app.command()
def prepare(
    output: Annotated[Path, typer.Option(help="Folder for the prepared faces.")],
    teacher: Annotated[Path, typer.Option(help="YuNet's ONNX file.", exists=True)],
    portraits: Annotated[
        list[Path] | None, typer.Option(help="Folders of single faces.", exists=True)
    ] = None,
    scenes: Annotated[
        Path | None, typer.Option(help="What the detector's `prepare` wrote.", exists=True)
    ] = None,
) -> None:
    """Cut out all faces once, with the mean of six looks of the teacher as landmarks."""
    need_torch()
    from facegate.training.detector.data import PreparedSamples, write_sets
    from facegate.training.detector.labels import Labeler
    from facegate.training.detector.teacher import YuNetTeacher
    from facegate.training.landmarks.loop import MIN_FACE_PX
    from facegate.training.landmarks.targets import taught_faces

    seer = YuNetTeacher(teacher)
    labeler = Labeler(seer)
    files = (file for folder in portraits or () for file in sorted(folder.glob("*.jpg")))
    labeled = (sample for file in files if (sample := labeler.portrait(file)) is not None)
    prepared = PreparedSamples(scenes) if scenes else None
    numbers = prepared.scenes.tolist() if prepared else []
    sources = {
        "portraits": labeled,
        "scenes": (prepared[number] for number in numbers if prepared),
    }
    counts = write_sets(
        {
            name: (face for sample in samples for face in taught_faces(sample, seer, MIN_FACE_PX))
            for name, samples in sources.items()
        },
        output,
        made_by=f"{portraits} {scenes}",
    )
    typer.echo(f"{sum(counts.values())} faces prepared.")


@app.callback()
def train(
    context: typer.Context,
    faces: Annotated[Path, typer.Option(help="What `prepare` wrote.")] = Path("faces"),
    run: RunOption = Path("run"),
    recipe: RecipeOption = "landmarks_s2",
    device: DeviceOption = "cpu",
    threads: ThreadsOption = 2,
    start: Annotated[
        Path | None,
        typer.Option(help="ONNX file of a landmark network to begin with.", exists=True),
    ] = None,
) -> None:
    """Train by a recipe, or go on with an interrupted run."""
    if context.invoked_subcommand is not None:
        return
    need_torch(threads, device)
    from facegate.training.detector.data import PreparedSamples
    from facegate.training.landmarks import loop
    from facegate.training.recipe import read_recipe

    settings = read_recipe(loop.LandmarkRecipe, recipe)
    crops = loop.FaceCrops(PreparedSamples(faces), settings)
    typer.echo(f"{len(crops)} different faces")
    going = loop.open_run(settings, run, device, start)
    go_on(run, loop.train(going, settings, crops), going.seen, settings.images)


@app.command()
def export(run: DoneOption, output: OnnxOption) -> None:
    """Write the averaged weights of a run as ONNX."""
    need_torch()
    from facegate.models.landmarker import Landmarker
    from facegate.training.landmarks.export import export_onnx

    write_network(run, Landmarker(), export_onnx, output)

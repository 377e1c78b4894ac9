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
    output: Annotated[Path, typer.Option(help="Folder for the prepared pictures.")],
    teacher: Annotated[Path, typer.Option(help="YuNet's ONNX file.", exists=True)],
    portraits: Annotated[list[Path], typer.Option(help="Folders of single faces.", exists=True)],
) -> None:
    """Label and decode all portraits once."""
    need_torch()
    from facegate.training.detector.data import write_samples
    from facegate.training.detector.labels import Labeler
    from facegate.training.detector.teacher import YuNetTeacher

    labeler = Labeler(YuNetTeacher(teacher))
    files = (file for folder in portraits for file in sorted(folder.glob("*.jpg")))
    labeled = (sample for file in files if (sample := labeler.portrait(file)) is not None)
    count = write_samples(labeled, output)
    typer.echo(f"{count} pictures prepared.")


@app.callback()
def train(
    context: typer.Context,
    portraits: Annotated[Path, typer.Option(help="What `prepare` wrote.")] = Path("faces"),
    scenes: Annotated[Path, typer.Option(help="What the detector's wrote.")] = Path("data"),
    run: RunOption = Path("run"),
    recipe: RecipeOption = "landmarks_s1",
    device: DeviceOption = "cpu",
    threads: ThreadsOption = 2,
) -> None:
    """Train by a recipe, or go on with an interrupted run."""
    if context.invoked_subcommand is not None:
        return
    need_torch(threads)
    from facegate.training.detector.data import PreparedSamples
    from facegate.training.landmarks import loop
    from facegate.training.recipe import read_recipe

    settings = read_recipe(loop.LandmarkRecipe, recipe)
    crops = loop.FaceCrops(PreparedSamples(portraits), PreparedSamples(scenes), settings)
    typer.echo(f"{len(crops)} different faces")
    going = loop.open_run(settings, run, device)
    go_on(run, loop.train(going, settings, crops), going.seen, settings.images)


@app.command()
def export(run: DoneOption, output: OnnxOption) -> None:
    """Write the averaged weights of a run as ONNX."""
    need_torch()
    from facegate.models.landmarker import Landmarker
    from facegate.training.landmarks.export import export_onnx

    write_network(run, Landmarker(), export_onnx, output)

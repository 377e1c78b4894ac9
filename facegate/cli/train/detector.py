"""`facegate train detector`: from scenes to the face detector that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from facegate.cli.train.common import (
    DeviceOption,
    OnnxOption,
    RecipeOption,
    RunOption,
    ThreadsOption,
    follow,
    need_torch,
    resumable,
)
from facegate.cli.train.detector_data import prepare

app = typer.Typer(
    help="Train the face detector: prepare, then train and export.",
    invoke_without_command=True,
    no_args_is_help=True,
)

app.command()(prepare)


@app.callback()
def train(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="What `prepare` wrote.")] = Path("data"),
    run: RunOption = Path("run"),
    recipe: RecipeOption = "detector_s1",
    device: DeviceOption = "cpu",
    threads: ThreadsOption = 2,
) -> None:
    """Train by a recipe, or go on with an interrupted run."""
    if context.invoked_subcommand is not None:
        return
    need_torch(threads)
    from facegate.training.detector import loop
    from facegate.training.detector.data import PreparedSamples
    from facegate.training.recipe import read_recipe

    settings = read_recipe(loop.DetectorRecipe, recipe)
    going = loop.open_run(settings, run, device)
    reports = loop.train(going, settings, PreparedSamples(data))
    with resumable(run):
        for _ in follow(reports, going.seen, settings.images):
            pass


@app.command()
def export(
    run: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of the run.")],
    output: OnnxOption,
) -> None:
    """Write the averaged weights of a run as ONNX."""
    need_torch()
    from facegate.models.yolo import YoloFace
    from facegate.training.detector.export import export_onnx
    from facegate.training.run import averaged_weights

    network = YoloFace()
    weights, seen = averaged_weights(run)
    network.load_state_dict(weights)
    export_onnx(network, output)
    typer.echo(f"{output} written after {seen} images.")

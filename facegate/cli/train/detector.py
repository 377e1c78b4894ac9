"""`facegate train detector`: from scenes to the face detector that ships."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from facegate.cli.train.detector_data import prepare
from facegate.errors import ConfigError

if TYPE_CHECKING:
    from facegate.training.detector.data import PreparedSamples

app = typer.Typer(
    help="Train the face detector: prepare, imitate and export; alone, from drawn boxes.",
    invoke_without_command=True,
    no_args_is_help=True,
)

DataOption = Annotated[Path, typer.Option(help="What `prepare` wrote.")]

app.command()(prepare)


@app.callback()
def train(
    context: typer.Context,
    data: DataOption = Path("data"),
    run: RunOption = Path("run"),
    recipe: RecipeOption = "detector_labels",
    start: Annotated[
        Path | None,
        typer.Option(
            help="Weights to begin with: yunet_n.pth, or last.pt of another run.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="YuNet's ONNX file, if the recipe wants a teacher.", exists=True, dir_okay=False
        ),
    ] = None,
    device: DeviceOption = "cpu",
    threads: ThreadsOption = 2,
) -> None:
    """Train by a recipe, or go on with an interrupted run."""
    if context.invoked_subcommand is not None:
        return
    need_torch(threads, device)
    from facegate.training.detector import loop
    from facegate.training.detector.begin import begin_with, run_weights
    from facegate.training.detector.teacher import CellTeacher
    from facegate.training.recipe import read_recipe

    settings = read_recipe(loop.DetectorRecipe, recipe)
    if settings.weight_teacher > 0 and teacher is None:
        raise ConfigError(
            "This recipe learns from a teacher.", hint="Name YuNet's ONNX file with --teacher."
        )
    if settings.weight_teacher == 0 and teacher is not None:
        raise ConfigError(
            "This recipe learns from no teacher.",
            hint="Leave out --teacher, or set weight_teacher in the recipe.",
        )
    samples = _prepared(data)
    learned = run_weights(start) if start else None
    going = loop.open_run(settings, run, device, None if learned else start, samples)
    if learned:
        begin_with(going, learned)
    told = CellTeacher(teacher, settings.teacher_mirrored) if teacher else None
    reports = loop.train(going, settings, samples, told)
    go_on(run, reports, going.seen, settings.images)


@app.command()
def imitate(
    yunet: Annotated[Path, typer.Option(help="yunet_n.pth.", exists=True, dir_okay=False)],
    data: DataOption = Path("data"),
    run: RunOption = Path("run"),
    recipe: RecipeOption = "detector_imitate",
    device: DeviceOption = "cpu",
    threads: ThreadsOption = 2,
) -> None:
    """Learn from YuNet's layers, without drawn boxes, or go on with an interrupted run."""
    need_torch(threads, device)
    from facegate.training.detector import imitate as imitation
    from facegate.training.recipe import read_recipe

    settings = read_recipe(imitation.ImitationRecipe, recipe)
    samples = _prepared(data)
    going = imitation.open_imitation(settings, run, yunet, samples, device)
    reports = imitation.imitate(going, settings, yunet, samples)
    go_on(run, reports, going.seen, settings.images)


@app.command()
def export(run: DoneOption, output: OnnxOption) -> None:
    """Write the averaged weights of a run as ONNX."""
    need_torch()
    from facegate.models.yolo import YoloFace
    from facegate.training.detector.export import export_onnx

    write_network(run, YoloFace(), export_onnx, output)


def _prepared(data: Path) -> PreparedSamples:
    from facegate.training.detector.data import PreparedSamples

    if not (data / "index.npz").is_file():
        raise ConfigError(
            f"{data} holds no prepared pictures.",
            hint="Prepare some first: facegate train detector prepare.",
        )
    return PreparedSamples(data)

"""`python -m facegate.training.detector prepare|train|export`."""

from __future__ import annotations

import random
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Train the face detector.", no_args_is_help=True)

WIDER_LONGEST_PX, MASKON_LONGEST_PX = 800, 640

Folder = Annotated[Path, typer.Option(exists=True, file_okay=False)]


@app.command()
def prepare(
    output: Annotated[Path, typer.Option(help="Folder for the prepared pictures.")],
    teacher: Annotated[Path, typer.Option(help="YuNet's ONNX file.", exists=True)],
    wider_images: Folder,
    wider_annotations: Annotated[Path, typer.Option(help="Its .mat file.", exists=True)],
    maskon: Folder,
    portraits: Annotated[list[Path], typer.Option(help="Folders of single faces.", exists=True)],
    background: Annotated[
        list[Path], typer.Option(help="Folders of scenes without faces.", exists=True)
    ],
    portrait_count: Annotated[int, typer.Option(help="Portraits of each folder.")] = 5000,
    seed: int = 0,
) -> None:
    """Label and decode all pictures once."""
    from facegate.training.detector import data
    from facegate.training.detector.teacher import YuNetTeacher

    teach = YuNetTeacher(teacher)
    chosen: list[Path] = []
    for folder in portraits:
        files = sorted(folder.glob("*.jpg"))
        random.Random(seed).shuffle(files)  # noqa: S311
        chosen += files[:portrait_count]
    samples = chain(
        data.wider_scenes(wider_images, wider_annotations, WIDER_LONGEST_PX, teach),
        data.voc_scenes(maskon, MASKON_LONGEST_PX, teach),
        data.portraits(chosen, teach),
        data.backgrounds(file for folder in background for file in sorted(folder.glob("*.png"))),
    )
    typer.echo(f"{data.write_samples(samples, output)} pictures prepared.")


@app.command()
def train(
    data_folder: Annotated[Path, typer.Option("--data", exists=True, file_okay=False)],
    run: Annotated[Path, typer.Option(help="Folder of checkpoints; an old run goes on.")],
    recipe: Annotated[str, typer.Option(help="Name of a recipe, or a TOML file.")] = "detector_s1",
    device: str = "cpu",
    threads: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Train, or take up an interrupted training."""
    import cv2
    import torch

    from facegate.training.detector import loop
    from facegate.training.detector.data import PreparedSamples
    from facegate.training.recipe import read_recipe
    from facegate.training.run import progress_line

    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    settings = read_recipe(loop.DetectorRecipe, recipe)
    going = loop.open_run(settings, run, device)
    for report in loop.train(going, settings, PreparedSamples(data_folder)):
        typer.echo(progress_line(report, settings.images))


@app.command()
def export(
    run: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    output: Annotated[Path, typer.Option(help="ONNX file to write.")],
) -> None:
    """Write the averaged weights of a run as ONNX."""
    from facegate.models.yolo import YoloFace
    from facegate.training.detector.export import export_onnx
    from facegate.training.run import averaged_weights

    network = YoloFace()
    weights, seen = averaged_weights(run)
    network.load_state_dict(weights)
    export_onnx(network, output)
    typer.echo(f"{output} written after {seen} images.")


if __name__ == "__main__":
    app()

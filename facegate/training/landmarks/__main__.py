"""`python -m facegate.training.landmarks prepare|train|export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Train the landmark network.", no_args_is_help=True)


@app.command()
def prepare(
    output: Annotated[Path, typer.Option(help="Folder for the prepared pictures.")],
    teacher: Annotated[Path, typer.Option(help="YuNet's ONNX file.", exists=True)],
    portraits: Annotated[list[Path], typer.Option(help="Folders of single faces.", exists=True)],
) -> None:
    """Label and decode all portraits once."""
    from facegate.training.detector import data
    from facegate.training.detector.teacher import YuNetTeacher

    files = (file for folder in portraits for file in sorted(folder.glob("*.jpg")))
    count = data.write_samples(data.portraits(files, YuNetTeacher(teacher)), output)
    typer.echo(f"{count} pictures prepared.")


@app.command()
def train(
    portraits: Annotated[
        Path, typer.Option(help="What `prepare` wrote.", exists=True, file_okay=False)
    ],
    scenes: Annotated[
        Path, typer.Option(help="What the detector's wrote.", exists=True, file_okay=False)
    ],
    run: Annotated[Path, typer.Option(help="Folder of checkpoints; an old run goes on.")],
    recipe: Annotated[str, typer.Option(help="Name of a recipe, or a TOML file.")] = "landmarks_s1",
    device: str = "cpu",
    threads: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Train, or take up an interrupted training."""
    import cv2
    import torch

    from facegate.training.detector.data import PreparedSamples
    from facegate.training.landmarks import loop
    from facegate.training.recipe import read_recipe
    from facegate.training.run import progress_line

    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    settings = read_recipe(loop.LandmarkRecipe, recipe)
    crops = loop.FaceCrops(PreparedSamples(portraits), PreparedSamples(scenes), settings)
    typer.echo(f"{len(crops)} different faces")
    for report in loop.train(loop.open_run(settings, run, device), settings, crops):
        typer.echo(progress_line(report, settings.images))


@app.command()
def export(
    run: Annotated[Path, typer.Option(exists=True, file_okay=False)],
    output: Annotated[Path, typer.Option(help="ONNX file to write.")],
) -> None:
    """Write the averaged weights of a run as ONNX."""
    from facegate.models.landmarker import Landmarker
    from facegate.training.landmarks.export import export_onnx
    from facegate.training.run import averaged_weights

    network = Landmarker()
    weights, seen = averaged_weights(run)
    network.load_state_dict(weights)
    export_onnx(network, output)
    typer.echo(f"{output} written after {seen} faces.")


if __name__ == "__main__":
    app()

"""What the trainings of all networks share on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from facegate.cli.output import console, progress, remark

RunOption = Annotated[
    Path, typer.Option(help="Folder of the run: checkpoints and log. A run that is there goes on.")
]
RecipeOption = Annotated[str, typer.Option(help="Name of a shipped recipe, or a TOML file.")]
DeviceOption = Annotated[str, typer.Option(help="cpu, or cuda for an NVIDIA GPU.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Threads of torch on the CPU.")]
OnnxOption = Annotated[Path, typer.Option("--output", help="ONNX file to write.", dir_okay=False)]


def need_torch(threads: int = 1) -> None:
    """Load torch and tell it how many threads it may use.

    Raises:
        ConfigError: it is not installed.
    """
    from facegate.errors import ConfigError

    try:
        from facegate.training.run import use_threads
    except ImportError as error:
        raise ConfigError(
            f"Training needs a package that is missing ({error.name}).",
            hint="pip install 'facegate[train]'",
        ) from error
    use_threads(threads)


def follow(reports: Iterable[dict[str, float]], done: int, images: int) -> Iterator[None]:
    """Show how a run goes: a bar with the time left, and a line for each report.

    Args:
        reports: what a run yields; each has `seen`.
        done: images seen before.
        images: of the whole recipe.

    Yields:
        None after each report.
    """

    def seen() -> Iterator[int]:
        nonlocal done
        for report in reports:
            shown = (f"{name} {value:.4g}" for name, value in report.items() if name != "seen")
            console(stderr=True).print(
                f"[dim]{report['seen']:.0f} images:[/dim] {', '.join(shown)}"
            )
            for _ in range(int(report["seen"]) - done):
                yield 1
            done = int(report["seen"])
            yield 0

    for step in progress(seen(), images - done, "Training"):
        if step == 0:
            yield


@contextmanager
def resumable(run: Path) -> Iterator[None]:
    """Say how an interrupted run is taken up again."""
    try:
        yield
    except KeyboardInterrupt:
        remark(f"Interrupted. The same command goes on from the last checkpoint in {run}.")
        raise

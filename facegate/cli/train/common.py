"""What the trainings of all networks share on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from facegate.cli.output import console, progress, remark

RunOption = Annotated[
    Path, typer.Option(help="Folder of the run: checkpoints and log. A run that is there goes on.")
]
RecipeOption = Annotated[str, typer.Option(help="Name of a shipped recipe, or a TOML file.")]
DeviceOption = Annotated[str, typer.Option(help="cpu, or cuda for an NVIDIA GPU.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="Threads of torch on the CPU.")]
OnnxOption = Annotated[Path, typer.Option("--output", help="ONNX file to write.", dir_okay=False)]
DoneOption = Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of the run.")]


def need_torch(threads: int = 1, device: str = "cpu") -> None:
    """Load torch and tell it how many threads it may use.

    Raises:
        ConfigError: it is not installed, or cannot use the device.
    """
    from facegate.errors import ConfigError

    try:
        from facegate.training.run import use
    except ImportError as error:
        raise ConfigError(
            f"Training needs a package that is missing ({error.name}).",
            hint="pip install 'facegate[train]'",
        ) from error
    use(threads, device)


def go_on(
    run: Path,
    reports: Iterable[dict[str, float]],
    done: int,
    images: int,
    after_report: Callable[[], object] = lambda: None,
) -> None:
    """Let a run go on to its end: a bar with the time left, and a line for each report.

    Args:
        run: its folder.
        reports: what it yields; each has `seen`.
        done: images seen before.
        images: of the whole recipe.
        after_report: called after each.
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

    try:
        for step in progress(seen(), images - done, "Training"):
            if step == 0:
                after_report()
    except KeyboardInterrupt:
        remark(f"Interrupted. The same command goes on from the last checkpoint in {run}.")
        raise


def write_network(
    run: Path, network: Any, export_onnx: Callable[[Any, Path], object], output: Path
) -> None:
    """Write the averaged weights of a run as ONNX.

    Args:
        run: folder of the run.
        network: torch's module that the weights belong to.
        export_onnx: writes such a network.
        output: the file.
    """
    from facegate.training.run import averaged_weights

    weights, seen = averaged_weights(run)
    network.load_state_dict(weights)
    export_onnx(network, output)
    typer.echo(f"{output} written after {seen} images.")

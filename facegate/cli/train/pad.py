"""`facegate train pad`: from pictures of people to the attack network that ships."""

from __future__ import annotations

import math
from collections.abc import Iterator
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

if TYPE_CHECKING:
    from facegate.training.pad.data import Region

NUAA_TEST = "0010,0011,0012,0013,0014,0015,0016"
"""NUAA's people whom its authors have only in the lists of the test."""

NUAA_VALIDATION = "0005,0007"

app = typer.Typer(
    help="Train the attack network: prepare, then generate, run and export.", no_args_is_help=True
)

_DataOption = Annotated[
    list[Path], typer.Option("--data", help="Folders that `prepare` wrote.", exists=True)
]


@app.command()
def prepare(
    output: Annotated[Path, typer.Option(help="Folder for the prepared faces.")],
    bona_fide: Annotated[
        list[Path] | None,
        typer.Option("--bona-fide", help="Folder of pictures of people.", exists=True),
    ] = None,
    nuaa: Annotated[
        Path | None, typer.Option(help="Folder with ClientRaw and ImposterRaw.", exists=True)
    ] = None,
    nuaa_every: Annotated[int, typer.Option(min=1, help="Take each so many-th picture.")] = 2,
    most: Annotated[int, typer.Option(min=1, help="Most pictures of each folder.")] = 2000,
    faces: Annotated[int, typer.Option(min=1, help="Most faces of a picture.")] = 2,
    test: Annotated[str, typer.Option(help="People of NUAA to leave out.")] = NUAA_TEST,
    validation: Annotated[
        str, typer.Option(help="People of NUAA who only validate.")
    ] = NUAA_VALIDATION,
) -> None:
    """Find all faces with the installed detector and cut them out with what is around them."""
    from facegate.bootstrap import start
    from facegate.training.pad import data
    from facegate.vision.images import find_images

    detect = start().detector.detect

    def found() -> Iterator[Region]:
        for folder in bona_fide or []:
            paths = sorted(
                find_images([folder], recursive=True), key=lambda p: data.digest_number(p.name)
            )
            yield from data.portraits(paths[:most], folder.name, detect, faces)
        if nuaa is not None:
            held, validating = frozenset(test.split(",")), frozenset(validation.split(","))
            yield from data.nuaa(nuaa, held, validating, detect, nuaa_every)

    typer.echo(f"{data.write_regions(found(), output)} faces prepared.")


@app.command()
def generate(
    data: _DataOption,
    output: Annotated[Path, typer.Option(help="Folder for the pictures.")],
    count: Annotated[int, typer.Option(min=10, help="How many, about.")] = 9000,
    seed: Annotated[int, typer.Option(help="The same one makes the same pictures.")] = 1,
    validates: Annotated[
        bool, typer.Option("--validation", help="From the pictures that are never learned from.")
    ] = False,
) -> None:
    """Make bona fide and attack pictures from what `prepare` wrote."""
    from facegate.training.pad.data import PreparedRegions, write_regions
    from facegate.training.pad.generate import pool

    made = pool(PreparedRegions(data), count, seed, validates=validates)
    typer.echo(f"{write_regions(made, output)} pictures made.")


@app.command("run")
def train(
    data: Annotated[
        list[Path], typer.Option("--data", help="Folders that `generate` wrote.", exists=True)
    ],
    run: RunOption = Path("run"),
    start: Annotated[
        Path | None, typer.Option(help="ONNX of the landmark network to start from.")
    ] = None,
    recipe: RecipeOption = "pad_p1",
    device: DeviceOption = "cpu",
    threads: ThreadsOption = 2,
) -> None:
    """Train by a recipe, or go on with an interrupted run."""
    need_torch(threads)
    from facegate.training.landmarks.export import read_onnx
    from facegate.training.pad import loop
    from facegate.training.pad.data import PreparedRegions
    from facegate.training.recipe import read_recipe

    settings = read_recipe(loop.PadRecipe, recipe)
    views = loop.PadViews(PreparedRegions(data), settings)
    typer.echo(f"{len(views)} different pictures")
    state = None if start is None else read_onnx(start).state_dict()
    going = loop.open_run(settings, run, state, device)
    go_on(run, loop.train(going, settings, views), going.seen, settings.images)


@app.command()
def limits(
    run: DoneOption,
    data: Annotated[
        list[Path], typer.Option("--data", help="What `generate --validation` wrote.", exists=True)
    ],
    threads: ThreadsOption = 2,
) -> None:
    """Choose the limits of the card on validation pictures; see facegate.evaluation.pad."""
    need_torch(threads)
    from facegate.evaluation.pad import choose_limits
    from facegate.models.pad_net import PadNet
    from facegate.training.pad.data import BONA_FIDE, PreparedRegions
    from facegate.training.pad.loop import scores
    from facegate.training.run import averaged_weights

    network = PadNet()
    network.load_state_dict(averaged_weights(run)[0])
    regions = PreparedRegions(data)
    by_kind = {
        kind: scores(network, regions, regions.numbers(kind=kind, validates=True))
        for kind in sorted(set(regions.kinds.tolist()))
    }
    live = by_kind.pop(BONA_FIDE)
    lower, upper = choose_limits(live, by_kind)
    # Rounded to the careful side, so that the card's figures keep what was chosen.
    attack_below, bona_fide_from = math.floor(lower * 1e4) / 1e4, math.ceil(upper * 1e4) / 1e4
    typer.echo(f"attack_below = {attack_below:.4f}\nbona_fide_from = {bona_fide_from:.4f}")
    typer.echo(f"bona fide: {len(live)}, refused {(live < bona_fide_from).mean():.4f}")
    for kind, found in by_kind.items():
        typer.echo(f"{kind}: {len(found)}, accepted {(found >= bona_fide_from).mean():.4f}")


@app.command()
def export(run: DoneOption, output: OnnxOption) -> None:
    """Write the averaged weights of a run as ONNX."""
    need_torch()
    from facegate.models.pad_net import PadNet
    from facegate.training.pad.export import export_onnx

    write_network(run, PadNet(), export_onnx, output)

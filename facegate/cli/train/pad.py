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
    live: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of whole frames of a live film.", exists=True),
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(help="The same, of a film played on a screen.", exists=True),
    ] = None,
    live_cuts: Annotated[
        list[Path] | None,
        typer.Option("--live-cuts", help="Folder of live faces, cut out before.", exists=True),
    ] = None,
    replay_cuts: Annotated[
        list[Path] | None,
        typer.Option("--replay-cuts", help="The same, played on a screen.", exists=True),
    ] = None,
    test_people: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures; whoever looks like them is left out.", exists=True),
    ] = None,
    only_validate: Annotated[
        bool, typer.Option("--only-validate", help="No film or cut is ever learned from.")
    ] = False,
    test: Annotated[str, typer.Option(help="People of NUAA to leave out.")] = NUAA_TEST,
    validation: Annotated[
        str, typer.Option(help="People of NUAA who only validate.")
    ] = NUAA_VALIDATION,
) -> None:
    """Find all faces with the installed detector and cut them out with what is around them."""
    from facegate.bootstrap import start
    from facegate.training.pad import cuts, data
    from facegate.vision.images import find_images

    gate = start()
    detect, read = gate.detector.detect, gate.reader.read

    def some_of(folder: Path) -> list[Path]:
        paths = find_images([folder], recursive=True)
        return sorted(paths, key=lambda path: data.digest_number(path.name))[:most]

    def found() -> Iterator[Region]:
        for folder in bona_fide or []:
            yield from data.portraits(some_of(folder), folder.name, detect, faces)
        if nuaa is not None:
            held, validating = frozenset(test.split(",")), frozenset(validation.split(","))
            yield from data.nuaa(nuaa, held, validating, detect, nuaa_every)
        for folders, kind in ((live, data.BONA_FIDE), (replay, data.REPLAY)):
            for folder in folders or []:
                yield from data.portraits(
                    some_of(folder), folder.name, detect, 1, kind, only_validate
                )
        everyone = list(find_images([test_people], recursive=True)) if test_people else []
        strangers = cuts.embeddings(everyone, read)
        for folders, kind in ((live_cuts, data.BONA_FIDE), (replay_cuts, data.REPLAY)):
            for folder in folders or []:
                yield from cuts.cuts(
                    some_of(folder), kind, "/".join(folder.parts[-3:-1]), read, strangers,
                    validates=only_validate,
                )  # fmt: skip

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
    near: Annotated[
        Path | None, typer.Option(help="MiniFASNetV2 of zoom 2.7 to start from.", exists=True)
    ] = None,
    far: Annotated[
        Path | None, typer.Option(help="MiniFASNetV1SE of zoom 4.0 to start from.", exists=True)
    ] = None,
    recipe: RecipeOption = "pad_p2",
    device: DeviceOption = "cpu",
    threads: ThreadsOption = 2,
) -> None:
    """Train by a recipe, or go on with an interrupted run."""
    if (near is None) != (far is None):
        raise typer.BadParameter("Give both of --near and --far, or none.")
    need_torch(threads, device)
    from facegate.training.pad import loop
    from facegate.training.pad.data import PreparedRegions
    from facegate.training.recipe import read_recipe

    settings = read_recipe(loop.PadRecipe, recipe)
    views = loop.PadViews(PreparedRegions(data), settings)
    typer.echo(f"{len(views)} different pictures")
    start = (near, far) if near is not None and far is not None else None
    going = loop.open_run(settings, run, start, device)
    go_on(run, loop.train(going, settings, views), going.seen, settings.images)


@app.command()
def blend(
    run: Annotated[Path, typer.Option(exists=True, file_okay=False, help="Folder of the run.")],
    near: Annotated[Path, typer.Option(help="What the near branch began with.", exists=True)],
    far: Annotated[Path, typer.Option(help="What the far branch began with.", exists=True)],
    output: Annotated[Path, typer.Option(help="Folder for the blended weights, like a run's.")],
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the trained weights.")] = 0.85,
) -> None:
    """Go a part of the way back to the published weights, which know what training never showed."""
    need_torch()
    from facegate.training.pad.start import blended
    from facegate.training.run import averaged_weights, write_weights

    weights, seen = averaged_weights(run)
    write_weights(output, blended(weights, near, far, share), seen)
    typer.echo(f"{output} written.")


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

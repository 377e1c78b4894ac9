"""`facegate pad`: try attacks at your own camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.evaluate_tables import rate_cells
from facegate.cli.output import (
    JsonOption,
    console,
    plain,
    print_json,
    remark,
    table,
    write_atomically,
)

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.ports.devices import Camera
    from facegate.services.pad_bench import PadBench, Presented

app = typer.Typer(help="Try attacks with props at your own camera.", no_args_is_help=True)

DEFAULT_KINDS = "bona_fide,print,screen"
ENOUGH = 300
"""Attacks of a kind of which none may pass to rule out 1 % at 95 % (rule of three)."""


@app.command("bench")
def bench(
    source: Annotated[str, typer.Option("--source", help="Address of the camera.")],
    kinds: Annotated[
        str,
        typer.Option(
            "--kinds",
            help="What to try: bona_fide, print, screen, video, cutout, "
            "mask, or a kind of your own; commas between.",
        ),
    ] = DEFAULT_KINDS,
    presentations: Annotated[
        int, typer.Option("--presentations", min=1, help="Of each kind.")
    ] = 10,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.5, max=60, help="For each presentation.")
    ] = 3.0,
    as_json: JsonOption = False,
) -> None:
    """Lead through a test with props, one presentation after the other, and keep the result.

    Nothing is opened and no picture is kept. Press Ctrl+C to break off; what was shown is kept.
    """  # fmt: skip
    from facegate.bootstrap import start
    from facegate.camera.opening import open_camera
    from facegate.errors import InputError

    wanted = list(dict.fromkeys(kind.strip() for kind in kinds.split(",") if kind.strip()))
    if not wanted or not all(kind.replace("_", "").isalnum() for kind in wanted):
        raise InputError("--kinds needs names with commas between, such as print,screen.")
    gate = start()
    camera = open_camera(source)
    try:
        camera.start()
        result = run_bench(gate, camera, wanted, presentations, seconds, _wait_for_operator)
    finally:
        camera.close()
    keep(gate, result)
    if as_json:
        print_json(_summary(result))
        return
    _print(result)


@app.command("show")
def show(as_json: JsonOption = False) -> None:
    """Show the newest test of each camera."""
    from facegate.bootstrap import start
    from facegate.services.pad_bench import read_benches

    newest = {one.camera: one for one in read_benches(start().settings.data_dir)}
    if as_json:
        print_json([_summary(one) for one in newest.values()])
        return
    for one in newest.values():
        _print(one)
    if not newest:
        remark("No test was made yet: `facegate pad bench --source ADDRESS`.")


def run_bench(
    gate: FaceGate,
    camera: Camera,
    kinds: list[str],
    presentations: int,
    seconds: float,
    wait: Callable[[str], None],
) -> PadBench:
    """Show everything once.

    Args:
        gate: gives the detector, new checks and the clock.
        camera: started.
        kinds: what to try.
        presentations: of each kind.
        seconds: for each.
        wait: tells the operator what to do and returns when it is done; KeyboardInterrupt breaks
            off.
    """
    from facegate.engine.presentation import watch_presentation
    from facegate.services.pad_bench import INSTRUCTIONS, PadBench, Presented, outcome_of

    presented: list[Presented] = []
    finished = True
    try:
        for kind in kinds:
            wait(INSTRUCTIONS.get(kind, f"Show {kind} to the camera."))
            for number in range(1, presentations + 1):
                wait(f"{kind} {number} of {presentations}: hold it up, then press Enter")
                seen = watch_presentation(camera, gate.detector, gate.attack_check(), seconds)
                score = seen.verdict.pad_score if seen.verdict else None
                cues = seen.verdict.cues if seen.verdict else ()
                presented.append(
                    Presented(kind, outcome_of(seen.verdict, seen.frames), score, cues)
                )
                remark(f"{kind} {number}: {presented[-1].outcome.value.replace('_', ' ')}")
    except KeyboardInterrupt:
        finished = False
        remark("Broken off; what was shown is kept.")
    model_id = gate.pad_card.model_id
    return PadBench(camera.address, model_id, gate.clock(), tuple(presented), finished)


def keep(gate: FaceGate, result: PadBench) -> None:
    """Store a test beside those before it. Raises StoreError, InputError."""
    from facegate.services.pad_bench import FILE_NAME, benches_text, read_benches

    folder = gate.settings.data_dir
    if not folder.exists():
        folder.mkdir(parents=True, mode=0o700)
    text = benches_text([*read_benches(folder), result])
    write_atomically(folder / FILE_NAME, text.encode("utf-8", "backslashreplace"))


def _wait_for_operator(text: str) -> None:
    console(stderr=True).print(plain(text))
    try:
        input()
    except EOFError as error:  # nobody is there to hold anything up
        raise KeyboardInterrupt from error


def _summary(result: PadBench) -> dict[str, Any]:
    from facegate.services.pad_bench import BONA_FIDE, Outcome

    rows = []
    for kind in result.kinds:
        error = result.error(kind)
        rows.append(
            {
                "kind": kind,
                "rate": "bpcer" if kind == BONA_FIDE else "apcer",
                "value": error.value,
                "errors": error.errors,
                "presentations": error.trials,
                "interval": [error.low, error.high],
                "unsure": result.count(kind, Outcome.UNSURE),
                "no_face": result.count(kind, Outcome.NO_FACE),
                "camera_fault": result.count(kind, Outcome.CAMERA_FAULT),
            }
        )
    return {**result.as_dict(), "summary": rows}


def _print(result: PadBench) -> None:
    out = console()
    broken = "" if result.finished else ", broken off"
    out.print(f"[bold]{plain(result.camera)}[/bold]  {result.at:%Y-%m-%d %H:%M} UTC{broken}")
    rows = table("shown", "rate", "value", "count", "95 % interval", "unsure", "not seen")
    for row, kind in zip(_summary(result)["summary"], result.kinds, strict=True):
        missing = str(row["no_face"] + row["camera_fault"])
        rows.add_row(
            plain(kind), row["rate"].upper(), *rate_cells(result.error(kind)),
            str(row["unsure"]), missing,
        )  # fmt: skip
    out.print(rows)
    out.print(
        f"[dim]{plain(result.model_id)}. Few presentations prove little: see the intervals; "
        f"{ENOUGH} of a kind without an error rule out 1 %.[/dim]"
    )

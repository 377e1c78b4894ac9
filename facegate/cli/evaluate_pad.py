"""`facegate eval pad`: which attacks pass, and who is refused?"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.evaluate_tables import rate_cells, warn
from facegate.cli.output import JsonOption, console, plain, print_json, progress, table

if TYPE_CHECKING:
    import numpy as np

    from facegate.evaluation.pad import PadReport, PadSample
    from facegate.evaluation.timing import Timing
    from facegate.services.measure_pad import WholeScorer

TIMING_ROUNDS = 100


def pad(
    live: Annotated[
        list[str],
        typer.Option(
            "--live",
            metavar="[NAME=]FOLDER",
            help="Pictures of people in front of a camera; may be repeated.",
        ),
    ],
    attack: Annotated[
        list[str] | None,
        typer.Option(
            "--attack", metavar="KIND=FOLDER", help="Pictures of attacks of one kind; repeatable."
        ),
    ] = None,
    generated: Annotated[
        int,
        typer.Option(
            "--generated",
            min=0,
            help="Also make so many attacks of each kind that can be made, "
            "from the pictures of --live.",
        ),
    ] = 0,
    whole: Annotated[
        list[str] | None,
        typer.Option(
            "--whole",
            metavar="NAME",
            help="The pictures of this set are cut to the face: judge all of each, look for none.",
        ),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            "--peer",
            metavar="ZOOM=FILE",
            help="ONNX of a Silent-Face network (n, 3, 80, 80) that gives three probabilities, and "
            "the zoom of its crop (2.7 or 4.0); several are averaged.",
        ),
    ] = None,
    most: Annotated[
        int, typer.Option("--most", min=0, help="Most pictures of a set, evenly spread; 0: all.")
    ] = 0,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write the curves as PNG.")] = None,
    as_json: JsonOption = False,
) -> None:
    """APCER of each kind of attack, the worst first, and BPCER, at the limits that ship.

    Kinds that were generated come from the program that also made the network's training: a low
    rate there says less than one on photographed attacks.
    """  # fmt: skip
    import numpy as np

    from facegate.bootstrap import start
    from facegate.cli.output import write_atomically
    from facegate.errors import InputError
    from facegate.evaluation.pad import judge
    from facegate.evaluation.pad_plot import pad_png
    from facegate.evaluation.timing import time_in_turns
    from facegate.models.silent_face import SilentFacePeers
    from facegate.services.measure_pad import score_pictures

    gate = start()
    scorers: list[WholeScorer] = [gate.pad]
    if peer:
        files = [(_zoom(zoom), Path(file)) for zoom, file in map(_named, peer)]
        scorers.append(SilentFacePeers(files, gate.settings.thread_count))
    lives = [_folder(text, "live") for text in live]
    kinds = [_folder(text, "") for text in attack or []]
    if unknown := set(whole or []) - {name for name, _ in lives + kinds}:
        raise InputError(f"--whole names {unknown.pop()!r}, which is no set.")

    def watch(paths: Iterable[Path], count: int) -> Iterable[Path]:
        return progress(paths, count, "Reading pictures")

    def scored(sets: list[tuple[str, Path]]) -> list[list[PadSample]]:
        return [
            score_pictures(
                name, _pictures(folder, most), gate.detector, scorers,
                whole=name in (whole or []), watch=watch,
            )
            for name, folder in sets
        ]  # fmt: skip

    live_samples, attack_samples = scored(lives), scored(kinds)
    if generated:
        pictures = [p for name, f in lives if name not in (whole or []) for p in _pictures(f, most)]
        attack_samples += _generated(gate.detector.detect, pictures, generated, scorers)
    limits = (gate.pad_limits.attack_below, gate.pad_limits.bona_fide_from)
    reports = [
        judge(
            scorer.model_id,
            [samples[number] for samples in live_samples],
            [samples[number] for samples in attack_samples],
            *(limits if number == 0 else (0.5, 0.5)),
        )
        for number, scorer in enumerate(scorers)
    ]
    frame, face = _timing_face()
    timings = time_in_turns(
        {one.model_id: partial(one.scores, frame, [face]) for one in scorers},
        TIMING_ROUNDS,
    )
    if plot is not None:
        everyone = np.concatenate([samples[0].scores for samples in live_samples])
        ours = [samples[0] for samples in attack_samples]
        write_atomically(plot, pad_png(everyone, ours, limits, gate.pad.model_id))
    if as_json:
        print_json(
            [
                {**report.as_dict(), "per_face": timings[report.model_id].as_dict()}
                for report in reports
            ]
        )
        return
    for report in reports:
        _print(report, timings[report.model_id], gate.settings.thread_count)


def _named(text: str) -> tuple[str, str]:
    from facegate.errors import InputError

    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise InputError(f"{text!r} must be a name, '=' and a path.")
    return name, value


def _zoom(text: str) -> float:
    from facegate.errors import InputError

    try:
        zoom = float(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no zoom.", hint="--peer 2.7=FILE") from error
    if not 1 <= zoom <= 10:
        raise InputError(f"A zoom of {zoom} is none; 1 to 10 are.")
    return zoom


def _folder(text: str, default: str) -> tuple[str, Path]:
    """A set's name and its folder. Raises InputError."""
    from facegate.errors import InputError

    name, folder = (default, text) if default and "=" not in text else _named(text)
    path = Path(folder)
    if not path.is_dir():
        raise InputError(f"{folder}: there is no such folder.")
    return (path.name if name == default and default else name), path


def _pictures(folder: Path, most: int) -> list[Path]:
    from facegate.cli.sources import pictures_from

    paths = pictures_from([folder], recursive=True)
    if most and len(paths) > most:
        return [paths[number * len(paths) // most] for number in range(most)]
    return paths


def _generated(
    detect: Any, pictures: list[Path], count: int, scorers: list[WholeScorer]
) -> list[list[PadSample]]:
    import numpy as np

    from facegate.domain.faces import DetectedFace
    from facegate.errors import InputError, UnreadableImage
    from facegate.evaluation.pad import PadSample
    from facegate.training.pad.attacks import GENERATED_KINDS, attack
    from facegate.training.pad.data import BONA_FIDE, Region, region_of
    from facegate.vision.images import load_image

    random = np.random.default_rng(0)
    regions: list[Region] = []
    for path in random.permutation(np.array(pictures, object))[: count * 2].tolist():
        try:
            frame = load_image(path).frame_bgr
        except UnreadableImage:
            continue
        for face in detect(frame)[:1]:
            region = region_of(frame, face.bbox_xyxy, BONA_FIDE, "live", validates=True)
            if region is not None:
                regions.append(region)
    if len(regions) < 2:
        raise InputError("Too few faces were found to make attacks from.")
    samples = []
    for kind in GENERATED_KINDS:
        found: list[list[float]] = [[] for _ in scorers]
        for _ in range(count):
            shown, behind = (regions[int(n)] for n in random.choice(len(regions), 2, replace=False))
            made = attack(
                kind, (shown.bgr, shown.bbox_xyxy), (behind.bgr, behind.bbox_xyxy), random
            )
            face = DetectedFace(made.bbox_xyxy, _no_landmarks(made.bbox_xyxy), 1.0)
            for scorer, scores in zip(scorers, found, strict=True):
                scores.append(float(scorer.scores(made.bgr, [face])[0]))
        samples.append([PadSample(kind, np.array(scores, np.float32)) for scores in found])
    return samples


def _no_landmarks(bbox_xyxy: np.ndarray) -> np.ndarray:
    """Five times the middle of the box: attack networks look at the box alone."""
    import numpy as np

    middle = (bbox_xyxy[:2] + bbox_xyxy[2:]) / 2
    return np.asarray(np.repeat(middle[np.newaxis], 5, axis=0))


def _timing_face() -> tuple[Any, Any]:
    import numpy as np

    from facegate.domain.faces import DetectedFace

    frame = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    box = np.array([250, 150, 380, 320], np.float32)
    return frame, DetectedFace(box, _no_landmarks(box), 1.0)


def _print(report: PadReport, timing: Timing, threads: int) -> None:
    from facegate.evaluation.pad import GENERATED

    out = console()
    worst = report.worst
    headline = "no attack was tried"
    if worst is not None:
        value, count, interval = rate_cells(worst.error)
        headline = f"worst APCER {value} ({count}, 95 % {interval}): {plain(worst.name)}"
    out.print(f"[bold]{headline}[/bold]  {plain(report.model_id)}")
    rows = table(
        "presentation", "rate", "value", "count", "95 % interval", "unsure", "no face",
        right=["value", "count", "unsure", "no face"],
    )  # fmt: skip
    for title, results in (("APCER", report.apcer), ("BPCER", report.bpcer)):
        for one in results:
            rows.add_row(
                plain(one.name), title, *rate_cells(one.error),
                str(one.unsure), str(one.failed_to_acquire),
            )  # fmt: skip
    out.print(rows)
    out.print(
        f"[dim]attack below {report.attack_below:.3f}, bona fide from {report.bona_fide_from:.3f}; "
        f"{timing.median_ms:.2f} ms a face ({timing.low_ms:.2f} to {timing.high_ms:.2f}, "
        f"{threads} thread(s))[/dim]"
    )
    if any(one.name.startswith(GENERATED) for one in report.apcer):
        warn(["Generated attacks were made by the program that trained our network."])

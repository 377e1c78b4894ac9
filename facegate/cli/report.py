"""`facegate report`: a measurement as one HTML file for people."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.machine import library_versions, processor_name
from facegate.cli.output import (
    JsonOption,
    console,
    plain,
    print_json,
    progress,
    remark,
    write_atomically,
)

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.evaluation.examples import TellingPairs
    from facegate.report.content import Picture, Section
    from facegate.report.verification import Measured

FOLDS, SEED = 10, 0
"""Of pairs made from folders; the same as `facegate eval verification` makes."""

MAX_RESULT_BYTES = 20_000_000
"""Of a file with results: far more than any `--json` prints."""


def report(
    root: Annotated[
        Path, typer.Option("--root", help="Folder of the pictures.", show_default=False)
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="HTML file to write.", show_default=False)
    ],
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--pairs", help="List of pairs (LFW's form or CSV); else made from a folder per person."
        ),
    ] = None,
    title: Annotated[str, typer.Option("--title", help="Of the report.")] = "",
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures/--no-pictures",
            help="Show the worst pairs; or leave out faces and names of pictures.",
        ),
    ] = True,
    examples: Annotated[
        int, typer.Option("--examples", min=0, max=60, help="Pairs shown of each kind.")
    ] = 6,
    json_results: Annotated[
        list[Path] | None,
        typer.Option("--json-results", help="Output of `facegate eval … --json` to show as well."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure one-to-one error rates and write them, with curves and examples, as one HTML file."""
    from facegate import __version__
    from facegate.bootstrap import start
    from facegate.report import content, verification
    from facegate.report.curves import curves_section
    from facegate.report.faces import faces_section
    from facegate.report.html import render

    extra = [_results(file) for file in json_results or ()]
    gate = start()
    measured, telling, digest = _measure(gate, root, pairs, pictures, examples)
    crops = _crops(gate, telling) if pictures else None
    chain = [gate.detector.model_id, gate.landmarker.model_id, gate.embedder_card.model_id]
    result = measured.result
    same, different = (measured.similarities[mask] for mask in (measured.mated, ~measured.mated))
    page = content.Report(
        title=title.strip() or f"Face verification measured on {root.resolve().name}",
        subtitle=verification.subtitle(measured),
        made_at=gate.clock(),
        made_by=f"FaceGate {__version__}",
        privacy=verification.privacy(
            None if crops is None else len(crops), [file.name for file in json_results or ()]
        ),
        statements=verification.statements(measured),
        limits=verification.limits(measured),
        sections=(
            verification.story_section(measured, digest, chain),
            verification.rates_section(measured),
            curves_section(same, different, result.tau),
            faces_section(telling, result.tau, root, crops),
            verification.acquire_section(measured, names=pictures),
            *extra,
            _networks(gate, chain),
            _circumstances(gate, seeded=pairs is None),
        ),
    )
    data = render(page).encode("utf-8")
    write_atomically(output, data)
    faces = len(crops or ())
    if as_json:
        print_json(
            {
                "report": str(output),
                "bytes": len(data),
                "faces_shown": faces,
                "verification": result.as_dict(),
            }
        )
        return
    for one in page.statements:
        console().print(plain(one.sentence.replace("\u00a0", " ")))
    console().print(f"[bold]{plain(output)}[/bold], {len(data) / 1e6:.1f} MB, is written.")
    if faces:
        remark(f"It shows {faces} faces of people; --no-pictures leaves them out.")


def _measure(
    gate: FaceGate, root: Path, list_file: Path | None, named: bool, examples: int
) -> tuple[Measured, TellingPairs, str]:
    from facegate.evaluation.examples import telling_pairs
    from facegate.evaluation.pairs import folder_pairs, people_in, read_pairs
    from facegate.report.faces import relative_name
    from facegate.report.verification import Measured
    from facegate.services.measure import compare, encode_pictures, judge, pictures_of

    if list_file is None:
        listed, digest = folder_pairs(people_in(root), FOLDS, SEED), ""
        source = "made from the folders: all pairs of one person, and as many of two"
    else:
        listed = read_pairs(list_file, root)
        digest, source = hashlib.sha256(list_file.read_bytes()).hexdigest(), list_file.name
    files = pictures_of(listed)
    encoded = encode_pictures(gate.reader, progress(files, len(files), "Encoding"))
    compared = compare(encoded, listed)
    threshold = gate.threshold()
    result = judge(encoded, listed, compared, threshold.tau, gate.embedder_card.model_id)
    measured = Measured(
        result=result,
        similarities=compared.similarities,
        mated=compared.mated,
        folds=compared.folds,
        places=2 * len(compared.pairs),
        failed_mated=sum(pair.mated for pair in listed) - result.mated,
        failed={
            relative_name(path, root) if named else str(number): reason
            for number, (path, reason) in enumerate(encoded.failed.items())
        },
        threshold=threshold,
        shipped=threshold == gate.shipped_threshold,
        pictures_name=root.resolve().name,
        pairs_name=source,
    )
    telling = telling_pairs(compared.pairs, compared.similarities, threshold.tau, examples)
    return measured, telling, digest


def _crops(gate: FaceGate, telling: TellingPairs) -> dict[Path, Picture]:
    from facegate.report.content import Picture
    from facegate.services.crops import face_jpegs

    paths = [path for one in telling.all() for path in (one.pair.path_a, one.pair.path_b)]
    return {
        path: Picture(data, "image/jpeg", "aligned face")
        for path, data in face_jpegs(gate.reader, paths).items()
    }


def _results(file: Path) -> Section:
    """Read a file with results. Raises InputError."""
    from facegate.errors import InputError
    from facegate.evaluation.pairs import read_text
    from facegate.report.results import results_section

    text = read_text(file)
    if len(text) > MAX_RESULT_BYTES:
        raise InputError(f"{file} is too large to be a result.")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{file} is not JSON ({error}).", hint="Write it with `facegate eval … --json > FILE`."
        ) from error
    return results_section(value, f"Results from {file.name}")


def _networks(gate: FaceGate, chain: list[str]) -> Section:
    from facegate.report.networks import Network, networks_section

    cards = {card.model_id: card for card in gate.cards}
    return networks_section(
        [Network(name, cards[name].content, cards[name].path.stat().st_size) for name in chain]
    )


def _circumstances(gate: FaceGate, *, seeded: bool) -> Section:
    """Machine, versions, settings, seeds and command line."""
    from facegate import __version__
    from facegate.report.content import Facts, Section

    settings = gate.settings
    detector: dict[str, Any] = settings.detector.model_dump()
    seeds = (
        f"non-mated pairs and folds were drawn with seed {SEED}; nothing else is random"
        if seeded
        else "none; nothing here is random"
    )
    rows = (
        ("Program", f"FaceGate {__version__}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("System", f"{platform.system()}, {platform.machine()}"),
        ("Processor", f"{processor_name()}, {settings.thread_count} thread(s) for the networks"),
        (
            "Libraries",
            "\n".join(f"{name} {version}" for name, version in library_versions().items()),
        ),
        ("Smallest face", f"{detector['min_face_px']:g} pixels"),
        ("Least detector score", f"{detector['score_threshold']:g}"),
        ("Seeds", seeds),
        ("Command line", shlex.join(["facegate", *sys.argv[1:]])),
    )
    lead = "The same command gives the same figures, with the same files, versions and processor."
    return Section("How to repeat it", lead, (Facts(rows),))

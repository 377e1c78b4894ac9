"""Measures and collects what `facegate report` shows."""

from __future__ import annotations

import hashlib
import json
import platform
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from facegate.cli.evaluate_tables import watch_encoding
from facegate.cli.machine import library_versions, processor_name

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.evaluation.lists import PeopleSeenOnce
    from facegate.evaluation.pairs import ComparisonPair
    from facegate.ports.store import FaceCache
    from facegate.report.content import Picture, Section
    from facegate.report.networks import Network
    from facegate.report.page import Evidence, SeenOnce
    from facegate.report.verification import Measured
    from facegate.services.measure import ComparedPairs, EncodedPictures

FOLDS, SEED = 10, 0
"""Of pairs made from folders; the same as `facegate eval verification` makes."""

MAX_RESULT_LETTERS = 20_000_000
"""Of a file with results: far more than any `--json` prints."""


def gather(
    gate: FaceGate,
    root: Path,
    pairs: Path | None,
    seen_once: tuple[Path, Path, Path | None] | None,
    added: tuple[tuple[str, Section], ...],
    cache: Path | None,
    *,
    examples: int,
    pictures: bool,
) -> Evidence:
    """Measure the pairs, and the list of people seen once when there is one.

    Args:
        seen_once: the list, its folder, and the pairs of it that do show one person.
    """
    from facegate.evaluation.examples import telling_pairs
    from facegate.evaluation.lists import read_seen_once
    from facegate.evaluation.pairs import folder_pairs, people_in, read_pairs
    from facegate.report.page import Evidence
    from facegate.services.measure import compare, encode_pictures, pictures_of

    kept = None if cache is None else gate.face_cache(cache)
    if pairs is None:
        listed, digest = folder_pairs(people_in(root), FOLDS, SEED), ""
    else:
        listed, digest = read_pairs(pairs, root), _digest(pairs)
    # A list that cannot be read should be known before an hour of encoding.
    listed_once = None if seen_once is None else read_seen_once(*seen_once)
    encoded = encode_pictures(gate.reader, pictures_of(listed), kept, watch_encoding("pairs"))
    compared = compare(encoded, listed)
    measured = _measured(gate, root, pairs, listed, encoded, compared, named=pictures)
    once = None
    if seen_once is not None and listed_once is not None:
        once = _seen_once(gate, seen_once, listed_once, encoded, listed, kept)
    telling = telling_pairs(compared.pairs, compared.similarities, measured.result.tau, examples)
    shown = [path for one in telling.all() for path in (one.pair.path_a, one.pair.path_b)]
    if once is not None:
        shown += [path for _, a, b in once.report.most_alike[:examples] for path in (a, b)]
    return Evidence(
        measured=measured,
        telling=telling,
        crops=_crops(gate, shown) if pictures else None,
        examples=examples,
        root=root,
        pairs_digest=digest,
        seen_once=once,
        networks=_networks(gate),
        added=added,
        circumstances=_circumstances(gate, drawn=pairs is None),
    )


def added_section(file: Path) -> Section:
    """Read a file with results. Raises InputError."""
    from facegate.errors import InputError
    from facegate.evaluation.pairs import read_text
    from facegate.report.results import results_section

    text = read_text(file)
    if len(text) > MAX_RESULT_LETTERS:
        raise InputError(f"{file} is too large to be a result.")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{file} is not JSON ({error}).", hint="Write it with `facegate eval … --json > FILE`."
        ) from error
    return results_section(value, file.name)


def plots_section(files: list[Path]) -> Section:
    """Read plots. Raises InputError."""
    from facegate.errors import InputError
    from facegate.report.plots import plots_section

    try:
        return plots_section([(file.name, file.read_bytes()) for file in files])
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read ({error.strerror}).") from error


def _measured(
    gate: FaceGate,
    root: Path,
    pairs: Path | None,
    listed: list[ComparisonPair],
    encoded: EncodedPictures,
    compared: ComparedPairs,
    *,
    named: bool,
) -> Measured:
    from facegate.report.faces import relative_name
    from facegate.report.verification import Measured
    from facegate.services.measure import judge

    threshold = gate.threshold_policy().for_gallery(1)
    result = judge(encoded, listed, compared, threshold.tau, gate.embedder_card.model_id)
    return Measured(
        result=result,
        similarities=compared.similarities,
        mated=compared.mated,
        folds=compared.folds,
        places=2 * len(compared.pairs),
        failed_mated=sum(pair.mated for pair in listed) - result.mated,
        failed={
            relative_name(path, root) if named else f"picture {number}": reason
            for number, (path, reason) in enumerate(encoded.failed.items(), 1)
        },
        threshold=threshold,
        shipped=threshold.method == "f1" and gate.baseline() == gate.shipped_threshold,
        pictures_name=root.resolve().name,
        pairs_name="made from the folders" if pairs is None else pairs.name,
    )


def _seen_once(
    gate: FaceGate,
    files: tuple[Path, Path, Path | None],
    listed: PeopleSeenOnce,
    pairs_encoded: EncodedPictures,
    pairs: list[ComparisonPair],
    cache: FaceCache | None,
) -> SeenOnce:
    from facegate.report.page import SeenOnce
    from facegate.services.measure import encode_pictures
    from facegate.services.measure_scale import measure_non_mated

    encoded = encode_pictures(gate.reader, listed.paths, cache, watch_encoding("people seen once"))
    tau = gate.threshold_policy().for_gallery(1).tau
    report, scan = measure_non_mated(encoded, listed, pairs_encoded, pairs, tau)
    file, root, one_person = files
    corrected = ("", "") if one_person is None else (one_person.name, _digest(one_person))
    return SeenOnce(report, scan, file.name, _digest(file), root, *corrected)


def _crops(gate: FaceGate, paths: list[Path]) -> dict[Path, Picture]:
    from facegate.report.content import Picture
    from facegate.services.crops import face_jpegs

    return {
        path: Picture(data, "image/jpeg", "aligned face")
        for path, data in face_jpegs(gate.reader, paths).items()
    }


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _networks(gate: FaceGate) -> tuple[Network, ...]:
    from facegate.report.networks import Network

    cards = {card.model_id: card for card in gate.cards}
    chain = (gate.detector.model_id, gate.landmarker.model_id, gate.embedder_card.model_id)
    return tuple(
        Network(name, cards[name].content, cards[name].path.stat().st_size) for name in chain
    )


def _circumstances(gate: FaceGate, *, drawn: bool) -> Section:
    """Machine, versions, settings, seeds and command line."""
    from facegate import __version__
    from facegate.report.content import Facts, Section

    settings = gate.settings
    seeds = [f"intervals over people, where shown: {SEED}"]
    if drawn:
        seeds.insert(0, f"pairs and folds drawn from the folders: {SEED}")
    libraries = "\n".join(f"{name} {version}" for name, version in library_versions().items())
    rows = (
        ("Program", f"FaceGate {__version__}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("Libraries", libraries),
        ("System", f"{platform.system()}, {platform.machine()}"),
        ("Processor", processor_name()),
        ("Threads of the networks", str(settings.thread_count)),
        ("Smallest face", f"{settings.detector.min_face_px:g} pixels"),
        ("Least detector score", f"{settings.detector.score_threshold:g}"),
        ("Seeds", "\n".join(seeds)),
        ("Command line", shlex.join(["facegate", *sys.argv[1:]])),
    )
    lead = "The same command gives the same figures, with the same files, versions and processor."
    return Section("How to repeat it", lead, (Facts(rows),))

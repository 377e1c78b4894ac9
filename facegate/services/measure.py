"""Runs the whole chain over labeled pictures: tune, verification, identification."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Threshold, decide
from facegate.domain.people import clean_name
from facegate.domain.quality import QualityRules
from facegate.errors import UnreadableImage
from facegate.evaluation.identification import (
    IdentificationReport,
    SearchResult,
    identification_report,
)
from facegate.evaluation.operating_point import ThresholdPolicy
from facegate.evaluation.pairs import ComparisonPair, folder_similarities
from facegate.evaluation.threshold import tune_f1
from facegate.evaluation.verification import VerificationReport, verification_report
from facegate.ports import Clock, Gallery, Store
from facegate.services.enroll import Enroller, EnrollmentStatus, Portraits
from facegate.services.reading import FaceReader, load_ahead

Watch = Callable[[Iterable[Path]], Iterable[Path]]
"""Passes pictures on and may show progress."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPictures:
    """The main face of each picture.

    Attributes:
        embeddings: by path, (d,) unit vectors.
        failed: pictures without a face, or that could not be read, with the reason.
    """

    embeddings: dict[Path, FloatArray]
    failed: dict[Path, str]


def encode_pictures(reader: FaceReader, paths: Iterable[Path]) -> EncodedPictures:
    """Encode the main face of every picture; none of them ends the run."""
    embeddings: dict[Path, FloatArray] = {}
    failed: dict[Path, str] = {}
    for path, image in load_ahead(paths):
        if isinstance(image, UnreadableImage):
            failed[path] = image.reason
            continue
        reading = reader.read_main(image.frame_bgr)
        if reading is None:
            failed[path] = "no_face"
        else:
            embeddings[path] = reading.embedding
    return EncodedPictures(embeddings, failed)


def tune_on_people(
    encoded: EncodedPictures,
    people: Mapping[str, Sequence[Path]],
    model_id: str,
    data: str,
    clock: Clock,
) -> tuple[Threshold, FloatArray, FloatArray]:
    """Choose τ from all pairs of a folder per person; also gives both kinds of similarities."""
    mated, non_mated = folder_similarities(
        {
            name: [encoded.embeddings[path] for path in paths if path in encoded.embeddings]
            for name, paths in people.items()
        }
    )
    return tune_f1(mated, non_mated, model_id, data, clock()), mated, non_mated


def tune_on_pairs(
    encoded: EncodedPictures,
    pairs: Sequence[ComparisonPair],
    model_id: str,
    data: str,
    clock: Clock,
) -> tuple[Threshold, FloatArray, FloatArray]:
    """Choose τ from a list of pairs; also gives both kinds of similarities."""
    similarities, mated, _ = _compared(encoded, pairs)
    same, different = similarities[mated], similarities[~mated]
    return tune_f1(same, different, model_id, data, clock()), same, different


def measure_verification(
    encoded: EncodedPictures, pairs: Sequence[ComparisonPair], tau: float, model_id: str
) -> tuple[VerificationReport, FloatArray, FloatArray]:
    """Judge a list of pairs; also gives the similarities of mated and of non-mated pairs."""
    similarities, mated, folds = _compared(encoded, pairs)
    report = verification_report(
        similarities,
        mated,
        folds,
        tau=tau,
        model_id=model_id,
        failed_pairs=len(pairs) - len(similarities),
        failed_to_acquire=len(encoded.failed),
        pictures=len(encoded.failed) + len(encoded.embeddings),
    )
    return report, similarities[mated], similarities[~mated]


def measure_identification(
    people: Mapping[str, Sequence[Path]],
    *,
    reader: FaceReader,
    store: Store,
    gallery: Gallery,
    enroller: Enroller,
    thresholds: ThresholdPolicy,
    rules: QualityRules,
    watch: Watch = lambda paths: paths,
) -> IdentificationReport:
    """Enroll the first picture of everybody with two or more; search all the others.

    People with a single picture are the strangers. Enrollment and search go through the same
    quality rules, store and index as always, and take each picture's main face. Somebody whose
    enrollment was refused is searched for all the same: every such search is a miss.

    Args:
        people: pictures by name.
        store, gallery, enroller: empty ones of their own.
        thresholds: gives the threshold for as many templates as get enrolled.
    """
    enrolled = 0
    portraits = [Portraits(name, (paths[0],)) for name, paths in people.items() if len(paths) > 1]
    for row in enroller.enroll(portraits, main_face_only=True):
        enrolled += row.status is EnrollmentStatus.ACCEPTED
    gallery.refresh()
    threshold = thresholds.for_gallery(len(gallery))
    with store.snapshot() as work:
        names = {subject.subject_id: subject.name for subject in work.subjects.list()}
    probes: dict[Path, str | None] = {}
    for name, paths in people.items():
        if len(paths) > 1:
            probes.update(dict.fromkeys(paths[1:], clean_name(name)))
        else:
            probes[paths[0]] = None
    results = []
    for path, image in load_ahead(watch(probes)):
        reading = None
        if not isinstance(image, UnreadableImage):
            reading = reader.read_main(image.frame_bgr)
        if reading is None:
            results.append(SearchResult(probes[path], None, None, None))
            continue
        (found,) = gallery.search(reading.embedding[np.newaxis], reader.model_id)
        decision = decide(found, threshold, rules.flaws(reading.quality))
        best = names[found[0].subject_id] if found else None
        matched = None if decision.subject_id is None else names[decision.subject_id]
        results.append(SearchResult(probes[path], best, decision.outcome, matched))
    return identification_report(
        results,
        enrolled=enrolled,
        not_enrolled=len(portraits) - enrolled,
        tau=threshold.tau,
        model_id=reader.model_id,
    )


def pictures_of(pairs: Iterable[ComparisonPair]) -> list[Path]:
    """All different pictures of a list of pairs, in order."""
    return list(dict.fromkeys(path for pair in pairs for path in (pair.path_a, pair.path_b)))


def _compared(
    encoded: EncodedPictures, pairs: Sequence[ComparisonPair]
) -> tuple[FloatArray, np.ndarray, np.ndarray]:
    usable = [
        pair
        for pair in pairs
        if pair.path_a in encoded.embeddings and pair.path_b in encoded.embeddings
    ]
    similarities = np.array(
        [encoded.embeddings[p.path_a] @ encoded.embeddings[p.path_b] for p in usable], np.float32
    )
    mated = np.array([pair.mated for pair in usable], dtype=bool)
    return similarities, mated, np.array(list(_folds(usable)), dtype=np.int64)


def _folds(pairs: Sequence[ComparisonPair], count: int = 10) -> Iterator[int]:
    """The list's own folds, or the pairs dealt out evenly, mated and non-mated apart."""
    dealt = {True: 0, False: 0}
    for pair in pairs:
        if pair.fold >= 0:
            yield pair.fold
        else:
            yield dealt[pair.mated] % count
            dealt[pair.mated] += 1

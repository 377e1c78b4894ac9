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


@dataclass(frozen=True, slots=True, eq=False)
class ComparedPairs:
    """The pairs of a list that could be compared.

    Attributes:
        pairs: n of them, in the list's order.
        similarities: (n,) float32.
        mated: (n,) bool.
        folds: (n,) int64, from 0.
    """

    pairs: tuple[ComparisonPair, ...]
    similarities: FloatArray
    mated: np.ndarray
    folds: np.ndarray

    @property
    def mated_similarities(self) -> FloatArray:
        """(k,) of pairs of one person."""
        return self.similarities[self.mated]

    @property
    def non_mated_similarities(self) -> FloatArray:
        """(n - k,) of pairs of two people."""
        return self.similarities[~self.mated]


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
    compared = compare(encoded, pairs)
    same, different = compared.mated_similarities, compared.non_mated_similarities
    return tune_f1(same, different, model_id, data, clock()), same, different


def measure_verification(
    encoded: EncodedPictures, pairs: Sequence[ComparisonPair], tau: float, model_id: str
) -> tuple[VerificationReport, FloatArray, FloatArray]:
    """Judge a list of pairs; also gives the similarities of mated and of non-mated pairs."""
    compared = compare(encoded, pairs)
    report = judge(encoded, pairs, compared, tau, model_id)
    return report, compared.mated_similarities, compared.non_mated_similarities


def judge(
    encoded: EncodedPictures,
    pairs: Sequence[ComparisonPair],
    compared: ComparedPairs,
    tau: float,
    model_id: str,
) -> VerificationReport:
    """The report on pairs that were compared, with what could not be."""
    return verification_report(
        compared.similarities,
        compared.mated,
        compared.folds,
        tau=tau,
        model_id=model_id,
        failed_pairs=len(pairs) - len(compared.pairs),
        failed_to_acquire=len(encoded.failed),
        pictures=len(encoded.failed) + len(encoded.embeddings),
    )


def measure_identification(
    people: Mapping[str, Sequence[Path]],
    *,
    reader: FaceReader,
    store: Store,
    gallery: Gallery,
    enroller: Enroller,
    threshold: Threshold,
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
    """
    enrolled = 0
    portraits = [Portraits(name, (paths[0],)) for name, paths in people.items() if len(paths) > 1]
    for row in enroller.enroll(portraits, main_face_only=True):
        enrolled += row.status is EnrollmentStatus.ACCEPTED
    gallery.refresh()
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


def compare(encoded: EncodedPictures, pairs: Sequence[ComparisonPair]) -> ComparedPairs:
    """Compare all pairs of which both pictures could be encoded."""
    usable = [
        pair
        for pair in pairs
        if pair.path_a in encoded.embeddings and pair.path_b in encoded.embeddings
    ]
    similarities = np.array(
        [encoded.embeddings[p.path_a] @ encoded.embeddings[p.path_b] for p in usable], np.float32
    )
    mated = np.array([pair.mated for pair in usable], dtype=bool)
    folds = np.array(list(_folds(usable)), dtype=np.int64)
    return ComparedPairs(tuple(usable), similarities, mated, folds)


def _folds(pairs: Sequence[ComparisonPair], count: int = 10) -> Iterator[int]:
    """The list's own folds, or the pairs dealt out evenly, mated and non-mated apart."""
    dealt = {True: 0, False: 0}
    for pair in pairs:
        if pair.fold >= 0:
            yield pair.fold
        else:
            yield dealt[pair.mated] % count
            dealt[pair.mated] += 1

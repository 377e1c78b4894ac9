"""Runs the whole chain over labeled pictures: tune, verification, identification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Threshold, decide
from facegate.domain.people import clean_name
from facegate.domain.quality import QualityRules
from facegate.evaluation.identification import (
    IdentificationReport,
    SearchResult,
    identification_report,
)
from facegate.evaluation.operating_point import ThresholdPolicy
from facegate.evaluation.pairs import ComparisonPair, folder_similarities
from facegate.evaluation.threshold import tune_f1
from facegate.evaluation.verification import VerificationReport, verification_report
from facegate.ports.devices import Clock
from facegate.ports.store import FaceCache, Gallery, Store
from facegate.services.enroll import Enroller, EnrollmentStatus, Portraits
from facegate.services.main_faces import Watch, read_main_faces
from facegate.services.reading import FaceReader


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


def encode_pictures(
    reader: FaceReader,
    paths: Iterable[Path],
    cache: FaceCache | None = None,
    watch: Watch = lambda paths: paths,
) -> EncodedPictures:
    """Encode the main face of every picture; none of them ends the run.

    See `facegate.services.main_faces.read_main_faces`.
    """
    embeddings: dict[Path, FloatArray] = {}
    failed: dict[Path, str] = {}
    for path, found in read_main_faces(reader, paths, cache, watch):
        if isinstance(found, str):
            failed[path] = found
        else:
            embeddings[path] = found.embedding
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


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """One probe and what came of it.

    Attributes:
        result: its way through the system.
        embedding: (d,) unit vector; None without a face.
        usable: whether the face is good enough to be named.
    """

    result: SearchResult
    embedding: FloatArray | None
    usable: bool


@dataclass(frozen=True, slots=True, eq=False)
class IdentificationRun:
    """A measurement of identification with all that it was made of.

    Attributes:
        report: the rates.
        enrolled: by name, the one template of everybody whose enrollment was accepted.
        searches: of everybody.
    """

    report: IdentificationReport
    enrolled: dict[str, FloatArray]
    searches: list[Search]


def run_identification(
    people: Mapping[str, Sequence[Path]],
    *,
    reader: FaceReader,
    store: Store,
    gallery: Gallery,
    enroller: Enroller,
    thresholds: ThresholdPolicy,
    rules: QualityRules,
    cache: FaceCache | None = None,
    watch: Watch = lambda paths: paths,
) -> IdentificationRun:
    """Enroll the first picture of everybody with two or more; search all the others.

    People with a single picture are the strangers. Enrollment and search go through the same
    quality rules, store and index as always, and take each picture's main face. Somebody whose
    enrollment was refused is searched for all the same: every such search is a miss.

    Args:
        people: pictures by name.
        store, gallery, enroller: empty ones of their own.
        thresholds: gives the threshold for as many templates as get enrolled.
        cache: for the searches; everybody is enrolled anew.
        watch: gets the pictures to read for the searches.
    """
    enrolled = 0
    portraits = [Portraits(name, (paths[0],)) for name, paths in people.items() if len(paths) > 1]
    for row in enroller.enroll(portraits, main_face_only=True):
        enrolled += row.status is EnrollmentStatus.ACCEPTED
    gallery.refresh()
    threshold = thresholds.for_gallery(len(gallery))
    with store.snapshot() as work:
        names = {subject.subject_id: subject.name for subject in work.subjects.list()}
        templates = {name: work.templates.of_subject(number) for number, name in names.items()}
    probes: dict[Path, str | None] = {}
    for name, paths in people.items():
        if len(paths) > 1:
            probes.update(dict.fromkeys(paths[1:], clean_name(name)))
        else:
            probes[paths[0]] = None
    searches = []
    for path, reading in read_main_faces(reader, probes, cache, watch):
        if isinstance(reading, str):
            searches.append(Search(SearchResult(probes[path], None, None, None), None, False))
            continue
        (found,) = gallery.search(reading.embedding[np.newaxis], reader.model_id)
        flaws = rules.flaws(reading.quality)
        decision = decide(found, threshold, flaws)
        best = names[found[0].subject_id] if found else None
        matched = None if decision.subject_id is None else names[decision.subject_id]
        result = SearchResult(probes[path], best, decision.outcome, matched)
        searches.append(Search(result, reading.embedding, not flaws))
    report = identification_report(
        [search.result for search in searches],
        enrolled=enrolled,
        not_enrolled=len(portraits) - enrolled,
        tau=threshold.tau,
        model_id=reader.model_id,
    )
    return IdentificationRun(
        report,
        {name: kept[0].embedding for name, kept in templates.items() if kept},
        searches,
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

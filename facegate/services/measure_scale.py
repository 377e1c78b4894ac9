"""Measures with many people: all pairs of people seen once, and search in growing galleries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.quality import QualityRules
from facegate.errors import EvaluationError
from facegate.evaluation.growth import SIZES, GrowthReport, SearchSet, measure_growth
from facegate.evaluation.lists import PeopleSeenOnce, numbers_of_pairs
from facegate.evaluation.non_mated import PairScan, scan_pairs
from facegate.evaluation.operating_points import (
    NonMatedReport,
    non_mated_report,
    people_of_pairs,
)
from facegate.evaluation.pairs import ComparisonPair
from facegate.ports.store import FaceCache
from facegate.services.main_faces import Watch, read_main_faces
from facegate.services.measure import EncodedPictures, IdentificationRun
from facegate.services.reading import FaceReader


def measure_non_mated(
    encoded: EncodedPictures,
    listed: PeopleSeenOnce,
    mated_encoded: EncodedPictures,
    pairs: Sequence[ComparisonPair],
    tau: float,
) -> tuple[NonMatedReport, PairScan]:
    """Judge all pairs of people seen once, against the mated pairs of a list.

    Args:
        encoded: the pictures of people seen once.
        listed: these, and which of them show one person after all.
        mated_encoded: the pictures of the list of pairs.
        pairs: that list.
        tau: the threshold in force.

    Raises:
        EvaluationError: fewer than two faces, or no mated pair.
    """
    paths = [path for path in listed.paths if path in encoded.embeddings]
    if len(paths) < 2:
        raise EvaluationError(
            f"{len(paths)} of {len(listed.paths)} listed pictures show a face; 2 are needed.",
            hint="Is --non-mated-root the folder that the list's paths start from?",
        )
    embeddings = np.stack([encoded.embeddings[path] for path in paths])
    scan = scan_pairs(embeddings, (tau,), left_out=numbers_of_pairs(listed.one_person, paths))
    known = mated_encoded.embeddings
    scores: list[float] = []
    owners: list[int] = []
    mated = (pair for pair in pairs if pair.mated)
    for owner, pair in zip(people_of_pairs(pairs).tolist(), mated, strict=True):
        if pair.path_a in known and pair.path_b in known:
            scores.append(float(known[pair.path_a] @ known[pair.path_b]))
            owners.append(owner)
    report = non_mated_report(
        scan,
        paths,
        np.array(scores, np.float32),
        np.unique(owners, return_inverse=True)[1],
        tau=tau,
        failed=Counter(encoded.failed[path] for path in listed.paths if path in encoded.failed),
    )
    return report, scan


@dataclass(frozen=True, slots=True, eq=False)
class Distractors:
    """People enrolled besides, who never come.

    Attributes:
        embeddings: (k, d) of those whose picture is good enough to enroll.
        refused: pictures that are not, by reason.
    """

    embeddings: FloatArray
    refused: dict[str, int]


def read_distractors(
    reader: FaceReader,
    paths: Iterable[Path],
    rules: QualityRules,
    cache: FaceCache | None,
    watch: Watch,
) -> Distractors:
    """Read one picture of each person, and judge them by the rules of enrollment."""
    embeddings: list[FloatArray] = []
    refused: Counter[str] = Counter()
    for _, found in read_main_faces(reader, paths, cache, watch):
        if isinstance(found, str):
            refused[found] += 1
        elif flaws := rules.flaws(found.quality):
            refused[flaws[0].value] += 1
        else:
            embeddings.append(found.embedding)
    stacked = np.stack(embeddings) if embeddings else np.zeros((0, 0), np.float32)
    return Distractors(stacked, dict(sorted(refused.items())))


def measure_scale(
    run: IdentificationRun,
    distractors: Distractors | None,
    tau_of: Callable[[int], float],
    sizes: Sequence[int] = SIZES,
) -> GrowthReport:
    """Search growing galleries of the people of a run and of distractors. See `measure_growth`."""
    names = {name: number for number, name in enumerate(run.enrolled)}
    mated = [search for search in run.searches if search.result.true_name is not None]
    strangers = [search for search in run.searches if search.result.true_name is None]
    if not names:
        raise EvaluationError("Nobody was enrolled, so no gallery can be searched.")
    enrolled = np.stack(list(run.enrolled.values()))
    dim = enrolled.shape[1]
    nobody = np.zeros(dim, np.float32)

    def stack(embeddings: Sequence[FloatArray | None]) -> FloatArray:
        made = np.zeros((len(embeddings), dim), np.float32)
        for place, embedding in enumerate(embeddings):
            made[place] = nobody if embedding is None else embedding
        return made

    extra = distractors.embeddings if distractors is not None else np.zeros((0, dim), np.float32)
    searches = SearchSet(
        enrolled=enrolled,
        mated=stack([search.embedding for search in mated]),
        mates=np.array([names.get(str(one.result.true_name), -1) for one in mated], np.int64),
        mated_usable=np.array([search.usable for search in mated], bool),
        strangers=stack([search.embedding for search in strangers]),
        strangers_usable=np.array([search.usable for search in strangers], bool),
        distractors=extra.reshape(-1, dim),
    )
    return measure_growth(searches, tau_of=tau_of, sizes=sizes)

"""Error rates by group, from labeled pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegate.errors import EvaluationError
from facegate.evaluation.fairness import (
    MIN_FACES,
    GroupComparison,
    GroupRate,
    fmr_by_group,
    fnmr_by_group,
    worst_over_best,
)
from facegate.evaluation.lists import NO_GROUP, LabelTable, numbers_of_pairs
from facegate.evaluation.non_mated import scan_pairs, threshold_in_top
from facegate.evaluation.rates import fnmr_at, rate
from facegate.evaluation.words import counted
from facegate.services.measure import EncodedPictures


@dataclass(frozen=True, slots=True)
class FairnessReport:
    """Groups compared at one or two thresholds.

    Attributes:
        comparisons: each division at each threshold.
        faces, failed: pictures with and without a face.
        overall: what was measured over all groups, in words.
        warnings: in words.
        model_id: the embedding network.
    """

    comparisons: tuple[GroupComparison, ...]
    faces: int
    failed: int
    overall: str
    warnings: tuple[str, ...]
    model_id: str

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "comparisons": [one.as_dict() for one in self.comparisons],
            "faces": self.faces,
            "failed_to_acquire": self.failed,
            "overall": self.overall,
            "warnings": list(self.warnings),
            "model": self.model_id,
        }


def measure_non_mated_fairness(
    encoded: EncodedPictures,
    table: LabelTable,
    *,
    tau: float,
    max_fmr: float,
    model_id: str,
    one_person: Sequence[tuple[Path, Path]] = (),
    min_faces: int = MIN_FACES,
) -> FairnessReport:
    """FMR within each group, at τ in force and at the τ of an FMR over all pairs.

    Args:
        encoded: the table's pictures.
        table: people seen once, with their groups.
        tau: the threshold in force.
        max_fmr: FMR over all pairs of all faces, whichever group, that chooses a second threshold.
        model_id: the embedding network.
        one_person: pairs of the table's pictures that do show one person, each once; they are not
            counted.
        min_faces: groups with fewer are kept out of worst over best.

    Raises:
        EvaluationError: fewer than two faces.
    """
    kept = [place for place, path in enumerate(table.paths) if path in encoded.embeddings]
    if len(kept) < 2:
        raise EvaluationError(f"{len(kept)} of the labeled pictures show a face; 2 are needed.")
    embeddings = np.stack([encoded.embeddings[table.paths[place]] for place in kept])
    left_out = numbers_of_pairs(one_person, [table.paths[place] for place in kept])
    scan = scan_pairs(embeddings, (tau,), left_out=left_out)
    taus = [(tau, "τ in force", rate(scan.counts[tau], scan.pairs))]
    warnings = [
        "Pairs share faces, so they are not independent: the exact intervals are too narrow, "
        "those over people fairer."
    ]
    second = threshold_in_top(scan, max_fmr)
    if second is None:
        warnings.append(
            f"{scan.pairs:,} pairs cannot give a threshold for an overall FMR of {max_fmr:.0e}."
        )
    else:
        overall = rate(scan.above(second), scan.pairs)
        taus.append((second, f"overall FMR {max_fmr:.0e}", overall))
    comparisons = []
    for division, names in table.groups.items():
        pictures = Counter(names)
        of_faces = [names[place] for place in kept]
        for cut, title, overall in taus:
            groups = fmr_by_group(
                embeddings, of_faces, pictures, cut, left_out=left_out, min_faces=min_faces
            )
            spread = worst_over_best(groups)
            comparisons.append(
                GroupComparison(division, "FMR", cut, title, overall, groups, spread)
            )
    value = scan.counts[tau]
    more = counted(len(left_out), "more pair shows", "more pairs show")
    return FairnessReport(
        comparisons=tuple(comparisons),
        faces=scan.faces,
        failed=len(table.paths) - scan.faces,
        overall=f"{value:,} of all {scan.pairs:,} pairs reach τ in force"
        + (f"; {more} one person, and do not count" if len(left_out) else ""),
        warnings=tuple(warnings + _too_few(comparisons, min_faces, "faces")),
        model_id=model_id,
    )


def measure_mated_fairness(
    encoded: EncodedPictures,
    people: Mapping[str, Sequence[Path]],
    table: LabelTable | None,
    *,
    tau: float,
    model_id: str,
    min_comparisons: int = MIN_FACES,
) -> FairnessReport:
    """FNMR at τ by the condition of the probe.

    Everybody's first picture with a face is the reference, as if it were the enrolled one; all
    later ones are probes. A probe's group is its own; the reference's does not matter.

    Args:
        encoded: everybody's pictures.
        people: pictures by name.
        table: conditions of pictures; None: all probes are one group.
        tau: the threshold in force.
        model_id: the embedding network.
        min_comparisons: groups with fewer are kept out of worst over best.

    Raises:
        EvaluationError: nobody has two pictures with a face.
    """
    places = {} if table is None else {path: place for place, path in enumerate(table.paths)}
    divisions = {"all": ()} if table is None else dict(table.groups)
    similarities: list[float] = []
    owners: list[int] = []
    compared: list[Path] = []
    probes: list[Path] = []
    for owner, paths in enumerate(people.values()):
        usable = [path for path in paths if path in encoded.embeddings]
        if not usable:
            probes += paths[1:]
            continue
        reference = encoded.embeddings[usable[0]]
        probes += [path for path in paths if path != usable[0]]
        for path in usable[1:]:
            similarities.append(float(reference @ encoded.embeddings[path]))
            owners.append(owner)
            compared.append(path)
    if not compared:
        raise EvaluationError("Nobody has two pictures with a face, so there is no mated pair.")
    scores = np.array(similarities, np.float32)
    overall = fnmr_at(scores, tau)
    comparisons = []
    for division, names in divisions.items():

        def group(path: Path, names: Sequence[str] = names) -> str:
            if table is None:
                return "all"
            return names[places[path]] if path in places else NO_GROUP

        groups: tuple[GroupRate, ...] = fnmr_by_group(
            scores,
            [group(path) for path in compared],
            np.unique(owners, return_inverse=True)[1],
            Counter(group(path) for path in probes),
            tau,
            min_comparisons=min_comparisons,
        )
        spread = worst_over_best(groups)
        comparisons.append(
            GroupComparison(division, "FNMR", tau, "τ in force", overall, groups, spread)
        )
    return FairnessReport(
        comparisons=tuple(comparisons),
        faces=len(compared),
        failed=len(probes) - len(compared),
        overall=f"{overall.errors:,} of {overall.trials:,} mated comparisons miss τ in force",
        warnings=(
            "Comparisons of one person are not independent: the exact intervals are too narrow, "
            "those over people fairer.",
            *_too_few(comparisons, min_comparisons, "comparisons"),
        ),
        model_id=model_id,
    )


def _too_few(comparisons: Sequence[GroupComparison], least: int, unit: str) -> list[str]:
    words = []
    for one in comparisons:
        if one.spread.left_out:
            names = ", ".join(one.spread.left_out)
            words.append(
                f"{one.division}: {names} with fewer than {least} {unit} kept out of worst over "
                "best."
            )
    return list(dict.fromkeys(words))

"""One-to-one verification in plain words and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from facegate.domain.decisions import Rate, Threshold
from facegate.evaluation.rates import rate
from facegate.evaluation.verification import FMR_TARGETS, VerificationReport, fold_accuracies
from facegate.report.content import Facts, Note, Points, Prose, Section, Statement, Table
from facegate.report.words import (
    count,
    count_of,
    counted,
    interval,
    moment,
    one_in,
    rounded_up,
    share,
    target,
)

ENROLLED_EXAMPLE = 100
"""People in the example of what a search does with a false match rate."""

FEW_PAIRS = 100
"""Below this many pairs of a kind, the report says so in words."""

MOST_NAMES = 500
"""Failed pictures that are named; the table by reason counts all."""

REASONS = {
    "no_face": "no face found",
    "missing": "no such file",
    "permission": "may not be read",
    "empty": "empty file",
    "not_an_image": "not a picture",
    "truncated": "picture cut short",
    "too_large": "picture too large",
    "too_small": "picture too small",
    "io": "cannot be read",
}

METHODS = {"f1": "for the best F1"}


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A verification, with all that is told about it.

    Attributes:
        result: the rates.
        similarities, mated, folds: (n,) of the pairs compared.
        places: pictures named by the compared pairs, counted with repetition.
        failed_mated: pairs of one person that could not be compared.
        failed: reason by name of picture, for pictures without a usable face.
        threshold: the one in force.
        shipped: whether the threshold came with the network.
        pictures_name, pairs_name: where pictures and pairs come from, in words.
    """

    result: VerificationReport
    similarities: np.ndarray
    mated: np.ndarray
    folds: np.ndarray
    places: int
    failed_mated: int
    failed: Mapping[str, str]
    threshold: Threshold
    shipped: bool
    pictures_name: str
    pairs_name: str


def subtitle(measured: Measured) -> str:
    """What was measured, in two sentences."""
    result = measured.result
    return (
        f"{counted(result.mated + result.non_mated, 'pair')} from {measured.pictures_name} "
        f"({counted(result.pictures, 'picture')}), compared with {result.model_id}. "
        f"Two pictures count as one person from similarity τ = {result.tau:.3f} on."
    )


def privacy(faces: int | None, result_files: Sequence[str] = ()) -> str:
    """What the file holds of people.

    Args:
        faces: photographs of faces shown; None when they were left out on purpose.
        result_files: names of the files whose contents are shown as they are.
    """
    if faces:
        said = (
            f"This file contains photographs of people: {counted(faces, 'face')} cut out of the "
            "pictures measured, with the names of the pictures. It contains no templates, the "
            "codes that faces are compared by. Keep it as you keep the pictures; `--no-pictures` "
            "makes one without."
        )
    else:
        said = "This file contains no photographs of people and no templates."
        if faces is None:
            said += " The names of single pictures are left out too."
    if result_files:
        said += f" What was added from {', '.join(result_files)} is shown as it was."
    return said


def statements(measured: Measured) -> tuple[Statement, ...]:
    """The results in plain sentences, without judging them."""
    result = measured.result
    failures = rate(result.failed_to_acquire, result.pictures)
    strangers = f"Of {counted(result.non_mated, 'pair')} of two different people, "
    same = f"Of {counted(result.mated, 'pair')} of one person, "
    taken = "was taken for one person" if result.fmr.errors < 2 else "were taken for one person"
    missed = "was not recognized as one" if result.fnmr.errors < 2 else "were not recognized as one"
    return (
        Statement(
            count_of(result.fmr), f"{strangers}{_some(result.fmr)} {taken} {_how(result.fmr)}."
        ),
        Statement(
            count_of(result.fnmr), f"{same}{_some(result.fnmr)} {missed} {_how(result.fnmr)}."
        ),
        Statement(
            count_of(failures),
            f"Of {counted(result.pictures, 'picture')}, {_some(failures)} could not be used, for "
            f"want of a face or of a readable file {_how(failures)}.",
        ),
    )


def _some(measured: Rate) -> str:
    return count(measured.errors) if measured.errors else "none"


def _how(measured: Rate) -> str:
    if measured.errors == 0:
        return f"(at most {share(measured.high)}, 95 %)"
    return f"({share(measured.value)}; 95 % interval {interval(measured)})"


def limits(measured: Measured, seen_once: Rate | None = None) -> tuple[str, ...]:
    """What the sample cannot support, in plain sentences.

    Args:
        measured: the pairs.
        seen_once: FMR of a list of people seen once, which then stands for the smaller sample.
    """
    result = measured.result
    fmr = seen_once or result.fmr
    most = fmr.high
    said = []
    if fmr.errors == 0:
        said.append(
            f"That fewer than {share(most)} of strangers ({one_in(most)}) are taken for somebody: "
            f"{counted(fmr.trials, 'pair')} without an error leave that much open."
        )
    else:
        said.append(
            f"The false match rate more closely than {interval(fmr)}, "
            f"from {counted(fmr.errors, 'error')}."
        )
    wanted = next((small for small in FMR_TARGETS if small < 3 / max(1, fmr.trials)), None)
    if wanted is not None:
        said.append(
            f"A false match rate of {target(wanted)} or less: that takes about "
            f"{rounded_up(3 / wanted)} pairs of different people without an error (rule of three)."
        )
    for number, words in ((result.mated, "one person"), (result.non_mated, "different people")):
        if number < FEW_PAIRS:
            said.append(f"Much at all about {words}: there are only {counted(number, 'pair')}.")
    together = 1 - (1 - most) ** ENROLLED_EXAMPLE
    said.append(
        f"How a door with many people does. A search compares with everybody enrolled: a false "
        f"match rate of {share(most)}, which this sample does not rule out, could let up to "
        f"{target(round(together, 3))} of strangers match somebody among {ENROLLED_EXAMPLE}. "
        "`facegate eval identification` measures searches."
    )
    if measured.places > result.pictures:
        said.append(
            f"Intervals that are exactly right: {counted(result.pictures, 'picture')} fill "
            f"{counted(measured.places, 'place')}, so pairs share pictures and people. The "
            "intervals take pairs for independent and are somewhat too narrow."
        )
    if _tuned_here(measured):
        said.append(
            "How τ does on new pictures: by the names, τ was chosen on these very pictures, which "
            "is favorable."
        )
    said.append(
        "Anything about other people, cameras and light than these pictures show, or about "
        "photographs and screens held before the camera."
    )
    return tuple(said)


def story_section(measured: Measured, pairs_digest: str, chain: Sequence[str]) -> Section:
    """What was measured and how, for somebody who was not there.

    Args:
        measured: see Measured.
        pairs_digest: SHA-256 of the list of pairs, hex; empty when the pairs were made here.
        chain: ids of the detection, landmark and embedding networks, in this order.
    """
    result, threshold = measured.result, measured.threshold
    detector, landmarks, embedder = chain
    compared = result.mated + result.non_mated
    blocks: list[Prose | Facts] = [
        Prose(
            f"{counted(compared + result.failed_pairs, 'pair')} of pictures were listed, and "
            f"{count(compared)} could be compared: {count(result.mated)} of one person and "
            f"{count(result.non_mated)} of two different people."
        ),
        Prose(
            "Every picture went the way it goes at the door: one network found the face, another "
            "its eyes, nose and mouth, and a third turned the upright cut into a code. Where "
            "several faces were found, the large one in the middle counted. The similarity of two "
            "codes is a cosine between −1 and 1; higher is more alike."
        ),
        Prose(
            "Two pictures count as one person when their similarity reaches "
            f"τ = {threshold.tau:.4f}. {_origin(measured)}"
        ),
    ]
    facts = [("Pictures", measured.pictures_name), ("Pairs", measured.pairs_name)]
    if pairs_digest:
        facts.append(("SHA-256 of the list", pairs_digest))
    facts += [
        ("Detection", detector),
        ("Landmarks", landmarks),
        ("Embedding", embedder),
        ("Threshold τ", f"{threshold.tau:.6f}"),
        ("τ was chosen on", threshold.data),
        ("FMR there", _rate_words(threshold.fmr)),
        ("FNMR there", _rate_words(threshold.fnmr)),
    ]
    return Section("What was measured", "", (*blocks, Facts(tuple(facts))))


def _origin(measured: Measured) -> str:
    threshold = measured.threshold
    where = "came with the network" if measured.shipped else "was tuned on this installation"
    how = METHODS.get(threshold.method, f"by the method {threshold.method}")
    return (
        f"This τ {where}; it was chosen {how} on {moment(threshold.created_at)}. The data it was "
        "chosen on and its error rates there are named below; they are not the rates measured here."
    )


def _tuned_here(measured: Measured) -> bool:
    """Whether τ was, by the names, chosen on these same pictures."""
    source = measured.threshold.data.partition(":")[0]
    return source in {measured.pairs_name, measured.pictures_name}


def _rate_words(measured: Rate) -> str:
    if not measured.trials:
        return "not measured"
    return f"{share(measured.value)} ({count_of(measured)}; 95 % interval {interval(measured)})"


def rate_table(title: str, rows: Sequence[tuple[str, Rate]], heading: str = "rate") -> Table:
    """Rates with counts and intervals, one a row."""
    cells = tuple((name, share(one.value), count_of(one), interval(one)) for name, one in rows)
    columns = (heading, "value", "count", "95 % interval")
    return Table(columns, cells, frozenset({1, 2, 3}), title)


def rates_section(measured: Measured) -> Section:
    """All error rates with counts and intervals."""
    result = measured.result
    tau = f"τ = {result.tau:.3f}"
    with_failures = rate(
        result.fnmr.errors + measured.failed_mated, result.fnmr.trials + measured.failed_mated
    )
    at_tau = [
        (f"FMR at {tau}", result.fmr),
        (f"FNMR at {tau}", result.fnmr),
        ("FNMR, pairs without a face counted as errors", with_failures),
    ]
    blocks: list[Prose | Note | Table | Points | Facts] = [
        rate_table("At the threshold in force", at_tau)
    ]
    unseen = [(name, one) for name, one in at_tau[:2] if one.errors == 0]
    if unseen:
        words = "; ".join(
            f"{name.split()[0]}: 3 / {count(one.trials)} = {share(3 / one.trials)}"
            for name, one in unseen
        )
        blocks.append(
            Note(
                "No error is not a rate of zero. By the rule of three, n trials without an error "
                f"rule out rates above 3 / n, with 95 % confidence ({words}). The upper end of the "
                "two-sided interval is a little higher."
            )
        )
    tmr = [(f"TMR at FMR {target(fmr)}", one) for fmr, one in result.tmr_at_fmr.items()]
    if tmr:
        blocks.append(
            rate_table("True match rate, at thresholds that keep a false match rate here", tmr)
        )
    beyond = [target(fmr) for fmr in FMR_TARGETS if fmr not in result.tmr_at_fmr]
    if beyond:
        blocks.append(
            Prose(
                f"{counted(result.non_mated, 'non-mated pair')} are too few to express an FMR of "
                f"{' or '.join(beyond)}."
            )
        )
    blocks += [_folds(measured), Facts(_single_figures(result))]
    if result.warnings:
        blocks.append(Points(tuple(result.warnings)))
    lead = (
        "FMR: pairs of two different people taken for one. FNMR: pairs of one person not "
        "recognized. TMR is 1 − FNMR. Intervals are Clopper and Pearson's exact ones."
    )
    return Section("Error rates", lead, tuple(blocks))


def _single_figures(result: VerificationReport) -> tuple[tuple[str, str], ...]:
    sample = f"{count(result.mated)} mated, {count(result.non_mated)} non-mated pairs"
    return (
        (
            "Accuracy over folds",
            f"{share(result.accuracy_mean)} ± {share(result.accuracy_std)} "
            f"(mean and standard deviation of {counted(result.folds, 'fold')})",
        ),
        ("AUC", f"{result.auc:.5f} ({sample})"),
        ("Equal error rate", f"{share(result.eer)} ({sample})"),
    )


def _folds(measured: Measured) -> Table:
    """Right answers on each fold, at the threshold that is best on all the others."""
    numbers = np.unique(measured.folds)
    accuracies = fold_accuracies(measured.similarities, measured.mated, measured.folds)
    rows: list[tuple[str, Rate]] = []
    right_in_all = 0
    for number, accuracy in zip(numbers.tolist(), accuracies, strict=True):
        trials = int(np.count_nonzero(measured.folds == number))
        right = round(accuracy * trials)
        right_in_all += right
        rows.append((f"fold {number + 1}", rate(right, trials)))
    rows.insert(0, ("all folds", rate(right_in_all, len(measured.folds))))
    title = "Accuracy: right answers on each fold, at the threshold that is best on the others"
    return replace(rate_table(title, rows, "part"), compact=True)


def acquire_section(measured: Measured, *, names: bool) -> Section:
    """Pictures that could not be used, by reason.

    Args:
        measured: see Measured.
        names: whether the pictures may be named.
    """
    result = measured.result
    reasons = Counter(measured.failed.values())
    rows = [
        (REASONS.get(reason, reason), rate(number, result.pictures))
        for reason, number in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    ]
    rows.append(("all failures to acquire", rate(result.failed_to_acquire, result.pictures)))
    blocks: list[Prose | Table] = [rate_table("", rows, "reason")]
    if result.failed_pairs:
        kinds = f"{count(measured.failed_mated)} of one person"
        blocks.append(
            Prose(
                f"{counted(result.failed_pairs, 'pair')} ({kinds}) could not be compared for want "
                "of a picture; they are in no rate, except where it is said."
            )
        )
    if measured.failed and names:
        listed = sorted(measured.failed.items())
        shown = tuple((name, REASONS.get(why, why)) for name, why in listed[:MOST_NAMES])
        blocks.append(Table(("picture", "reason"), shown))
        if len(listed) > MOST_NAMES:
            blocks.append(Prose(f"… and {count(len(listed) - MOST_NAMES)} more."))
    elif measured.failed:
        blocks.append(Prose("The pictures are not named, as asked for."))
    return Section("Pictures that could not be used", "", tuple(blocks))

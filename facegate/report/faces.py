"""The pairs that say the most: the worst errors, and what came closest to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from facegate.evaluation.examples import ScoredPair, TellingPairs
from facegate.report.content import (
    Block,
    Face,
    FacePair,
    Note,
    PairGallery,
    Picture,
    Prose,
    Section,
    Table,
)


def faces_section(
    telling: TellingPairs, tau: float, root: Path, crops: Mapping[Path, Picture] | None
) -> Section:
    """Show the most telling pairs.

    Args:
        telling: the pairs of each kind.
        tau: the threshold.
        root: file names are shown relative to it.
        crops: aligned faces by path; None leaves people out: no pictures, no names.
    """
    groups = _groups(telling)
    title = "The pairs to look at"
    if crops is None:
        blocks: list[Block] = [
            Note(
                "Pictures and names of pictures are left out, as asked for with --no-pictures. "
                "The similarities of these pairs:"
            )
        ]
        rows = tuple(
            (name, ", ".join(f"{one.similarity:.3f}" for one in pairs) or none)
            for name, _, none, pairs in groups
        )
        blocks.append(Table(("pairs", f"similarity (τ = {tau:.3f})"), rows))
        return Section(title, "", tuple(blocks))
    blocks = []
    for name, lead, none, pairs in groups:
        if pairs:
            shown = tuple(_shown(one, tau, root, crops) for one in pairs)
            blocks.append(PairGallery(name, lead, shown))
        else:
            blocks += [PairGallery(name, "", ()), Prose(none)]
    lead = (
        f"Faces as cut out for the network, with their similarity; τ = {tau:.3f}. An error may "
        "also be the list's: look whether the label is right."
    )
    return Section(title, lead, tuple(blocks))


def _groups(telling: TellingPairs) -> Sequence[tuple[str, str, str, tuple[ScoredPair, ...]]]:
    """Title, lead, words for none, and pairs."""
    return (
        (
            "Worst false matches",
            "Two different people, taken for one. The most alike first.",
            "None: no pair of different people reached τ.",
            telling.false_matches,
        ),
        (
            "Nearest misses",
            "Two different people, rightly told apart, but closest to τ.",
            "None.",
            telling.nearly_matched,
        ),
        (
            "Worst false non-matches",
            "One person, not recognized. The least alike first.",
            "None: every pair of one person reached τ.",
            telling.false_non_matches,
        ),
        (
            "Barely recognized",
            "One person, recognized, but closest to τ.",
            "None.",
            telling.barely_matched,
        ),
    )


def _shown(scored: ScoredPair, tau: float, root: Path, crops: Mapping[Path, Picture]) -> FacePair:
    first, second = (
        Face(relative_name(path, root), crops.get(path))
        for path in (scored.pair.path_a, scored.pair.path_b)
    )
    return FacePair(scored.similarity, gap_words(scored.similarity, tau), first, second)


def gap_words(similarity: float, tau: float) -> str:
    """How far a similarity is from the threshold."""
    gap = similarity - tau
    return f"{abs(gap):.3f} {'above' if gap >= 0 else 'below'} τ"


def relative_name(path: Path, root: Path) -> str:
    """A picture's name as the lists have it: without the folders above the root."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()

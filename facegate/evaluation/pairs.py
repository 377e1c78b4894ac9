"""Which pictures are compared: pairs lists and folders per person."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from facegate.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm")


@dataclass(frozen=True, slots=True)
class ComparisonPair:
    """Two pictures to compare.

    Attributes:
        mated: whether they show one person.
        fold: of a cross-validation, from 0; -1 when the list has none.
    """

    path_a: Path
    path_b: Path
    mated: bool
    fold: int = -1


def read_pairs(file: Path, root: Path) -> list[ComparisonPair]:
    """Read a list of pairs.

    Two forms are known: LFW's (`name i j` or `name_a i name_b j`, with tabs or spaces; a first line
    `folds pairs` divides it into folds; pictures are root/name/name_0001.jpg), and CSV with the
    columns path_a, path_b and same (1 or 0; paths from root).

    Raises:
        InputError: a line is malformed, with its number; or there is none.
    """
    lines = read_text(file).splitlines()
    is_csv = bool(lines) and {"path_a", "path_b", "same"} <= set(next(csv.reader(lines[:1]), []))
    pairs = _csv_pairs(file, lines, root) if is_csv else _lfw_pairs(file, lines, root)
    if not pairs:
        raise InputError(f"{file} holds no pairs.")
    return pairs


def read_text(file: Path) -> str:
    """Read a list that somebody made, with or without a byte order mark. Raises InputError."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputError(f"{file}: no such file.") from error
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 text ({error}).") from error


def people_in(root: Path) -> dict[str, list[Path]]:
    """Pictures by person, from a folder per person. Raises InputError when there is none."""
    people: dict[str, list[Path]] = {}
    try:
        folders = sorted(entry for entry in root.iterdir() if entry.is_dir())
        for folder in folders:
            files = sorted(entry for entry in folder.iterdir() if entry.suffix.lower() in SUFFIXES)
            if files:
                people[folder.name] = files
    except OSError as error:
        raise InputError(f"{root}: the folder cannot be listed ({error.strerror}).") from error
    if not people:
        raise InputError(f"{root} holds no folder per person with pictures in it.")
    return people


def folder_similarities(
    embeddings: Mapping[str, Sequence[np.ndarray]],
) -> tuple[np.ndarray, np.ndarray]:
    """Compare all pictures of all people with each other.

    Args:
        embeddings: for each person (d,) unit vectors.

    Returns:
        Similarities of all mated pairs (n,) and of all non-mated pairs (m,), float32.
    """
    mated: list[np.ndarray] = []
    non_mated: list[np.ndarray] = []
    stacks = [np.stack(vectors) for vectors in embeddings.values() if len(vectors)]
    for number, stack in enumerate(stacks):
        upper = np.triu_indices(len(stack), k=1)
        mated.append((stack @ stack.T)[upper])
        if number + 1 < len(stacks):
            others = np.concatenate(stacks[number + 1 :])
            non_mated.append((stack @ others.T).ravel())
    empty = np.zeros(0, np.float32)
    return (
        np.concatenate([empty, *mated]).astype(np.float32),
        np.concatenate([empty, *non_mated]).astype(np.float32),
    )


def folder_pairs(
    people: Mapping[str, Sequence[Path]], folds: int, seed: int = 0
) -> list[ComparisonPair]:
    """Make a balanced list from a folder per person: all mated pairs, as many non-mated ones.

    People are dealt to folds, and non-mated pairs stay within a fold, so that no person is in two.
    A fold needs two people; with few people there are fewer folds.
    """
    folds = max(1, min(folds, len(people) // 2))
    random = np.random.default_rng(seed)
    names = sorted(people)
    random.shuffle(names)
    pairs: list[ComparisonPair] = []
    for fold in range(folds):
        group = names[fold::folds]
        mated = [
            ComparisonPair(a, b, True, fold)
            for name in group
            for a, b in combinations(people[name], 2)
        ]
        pairs += mated
        seen: set[tuple[Path, Path]] = set()
        for _ in range(20 * len(mated)):
            if len(seen) == len(mated) or len(group) < 2:
                break
            first, second = (int(i) for i in random.choice(len(group), 2, replace=False))
            a, b = (
                people[group[i]][int(random.integers(len(people[group[i]])))]
                for i in sorted((first, second))
            )
            if (a, b) not in seen:
                seen.add((a, b))
                pairs.append(ComparisonPair(a, b, False, fold))
    return pairs


def _lfw_pairs(file: Path, lines: Sequence[str], root: Path) -> list[ComparisonPair]:
    rows = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    fold_size = 0
    if rows and all(word.isdigit() for word in rows[0][1]) and len(rows[0][1]) <= 2:
        header = [int(word) for word in rows.pop(0)[1]]
        fold_size = 2 * header[1] if len(header) == 2 else 0  # so many mated, so many non-mated
    pairs = []
    for place, (number, words) in enumerate(rows):
        fold = place // fold_size if fold_size else -1
        try:
            if len(words) == 3:
                name, i, j = words
                a, b = _picture(root, name, int(i)), _picture(root, name, int(j))
                pairs.append(ComparisonPair(a, b, True, fold))
            elif len(words) == 4:
                name_a, i, name_b, j = words
                a, b = _picture(root, name_a, int(i)), _picture(root, name_b, int(j))
                pairs.append(ComparisonPair(a, b, False, fold))
            else:
                raise InputError(f"{file}, line {number}: 3 or 4 words are expected.")
        except ValueError as error:
            raise InputError(f"{file}, line {number}: a picture's number is expected.") from error
    return pairs


def _picture(root: Path, name: str, number: int) -> Path:
    stem = root / name / f"{name}_{number:04d}"
    for suffix in SUFFIXES:
        path = stem.with_name(stem.name + suffix)
        if path.is_file():
            return path
    return stem.with_name(f"{stem.name}.jpg")  # becomes a failure to acquire, with its name


def _csv_pairs(file: Path, lines: Sequence[str], root: Path) -> list[ComparisonPair]:
    pairs = []
    reader = csv.DictReader(lines)
    for row in reader:
        if row["same"] not in {"0", "1"} or not row["path_a"] or not row["path_b"]:
            raise InputError(f"{file}, line {reader.line_num}: path_a, path_b, and same as 0 or 1.")
        pairs.append(ComparisonPair(root / row["path_a"], root / row["path_b"], row["same"] == "1"))
    return pairs

"""Lists of pictures, which of them show one person, and tables of the groups they belong to."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePosixPath

import numpy as np

from facegate.errors import InputError
from facegate.evaluation.non_mated import IntArray
from facegate.evaluation.pairs import read_text

_SPREADSHEET_DATES = {"03-Sep": "3-9", "Oct-19": "10-19"}
"""In FairFace's tables a spreadsheet took the ages 3-9 and 10-19 for dates."""

NO_GROUP = "(none)"
"""Shown for an empty cell."""


def read_list(file: Path, root: Path) -> list[Path]:
    """Read a list of pictures: one path a line, relative to a root; `#` begins a comment line.

    Raises:
        InputError: a path is absolute, leaves the root or comes twice (a face beside itself would
            count as two people), with its line; or there is none.
    """
    lines: dict[Path, int] = {}
    for number, line in enumerate(read_text(file).splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        path = _below(root, text, f"{file}, line {number}")
        if path in lines:
            raise InputError(f"{file}, line {number}: {text} is also in line {lines[path]}.")
        lines[path] = number
    if not lines:
        raise InputError(f"{file} names no pictures.")
    return list(lines)


@dataclass(frozen=True, slots=True)
class PeopleSeenOnce:
    """A list of pictures that show a person each, and where it errs.

    Attributes:
        paths: the pictures.
        one_person: pairs of them that do show one person, each once.
    """

    paths: Sequence[Path]
    one_person: Sequence[tuple[Path, Path]] = ()


def read_seen_once(file: Path, root: Path, one_person: Path | None) -> PeopleSeenOnce:
    """Read a list (see `read_list`) and the pairs that show one person (see `read_one_person`)."""
    paths = read_list(file, root)
    pairs = [] if one_person is None else read_one_person(one_person, root, paths)
    return PeopleSeenOnce(paths, pairs)


def read_one_person(file: Path, root: Path, listed: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Read which pictures of a list of people seen once do show one person after all.

    Args:
        file: CSV with the columns `path_a` and `path_b`, such as `--most-alike` writes.
        root: folder that its paths start from.
        listed: the list's pictures.

    Returns:
        All pairs that show one person: whoever is the same as one of two is the same as the other.

    Raises:
        InputError: a column is missing, a line malformed, a picture not in the list; with its line.
    """
    reader = csv.DictReader(read_text(file).splitlines())
    known = set(listed)
    person: dict[Path, set[Path]] = {}
    try:
        if not {"path_a", "path_b"} <= set(reader.fieldnames or ()):
            raise InputError(f"{file}: the first line must name the columns `path_a` and `path_b`.")
        for row in reader:
            where = f"{file}, line {reader.line_num}"
            two = [_below(root, (row[name] or "").strip(), where) for name in ("path_a", "path_b")]
            for path in two:
                if path not in known:
                    raise InputError(f"{where}: {path.name} is not in the list of people.")
            if two[0] == two[1]:
                raise InputError(f"{where}: {two[0].name} is named twice.")
            together = set().union(*(person.get(path, {path}) for path in two))
            person.update(dict.fromkeys(together, together))
    except csv.Error as error:
        raise InputError(f"{file}, line {reader.line_num}: {error}.") from error
    people = {id(pictures): sorted(pictures) for pictures in person.values()}
    return [pair for pictures in people.values() for pair in combinations(pictures, 2)]


def numbers_of_pairs(pairs: Sequence[tuple[Path, Path]], paths: Sequence[Path]) -> IntArray:
    """Number pairs of pictures by their places.

    Args:
        pairs: each once.
        paths: pictures, as faces are numbered; pairs with another picture do not count.

    Returns:
        (m, 2) int64, first < second.
    """
    places = {path: place for place, path in enumerate(paths)}
    both = [sorted((places[a], places[b])) for a, b in pairs if a in places and b in places]
    return np.array(both, np.int64).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class LabelTable:
    """Which group each picture belongs to, in each of the divisions asked for.

    Attributes:
        paths: the pictures, in the table's order.
        groups: by division (a column, or several joined by " x "), the group of each picture.
    """

    paths: tuple[Path, ...]
    groups: dict[str, tuple[str, ...]]

    def only(self, wanted: set[Path]) -> LabelTable:
        """The rows of some pictures."""
        kept = [place for place, path in enumerate(self.paths) if path in wanted]
        return LabelTable(
            tuple(self.paths[place] for place in kept),
            {title: tuple(names[place] for place in kept) for title, names in self.groups.items()},
        )


def read_labels(file: Path, root: Path, divisions: Sequence[Sequence[str]]) -> LabelTable:
    """Read a CSV table with the column `file` (or `path`) and columns of groups.

    Args:
        file: the table; its paths are relative to root.
        root: folder of the pictures.
        divisions: for each division its columns; several columns make groups of all their
            combinations.

    Raises:
        InputError: a column is missing, a line malformed, or a picture comes twice.
    """
    reader = csv.DictReader(read_text(file).splitlines())
    try:
        columns = {(name or "").strip(): name for name in reader.fieldnames or ()}
        path_column = next((columns[name] for name in ("file", "path") if name in columns), None)
        if path_column is None:
            raise InputError(f"{file}: the first line must name a column `file`.")
        for name in (name for division in divisions for name in division):
            if name not in columns:
                known = ", ".join(column for column in columns if column) or "none"
                raise InputError(f"{file} has no column {name!r} (it has: {known}).")
        titles = {" x ".join(division): division for division in divisions}
        lines: dict[Path, int] = {}
        groups: dict[str, list[str]] = {title: [] for title in titles}
        for row in reader:
            where = f"{file}, line {reader.line_num}"
            path = _below(root, (row[path_column] or "").strip(), where)
            if path in lines:
                raise InputError(f"{where}: {path.name} is also in line {lines[path]}.")
            lines[path] = reader.line_num
            for title, division in titles.items():
                groups[title].append(" ".join(_group(row[columns[name]]) for name in division))
    except csv.Error as error:
        raise InputError(f"{file}, line {reader.line_num}: {error}.") from error
    if not lines:
        raise InputError(f"{file} names no pictures.")
    return LabelTable(tuple(lines), {title: tuple(names) for title, names in groups.items()})


def _group(cell: str | None) -> str:
    text = (cell or "").strip()
    return _SPREADSHEET_DATES.get(text, text) or NO_GROUP


def _below(root: Path, text: str, where: str) -> Path:
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or "\0" in text:
        raise InputError(f"{where}: a path below the root is expected, not {text!r}.")
    return root / path

"""Lists of pictures, and tables that say which group a picture belongs to."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facegate.errors import InputError
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

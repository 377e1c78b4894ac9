"""Turns what is named on the command line into pictures and people."""

from __future__ import annotations

import csv
import glob
from collections.abc import Iterable
from pathlib import Path

from facegate.errors import InputError
from facegate.services.enroll import Portraits
from facegate.vision.images import find_images


def expand(paths: Iterable[Path]) -> list[Path]:
    """Expand wildcards that the shell left alone (quoted, or on Windows)."""
    expanded: list[Path] = []
    for path in paths:
        text = str(path)
        if glob.has_magic(text) and not path.exists():
            found = sorted(Path(match) for match in glob.glob(text, recursive=True))  # noqa: PTH207
            if not found:
                raise InputError(f"{text}: no file fits this pattern.")
            expanded += found
        else:
            expanded.append(path)
    return expanded


def pictures_from(paths: Iterable[Path], *, recursive: bool) -> list[Path]:
    """All pictures of files, folders and patterns.

    Raises:
        InputError: nothing was found at all.
    """
    found = list(find_images(expand(paths), recursive=recursive))
    if not found:
        raise InputError(
            "No pictures were found.", hint="JPEG, PNG, WebP, TIFF, BMP and GIF count."
        )
    return found


def portraits_from(sources: list[Path], name: str) -> list[Portraits]:
    """Read people and their pictures from what `enroll` was given.

    Raises:
        InputError: it is not clear who is in the pictures.
    """
    sources = expand(sources)
    if name:
        return [Portraits(name, tuple(find_images(sources)))]
    people: list[Portraits] = []
    for source in sources:
        if source.suffix.lower() == ".csv" and not source.is_dir():
            people += _from_csv(source)
        elif source.is_dir():
            people += _from_folders(source)
        elif not source.exists():
            raise InputError(f"{source}: there is no such file or folder.")
        else:
            raise InputError(
                f"{source}: who is this?", hint="Say it with --name, or use a folder per person."
            )
    return people


def _from_folders(root: Path) -> list[Portraits]:
    folders = [
        entry
        for entry in sorted(root.iterdir(), key=lambda entry: entry.name)
        if entry.is_dir() and not entry.name.startswith(".")
    ]
    if not folders:
        raise InputError(
            f"{root} holds no folder per person.",
            hint="Give --name to enroll all its pictures as one person.",
        )
    people = [
        Portraits(folder.name.replace("_", " "), tuple(find_images([folder]))) for folder in folders
    ]
    return [person for person in people if person.paths]


def _from_csv(file: Path) -> list[Portraits]:
    """Columns `name` and `path`, in any order; relative paths start at the file's folder."""
    from facegate.evaluation.pairs import read_text

    text = read_text(file)
    first_line = text.partition("\n")[0]
    reader = csv.DictReader(
        text.splitlines(), delimiter=";" if ";" in first_line and "," not in first_line else ","
    )
    columns = {(column or "").strip().lower(): column for column in reader.fieldnames or ()}
    if "name" not in columns or "path" not in columns:
        raise InputError(f"{file}: the first line must name the columns `name` and `path`.")
    paths: dict[str, list[Path]] = {}
    try:
        for row in reader:
            name, path = row[columns["name"]], row[columns["path"]]
            if not (name or "").strip() or not (path or "").strip():
                raise InputError(f"{file}, line {reader.line_num}: name or path is missing.")
            paths.setdefault(name.strip(), []).append(file.parent / path.strip())
    except csv.Error as error:
        raise InputError(f"{file}, line {reader.line_num}: {error}.") from error
    return [Portraits(name, tuple(found)) for name, found in paths.items()]

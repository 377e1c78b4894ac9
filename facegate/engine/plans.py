"""Reads which visits a drill plays, from a CSV file."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np

from facegate.domain.arrays import ImageArray
from facegate.engine.drill import PlannedVisit
from facegate.errors import InputError
from facegate.vision.film import empty_scene, with_noise
from facegate.vision.images import find_images, load_image

COLUMNS = ("kind", "expect", "person", "frames", "beside", "at")
REQUIRED = ("kind", "expect", "frames")
APART = timedelta(minutes=10)
"""Between visits without a time of their own: lock-outs of one have passed before the next."""

MAX_ROWS = 100_000

Film = Callable[[Path], Iterator[ImageArray]]
"""Makes the frames of a visit from one photograph."""


def read_visits(path: Path, first_at: datetime, film: Film) -> list[PlannedVisit]:
    """Read a list of visits.

    Args:
        path: CSV with a heading. `kind`: any word, results are counted by it. `expect`: `open` or
            `shut`. `frames`: a folder of pictures as a camera took them, in the order of their
            names (numbers count as such), or one photograph, from which a visit is made.
            Optional: `person`: who should be let in; `beside`: like `frames`, shown to the right
            of it at the same time; `at`: when, ISO 8601 with a time zone.
        first_at: time of the first visit without a time of its own.
        film: for photographs.

    Raises:
        InputError: the file cannot be read, or a row makes no sense.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = set(REQUIRED) - set(reader.fieldnames or ())
            unknown = set(reader.fieldnames or ()) - set(COLUMNS)
            if missing or unknown:
                raise InputError(
                    f"{path}: columns {sorted(missing)} are missing, {sorted(unknown)} unknown.",
                    hint=f"A list of visits has: {', '.join(COLUMNS)}.",
                )
            rows = [row for _, row in zip(range(MAX_ROWS), reader, strict=False)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    visits, at = [], first_at
    for number, row in enumerate(rows, 2):
        given = (row.get("at") or "").strip()
        at = _moment(path, number, given) if given else at
        visits.append(_visit(path, number, row, at, film))
        at += APART
    if not visits:
        raise InputError(f"{path} names no visit.")
    return visits


def _moment(path: Path, number: int, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{path}, line {number}: {text!r} is no time.") from error
    if moment.tzinfo is None:
        raise InputError(f"{path}, line {number}: {text!r} needs a time zone, such as +00:00.")
    return moment


def _visit(path: Path, number: int, row: dict[str, str], at: datetime, film: Film) -> PlannedVisit:
    expect = (row["expect"] or "").strip()
    if expect not in {"open", "shut"}:
        raise InputError(f"{path}, line {number}: expect is open or shut, not {expect!r}.")
    makers = [
        _maker(path, number, (row.get(column) or "").strip(), film)
        for column in ("frames", "beside")
    ]
    if makers[0] is None:
        raise InputError(f"{path}, line {number}: frames names no pictures.")
    return PlannedVisit(
        (row["kind"] or "").strip(),
        expect == "open",
        (row.get("person") or "").strip(),
        at,
        partial(_frames, makers[0], makers[1]),
        f"line {number}",
    )


Maker = Callable[[], Iterator[ImageArray]]


def _maker(path: Path, number: int, name: str, film: Film) -> Maker | None:
    """What makes the frames of a folder or a photograph; None for an empty cell."""
    if not name:
        return None
    where = path.parent / name
    if where.is_file():
        return partial(film, where)
    pictures = sorted(find_images([where]), key=_natural) if where.is_dir() else []
    if not pictures:
        raise InputError(f"{path}, line {number}: there are no pictures at {where}.")
    return lambda: (load_image(picture).frame_bgr for picture in pictures)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sorts names as people count: 2 before 10."""
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(one), "") if one.isdigit() else (1, 0, one) for one in parts]


def _frames(make: Maker, make_beside: Maker | None) -> Iterator[ImageArray]:
    """The frames of one maker, with those of another at their right where there is one."""
    if make_beside is None:
        yield from make()
        return
    for number, (left, right) in enumerate(zip_longest(make(), make_beside())):
        frame = empty_frame(number) if left is None else left
        other = empty_frame(number) if right is None else right
        yield np.hstack([frame, _scaled(other, frame.shape[0])])


def _scaled(frame: ImageArray, height: int) -> ImageArray:
    width = max(1, round(frame.shape[1] * height / frame.shape[0]))
    return np.asarray(cv2.resize(frame, (width, height)), np.uint8)


def empty_frame(number: int, size_wh: tuple[int, int] = (640, 480)) -> ImageArray:
    """What a camera sees when nobody is there."""
    return with_noise(empty_scene(size_wh), np.random.default_rng(number))

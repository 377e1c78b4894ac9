"""What a report is made of: plain values, which `facegate.report.html` turns into a file.

All text is plain text, whatever it holds: it is escaped when it is rendered. The only markup is a
Drawing's, which `facegate.report.svg` makes from numbers and escaped words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from facegate.errors import ShapeError


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """A remark set apart: a warning, or what a figure cannot show."""

    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list of short sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one a line.

    Attributes:
        rows: (name, value).
        title: shown above; may be empty.
    """

    rows: tuple[tuple[str, str], ...]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings.

    Attributes:
        columns: headings.
        rows: as many cells each.
        numeric: places of the columns of numbers, which stand flush right.
        title: shown above; may be empty.
        compact: many rows of little weight, set closer.

    Raises:
        ShapeError: a row is longer or shorter than the headings.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    title: str = ""
    compact: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ShapeError("row", f"of {len(self.columns)} cells", f"of {len(row)}")


@dataclass(frozen=True, slots=True)
class Drawing:
    """SVG markup that is safe to put into a page; only `facegate.report.svg` makes these."""

    markup: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Bytes of an image file, shown as an image: what is in them cannot run.

    Attributes:
        data: the file.
        media_type: one of PICTURE_TYPES.
        alt: what it shows, for those who cannot see it.

    Raises:
        ShapeError: another media type.
    """

    data: bytes
    media_type: str
    alt: str

    def __post_init__(self) -> None:
        if self.media_type not in PICTURE_TYPES:
            raise ShapeError("media_type", " or ".join(PICTURE_TYPES), self.media_type)


PICTURE_TYPES = ("image/png", "image/jpeg", "image/svg+xml")


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing or picture, with a title and a caption that says what to see."""

    title: str
    body: Drawing | Picture
    caption: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures side by side, where the page is wide enough.

    Attributes:
        figures: in order.
        small: many that say little each, such as cutouts of pictures: more in a row.
    """

    figures: tuple[Figure, ...]
    small: bool = False


@dataclass(frozen=True, slots=True)
class Face:
    """One picture of a compared pair.

    Attributes:
        name: of the file.
        crop: the aligned face; None when it could not be cut out again.
    """

    name: str
    crop: Picture | None


@dataclass(frozen=True, slots=True)
class FacePair:
    """Two faces beside each other.

    Attributes:
        similarity: cosine in [-1, 1].
        verdict: what happened, in a few words.
    """

    similarity: float
    verdict: str
    first: Face
    second: Face


@dataclass(frozen=True, slots=True)
class PairGallery:
    """Pairs of faces under a title."""

    title: str
    lead: str
    pairs: tuple[FacePair, ...]


Block: TypeAlias = Prose | Note | Points | Facts | Table | Figures | PairGallery


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report.

    Attributes:
        title: shown in the list of contents too.
        lead: a sentence or two on what is in it; may be empty.
        blocks: the contents, in order.
    """

    title: str
    lead: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of the front page with its count in large letters, such as `none of 2,998`."""

    count: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Report:
    """All of it.

    Attributes:
        title: of the page.
        subtitle: what was measured, in a sentence or two.
        made_at: time zone aware.
        made_by: program and version.
        privacy: what the file holds of people, in words; always shown at the top.
        statements: the results in plain words.
        limits: what the sample cannot support, in plain words; shown beside the results.
        sections: in order.
    """

    title: str
    subtitle: str
    made_at: datetime
    made_by: str
    privacy: str
    statements: tuple[Statement, ...] = ()
    limits: tuple[str, ...] = ()
    sections: tuple[Section, ...] = field(default=())

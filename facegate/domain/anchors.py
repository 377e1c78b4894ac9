"""Anchors: the newest hash of the chain, noted where whoever changes the database does not reach.

One line of JSON each, in a file that is only appended to. A line holds the hash of the line before,
so lines cannot be taken out or swapped either.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facegate.domain.canonical import canonical_text, microseconds, moment, read_canonical

NO_ANCHOR = "0" * 64
"""Stands for the hash before the first line."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the chain ended in at a moment.

    Attributes:
        number: of the anchor, from 1 on.
        at: when it was written, time zone aware, UTC.
        store_id: the database's own id.
        sequence, hash: of the newest entry.
        previous: `anchor_hash` of the line before, or NO_ANCHOR.
    """

    number: int
    at: datetime
    store_id: str
    sequence: int
    hash: str
    previous: str

    @property
    def anchor_hash(self) -> str:
        """SHA-256 of the line's content, hex."""
        return hashlib.sha256(canonical_text(self._fields()).encode()).hexdigest()

    def line(self) -> str:
        """The line for the file, with its end."""
        return canonical_text({**self._fields(), "anchor_hash": self.anchor_hash}) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Anchor:
        """Read a line back. Raises ValueError when it is damaged or was changed."""
        try:
            fields = read_canonical(line)
            anchor = cls(
                number=fields["anchor"],
                at=moment(fields["at_us"]),
                store_id=fields["store"],
                sequence=fields["sequence"],
                hash=fields["hash"],
                previous=fields["previous"],
            )
            if anchor.line() != line.rstrip("\n") + "\n":
                raise ValueError("the line was changed")
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("not an anchor") from error
        return anchor

    def _fields(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "anchor": self.number,
            "at_us": microseconds(self.at),
            "store": self.store_id,
            "sequence": self.sequence,
            "hash": self.hash,
            "previous": self.previous,
        }

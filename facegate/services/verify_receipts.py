"""Finds whatever was changed, taken out, put in or cut off in a chain of receipts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from facegate.domain.canonical import canonical_text, moment, read_canonical
from facegate.domain.chain import (
    DECISION,
    ERASURE,
    FORMAT,
    SealedPart,
    entry_hash,
    erased_ranges,
)
from facegate.domain.receipts import Part
from facegate.domain.stored_entries import StoredEntry, StoredPart

MAX_FAULTS = 100
"""More are counted, but not told one by one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        kind: a stable word for machines: `changed`, `missing`, `inserted`, `order`, `cut_off`,
            `replaced`, `column`, `part`, `picture`, `erased_again`, `format`, `anchor`.
        sequence: the receipt, or None when it is about no single one.
        sentence: what is wrong, for people.
    """

    kind: str
    sequence: int | None
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """The fault as JSON has it."""
        return {"kind": self.kind, "sequence": self.sequence, "sentence": self.sentence}


@dataclass(slots=True)
class ErasedParts:
    """Which parts of which receipts erasures account for. Grows with erasures, not receipts.

    Attributes:
        newer: gives the erasures that were made since the last `load`.
    """

    newer: Callable[[], Iterable[tuple[int, str]]] = tuple
    _ranges: dict[Part, list[tuple[int, int]]] = field(default_factory=dict)

    def load(self, erasures: Iterable[tuple[int, str]]) -> None:
        """Take in the texts of erasures; what cannot be read accounts for nothing."""
        for sequence, text in erasures:
            try:
                found = erased_ranges(read_canonical(text))
            except (KeyError, TypeError, ValueError, AttributeError):
                continue
            for part, ranges in found.items():
                # An erasure speaks of what was before it, never of what comes.
                fitting = [(a, min(b, sequence - 1)) for a, b in ranges if a < sequence]
                self._ranges[part] = _merged([*self._ranges.get(part, []), *fitting])

    def covers(self, part: Part, sequence: int) -> bool:
        """Whether an erasure says that this part of this receipt is gone."""
        if not self.lists(part, sequence):
            self.load(self.newer())
        return self.lists(part, sequence)

    def lists(self, part: Part, sequence: int) -> bool:
        """The same, among the erasures that were loaded so far."""
        ranges = self._ranges.get(part, [])
        place = bisect_right(ranges, (sequence, float("inf"))) - 1
        return place >= 0 and ranges[place][0] <= sequence <= ranges[place][1]


@dataclass(frozen=True, slots=True)
class AnchoredHash:
    """What an anchor says about one sequence."""

    number: int
    hash: str
    at: str


class ChainCheck:
    """Walks along a chain and tells what is wrong; keeps nothing but the last hash.

    Args:
        previous_hash: of the entry before the first one; the genesis hash for a whole chain.
        erased: see ErasedParts.
        anchored: what anchors say, by sequence.
        after: the sequence before the first one; 0 for a whole chain.
        with_columns: whether the columns that repeat the text are there to be compared.
        with_parts, with_pictures: whether these are there; an export may leave them out.
    """

    def __init__(
        self,
        previous_hash: str,
        erased: ErasedParts,
        anchored: Mapping[int, list[AnchoredHash]],
        *,
        after: int = 0,
        with_columns: bool = True,
        with_parts: bool = True,
        with_pictures: bool = True,
    ) -> None:
        self.last = after
        self.last_hash = previous_hash
        self.count = 0
        self._erased = erased
        self._anchored = anchored
        self._columns, self._parts, self._pictures = with_columns, with_parts, with_pictures

    def check(self, entry: StoredEntry) -> Iterator[Fault]:
        """Compare the next entry, in the order of sequences, with all that binds it."""
        number = entry.sequence
        if entry.orphaned:
            yield Fault(
                "inserted", number,
                f"There are names or pictures of a receipt {number}, but no such receipt.",
            )  # fmt: skip
            return
        self.count += 1
        if number <= self.last:
            yield Fault(
                "order", number,
                f"Receipt {number} comes after {self.last}: it was inserted, repeated or moved.",
            )  # fmt: skip
            return
        if number > self.last + 1:
            yield Fault("missing", self.last + 1, _missing(self.last + 1, number - 1))
        elif entry.previous_hash != self.last_hash:
            before = f"receipt {self.last}" if self.last else "this database"
            yield Fault(
                "order", number,
                f"Receipt {number} does not follow {before}: one of the two was changed, inserted, "
                "swapped, or comes from another database.",
            )  # fmt: skip
        yield from self._check_content(entry)
        for anchor in self._anchored.get(number, []):
            if anchor.hash != entry.hash:
                yield Fault(
                    "anchor", number,
                    f"Receipt {number} is not the one that anchor {anchor.number} of {anchor.at} "
                    "knows: the chain was written anew.",
                )  # fmt: skip
        self.last, self.last_hash = number, entry.hash

    def finish(self) -> Iterator[Fault]:
        """Tell what anchors know beyond the end."""
        beyond = [sequence for sequence in self._anchored if sequence > self.last]
        if beyond:
            newest = max(beyond)
            anchor = self._anchored[newest][0]
            yield Fault(
                "cut_off", self.last + 1,
                f"{_missing(self.last + 1, newest)} Anchor {anchor.number} of {anchor.at} knows "
                f"receipt {newest}: the end was cut off, or an old copy was put back.",
            )  # fmt: skip

    def _check_content(self, entry: StoredEntry) -> Iterator[Fault]:
        number = entry.sequence
        try:
            computed = entry_hash(entry.previous_hash, number, entry.text)
        except ValueError:
            computed = ""
        if computed != entry.hash:
            yield Fault("changed", number, f"Receipt {number} was changed: its hash is wrong.")
            return
        try:
            body = read_canonical(entry.text)
            if body["format"] != FORMAT:
                yield Fault(
                    "format", number,
                    f"Receipt {number} has format {body['format']}, which this FaceGate cannot "
                    "check.",
                )  # fmt: skip
                return
            faults = [*self._check_columns(entry, body), *self._check_parts(entry, body)]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            yield Fault("changed", number, f"Receipt {number} has the right hash, but no meaning.")
            return
        yield from faults

    def _check_columns(self, entry: StoredEntry, body: Mapping[str, Any]) -> Iterator[Fault]:
        if not self._columns:
            return
        decision = body["kind"] == DECISION
        repeated = {
            "kind": (entry.kind, body["kind"]),
            "at": (entry.at, moment(body["at_us"])),
            "door": (entry.door, body["door"] if decision else ""),
            "reason": (entry.reason, body["reason"] if decision else ""),
        }
        for name, (column, hashed) in repeated.items():
            if column != hashed:
                yield Fault(
                    "column", entry.sequence,
                    f"Receipt {entry.sequence}: the column {name} is not what was hashed.",
                )  # fmt: skip

    def _check_parts(self, entry: StoredEntry, body: Mapping[str, Any]) -> Iterator[Fault]:
        number = entry.sequence
        if body["kind"] == ERASURE:
            for ranges in erased_ranges(body).values():
                if any(not 0 < first <= last < number for first, last in ranges):
                    yield Fault(
                        "changed", number, f"Receipt {number} erases what was not there yet."
                    )
            committed: Mapping[str, str] = {}
            digests: list[str] = []
        else:
            committed, digests = body["parts"], body["pictures"]
        if self._parts:
            for name in committed.keys() | entry.parts.keys():
                yield from self._check_part(number, name, committed, entry.parts.get(name))
        if self._pictures:
            yield from self._check_pictures(number, digests, entry.pictures)

    def _check_part(
        self, number: int, name: str, committed: Mapping[str, str], found: StoredPart | None
    ) -> Iterator[Fault]:
        title = {"person": "person", "words": "rule and explanation"}.get(name, name)
        if name not in committed:
            yield Fault("part", number, f"Receipt {number}: {title} was put in later.")
            return
        if found is None:
            if not self._erased.covers(Part(name), number):
                yield Fault(
                    "part", number,
                    f"Receipt {number}: {title} is gone, and no erasure says so.",
                )  # fmt: skip
            return
        if SealedPart(found.salt, found.text).commitment != committed[name]:
            yield Fault("part", number, f"Receipt {number}: {title} was changed.")
        elif self._erased.lists(Part(name), number):
            yield Fault(
                "erased_again", number, f"Receipt {number}: {title} was erased, but is there again."
            )
        elif self._columns and not _columns_agree(name, found):
            yield Fault(
                "column",
                number,
                f"Receipt {number}: the columns of {title} are not what was sealed.",
            )

    def _check_pictures(
        self, number: int, digests: list[str], found: Mapping[int, str]
    ) -> Iterator[Fault]:
        erased = self._erased.lists(Part.PICTURES, number)
        if not erased and len(found) < len(digests):
            erased = self._erased.covers(Part.PICTURES, number)
        for place, digest in enumerate(digests):
            if place in found:
                if found[place] != digest:
                    yield Fault(
                        "picture", number, f"Receipt {number}: picture {place + 1} was changed."
                    )
                elif erased:
                    yield Fault(
                        "erased_again", number,
                        f"Receipt {number}: picture {place + 1} was dropped, but is there again.",
                    )  # fmt: skip
            elif not erased:
                yield Fault(
                    "picture", number,
                    f"Receipt {number}: picture {place + 1} is gone, and no entry says so.",
                )  # fmt: skip
        if set(found) - set(range(len(digests))):
            yield Fault("picture", number, f"Receipt {number}: a picture was put in later.")


def _columns_agree(name: str, found: StoredPart) -> bool:
    """Whether the columns that people search by repeat the sealed text."""
    if name != Part.PERSON.value:
        return found.subject_id is None and found.subject_name is None
    sealed = read_canonical(found.text)
    columns = {"subject_id": found.subject_id, "subject_name": found.subject_name}
    try:
        return canonical_text(columns) == canonical_text({key: sealed[key] for key in columns})
    except Exception:
        return False


def _missing(first: int, last: int) -> str:
    if first == last:
        return f"Receipt {first} is missing."
    return f"Receipts {first} to {last} are missing."


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged

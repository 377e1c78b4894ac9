"""Reads and writes the chain of receipts."""

from __future__ import annotations

import builtins
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, text, type_coerce
from sqlalchemy.exc import IntegrityError
from sqlalchemy.types import NullType

from facegate.domain.anchors import Anchor
from facegate.domain.canonical import storable
from facegate.domain.chain import (
    DECISION,
    ERASURE,
    Sealed,
    entry_hash,
    genesis,
    opened,
    seal,
    seal_erasure,
)
from facegate.domain.reasons import Reason
from facegate.domain.receipts import Erasure, Part, Receipt, ReceiptDraft
from facegate.domain.stored_entries import StoredEntry, StoredPart
from facegate.errors import InputError, ReceiptError
from facegate.store.tables import (
    gallery_state,
    receipt_anchors,
    receipt_parts,
    receipt_pictures,
    receipts,
)

CHUNK = 500
"""Entries that are read at once; memory does not grow with the chain."""

_ADVISORY_LOCK = 0x52636570  # "Rcep"


class SqlReceipts:
    """Fulfils `facegate.ports.repositories.ReceiptRepository`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, draft: ReceiptDraft) -> Receipt:
        """Write a decision down, in the caller's transaction, which must be one that writes."""
        sealed = seal(draft)
        at, door, reason = draft.at, storable(draft.door), draft.reason.value
        sequence, previous_hash, hash_ = self._link(sealed, DECISION, at, door, reason)
        rows = []
        for part, one in sealed.parts.items():
            person = part is Part.PERSON
            rows.append(
                {
                    "sequence": sequence,
                    "part": part.value,
                    "salt": one.salt,
                    "text": one.text,
                    "subject_id": draft.subject_id if person else None,
                    "subject_name": storable(draft.subject_name) if person else None,
                }
            )
        self._connection.execute(insert(receipt_parts), rows)
        for number, image in enumerate(draft.pictures):
            self._connection.execute(
                insert(receipt_pictures).values(sequence=sequence, number=number, image=image)
            )
        texts = {part: one.text for part, one in sealed.parts.items()}
        receipt = opened(sequence, previous_hash, hash_, sealed.text, texts)
        assert isinstance(receipt, Receipt)  # noqa: S101 - a decision was sealed
        return receipt

    def erase(
        self,
        at: datetime,
        why: str,
        erased: Mapping[Part, Iterable[int]],
        lost_anchors: int = 0,
    ) -> Erasure:
        """Delete parts of receipts, and say so in the chain; or say that anchors were lost."""
        wanted = {part: sorted(set(numbers)) for part, numbers in erased.items()}
        sealed = seal_erasure(at, why, wanted, lost_anchors)
        place = self._link(sealed, ERASURE, at, "", "")
        for part, numbers in wanted.items():
            for first in range(0, len(numbers), CHUNK):
                self._delete(part, numbers[first : first + CHUNK])
        entry = opened(*place, sealed.text, {})
        assert isinstance(entry, Erasure)  # noqa: S101 - an erasure was sealed
        return entry

    def head(self) -> tuple[int, str]:
        """Sequence and hash of the newest entry; 0 and the genesis hash when there is none."""
        row = self._connection.execute(
            select(receipts.c.sequence, receipts.c.hash)
            .order_by(receipts.c.sequence.desc())
            .limit(1)
        ).first()
        return (0, genesis(self.store_id())) if row is None else (int(row.sequence), str(row.hash))

    def store_id(self) -> str:
        """The database's own id."""
        return str(self._connection.execute(select(gallery_state.c.store_id)).scalar_one())

    def get(self, sequence: int) -> Receipt | Erasure:
        """One entry. Raises InputError when there is none of that number."""
        for entry in self._opened(select(receipts).where(receipts.c.sequence == sequence)):
            return entry
        raise InputError(
            f"There is no receipt {sequence}.", hint="`facegate audit log` lists them."
        )

    def latest(self) -> Receipt | None:
        """The newest decision, or None."""
        newest = _decisions().order_by(receipts.c.sequence.desc()).limit(1)
        return next((one for one in self._opened(newest) if isinstance(one, Receipt)), None)

    def last_at(self, door: str) -> datetime | None:
        """When the newest decision of a door was made, or None. Does not open the receipt."""
        query = (
            select(receipts.c.at)
            .where(receipts.c.door == storable(door))
            .order_by(receipts.c.sequence.desc())
            .limit(1)
        )
        found: datetime | None = self._connection.execute(query).scalar()
        return found

    def since(self, at: datetime) -> builtins.list[Receipt]:
        """All decisions from a moment on, oldest first."""
        query = _decisions().where(receipts.c.at >= at).order_by(receipts.c.sequence)
        return [one for one in self._opened(query) if isinstance(one, Receipt)]

    def filter(
        self,
        *,
        door: str | None = None,
        reason: Reason | None = None,
        subject: int | str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> builtins.list[Receipt]:
        """Decisions that meet all conditions, newest first."""
        query = _decisions().where(receipts.c.sequence > after)
        if door is not None:
            query = query.where(receipts.c.door == storable(door))
        if reason is not None:
            query = query.where(receipts.c.reason == reason.value)
        if since is not None:
            query = query.where(receipts.c.at >= since)
        if until is not None:
            query = query.where(receipts.c.at < until)
        if subject is not None:
            query = query.where(receipts.c.sequence.in_(_sequences_of(subject)))
        query = query.order_by(receipts.c.sequence.desc()).limit(limit)
        return [one for one in self._opened(query) if isinstance(one, Receipt)]

    def pictures(self, sequence: int) -> builtins.list[bytes]:
        """The kept pictures of one receipt, in the order of its evidence; empty when none are."""
        rows = self._connection.execute(
            select(receipt_pictures.c.image)
            .where(receipt_pictures.c.sequence == sequence)
            .order_by(receipt_pictures.c.number)
        )
        return [bytes(row.image) for row in rows]

    def of_subject(self, subject: int | str) -> builtins.list[int]:
        """Sequences of the receipts of one person, by number or by the name they had then."""
        rows = self._connection.execute(_sequences_of(subject).order_by(receipt_parts.c.sequence))
        return [int(row.sequence) for row in rows]

    def called(self, name: str) -> set[int]:
        """Numbers of all people who had this name when a receipt was made."""
        found = select(receipt_parts.c.subject_id).where(
            receipt_parts.c.subject_name == name, receipt_parts.c.subject_id.is_not(None)
        )
        return {int(row.subject_id) for row in self._connection.execute(found.distinct())}

    def names_of(self, subject_id: int) -> set[str]:
        """All names that a person had when receipts were made."""
        found = select(receipt_parts.c.subject_name).where(
            receipt_parts.c.subject_id == subject_id, receipt_parts.c.subject_name != ""
        )
        return {str(row.subject_name) for row in self._connection.execute(found.distinct())}

    def words(self) -> Iterator[tuple[int, str]]:
        """Sequence and JSON of the words of all receipts that still have them."""
        for row in self._in_chunks(receipt_parts, receipt_parts.c.part == Part.WORDS.value):
            yield int(row.sequence), str(row.text)

    def with_pictures(self, before: datetime | None = None) -> builtins.list[int]:
        """Sequences of the receipts older than a moment whose pictures are kept."""
        query = select(receipt_pictures.c.sequence).distinct().order_by(receipt_pictures.c.sequence)
        if before is not None:
            query = query.join(receipts, receipts.c.sequence == receipt_pictures.c.sequence)
            query = query.where(receipts.c.at < before)
        return [int(row.sequence) for row in self._connection.execute(query)]

    def erasures(self, after: int = 0) -> Iterator[tuple[int, str]]:
        """Sequence and text of all erasures after a sequence, unverified."""
        for row in self._in_chunks(receipts, receipts.c.kind == ERASURE, after):
            yield int(row.sequence), str(row.text)

    def walk(self, after: int = 0, last: int | None = None) -> Iterator[StoredEntry]:
        """All entries as they are found, by sequence, also parts and pictures without an entry.

        Args:
            after: begin behind this sequence.
            last: end with this one; None: with the last one, and whatever lies behind it.
        """
        while True:
            chunk = self._connection.execute(
                select(*_as_found(receipts))
                .where(receipts.c.sequence > after, _up_to(receipts, last))
                .order_by(receipts.c.sequence)
                .limit(CHUNK)
            ).all()
            end = int(chunk[-1].sequence) if chunk else last
            parts, pictures = self._parts(after, end), self._picture_digests(after, end)
            known = {int(row.sequence): row for row in chunk}
            for sequence in sorted(known.keys() | parts.keys() | pictures.keys()):
                yield _stored(sequence, known.get(sequence), parts[sequence], pictures[sequence])
            if not chunk or end == last:
                return
            after = int(chunk[-1].sequence)

    def add_anchor(self, anchor: Anchor) -> None:
        """Note an anchor that was written to the file; one that is known is left as it is."""
        self._take_turn()
        known = select(receipt_anchors.c.number).where(receipt_anchors.c.number == anchor.number)
        if self._connection.execute(known).first() is None:
            self._connection.execute(
                insert(receipt_anchors).values(
                    number=anchor.number,
                    at=anchor.at,
                    sequence=anchor.sequence,
                    hash=anchor.hash,
                    anchor_hash=anchor.anchor_hash,
                )
            )

    def anchors(self) -> builtins.list[tuple[int, datetime | None, int, str, str]]:
        """Number, time, sequence, hash and anchor hash of all anchors, as found, oldest first."""
        rows = self._connection.execute(
            select(*_as_found(receipt_anchors)).order_by(receipt_anchors.c.number)
        )
        return [
            (row.number, _moment(row.at), row.sequence, row.hash, row.anchor_hash) for row in rows
        ]

    def last_anchor(self) -> tuple[int, datetime, int] | None:
        """Number, time and sequence of the newest anchor, or None."""
        row = self._connection.execute(
            select(receipt_anchors).order_by(receipt_anchors.c.number.desc()).limit(1)
        ).first()
        return None if row is None else (row.number, row.at, row.sequence)

    def _link(
        self, sealed: Sealed, kind: str, at: datetime, door: str, reason: str
    ) -> tuple[int, str, str]:
        """Put an entry at the end; gives sequence, previous hash and hash."""
        self._take_turn()
        last, previous_hash = self.head()
        sequence = last + 1
        try:
            hash_ = entry_hash(previous_hash, sequence, sealed.text)
            self._connection.execute(
                insert(receipts).values(
                    sequence=sequence,
                    kind=kind,
                    at=at,
                    door=door,
                    reason=reason,
                    text=sealed.text,
                    previous_hash=previous_hash,
                    hash=hash_,
                )
            )
        except (IntegrityError, ValueError) as error:
            raise ReceiptError(
                f"Receipt {sequence} cannot be written: the end of the chain is damaged.",
                hint="`facegate audit verify` tells what is wrong.",
            ) from error
        return sequence, previous_hash, hash_

    def _take_turn(self) -> None:
        """Writers of SQLite take turns from their beginning; PostgreSQL's only from here on."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(
                text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK}
            )

    def _delete(self, part: Part, sequences: Sequence[int]) -> None:
        if part is Part.PICTURES:
            chosen = delete(receipt_pictures).where(receipt_pictures.c.sequence.in_(sequences))
        else:
            chosen = delete(receipt_parts).where(
                receipt_parts.c.sequence.in_(sequences), receipt_parts.c.part == part.value
            )
        self._connection.execute(chosen)

    def _opened(self, query: Select[Any]) -> Iterator[Receipt | Erasure]:
        # Only what the chain binds is read: the columns that repeat it are for searching.
        kept = (receipts.c.sequence, receipts.c.previous_hash, receipts.c.hash, receipts.c.text)
        rows = self._connection.execute(query.with_only_columns(*kept)).all()
        for first in range(0, len(rows), CHUNK):
            chunk = rows[first : first + CHUNK]
            texts: dict[int, dict[Part, str]] = defaultdict(dict)
            for row in self._connection.execute(
                select(receipt_parts.c.sequence, receipt_parts.c.part, receipt_parts.c.text).where(
                    receipt_parts.c.sequence.in_([int(one.sequence) for one in chunk])
                )
            ):
                if row.part in {Part.PERSON.value, Part.WORDS.value}:
                    texts[int(row.sequence)][Part(row.part)] = str(row.text)
            for one in chunk:
                sequence = int(one.sequence)
                yield opened(sequence, one.previous_hash, one.hash, one.text, texts[sequence])

    def _parts(self, after: int, last: int | None) -> dict[int, dict[str, StoredPart]]:
        found: dict[int, dict[str, StoredPart]] = defaultdict(dict)
        for row in self._connection.execute(
            select(*_as_found(receipt_parts)).where(
                receipt_parts.c.sequence > after, _up_to(receipt_parts, last)
            )
        ):
            found[_whole(row.sequence)][str(row.part)] = StoredPart(
                _bytes(row.salt), str(row.text), row.subject_id, row.subject_name
            )
        return found

    def _picture_digests(self, after: int, last: int | None) -> dict[int, dict[int, str]]:
        found: dict[int, dict[int, str]] = defaultdict(dict)
        image_column = type_coerce(receipt_pictures.c.image, NullType()).label("image")
        keys = self._connection.execute(
            select(*_as_found(receipt_pictures)[:2]).where(
                receipt_pictures.c.sequence > after, _up_to(receipt_pictures, last)
            )
        ).all()
        for sequence, number in keys:  # one picture in memory at a time
            image = self._connection.execute(
                select(image_column).where(
                    receipt_pictures.c.sequence == sequence, receipt_pictures.c.number == number
                )
            ).scalar()
            digest = hashlib.sha256(_bytes(image)).hexdigest()
            found[_whole(sequence)][_whole(number)] = digest
        return found

    def _in_chunks(self, table: Any, condition: Any, after: int = 0) -> Iterator[Row[Any]]:
        while True:
            # The other columns may hold anything after somebody tampered with them.
            rows = self._connection.execute(
                select(table.c.sequence, type_coerce(table.c.text, NullType()).label("text"))
                .where(table.c.sequence > after, condition)
                .order_by(table.c.sequence)
                .limit(CHUNK)
            ).all()
            yield from rows
            if len(rows) < CHUNK:
                return
            after = int(rows[-1].sequence)


def _decisions() -> Select[Any]:
    return select(receipts).where(receipts.c.kind == DECISION)


def _sequences_of(subject: int | str) -> Select[Any]:
    by_number = isinstance(subject, int)
    column: Any = receipt_parts.c.subject_id if by_number else receipt_parts.c.subject_name
    return select(receipt_parts.c.sequence).where(column == subject)


def _as_found(table: Any) -> builtins.list[Any]:
    """All columns without conversion: whatever somebody wrote there must not end the walk."""
    return [type_coerce(column, NullType()).label(column.name) for column in table.columns]


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else -1  # a number that nothing has


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def _moment(value: Any) -> datetime | None:
    """A time as SQLite (text in UTC) or another database has it; None when it is none."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        return found.replace(tzinfo=timezone.utc) if found.tzinfo is None else found
    except (ValueError, AttributeError):
        return None


def _up_to(table: Any, last: int | None) -> Any:
    return table.c.sequence <= last if last is not None else table.c.sequence.is_not(None)


def _stored(
    sequence: int,
    row: Row[Any] | None,
    parts: Mapping[str, StoredPart],
    pictures: Mapping[int, str],
) -> StoredEntry:
    if row is None:
        return StoredEntry(sequence, "", None, "", "", "", "", "", parts, pictures, orphaned=True)
    return StoredEntry(
        sequence,
        str(row.kind),
        _moment(row.at),
        str(row.door),
        str(row.reason),
        str(row.text),
        str(row.previous_hash),
        str(row.hash),
        parts,
        pictures,
    )

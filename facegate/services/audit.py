"""Keeps the chain of receipts: appends, anchors, erases."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from facegate.domain.anchors import NO_ANCHOR, Anchor
from facegate.domain.canonical import read_canonical
from facegate.domain.receipts import Erasure, Part, Receipt, ReceiptDraft
from facegate.errors import FacegateError, InputError, UnknownSubject
from facegate.ports.devices import Clock
from facegate.ports.store import Store, UnitOfWork
from facegate.services.anchor_file import append_anchor, set_aside
from facegate.services.audit_report import anchor_faults

RETRY = timedelta(minutes=1)
"""After an anchor could not be written, this long until the next try."""

PURGE_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AuditRules:
    """What is kept, and how often the chain is anchored.

    Attributes:
        anchor_file: where anchors are written.
        anchor_every: at the latest after so many receipts.
        anchor_after: and with the first receipt that comes so long after the last anchor.
        keep_pictures: whether frames are stored.
        picture_days: how long; 0: until somebody drops them.
    """

    anchor_file: Path
    anchor_every: int = 100
    anchor_after: timedelta = timedelta(hours=1)
    keep_pictures: bool = False
    picture_days: int = 30


class AuditTrail:
    """The chain of one database. Not for sharing between threads.

    Args:
        store: where receipts are.
        clock: tells the time.
        rules: see AuditRules.
    """

    def __init__(self, store: Store, clock: Clock, rules: AuditRules) -> None:
        self._store = store
        self._clock = clock
        self._rules = rules
        self._warning = ""
        self._anchored: tuple[int, datetime] | None = None
        self._retry_at: datetime | None = None
        self._purge_at: datetime | None = None

    @property
    def warning(self) -> str:
        """What is wrong with anchors or with old pictures, in words; empty when nothing is."""
        return self._warning

    def append(self, draft: ReceiptDraft) -> Receipt:
        """Write a decision down in a transaction of its own, then see to the anchors.

        Raises:
            ReceiptError: it holds what a receipt cannot, or the end of the chain is damaged.
            StoreError: the database cannot be written.
        """
        with self._store.transaction() as work:
            receipt = self.append_within(work, draft)
            work.commit()
        self.settle()
        return receipt

    def append_within(self, work: UnitOfWork, draft: ReceiptDraft) -> Receipt:
        """Write a decision down in the caller's transaction; call `settle` after its commit."""
        if draft.pictures and not self._rules.keep_pictures:
            draft = replace(draft, pictures=())
        return work.receipts.append(draft)

    def settle(self, *, at_end: bool = False) -> None:
        """Anchor when it is due, and delete pictures that are too old. Never raises.

        For after each receipt, and now and then when nothing happens. What fails is told by
        `warning`: it is no reason to lock a door.

        Args:
            at_end: nothing more will come; whatever is not anchored yet is due.
        """
        try:
            now = self._clock()
            # A clock that was set back must not put off what is due.
            if self._retry_at is not None and now < self._retry_at <= now + RETRY:
                return
            self._retry_at = None
            if self._is_due(now, at_end=at_end):
                self.anchor()
            if self._purge_at is None or not now < self._purge_at <= now + PURGE_EVERY:
                self._purge_at = now + PURGE_EVERY
                self.purge()
            self._warning = ""
        except (FacegateError, OSError) as error:
            self._warning = str(error)
            self._retry_at = self._clock() + RETRY

    def renew_anchors(self) -> tuple[Erasure, Path | None]:
        """Begin the anchor file anew, because it is lost, damaged or does not fit the database.

        For an operator who knows why. From then on the chain says so, and so does every
        verification: nothing vouches any more for what was before. The file there was is kept
        under another name.

        Returns:
            The entry of the chain, and where the old file is now (None: there was none).

        Raises:
            InputError: nothing is wrong with the anchor file.
            ReceiptError: the old file cannot be set aside, or no new one be written.
        """
        file = self._rules.anchor_file
        with self._store.snapshot() as work:
            faults, lost = anchor_faults(work, file)
        if not faults or not lost:
            raise InputError(
                "Nothing is wrong with the anchor file, so it is not begun anew.",
                hint="`facegate audit anchor` adds the newest receipt to it.",
            )
        kept = set_aside(file)
        why = "the anchor file was begun anew by hand; earlier receipts are not anchored any more"
        now = self._clock()
        with self._store.transaction() as work:
            entry = work.receipts.erase(now, why, {}, lost)
            text = f"by hand, after anchor {lost}; receipt {entry.sequence} says so"
            work.events.add(now, "anchors renewed", "", text)
            work.commit()
        self._anchor(after=lost)
        return entry, kept

    def anchor(self) -> Anchor | None:
        """Note the newest hash in the anchor file.

        Returns:
            The anchor of the newest receipt, which may have been there; None without any receipt.

        Raises:
            ReceiptError: the file cannot be written.
        """
        return self._anchor()

    def _anchor(self, after: int = 0) -> Anchor | None:
        """Write an anchor whose number is greater than `after`."""
        now = self._clock()
        with self._store.snapshot() as work:
            sequence, hash_ = work.receipts.head()
            store_id = work.receipts.store_id()
            noted = work.receipts.last_anchor()
        self._anchored = (sequence, now)
        if sequence == 0:
            return None

        def following(newest: list[Anchor]) -> Anchor | None:
            last = newest[-1] if newest else None
            if last and (last.store_id, last.sequence, last.hash) == (store_id, sequence, hash_):
                return None
            # A file that was cut must show its gap for ever, so numbers never begin anew.
            number = 1 + max(last.number if last else 0, noted[0] if noted else 0, after)
            previous = last.anchor_hash if last else NO_ANCHOR
            return Anchor(number, now, store_id, sequence, hash_, previous)

        try:
            there, added = append_anchor(self._rules.anchor_file, following)
        except FacegateError:
            self._anchored = None
            raise
        with self._store.transaction() as work:
            # Also those that a process wrote and, cut off, could not note here.
            for one in [*there, *([added] if added else [])]:
                if one.store_id == store_id and one.number > (noted[0] if noted else 0):
                    work.receipts.add_anchor(one)
            work.commit()
        return added or there[-1]

    def purge(self) -> Erasure | None:
        """Delete pictures that are older than the rules allow."""
        if not self._rules.picture_days:
            return None
        age = timedelta(days=self._rules.picture_days)
        return self.drop_pictures(self._clock() - age, "their time was over")

    def drop_pictures(
        self, before: datetime | None = None, why: str = "the operator dropped them"
    ) -> Erasure | None:
        """Delete kept pictures, and say so in the chain.

        Args:
            before: only those of receipts older than this; None: all.
            why: in words, without names.

        Returns:
            The entry of the chain; None when there was nothing to delete.
        """
        with self._store.snapshot() as work:  # most of the time there is nothing to do
            if not work.receipts.with_pictures(before):
                return None
        with self._store.transaction() as work:
            found = work.receipts.with_pictures(before)
            if not found:
                return None
            entry = work.receipts.erase(self._clock(), why, {Part.PICTURES: found})
            work.commit()
        return entry

    def erase_person(self, name: str) -> Erasure:
        """Erase a person from all receipts: number, names, words about them, and pictures.

        Receipts stay, with time, door, reason and scores, and the chain stays valid. In other
        people's receipts only the words are erased, where they name this person.

        Args:
            name: of an enrolled person, or one that somebody had when a receipt was made. All who
                ever had it are erased, also under their other names.

        Raises:
            UnknownSubject: no receipt and no enrolled person has that name.
        """
        with self._store.transaction() as work:
            subject = work.subjects.find(name)
            ids = work.receipts.called(name) | ({subject.subject_id} if subject else set())
            own = set(work.receipts.of_subject(name))
            names = {name}
            for subject_id in ids:
                own |= set(work.receipts.of_subject(subject_id))
                names |= work.receipts.names_of(subject_id)
            if subject is None and not own:
                raise UnknownSubject(name)
            about = _mention(names)
            kept = work.receipts.words()
            words = {number for number, text in kept if number in own or about(text)}
            erased = {
                Part.PERSON: own,
                Part.WORDS: words,
                Part.PICTURES: own & set(work.receipts.with_pictures()),
            }
            entry = work.receipts.erase(self._clock(), "a person was erased", erased)
            work.commit()
        return entry

    def _is_due(self, now: datetime, *, at_end: bool = False) -> bool:
        with self._store.snapshot() as work:
            sequence, _ = work.receipts.head()
            if self._anchored is None:
                noted = work.receipts.last_anchor()
                if noted is None:
                    return sequence > 0  # a chain is anchored as soon as it begins
                self._anchored = (noted[2], noted[1])
        last, at = self._anchored
        waiting = sequence - last
        return not 0 <= waiting < self._rules.anchor_every or (
            waiting > 0 and (at_end or not timedelta(0) <= now - at < self._rules.anchor_after)
        )


def _mention(names: set[str]) -> Callable[[str], bool]:
    """Tells whether a receipt's words name one of these people, as a whole word."""
    either = "|".join(re.escape(name) for name in sorted(names))
    pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)")

    def mentions(text: str) -> bool:
        return any(pattern.search(str(value)) for value in read_canonical(text).values())

    return mentions

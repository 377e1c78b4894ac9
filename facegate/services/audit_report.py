"""Verifies the chain of a database, or of an export, against its anchors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from facegate.domain.anchors import NO_ANCHOR, Anchor
from facegate.domain.canonical import moment, read_canonical
from facegate.domain.chain import genesis
from facegate.errors import ReceiptError
from facegate.ports.store import Store, UnitOfWork
from facegate.services.anchor_file import read_anchors
from facegate.services.verify_receipts import (
    MAX_FAULTS,
    AnchoredHash,
    ChainCheck,
    ErasedParts,
    Fault,
)

LOWEST = -(2**62)
"""Below every sequence, so that rows which somebody put in before the first one are seen."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """An operator began the anchor file anew, because it was lost or damaged.

    Attributes:
        sequence: of the entry in the chain that says so.
        at: when.
        lost_anchors: the anchors up to this number count no more.
    """

    sequence: int
    at: datetime
    lost_anchors: int

    def as_dict(self) -> dict[str, Any]:
        """The renewal as JSON has it."""
        return {
            "sequence": self.sequence,
            "at": self.at.isoformat(),
            "lost_anchors": self.lost_anchors,
        }


def renewals_in(erasures: Iterable[tuple[int, str]]) -> list[Renewal]:
    """The renewals among erasures; what cannot be read is none, and is told elsewhere."""
    found = []
    for sequence, text in erasures:
        try:
            body = read_canonical(text)
            if (lost := body.get("lost_anchors", 0)) > 0:
                found.append(Renewal(sequence, moment(body["at_us"]), int(lost)))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            continue
    return found


@dataclass(slots=True)
class VerifyReport:
    """What a verification found.

    Attributes:
        entries: receipts and erasures that were looked at.
        last, last_hash: the end of the chain.
        anchors: lines of the anchor file.
        anchored: the newest sequence that an anchor holds; what comes after could be cut off
            without being noticed.
        faults: at most MAX_FAULTS, in order.
        fault_count: all of them.
        remarks: what a person should know, and is no fault.
        renewals: when an operator began the anchor file anew.
    """

    entries: int = 0
    last: int = 0
    last_hash: str = ""
    anchors: int = 0
    anchored: int = 0
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    remarks: list[str] = field(default_factory=list)
    renewals: list[Renewal] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault_count == 0

    def add(self, faults: Iterable[Fault]) -> None:
        """Take faults in."""
        for fault in faults:
            self.fault_count += 1
            if len(self.faults) < MAX_FAULTS:
                self.faults.append(fault)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "intact": self.intact,
            "entries": self.entries,
            "last_sequence": self.last,
            "last_hash": self.last_hash,
            "anchors": self.anchors,
            "anchored_sequence": self.anchored,
            "fault_count": self.fault_count,
            "faults": [fault.as_dict() for fault in self.faults],
            "remarks": self.remarks,
            "renewals": [one.as_dict() for one in self.renewals],
        }


def verify_store(
    store: Store,
    anchor_file: Path,
    *,
    is_copy: bool = False,
    on_entry: Callable[[int], None] = lambda _: None,
) -> VerifyReport:
    """Verify the chain of a database.

    Memory does not grow with the chain, only with its anchors and erasures.

    Args:
        store: the database.
        anchor_file: where its anchors are; need not exist.
        is_copy: the file is an older copy, which may lack the newest anchors.
        on_entry: gets the sequence of each entry, for a progress bar.

    Raises:
        ReceiptError: the anchor file cannot be read.
        StoreError: the database cannot be read.
    """
    report = VerifyReport()
    lines = read_anchors(anchor_file)  # before the database, which then is never behind it
    with store.snapshot() as work:
        anchored, lines = _check_file(report, work, lines, anchor_file, is_copy=is_copy)
        store_id, noted = work.receipts.store_id(), work.receipts.anchors()
        head, _ = work.receipts.head()
        erased = ErasedParts(newer=lambda: work.receipts.erasures(after=head))
        erased.load(work.receipts.erasures())
        check = ChainCheck(genesis(store_id), erased, anchored)
        for entry in work.receipts.walk(after=LOWEST):
            report.add(check.check(entry))
            on_entry(entry.sequence)
    report.add(check.finish())
    conclude(report, check, anchored)
    if not lines and not noted and check.last:
        report.remarks.append(
            "Nothing was anchored yet, so a cut-off end would not be noticed; "
            "`facegate audit anchor` does it now."
        )
    return report


def anchor_faults(work: UnitOfWork, anchor_file: Path) -> tuple[list[Fault], int]:
    """What is wrong with the anchor file, and the highest number that an anchor ever had."""
    report = VerifyReport()
    highest = max((int(row[0]) for row in work.receipts.anchors()), default=0)
    try:
        lines = read_anchors(anchor_file)
    except ReceiptError as error:
        return [Fault("anchor", None, str(error))], highest
    _check_file(report, work, lines, anchor_file, is_copy=False)
    numbers = [one.number for one in lines if one is not None]
    return report.faults, max([highest, *numbers])


def _check_file(
    report: VerifyReport,
    work: UnitOfWork,
    lines: list[Anchor | None],
    anchor_file: Path,
    *,
    is_copy: bool,
) -> tuple[dict[int, list[AnchoredHash]], list[Anchor | None]]:
    """Check the anchor file by itself and against the database; gives what it says, by sequence,
    and its lines."""
    noted = work.receipts.anchors()
    newest = noted[-1][0] if noted else 0
    if not is_copy and max((one.number for one in lines if one is not None), default=0) < newest:
        # Anchors may have come in between; those behind this view of the database are not its.
        found = read_anchors(anchor_file)
        lines = [one for one in found if one is None or one.number <= newest]
    renewals = renewals_in(work.receipts.erasures())
    anchored = check_anchors(report, lines, work.receipts.store_id(), renewals)
    report.add(_compare_noted(noted, lines, _lost(renewals), is_copy=is_copy))
    return anchored, lines


def _lost(renewals: Iterable[Renewal]) -> int:
    return max((one.lost_anchors for one in renewals), default=0)


def check_anchors(
    report: VerifyReport,
    lines: list[Anchor | None],
    store_id: str,
    renewals: Sequence[Renewal] = (),
) -> dict[int, list[AnchoredHash]]:
    """Check the lines of an anchor file; gives what they say, by sequence.

    Lines that were changed say nothing. A file that was begun anew, as an entry of the chain says,
    begins behind the anchors that were lost; the report tells of it for ever.
    """
    anchored: dict[int, list[AnchoredHash]] = defaultdict(list)
    previous, number = NO_ANCHOR, 0
    if lines and lines[0] is not None:
        before = lines[0].number - 1
        number = before if before in {one.lost_anchors for one in renewals} else 0
    report.renewals = list(renewals)
    for one in renewals:
        report.remarks.append(
            f"The anchor file was begun anew by hand on {one.at:%Y-%m-%d at %H:%M} UTC (receipt "
            f"{one.sequence}): anchors 1 to {one.lost_anchors} were given up, so nothing outside "
            "the database vouches for what was before."
        )
    report.anchors = len(lines)
    foreign = False
    for place, anchor in enumerate(lines, start=1):
        if anchor is None:
            sentence = f"Line {place} of the anchor file was changed or is damaged."
            report.add([Fault("anchor", None, sentence)])
            continue
        if anchor.previous != previous or anchor.number != number + 1:
            sentence = (
                f"Line {place} of the anchor file does not follow the line before: lines were "
                "taken out, put in or swapped."
            )
            report.add([Fault("anchor", anchor.sequence, sentence)])
        previous, number = anchor.anchor_hash, anchor.number
        if anchor.store_id != store_id:
            foreign = True
            continue
        at = anchor.at.isoformat(timespec="seconds")
        anchored[anchor.sequence].append(AnchoredHash(anchor.number, anchor.hash, at))
    if foreign:
        sentence = "The anchor file is of another database: the database was replaced."
        report.add([Fault("replaced", None, sentence)])
    return anchored


def _compare_noted(
    rows: list[tuple[int, datetime | None, int, str, str]],
    lines: list[Anchor | None],
    lost: int,
    *,
    is_copy: bool,
) -> list[Fault]:
    """The database notes what was written to the file; each accounts for the other."""
    in_file = {anchor.number: anchor for anchor in lines if anchor is not None}
    newest = max(in_file, default=0)
    faults = []
    noted = {row[0]: row for row in rows}
    for number in sorted(noted.keys() | in_file.keys()):
        anchor, row = in_file.get(number), noted.get(number)
        if anchor is None:
            if 0 < number <= lost or (is_copy and number > newest):
                continue
            sentence = (
                f"Anchor {number} is noted in the database, but not in the anchor file: the file "
                "was cut, changed, moved or deleted."
            )
        elif row is None:
            sentence = (
                f"Anchor {number} is in the anchor file, but not noted in the database: the note "
                "was deleted, an old copy was put back, or the power failed right then "
                "(`facegate audit anchor` notes it again)."
            )
        elif row[1:] != (anchor.at, anchor.sequence, anchor.hash, anchor.anchor_hash):
            sentence = f"Anchor {number} is not the same in the database and in the anchor file."
        else:
            continue
        faults.append(Fault("anchor", None, sentence))
    return faults


def conclude(
    report: VerifyReport, check: ChainCheck, anchored: dict[int, list[AnchoredHash]]
) -> None:
    """Note where the chain ended."""
    report.entries, report.last, report.last_hash = check.count, check.last, check.last_hash
    report.anchored = max(anchored, default=0)

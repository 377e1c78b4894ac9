"""Verifies the chain of a database, or of an export, against its anchors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from facegate.domain.anchors import NO_ANCHOR, Anchor
from facegate.domain.chain import genesis
from facegate.ports import Store
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
    """

    entries: int = 0
    last: int = 0
    last_hash: str = ""
    anchors: int = 0
    anchored: int = 0
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0
    remarks: list[str] = field(default_factory=list)

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
        noted = work.receipts.anchors()
        if noted and not is_copy and len(lines) < noted[-1][0]:
            # Anchors may have come in between; those behind this view of the database are not its.
            lines = read_anchors(anchor_file)[: max(noted[-1][0], 0)]
        store_id = work.receipts.store_id()
        anchored = check_anchors(report, lines, store_id)
        report.add(_compare_noted(noted, lines, is_copy=is_copy))
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


def check_anchors(
    report: VerifyReport, lines: list[Anchor | None], store_id: str
) -> dict[int, list[AnchoredHash]]:
    """Check the lines of an anchor file; gives what they say, by sequence.

    Lines that were changed say nothing.
    """
    anchored: dict[int, list[AnchoredHash]] = defaultdict(list)
    previous, number = NO_ANCHOR, 0
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
            if is_copy and number > newest:
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

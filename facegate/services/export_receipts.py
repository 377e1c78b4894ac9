"""Writes the chain to a file that can be verified by itself, and verifies such a file."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from facegate.domain.canonical import canonical_text, microseconds, moment, read_canonical
from facegate.domain.chain import ERASURE, genesis, opened
from facegate.domain.receipts import Part, Receipt
from facegate.domain.stored_entries import StoredEntry, StoredPart
from facegate.errors import InputError, ReceiptError
from facegate.ports.devices import Clock
from facegate.ports.store import Store
from facegate.services.anchor_file import read_anchors
from facegate.services.audit_report import VerifyReport, check_anchors, conclude, renewals_in
from facegate.services.verify_receipts import ChainCheck, ErasedParts, Fault

EXPORT_FORMAT = 1

CSV_COLUMNS = (
    "sequence", "at", "door", "source", "result", "reason", "subject_id", "subject_name",
    "similarity", "second_similarity", "tau", "margin", "rule", "explanation", "visit",
    "elapsed_s", "erased", "hash",
)  # fmt: skip


def export_jsonl(
    store: Store,
    out: TextIO,
    clock: Clock,
    *,
    after: int = 0,
    people: bool = True,
    on_entry: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the chain as JSON Lines: a head, an entry each, an end. Pictures stay in the store.

    Args:
        store: the database.
        out: UTF-8 text.
        clock: tells the time.
        after: begin behind this sequence.
        people: whether what names people is written; without it the hashes verify all the same.
        on_entry: gets the sequence of each entry.

    Returns:
        The number of entries.
    """
    count, last, hash_ = 0, after, ""
    with store.snapshot() as work:
        newest, _ = work.receipts.head()
        store_id = work.receipts.store_id()
        entries = work.receipts.walk(after, newest) if newest > after else iter(())
        first = next(entries, None)
        hash_ = first.previous_hash if first else genesis(store_id)
        _write(
            out,
            {
                "facegate_receipts": EXPORT_FORMAT,
                "store": store_id,
                "at_us": microseconds(clock()),
                "after": after,
                "previous": hash_,
                "people": people,
            },
        )
        for entry in chain([] if first is None else [first], entries):
            _write(out, _exported(entry, people=people))
            count, last, hash_ = count + 1, entry.sequence, entry.hash
            on_entry(entry.sequence)
    _write(out, {"end": last, "hash": hash_, "entries": count})
    return count


def export_csv(
    store: Store,
    out: TextIO,
    *,
    after: int = 0,
    people: bool = True,
    on_entry: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the decisions as a table for spreadsheets; only JSON Lines can be verified.

    Returns:
        The number of rows.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    count = 0
    with store.snapshot() as work:
        newest, _ = work.receipts.head()
        for entry in work.receipts.walk(after, newest) if newest > after else ():
            on_entry(entry.sequence)
            known = {part.value for part in Part} & set(entry.parts) if people else set()
            texts = {Part(name): entry.parts[name].text for name in known}
            receipt = opened(entry.sequence, entry.previous_hash, entry.hash, entry.text, texts)
            if isinstance(receipt, Receipt):
                writer.writerow(_cells(receipt, people=people))
                count += 1
    return count


def verify_export(
    path: Path, anchor_file: Path | None = None, on_entry: Callable[[int], None] = lambda _: None
) -> VerifyReport:
    """Verify an export by itself, and against a copy of the anchor file where there is one.

    Raises:
        InputError: the file cannot be read.
        ReceiptError: it is no export.
    """
    report = VerifyReport()
    head = _head(path)
    store_id, after = str(head["store"]), int(head["after"])
    made = moment(int(head["at_us"]))
    lines = read_anchors(anchor_file) if anchor_file else []
    # What was anchored after the export was made cannot be in it.
    lines = [anchor for anchor in lines if anchor is None or anchor.at <= made]
    anchored = check_anchors(report, lines, store_id, renewals_in(_erasures(path)))
    erased = ErasedParts()
    erased.load(_erasures(path))
    first_hash = str(head["previous"])
    if after == 0 and first_hash != genesis(store_id):
        report.add([Fault("replaced", None, "The beginning is not that of the database it names.")])
    if after:
        report.remarks.append(
            f"The export begins behind receipt {after}; what was before is not in it."
        )
    check = ChainCheck(
        first_hash,
        erased,
        {sequence: found for sequence, found in anchored.items() if sequence > after},
        after=after,
        with_columns=False,
        with_parts=bool(head["people"]),
        with_pictures=False,
    )
    end: dict[str, Any] | None = None
    for place, (_, line) in enumerate(_lines(path), start=2):
        if end is not None:
            report.add([Fault("inserted", None, f"Line {place} comes after the end.")])
        elif "end" in line:
            end = line
        else:
            try:
                entry = _imported(line)
            except (KeyError, TypeError, ValueError, AttributeError, ReceiptError):
                report.add([Fault("changed", None, f"Line {place} is no receipt.")])
                continue
            report.add(check.check(entry))
            on_entry(entry.sequence)
    ends = (check.last, check.last_hash, check.count)
    if end is None:
        report.add([Fault("cut_off", None, "The file has no end: its last lines were cut off.")])
    elif (end.get("end"), end.get("hash"), end.get("entries")) != ends:
        report.add([Fault("cut_off", None, "The end of the file does not belong to its receipts.")])
    report.add(check.finish())
    conclude(report, check, anchored)
    return report


def _exported(entry: StoredEntry, *, people: bool) -> dict[str, Any]:
    try:
        content = read_canonical(entry.text)
        parts = {
            name: {"salt": part.salt.hex(), "content": read_canonical(part.text)}
            for name, part in entry.parts.items()
        }
    except ValueError as error:
        raise ReceiptError(
            f"Receipt {entry.sequence} is damaged; nothing was exported.",
            hint="`facegate audit verify` tells what is wrong.",
        ) from error
    line = {
        "sequence": entry.sequence,
        "previous": entry.previous_hash,
        "hash": entry.hash,
        "entry": content,
    }
    return {**line, "parts": parts} if people else line


def _imported(line: dict[str, Any]) -> StoredEntry:
    """An exported line as an entry. Raises KeyError, TypeError or ValueError for nonsense."""
    if set(line) - {"parts"} != {"sequence", "previous", "hash", "entry"}:
        raise KeyError("a line has other keys")
    parts = {
        name: StoredPart(bytes.fromhex(part["salt"]), canonical_text(part["content"]))
        for name, part in line.get("parts", {}).items()
    }
    if isinstance(line["sequence"], bool) or not isinstance(line["sequence"], int):
        raise TypeError("a sequence is a whole number")
    return StoredEntry(
        sequence=line["sequence"],
        kind="",
        at=None,
        door="",
        reason="",
        text=canonical_text(line["entry"]),
        previous_hash=str(line["previous"]),
        hash=str(line["hash"]),
        parts=parts,
    )


def _cells(receipt: Receipt, *, people: bool) -> list[Any]:
    draft = receipt.draft
    erased = sorted(part.value for part in receipt.erased) if people else ["not exported"]
    cells = {
        "sequence": receipt.sequence,
        "at": draft.at.isoformat(),
        "result": "granted" if draft.reason.value == "granted" else "denied",
        "reason": draft.reason.value,
        "erased": " ".join(erased),
        "hash": receipt.hash,
    }
    values = [cells[name] if name in cells else getattr(draft, name) for name in CSV_COLUMNS]
    return ["" if value is None else value for value in values]


def _head(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            head = read_canonical(file.readline())
        if head["facegate_receipts"] != EXPORT_FORMAT:
            raise ReceiptError(f"{path} was exported by a newer FaceGate.")
        if not isinstance(head["previous"], str) or head["people"] not in {True, False}:
            raise ValueError("no head")
        int(head["after"]), moment(int(head["at_us"])), str(head["store"])
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReceiptError(
            f"{path} is no export of receipts.",
            hint="`facegate audit export FILE.jsonl` makes one.",
        ) from error
    return dict(head)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """All lines but the first, each with its sequence (0 without one); {} for nonsense."""
    with path.open(encoding="utf-8", errors="replace") as file:
        next(file, None)
        for text in file:
            try:
                line = read_canonical(text)
            except (ValueError, RecursionError):
                line = {}
            if not isinstance(line, dict):
                line = {}
            number = line.get("sequence")
            yield (number if isinstance(number, int) else 0), line


def _erasures(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in _lines(path):
        entry = line.get("entry")
        if isinstance(entry, dict) and entry.get("kind") == ERASURE:
            with suppress(ReceiptError):  # nonsense is told when its line is checked
                yield number, canonical_text(entry)


def _write(out: TextIO, line: dict[str, Any]) -> None:
    out.write(canonical_text(line) + "\n")

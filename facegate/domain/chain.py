"""The chain of receipts: what is hashed, how, and what may be erased without breaking it.

An entry is canonical JSON, its text, bound to all entries before it:

    hash = SHA-256(previous hash ‖ sequence as 8 bytes, big-endian ‖ text)

The first entry's previous hash is made of the database's own id, so that no chain can be passed off
as another database's. What names people is not in that text. There is only a commitment to it,

    SHA-256("facegate receipt part 1\\0" ‖ salt, 32 random bytes ‖ the part's own canonical JSON)

so deleting the part with its salt leaves the chain valid and nothing to guess names with. An
erasure is an entry of the chain itself; a part that is missing without one was tampered with.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from facegate.domain.canonical import canonical_text, microseconds, moment, read_canonical
from facegate.domain.reasons import Reason
from facegate.domain.receipts import Erasure, Evidence, Part, Receipt, ReceiptDraft
from facegate.errors import ReceiptError

FORMAT = 1
"""Of the text. Entries of every format that ever was must be readable for ever."""

DECISION, ERASURE = "decision", "erasure"

_GENESIS = b"facegate receipts 1\0"
_PART = b"facegate receipt part 1\0"
_PERSON = ("subject_id", "subject_name", "best_template_id", "second_template_id")
_WORDS = ("rule", "explanation")
_OPEN = (
    "door", "source", "models", "tau", "operating_point", "similarity", "second_similarity",
    "margin", "pad", "visit", "elapsed_s",
)  # fmt: skip
_NUMBERS = ("tau", "similarity", "second_similarity", "margin", "elapsed_s")


@dataclass(frozen=True, slots=True)
class SealedPart:
    """What names people in a receipt, kept apart so that it can be erased.

    Attributes:
        salt: 32 random bytes.
        text: canonical JSON.
    """

    salt: bytes = field(repr=False)
    text: str = field(repr=False)

    @property
    def commitment(self) -> str:
        """What the chain has in its place, hex."""
        return hashlib.sha256(_PART + self.salt + self.text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry before it gets its place in the chain.

    Attributes:
        text: canonical JSON that is hashed.
        parts: PERSON and WORDS of a decision; empty for an erasure.
    """

    text: str
    parts: Mapping[Part, SealedPart] = field(default_factory=dict)


def genesis(store_id: str) -> str:
    """The previous hash of the first entry, hex."""
    return hashlib.sha256(_GENESIS + store_id.encode()).hexdigest()


def entry_hash(previous_hash: str, sequence: int, text: str) -> str:
    """The hash of an entry, hex. Raises ValueError when previous_hash is no hash."""
    previous = bytes.fromhex(previous_hash)
    if len(previous) != hashlib.sha256().digest_size:
        raise ValueError("not a SHA-256")
    return hashlib.sha256(previous + sequence.to_bytes(8, "big") + text.encode()).hexdigest()


def seal(draft: ReceiptDraft) -> Sealed:
    """Turn a decision into what is hashed and what can be erased.

    Raises:
        ReceiptError: a number is not finite, the time has no zone, or there are pictures without
            their evidence.
    """
    if draft.pictures and len(draft.pictures) != len(draft.evidence):
        raise ReceiptError("A receipt keeps a picture of each frame, or none.")
    parts = {
        Part.PERSON: _sealed_part({name: getattr(draft, name) for name in _PERSON}),
        Part.WORDS: _sealed_part({name: getattr(draft, name) for name in _WORDS}),
    }
    body: dict[str, Any] = {name: getattr(draft, name) for name in _OPEN}
    for name in _NUMBERS:
        body[name] = None if body[name] is None else float(body[name])
    body |= {
        "format": FORMAT,
        "kind": DECISION,
        "at_us": microseconds(draft.at),
        "reason": draft.reason.value,
        "evidence": [_evidence_fields(one) for one in draft.evidence],
        "pictures": [hashlib.sha256(png).hexdigest() for png in draft.pictures],
        "parts": {part.value: sealed.commitment for part, sealed in parts.items()},
    }
    return Sealed(canonical_text(body), parts)


def seal_erasure(
    at: datetime, why: str, erased: Mapping[Part, Iterable[int]], lost_anchors: int = 0
) -> Sealed:
    """Turn an erasure into what is hashed.

    Args:
        at: time zone aware.
        why: in words, without names: it stays for ever.
        erased: for each part the sequences it is erased from.
        lost_anchors: see `Erasure`.
    """
    ranges = {part.value: as_ranges(sequences) for part, sequences in erased.items()}
    body: dict[str, Any] = {
        "format": FORMAT,
        "kind": ERASURE,
        "at_us": microseconds(at),
        "why": why,
        "erased": {name: found for name, found in ranges.items() if found},
    }
    if lost_anchors:
        body["lost_anchors"] = lost_anchors
    return Sealed(canonical_text(body))


def opened(
    sequence: int, previous_hash: str, hash_: str, text: str, parts: Mapping[Part, str]
) -> Receipt | Erasure:
    """Read an entry back.

    Args:
        sequence, previous_hash, hash_: its place in the chain; nothing is verified here.
        text: canonical JSON.
        parts: canonical JSON of what was not erased.

    Raises:
        ReceiptError: the text does not mean anything, or a newer program wrote it.
    """
    try:
        body = read_canonical(text)
        if body["format"] != FORMAT:
            raise ReceiptError(
                f"Receipt {sequence} was written by a newer FaceGate (format {body['format']}).",
                hint="Read it with that version.",
            )
        if body["kind"] == ERASURE:
            return Erasure(
                sequence, moment(body["at_us"]), body["why"], erased_ranges(body),
                previous_hash, hash_, int(body.get("lost_anchors", 0)),
            )  # fmt: skip
        return Receipt(
            sequence,
            _draft(body, parts),
            previous_hash,
            hash_,
            frozenset(Part(name) for name in body["parts"]) - set(parts),
            len(body["pictures"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReceiptError(
            f"Receipt {sequence} in the database is damaged.",
            hint="`facegate audit verify` tells what is wrong.",
        ) from error


def erased_ranges(body: Mapping[str, Any]) -> dict[Part, tuple[tuple[int, int], ...]]:
    """The ranges of an erasure's JSON. Raises ValueError, KeyError or TypeError for nonsense."""
    return {
        Part(name): tuple((int(first), int(last)) for first, last in ranges)
        for name, ranges in body["erased"].items()
    }


def as_ranges(sequences: Iterable[int]) -> list[list[int]]:
    """Numbers as rising ranges [first, last], both included; each number counts once."""
    ranges: list[list[int]] = []
    for number in sorted(set(sequences)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


def _sealed_part(fields: Mapping[str, Any]) -> SealedPart:
    return SealedPart(secrets.token_bytes(32), canonical_text(fields))


def _evidence_fields(one: Evidence) -> dict[str, Any]:
    return {
        "frame_sha256": one.frame_sha256,
        "bbox_xyxy": [float(value) for value in one.bbox_xyxy],
        "similarity": None if one.similarity is None else float(one.similarity),
        "quality": {name: float(value) for name, value in one.quality.items()},
        "pad_score": None if one.pad_score is None else float(one.pad_score),
    }


def _draft(body: Mapping[str, Any], parts: Mapping[Part, str]) -> ReceiptDraft:
    evidence = []
    for one in body["evidence"]:
        x1, y1, x2, y2 = one["bbox_xyxy"]
        evidence.append(Evidence(**{**one, "bbox_xyxy": (x1, y1, x2, y2)}))
    draft = ReceiptDraft(
        at=moment(body["at_us"]),
        reason=Reason(body["reason"]),
        evidence=tuple(evidence),
        **{name: body[name] for name in _OPEN},
    )
    known = {Part.PERSON: _PERSON, Part.WORDS: _WORDS}
    for part, text in parts.items():
        fields = read_canonical(text)
        draft = replace(draft, **{name: fields[name] for name in known[part]})
    return draft

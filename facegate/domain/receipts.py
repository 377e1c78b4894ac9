"""The receipt of one decision at a door: everything that led to it, in one row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from facegate.domain.reasons import Reason

FACE_REASON = "face_reason"
"""Key in a receipt's `pad`: why the face alone was refused, where a PIN was typed in its place."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One frame that a decision rests on.

    Attributes:
        frame_sha256: of the frame's raw BGR bytes with its shape before them, hex.
        bbox_xyxy: the face in the frame's pixels.
        similarity: of this frame's embedding to the person it was compared with, or None.
        quality: FaceQuality by name.
        pad_score: of this frame, or None.
    """

    frame_sha256: str
    bbox_xyxy: tuple[float, float, float, float]
    similarity: float | None
    quality: Mapping[str, float]
    pad_score: float | None = None


@dataclass(frozen=True, slots=True)
class ReceiptDraft:
    """A decision before it is written down.

    Attributes:
        at: time zone aware, UTC.
        door: its name.
        source: address of the camera, without passwords.
        reason: GRANTED or why not.
        subject_id, subject_name: the recognized person; None and "" when nobody was.
        best_template_id, second_template_id: the templates that `similarity` and
            `second_similarity` are to (`Candidate.template_id`); None when unknown. They let a
            replay compare with the very same templates.
        models: what role each network had: `detector`, `landmarks`, `embedder`, `pad` to model id.
        tau: the threshold; None when no search was made, or when the network has none (a receipt
            holds neither NaN nor infinity, see `finite`).
        operating_point: where tau comes from, `Threshold.evidence()`.
        similarity, second_similarity: of the fused probe to the best and the second person.
        margin: least lead that was asked for.
        pad: `AttackVerdict.as_dict()`, the door's policy and the challenge with its outcome; also
            FACE_REASON.
        rule, explanation: of the ruling.
        evidence: the frames it rests on, best first; may be empty.
        pictures: PNG of each evidence frame, in the same order, where the operator keeps pictures;
            else empty. Only their digests are part of the hash, so that they can be dropped; their
            pixels are bound by `frame_sha256`, see `facegate.domain.pictures`.
        visit: number that all receipts of one visit share, hex; may be empty.
        elapsed_s: from the first frame with the face to the decision, or None.
    """

    at: datetime
    door: str
    source: str
    reason: Reason
    subject_id: int | None = None
    subject_name: str = ""
    models: Mapping[str, str] = field(default_factory=dict)
    tau: float | None = None
    operating_point: Mapping[str, Any] | None = None
    similarity: float | None = None
    second_similarity: float | None = None
    margin: float | None = None
    pad: Mapping[str, Any] = field(default_factory=dict)
    rule: str = ""
    explanation: str = ""
    evidence: tuple[Evidence, ...] = ()
    pictures: tuple[bytes, ...] = field(default=(), repr=False)
    visit: str = ""
    elapsed_s: float | None = None
    best_template_id: int | None = None
    second_template_id: int | None = None


class Part(str, Enum):
    """What can be erased from a receipt while its hash stays valid. Values are stored."""

    PERSON = "person"
    """Who was recognized: number, name and templates."""

    WORDS = "words"
    """Rule and explanation, which may name people."""

    PICTURES = "pictures"
    """The kept frames."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A decision as it stands in the chain.

    Attributes:
        sequence: from 1 on, without gaps.
        draft: the decision. What was erased is None or empty, and pictures are left out: ask the
            store for them.
        previous_hash, hash: SHA-256, hex, see `facegate.domain.chain`.
        erased: the parts that are gone.
        picture_count: how many pictures were kept when it was written.
    """

    sequence: int
    draft: ReceiptDraft
    previous_hash: str
    hash: str
    erased: frozenset[Part] = frozenset()
    picture_count: int = 0


@dataclass(frozen=True, slots=True)
class Erasure:
    """An entry of the chain which says that parts of earlier receipts were erased, and why.

    Without it a missing part is a fault: that is how erasing and tampering are told apart.

    Attributes:
        sequence: its own place in the chain.
        at: time zone aware, UTC.
        why: in words, without names.
        erased: for each part the receipts it was erased from, as ranges (first, last), rising.
        previous_hash, hash: SHA-256, hex.
        lost_anchors: the anchors up to this number are lost, and an operator began their file
            anew; 0: none are.
    """

    sequence: int
    at: datetime
    why: str
    erased: Mapping[Part, tuple[tuple[int, int], ...]]
    previous_hash: str
    hash: str
    lost_anchors: int = 0


def finite(value: float | None) -> float | None:
    """The value, or None where it is NaN or infinite: what a receipt can hold."""
    return value if value is not None and math.isfinite(value) else None

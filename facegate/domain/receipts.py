"""The receipt of one decision at a door: everything that led to it, in one row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from facegate.domain.reasons import Reason


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
        models: what role each network had: `detector`, `landmarks`, `embedder`, `pad` to model id.
        tau: the threshold; None when no search was made.
        operating_point: where tau comes from, `Threshold.evidence()`.
        similarity, second_similarity: of the fused probe to the best and the second person.
        margin: least lead that was asked for.
        pad: `AttackVerdict.as_dict()`, the door's policy and the challenge with its outcome.
        rule, explanation: of the ruling.
        evidence: the frames it rests on, best first; may be empty.
        pictures: PNG of each evidence frame where the operator keeps pictures; else empty. Not
            part of the hash; their pixels are bound by `frame_sha256`.
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

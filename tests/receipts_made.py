"""Receipts that tests are made of."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from fakes import NOW

from facegate.domain.reasons import Reason
from facegate.domain.receipts import Evidence, ReceiptDraft
from facegate.services.audit import AuditRules, AuditTrail
from facegate.store.unit_of_work import SqlStore

MINUTE = timedelta(minutes=1)


class Ticking:
    """A clock that goes on by a minute with each look."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        self.at += MINUTE
        return self.at


def evidence(number: int = 0) -> Evidence:
    digest = hashlib.sha256(bytes([number])).hexdigest()
    bbox = (1.5, float(np.float32(0.1)), 100.0 + number, 200.25)
    similarity = float(np.float32(0.7123457)) - number / 8
    return Evidence(digest, bbox, similarity, {"score": 0.5, "yaw_deg": -0.0}, 0.25)


def draft(number: int = 0, *, pictures: int = 0, **changes: Any) -> ReceiptDraft:
    """A decision about Zoë, or about a stranger when the number is odd."""
    known = number % 2 == 0
    fields: dict[str, Any] = {
        "at": NOW + number * MINUTE,
        "door": "lobby" if number % 3 else "Tür 2 \U0001f6aa",
        "source": "usb:cam",
        "reason": Reason.GRANTED if known else Reason.UNKNOWN_FACE,
        "subject_id": 7 if known else None,
        "subject_name": "Zoë 李" if known else "",
        "models": {"embedder": "net@0123456789ab", "detector": "det@0123456789ab"},
        "tau": 0.41,
        "operating_point": {"target": "f1", "supported": True, "fmr": {"value": 1e-6, "of": 10}},
        "similarity": float(np.float32(0.7123457)),
        "second_similarity": float(np.float32(1 / 3)),
        "margin": 0.05,
        "pad": {"presentation": "bona_fide", "cues": ["none"], "pad_score": 0.9},
        "rule": "staff at all doors" if known else "",
        "explanation": "Zoë 李 may pass until 18:00" if known else "nobody is alike enough",
        "evidence": tuple(evidence(one) for one in range(2)),
        "pictures": tuple(b"\x89PNG" + bytes([number, one]) for one in range(pictures)),
        "visit": f"{number:08x}",
        "elapsed_s": 0.8,
        "best_template_id": 2**53 - 1 - number,
        "second_template_id": 5,
    }
    return ReceiptDraft(**{**fields, **changes})


def trail(store: SqlStore, folder: Path, **rules: Any) -> AuditTrail:
    """A trail with its anchors in a folder."""
    kept = {"keep_pictures": True, "picture_days": 0, "anchor_every": 3, **rules}
    return AuditTrail(store, Ticking(), AuditRules(folder / "anchors.jsonl", **kept))

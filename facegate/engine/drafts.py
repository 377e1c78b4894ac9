"""Turns what a gate has seen into the draft of a receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from facegate.domain.pictures import frame_sha256
from facegate.domain.reasons import Reason
from facegate.domain.receipts import Evidence, ReceiptDraft, finite
from facegate.engine.judge import Judgement
from facegate.engine.visit import Sample, Visit


def draft_of(
    door: str,
    source: str,
    models: Mapping[str, str],
    at: datetime,
    reason: Reason,
    visit: Visit | None = None,
    judgement: Judgement | None = None,
    pad: Mapping[str, Any] | None = None,
    explanation: str = "",
    elapsed_s: float | None = None,
    pictures: Sequence[bytes] = (),
) -> ReceiptDraft:
    """Put a receipt together; the ruling's words come later.

    A person is named in it only when the face was recognized: whom a refused face is most alike to
    is nobody's business.
    """
    samples = visit.best() if visit else []
    scores = [visit.check.score_of(one.frame.number) for one in samples] if visit else []
    decision = judgement.decision if judgement else None
    similarities = judgement.similarities if judgement else (None,) * len(samples)
    threshold = decision.threshold if decision else None
    best, second = [*(judgement.candidates if judgement else ()), None, None][:2]
    recognized = judgement is not None and bool(judgement.name)
    return ReceiptDraft(
        at=at,
        door=door,
        source=source,
        reason=reason,
        subject_id=decision.subject_id if decision and recognized else None,
        subject_name=judgement.name if judgement and recognized else "",
        models=dict(models),
        tau=threshold.tau if threshold and threshold.is_set else None,
        operating_point=threshold.evidence() if threshold else None,
        similarity=finite(decision.similarity) if decision else None,
        second_similarity=finite(decision.second_similarity) if decision else None,
        best_template_id=best.template_id if best else None,
        second_template_id=second.template_id if second else None,
        margin=threshold.margin if threshold else None,
        pad=dict(pad or {}),
        explanation=explanation,
        evidence=tuple(
            _evidence(sample, similarity, score)
            for sample, similarity, score in zip(samples, similarities, scores, strict=True)
        ),
        pictures=tuple(pictures),
        visit=visit.number if visit else "",
        elapsed_s=elapsed_s,
    )


def _evidence(sample: Sample, similarity: float | None, pad_score: float | None) -> Evidence:
    x1, y1, x2, y2 = (float(value) for value in sample.reading.face.bbox_xyxy)
    return Evidence(
        frame_sha256=frame_sha256(sample.frame.bgr),
        bbox_xyxy=(x1, y1, x2, y2),
        similarity=similarity,
        quality=asdict(sample.reading.quality),
        pad_score=pad_score,
    )

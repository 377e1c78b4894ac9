"""Whose face it is, from all looks at it together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facegate.domain.decisions import Candidate, Decision, Outcome
from facegate.domain.fusion import fuse
from facegate.domain.reasons import Reason
from facegate.engine.visit import Sample
from facegate.services.recognize import Recognizer


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the looks at one face say together.

    Attributes:
        reason: GRANTED when they show an enrolled person.
        decision: about the fused probe.
        name: of the person; empty when there is none.
        candidates: the two people most alike to it, best first.
        similarities: of each look by itself to the person it is most alike to.
    """

    reason: Reason
    decision: Decision
    name: str
    candidates: tuple[Candidate, ...]
    similarities: tuple[float | None, ...]


def judge(recognizer: Recognizer, samples: Sequence[Sample], agreeing: int) -> Judgement:
    """Recognize a face from several looks.

    The fused probe must match, and at least `agreeing` looks must match the same person by
    themselves.

    Args:
        recognizer: searches the gallery.
        samples: at least one, best first.
        agreeing: looks that must agree; more than there are counts as all of them.
    """
    embeddings = np.stack([one.reading.embedding for one in samples])
    # All in one search, of one state of the gallery. So few probes are compared one by one, with
    # the same bits as a probe by itself, which a replay needs; see `FEW_PROBES`.
    probes = np.concatenate([fuse(embeddings)[np.newaxis], embeddings])
    fused, *single = recognizer.recognize(probes)
    decision = fused.decision
    similarities = tuple(one.decision.similarity for one in single)
    reason = Reason.UNKNOWN_FACE
    if decision.outcome is Outcome.AMBIGUOUS:
        reason = Reason.AMBIGUOUS
    elif decision.outcome is Outcome.MATCH:
        same = sum(
            one.decision.outcome is Outcome.MATCH and one.decision.subject_id == decision.subject_id
            for one in single
        )
        enough = same >= min(agreeing, len(single))
        reason = Reason.GRANTED if enough else Reason.AMBIGUOUS
    name = fused.name if reason is Reason.GRANTED else ""
    return Judgement(reason, decision, name, fused.candidates, similarities)

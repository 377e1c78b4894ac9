"""Decides again what a receipt decided, from the pictures that were kept."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.decisions import Candidate, Outcome, Rate, Threshold, decide
from facegate.domain.faces import DetectedFace
from facegate.domain.fusion import fuse
from facegate.domain.people import Template
from facegate.domain.pictures import frame_sha256
from facegate.domain.reasons import Reason
from facegate.domain.receipts import FACE_REASON, Evidence, Part, Receipt
from facegate.errors import InputError, ReceiptError
from facegate.ports.devices import AttackDetector, Detector
from facegate.services.reading import FaceReader
from facegate.vision.images import decode_image

_BY_SEARCH = {
    Outcome.MATCH: Reason.GRANTED,
    Outcome.UNKNOWN: Reason.UNKNOWN_FACE,
    Outcome.AMBIGUOUS: Reason.AMBIGUOUS,
}
_NEEDS_MATCH = {
    Reason.GRANTED, Reason.SUBJECT_DISABLED, Reason.NOT_YET_VALID, Reason.EXPIRED, Reason.NO_RULE,
    Reason.OUTSIDE_SCHEDULE, Reason.HOLIDAY, Reason.ANTI_PASSBACK, Reason.SECOND_PERSON_NEEDED,
    Reason.PIN_NEEDED, Reason.PIN_WRONG,
}  # fmt: skip
"""Reasons that rest on a recognized person."""


@dataclass(frozen=True, slots=True)
class ReplayChain:
    """What a replay needs of the gate.

    Attributes:
        models: role to model id of the networks below, as `ReceiptDraft.models` has them.
        detector: the one that the reader uses.
        reader: detects, aligns and embeds.
        load: reads templates by number; those that are gone are left out.
        compare: similarities of a probe to templates, bit by bit as a search gives them.
        attacks: tells attacks, or None where the receipt needs none.
    """

    models: Mapping[str, str]
    detector: Detector
    reader: FaceReader
    load: Callable[[Sequence[int]], Sequence[Template]]
    compare: Callable[[FloatArray, Sequence[Template]], list[float]]
    attacks: AttackDetector | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was compared.

    Attributes:
        what: in words.
        recorded, replayed: the two values.
        same: whether they are equal, numbers to the last bit.
    """

    what: str
    recorded: Any
    replayed: Any
    same: bool


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay gave.

    Attributes:
        sequence: of the receipt.
        findings: all that was compared.
        notes: what could not be compared, and why.
    """

    sequence: int
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether everything that was compared is equal."""
        return all(finding.same for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """The replay as JSON has it."""
        names = ("what", "recorded", "replayed", "same")
        return {
            "sequence": self.sequence,
            "same": self.same,
            "findings": [{name: getattr(one, name) for name in names} for one in self.findings],
            "notes": list(self.notes),
        }


def replay(receipt: Receipt, pictures: Sequence[bytes], chain: ReplayChain) -> Replay:
    """Decide again, with the receipt's own threshold, and compare bit by bit.

    Args:
        receipt: what was decided.
        pictures: the PNG of each frame of its evidence, in order.
        chain: the networks and templates.

    Raises:
        ReceiptError: it cannot be replayed: pictures or the person are gone, or the networks are
            others. The sentence says which.
    """
    draft = receipt.draft
    _must_be_possible(receipt, pictures, chain)
    findings: list[Finding] = []
    notes: list[str] = []
    embeddings: list[FloatArray] = []
    for number, (evidence, png) in enumerate(zip(draft.evidence, pictures, strict=True), start=1):
        frame_bgr = _frame(receipt.sequence, png)
        digest = frame_sha256(frame_bgr)
        findings.append(_compared(f"digest of frame {number}", evidence.frame_sha256, digest))
        face = _same_face(chain.detector.detect(frame_bgr), evidence)
        box = None if face is None else tuple(float(value) for value in face.bbox_xyxy)
        findings.append(_compared(f"face of frame {number}", evidence.bbox_xyxy, box))
        if face is None:
            continue
        if evidence.pad_score is not None and chain.attacks is not None:
            score = float(chain.attacks.scores(frame_bgr, [face])[0])
            findings.append(_compared(f"attack score of frame {number}", evidence.pad_score, score))
        reading = chain.reader.read_face(frame_bgr, face)
        if reading is None:
            findings.append(Finding(f"embedding of frame {number}", "made", "not possible", False))
        else:
            embeddings.append(reading.embedding)
    if any(one.pad_score is not None for one in draft.evidence) and chain.attacks is None:
        notes.append("The attack scores were not computed again: that network is not here.")
    if draft.tau is None:
        notes.append("No search was made, so there is no similarity to compare.")
    elif len(embeddings) == len(draft.evidence):
        findings += _search(receipt, fuse(np.stack(embeddings)), chain, notes)
    return Replay(receipt.sequence, tuple(findings), tuple(notes))


def _search(
    receipt: Receipt, probe: FloatArray, chain: ReplayChain, notes: list[str]
) -> list[Finding]:
    draft = receipt.draft
    numbers = [one for one in (draft.best_template_id, draft.second_template_id) if one is not None]
    known = {one.template_id: one for one in chain.load(numbers)}
    if set(known) != set(numbers):
        raise ReceiptError(
            f"Receipt {receipt.sequence} cannot be replayed: a person whom it compared with was "
            "removed since."
        )
    templates = [known[number] for number in numbers]
    values = chain.compare(probe, templates)
    best, second = (*values, None, None)[:2]
    candidates = [
        Candidate(template.subject_id, value)
        for template, value in zip(templates, values, strict=True)
    ]
    findings = [
        _compared("similarity", draft.similarity, best),
        _compared("second similarity", draft.second_similarity, second),
    ]
    outcome = decide(candidates, _threshold(draft.tau, draft.margin, chain.reader.model_id))
    found = _BY_SEARCH[outcome.outcome]
    if FACE_REASON in draft.pad:
        notes.append(
            "A PIN was typed in the place of the face, so the reason does not come from the search."
        )
    elif draft.reason in _NEEDS_MATCH:
        expected = (Reason.GRANTED.value, draft.subject_id)
        replayed = (found.value, outcome.subject_id)
        findings.append(_compared("recognized person", expected, replayed))
    elif draft.reason in {Reason.UNKNOWN_FACE, Reason.AMBIGUOUS}:
        findings.append(_compared("reason", draft.reason.value, found.value))
    else:
        notes.append(f"The reason, {draft.reason.value}, does not come from the search.")
    return findings


def _must_be_possible(receipt: Receipt, pictures: Sequence[bytes], chain: ReplayChain) -> None:
    why = ""
    recorded = receipt.draft.models
    others = {role: there for role, there in chain.models.items() if role in recorded}
    different = [role for role, there in others.items() if recorded[role] != there]
    if not receipt.draft.evidence:
        why = "it rests on no picture"
    elif Part.PICTURES in receipt.erased or not pictures:
        why = "its pictures were not kept, or were dropped"
    elif len(pictures) != len(receipt.draft.evidence):
        why = "some of its pictures are gone"
    elif Part.PERSON in receipt.erased:
        why = "the person was erased from it"
    elif different:
        role = different[0]
        why = f"its {role} was {recorded[role]}; this one is {others[role]}"
    elif receipt.draft.similarity is not None and receipt.draft.best_template_id is None:
        why = "it does not say which template it compared with"
    if why:
        raise ReceiptError(f"Receipt {receipt.sequence} cannot be replayed: {why}.")


def _frame(sequence: int, png: bytes) -> ImageArray:
    try:
        return decode_image(png, Path(f"picture of receipt {sequence}")).frame_bgr
    except InputError as error:
        raise ReceiptError(
            f"Receipt {sequence} cannot be replayed: a picture is damaged."
        ) from error


def _same_face(faces: Sequence[DetectedFace], evidence: Evidence) -> DetectedFace | None:
    wanted = np.asarray(evidence.bbox_xyxy, np.float32)
    return next((face for face in faces if np.array_equal(face.bbox_xyxy, wanted)), None)


def _threshold(tau: float | None, margin: float | None, model_id: str) -> Threshold:
    """The receipt's own rule; where it comes from does not matter here."""
    unset, nothing = Threshold.unset(model_id), Rate(0, 0, 0.0, 1.0)
    if tau is None:
        return unset
    return Threshold(
        tau,
        margin or 0.0,
        model_id,
        "receipt",
        float("nan"),
        nothing,
        nothing,
        "",
        unset.created_at,
    )


def _compared(what: str, recorded: Any, replayed: Any) -> Finding:
    return Finding(what, recorded, replayed, _bits(recorded) == _bits(replayed))


def _bits(value: Any) -> Any:
    """Numbers as their bytes: 0.0 and -0.0 differ, and nothing is rounded."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if isinstance(value, tuple):
        return tuple(_bits(one) for one in value)
    return value

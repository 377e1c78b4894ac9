"""Ends visits: the desk rules, the receipt is written, and only then the door opens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from facegate.domain.access import Claim, Ruling
from facegate.domain.frames import Frame
from facegate.domain.reasons import Reason
from facegate.domain.receipts import ReceiptDraft
from facegate.engine.claims import told_reason
from facegate.engine.desk import Desk
from facegate.engine.drafts import draft_of
from facegate.engine.judge import Judgement
from facegate.engine.visit import Outcome, Visit
from facegate.errors import DoorError, StoreError

LATEST_S = 2.0
"""A look opens no door later than this: by then somebody else may stand there."""

OnEnd = Callable[[Visit, Outcome, Frame, dict[str, Any]], None]
"""Told of a decision: the visit, how it ended, the frame, and details for operators."""


class Concluder:
    """Brings visits to their ends.

    `on_end` is told of each; the gate that owns it puts itself there.

    Args:
        door, source: names for receipts.
        models: network of each role, for receipts.
        desk: rules and writes receipts.
        unlock: opens the door for one pulse; gets the receipt's number. Raises DoorError.
        now_s: the frames' clock; tells how long a decision took. None: the frames' own times.
        keep: makes the pictures to keep of the frames that a decision rests on; None: none are.
    """

    def __init__(
        self,
        door: str,
        source: str,
        models: Mapping[str, str],
        desk: Desk,
        unlock: Callable[[str], None],
        now_s: Callable[[], float] | None = None,
        keep: Callable[[Frame], bytes] | None = None,
    ) -> None:
        self._door, self._source, self._models = door, source, dict(models)
        self._desk, self._unlock = desk, unlock
        self._now_s, self._keep = now_s, keep
        self._let_in: dict[int, float] = {}
        self.on_end: OnEnd = lambda *_: None

    def let_in_s(self, subject_id: int | None) -> float | None:
        """When the door opened for a person last, seconds of the frames' clock; None: never."""
        return None if subject_id is None else self._let_in.get(subject_id)

    def remember(self, subject_ids: Iterable[int], time_s: float) -> None:
        """These people were let in."""
        self._let_in.update(dict.fromkeys(subject_ids, time_s))

    def note(self, reason: Reason, at: datetime, visit: Visit | None, detail: str) -> None:
        """Write a fault down. Never raises."""
        self._desk.note(
            draft_of(self._door, self._source, self._models, at, reason, visit, explanation=detail)
        )

    def request(
        self,
        visit: Visit,
        frame: Frame,
        judgement: Judgement,
        explanation: str = "",
        pin: str | None = None,
        claim: Claim | None = None,
    ) -> Ruling | None:
        """Ask the desk for a visitor; open when it says so.

        Args:
            visit, frame, judgement: what was seen.
            explanation: for the receipt.
            pin: what was typed; None: nothing.
            claim: who it was typed for, where the face was not recognized.

        Returns:
            The ruling; None: a PIN has to come first, and nothing was written down.

        Raises:
            FacegateError: the store failed, or took too long; nothing was opened.
        """
        if self._age_s(frame) > LATEST_S:
            raise StoreError(
                f"The look was {self._age_s(frame):.1f} s old before it was decided on."
            )
        visit.subject_id = claim.subject_id if claim else judgement.decision.subject_id
        reason = judgement.reason if claim else Reason.GRANTED
        draft = self._draft(visit, reason, frame, judgement, explanation)
        ruling, reference = self._desk.conclude(draft, pin, claim)
        if ruling.reason is Reason.PIN_NEEDED and not reference:
            return None
        name, told = judgement.name, ruling.reason
        if claim:
            passes = ruling.reason in {Reason.GRANTED, Reason.SECOND_PERSON_NEEDED}
            name = claim.name if passes else ""
            visit.subject_id = claim.subject_id if passes else None
            told = told_reason(ruling.reason)
        words = told.sentence
        if ruling.granted:
            told, words = self._open(visit, frame, draft, reference)
        subject = name if told is Reason.GRANTED else ""
        written = told if ruling.granted else ruling.reason
        self._end(
            visit, Outcome(told, words, frame.time_s, subject), frame, ruling, draft,
            {"reason": written.value, "receipt": reference, "person": name, "rule": ruling.rule},
        )  # fmt: skip
        return ruling

    def deny(
        self,
        visit: Visit,
        reason: Reason,
        frame: Frame,
        judgement: Judgement | None,
        explanation: str = "",
        told: Reason | None = None,
    ) -> None:
        """Refuse for what was seen; the desk still counts it, and may add a lock-out.

        Args:
            visit, frame, judgement: what was seen.
            reason: why.
            explanation: for the receipt.
            told: what the visitor learns instead of the reason; None: the reason.

        Raises:
            FacegateError: the store failed.
        """
        draft = self._draft(visit, reason, frame, judgement, explanation)
        ruling, reference = self._desk.conclude(draft, None)
        if ruling.granted:  # a desk cannot overrule the face
            raise DoorError("a refused face was ruled to pass")
        told = told or ruling.reason
        name = judgement.name if judgement else ""
        self._end(
            visit, Outcome(told, told.sentence, frame.time_s), frame, ruling, draft,
            {"reason": ruling.reason.value, "receipt": reference, "person": name},
        )  # fmt: skip

    def _open(
        self, visit: Visit, frame: Frame, draft: ReceiptDraft, reference: str
    ) -> tuple[Reason, str]:
        """Open the door; gives back what came of it, and the words for it."""
        try:
            if self._age_s(frame) > LATEST_S:
                raise DoorError(f"The decision came {self._age_s(frame):.1f} s after the look.")
            self._unlock(reference)
        except Exception as error:  # whatever it was, nobody may count on an open door
            self.note(Reason.DOOR_FAULT, frame.at, visit, str(error))
            self._desk.take_back(draft)
            return Reason.DOOR_FAULT, Reason.DOOR_FAULT.sentence
        if visit.subject_id is not None:
            self.remember([visit.subject_id], frame.time_s)
        return Reason.GRANTED, ""

    def _age_s(self, frame: Frame) -> float:
        return self._now_s() - frame.time_s if self._now_s else 0.0

    def _end(
        self,
        visit: Visit,
        outcome: Outcome,
        frame: Frame,
        ruling: Ruling,
        draft: ReceiptDraft,
        details: dict[str, Any],
    ) -> None:
        visit.end(outcome)
        self.on_end(visit, outcome, frame, {
            **details,
            "explanation": ruling.explanation or draft.explanation,
            "elapsed_s": draft.elapsed_s,
            "retry_at": ruling.retry_at.isoformat() if ruling.retry_at else None,
        })  # fmt: skip

    def _draft(
        self,
        visit: Visit,
        reason: Reason,
        frame: Frame,
        judgement: Judgement | None,
        explanation: str,
    ) -> ReceiptDraft:
        now_s = self._now_s() if self._now_s else frame.time_s
        challenge = visit.challenge.as_dict() if visit.challenge else None
        pad = {
            "policy": self._desk.rules().pad.value,
            **visit.verdict().as_dict(),
            "challenge": challenge,
        }
        pictures = [self._keep(one.frame) for one in visit.best()] if self._keep else []
        return draft_of(
            self._door, self._source, self._models, frame.at, reason, visit, judgement, pad,
            explanation, max(0.0, now_s - visit.start_s), pictures,
        )  # fmt: skip

"""Decides about visitors: from what was seen of one to a ruling, a receipt and an open door."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from facegate.domain.access import DoorRules, Ruling
from facegate.domain.attacks import PadPolicy, Presentation
from facegate.domain.doors import Tailgating
from facegate.domain.frames import Frame
from facegate.domain.reasons import Reason
from facegate.domain.receipts import ReceiptDraft
from facegate.engine.challenge import Challenge, ChallengeState, random_movements
from facegate.engine.drafts import draft_of
from facegate.engine.judge import Judgement, judge
from facegate.engine.limits import GateLimits
from facegate.engine.tracker import Track
from facegate.engine.visit import Outcome, Phase, Visit, resting_pose
from facegate.errors import DoorError
from facegate.services.recognize import Recognizer

STRANGE_LOOKS = 2
"""Looks in the middle of a challenge that show another face before it counts as one: a head that
turns fast may look like somebody else once."""


class Desk(Protocol):
    """Rules on requests and writes receipts, in one transaction; see `facegate.services.desk`."""

    def rules(self) -> DoorRules:
        """What the door asks for right now. Raises StoreError, DoorError."""

    def conclude(self, draft: ReceiptDraft, pin: str | None) -> tuple[Ruling, str]:
        """Rule on a draft and write it down.

        Returns:
            The ruling and the receipt's number; no number when a PIN has to come first.
        """

    def would_pass(self, subject_id: int, at: datetime) -> bool:
        """Whether a person may pass right now; changes nothing."""

    def take_back(self, draft: ReceiptDraft) -> None:
        """The door did not open after a grant: nobody passed. Raises StoreError."""

    def note(self, draft: ReceiptDraft) -> None:
        """Write down a denial that needs no ruling; never raises."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One visitor in view, and who else is.

    Attributes:
        visit: what was seen of the visitor.
        others: everybody else in view, with what was seen of them (None: not looked at).
        is_due: whether the visitor is the one, or one of those, to decide about.
        is_crowd: more faces are in view than are looked at.
    """

    visit: Visit
    others: Sequence[tuple[Track, Visit | None]]
    is_due: bool = True
    is_crowd: bool = False


OnEnd = Callable[[Visit, Outcome, Frame, dict[str, Any]], None]
"""Told of a decision: the visit, how it ended, the frame, and details for operators."""


class Decider:
    """Moves visits on, phase by phase, to their ends.

    `on_end` is told of each; the gate that owns a decider puts itself there.

    Args:
        door, source: names for receipts.
        models: network of each role, for receipts.
        recognizer: searches the gallery.
        desk: rules and writes receipts.
        unlock: opens the door for one pulse; gets the receipt's number. Raises DoorError.
        limits: times and numbers.
        now_s: the frames' clock; tells how long a decision took. None: the frames' own times.
        keep: makes the pictures to keep of the frames that a decision rests on; None: none are.
    """

    def __init__(
        self,
        door: str,
        source: str,
        models: Mapping[str, str],
        recognizer: Recognizer,
        desk: Desk,
        unlock: Callable[[str], None],
        limits: GateLimits,
        now_s: Callable[[], float] | None = None,
        keep: Callable[[Frame], bytes] | None = None,
    ) -> None:
        self._door, self._source, self._models = door, source, dict(models)
        self._recognizer, self._desk, self._unlock = recognizer, desk, unlock
        self._limits = limits
        self._now_s, self._keep = now_s, keep
        self._let_in: dict[int, float] = {}
        self.on_end: OnEnd = lambda *_: None

    def advance(self, sight: Sight, rules: DoorRules, frame: Frame) -> None:
        """Decide about a visitor if there is enough to decide on; else nothing changes.

        Raises:
            FacegateError: the store, the gallery or the door failed; nothing was opened.
        """
        visit = sight.visit
        if visit.phase is Phase.DONE:
            return
        swapped = visit.swaps >= self._limits.max_swaps and visit.samples
        if visit.strangers >= STRANGE_LOOKS or swapped:
            self._deny(visit, Reason.IDENTITY_CHANGED, frame, self._judge(visit))
        elif visit.phase is Phase.CHALLENGE:
            self._follow_challenge(sight, rules, frame)
        elif visit.phase is Phase.PIN:
            self._follow_pin(sight, rules, frame)
        elif len(visit.samples) >= self._limits.samples_needed and sight.is_due:
            self._decide(sight, rules, frame)

    def _follow_pin(self, sight: Sight, rules: DoorRules, frame: Frame) -> None:
        """Go on with a visitor who was asked for a PIN: the same face must still be there."""
        visit = sight.visit
        if frame.time_s > visit.pin_until_s:
            why = "no PIN was entered in time"
            self._deny(visit, Reason.PIN_NEEDED, frame, self._judge(visit), why)
            return
        is_fresh = visit.seen_s is not None and frame.time_s - visit.seen_s <= self._limits.fresh_s
        if visit.pin is None or not is_fresh or visit.strangers:
            return
        judgement, verdict = self._judge(visit), visit.verdict()
        if rules.pad is not PadPolicy.OFF and verdict.presentation is Presentation.ATTACK:
            self._deny(visit, Reason.ATTACK_SUSPECTED, frame, judgement)
        elif judgement.reason is Reason.GRANTED:
            self._request(sight, rules, frame, judgement, visit.pin)
        else:  # disabled or removed in between
            self._deny(visit, judgement.reason, frame, judgement)

    def leave(self, visit: Visit, frame: Frame) -> None:
        """The visitor is gone. Who was in the middle of something gets a receipt."""
        if visit.phase is Phase.CHALLENGE and visit.challenge is not None:
            visit.challenge.fail("gone")
            self._deny(visit, Reason.CHALLENGE_FAILED, frame, self._judge(visit), "left")
        elif visit.phase is Phase.PIN:
            self._deny(visit, Reason.GAVE_UP, frame, self._judge(visit), "left without a PIN")
        elif visit.phase is Phase.COLLECTING and len(visit.samples) >= self._limits.samples_needed:
            # Seen well enough: else strangers could try faces, a second each, and never be counted.
            judgement = self._judge(visit)
            reason = judgement.reason
            if reason is Reason.GRANTED:
                attack = visit.verdict().presentation is Presentation.ATTACK
                reason = Reason.ATTACK_SUSPECTED if attack else Reason.GAVE_UP
            self._deny(visit, reason, frame, judgement, "left")

    def note(self, reason: Reason, at: datetime, visit: Visit | None, detail: str) -> None:
        """Write a fault down. Never raises."""
        self._desk.note(
            draft_of(self._door, self._source, self._models, at, reason, visit, explanation=detail)
        )

    def _decide(self, sight: Sight, rules: DoorRules, frame: Frame) -> None:
        visit = sight.visit
        judgement = self._judge(visit)
        first_s = frame.time_s if visit.first_sample_s is None else visit.first_sample_s
        patient = frame.time_s - first_s < self._limits.patience_s
        verdict = visit.verdict()
        if rules.pad is not PadPolicy.OFF and verdict.presentation is Presentation.ATTACK:
            self._deny(visit, Reason.ATTACK_SUSPECTED, frame, judgement)
            return
        if judgement.reason is not Reason.GRANTED:
            if not patient:
                self._deny(visit, judgement.reason, frame, judgement)
            return
        subject_id = judgement.decision.subject_id
        let_in_s = self._let_in.get(subject_id) if subject_id is not None else None
        if let_in_s is not None and 0 <= frame.time_s - let_in_s < self._limits.same_visit_s:
            visit.is_return = True
            visit.end(Outcome(Reason.GRANTED, "", let_in_s, judgement.name))
            return
        if rules.pad is PadPolicy.ALWAYS:
            self._begin_challenge(visit, frame)
        elif rules.pad is PadPolicy.OFF or verdict.presentation is Presentation.BONA_FIDE:
            self._request(sight, rules, frame, judgement)
        elif patient:
            return
        elif rules.pad is PadPolicy.UNSURE:
            self._begin_challenge(visit, frame)
        else:
            why = "it stayed unsure whether a person stands there"
            self._deny(visit, Reason.ATTACK_SUSPECTED, frame, judgement, why)

    def _begin_challenge(self, visit: Visit, frame: Frame) -> None:
        visit.phase = Phase.CHALLENGE
        visit.challenge_s = frame.time_s
        visit.challenge = Challenge(
            random_movements(self._limits.challenge_movements),
            resting_pose(visit.samples),
            frame.time_s,
            self._limits.challenge_step_s,
        )

    def _follow_challenge(self, sight: Sight, rules: DoorRules, frame: Frame) -> None:
        visit = sight.visit
        challenge = visit.challenge
        if challenge is None or challenge.state is ChallengeState.FAILED:
            self._deny(visit, Reason.CHALLENGE_FAILED, frame, self._judge(visit))
        elif challenge.state is ChallengeState.PASSED and visit.samples_after_movements:
            judgement = self._judge(visit)
            if visit.verdict().presentation is Presentation.ATTACK:
                self._deny(visit, Reason.ATTACK_SUSPECTED, frame, judgement)
            elif judgement.reason is not Reason.GRANTED:
                self._deny(visit, judgement.reason, frame, judgement)
            else:
                self._request(sight, rules, frame, judgement)
        elif frame.time_s - visit.challenge_s > self._longest_challenge_s():
            challenge.fail("too_slow")

    def _longest_challenge_s(self) -> float:
        """A movement and a way back for each, and as much again for looks that did not count."""
        return 4 * (self._limits.challenge_movements + 1) * self._limits.challenge_step_s

    def _request(
        self,
        sight: Sight,
        rules: DoorRules,
        frame: Frame,
        judgement: Judgement,
        pin: str | None = None,
    ) -> None:
        """Ask the desk; open when it says so."""
        visit, others = sight.visit, sight.others
        explanation = ""
        visit.subject_id = judgement.decision.subject_id
        if others and rules.tailgating is Tailgating.ALL:
            blocked = self._blocked_by(sight, rules, frame)
            if blocked is None:
                return  # somebody in view is still being looked at
            if blocked:
                self._deny(visit, Reason.SEVERAL_FACES, frame, judgement, blocked)
                return
        if others:
            explanation = f"{len(others)} more in view"
        draft = self._draft(visit, Reason.GRANTED, frame, judgement, explanation)
        ruling, reference = self._desk.conclude(draft, pin)
        if ruling.reason is Reason.PIN_NEEDED and not reference:
            visit.phase = Phase.PIN
            visit.pin_until_s = frame.time_s + self._limits.pin_wait_s
            return
        self._settle(visit, ruling, reference, frame, judgement.name, draft)
        if ruling.granted and rules.takes_pairs:
            self._pair_passed(sight, frame)

    def _pair_passed(self, sight: Sight, frame: Frame) -> None:
        """Whoever was the first of two has passed with the second, and need not ask again."""
        for _, visit in sight.others:
            outcome = visit.outcome if visit is not None else None
            if visit is None or outcome is None or visit.subject_id is None:
                continue
            if outcome.reason is Reason.SECOND_PERSON_NEEDED:
                visit.outcome = Outcome(Reason.GRANTED, "", frame.time_s)
                self._let_in[visit.subject_id] = frame.time_s

    def _blocked_by(self, sight: Sight, rules: DoorRules, frame: Frame) -> str | None:
        """Why somebody else in view keeps the door shut; empty: nobody; None: not known yet."""
        if sight.is_crowd:
            return "more people are in view than can be looked at"
        blocks = [self._block(track, visit, rules, frame) for track, visit in sight.others]
        people = [visit.subject_id for _, visit in sight.others if visit is not None]
        people.append(sight.visit.subject_id)
        known = [number for number in people if number is not None]
        if len(set(known)) < len(known):
            blocks.append("two faces in view are taken for one person")
        return next((why for why in blocks if why), None if None in blocks else "")

    def _block(
        self, track: Track, visit: Visit | None, rules: DoorRules, frame: Frame
    ) -> str | None:
        """Why one other person keeps the door shut; empty: not at all; None: not known yet."""
        if visit is not None and visit.phase is Phase.DONE and visit.outcome is not None:
            fine = visit.outcome.reason in {Reason.GRANTED, Reason.SECOND_PERSON_NEEDED}
            return "" if fine else "somebody else in view was refused"
        is_early = frame.time_s - track.first_s < 2 * self._limits.patience_s
        if visit is None or len(visit.samples) < self._limits.samples_needed:
            return None if is_early else "somebody else in view was not recognized"
        judgement, verdict = self._judge(visit), visit.verdict()
        visit.subject_id = judgement.decision.subject_id
        why: str | None = ""
        if judgement.reason is not Reason.GRANTED or visit.subject_id is None:
            why = "somebody else in view was not recognized"
        elif rules.pad is not PadPolicy.OFF and verdict.presentation is Presentation.ATTACK:
            why = "another face in view is not a face in front of the camera"
        elif rules.pad is not PadPolicy.OFF and verdict.presentation is Presentation.UNSURE:
            why = None if is_early else "it stayed unsure whether another face is a person"
        elif not self._desk.would_pass(visit.subject_id, frame.at):
            why = "somebody else in view may not pass"
        return why

    def _settle(
        self,
        visit: Visit,
        ruling: Ruling,
        reference: str,
        frame: Frame,
        name: str,
        draft: ReceiptDraft,
    ) -> None:
        reason, words = ruling.reason, ruling.reason.sentence
        if ruling.granted:
            try:
                self._unlock(reference)
            except Exception as error:  # whatever it was, nobody may count on an open door
                reason, words = Reason.DOOR_FAULT, Reason.DOOR_FAULT.sentence
                self.note(reason, frame.at, visit, str(error))
                self._desk.take_back(draft)
            else:
                words = ""
                if draft.subject_id is not None:
                    self._let_in[draft.subject_id] = frame.time_s
        subject = name if reason is Reason.GRANTED else ""
        outcome = Outcome(reason, words, frame.time_s, subject)
        self._end(visit, outcome, frame, {
            "receipt": reference,
            "person": name,
            "explanation": ruling.explanation,
            "rule": ruling.rule,
            "elapsed_s": draft.elapsed_s,
            "retry_at": ruling.retry_at.isoformat() if ruling.retry_at else None,
        })  # fmt: skip

    def _deny(
        self,
        visit: Visit,
        reason: Reason,
        frame: Frame,
        judgement: Judgement | None,
        explanation: str = "",
    ) -> None:
        """Refuse for what was seen; the desk still counts it, and may add a lock-out."""
        draft = self._draft(visit, reason, frame, judgement, explanation)
        ruling, reference = self._desk.conclude(draft, None)
        if ruling.granted:  # a desk cannot overrule the face
            raise DoorError("a refused face was ruled to pass")
        outcome = Outcome(ruling.reason, ruling.reason.sentence, frame.time_s)
        name = judgement.name if judgement else ""
        self._end(visit, outcome, frame, {
            "receipt": reference,
            "person": name,
            "explanation": ruling.explanation or explanation,
            "elapsed_s": draft.elapsed_s,
            "retry_at": ruling.retry_at.isoformat() if ruling.retry_at else None,
        })  # fmt: skip

    def _end(self, visit: Visit, outcome: Outcome, frame: Frame, details: dict[str, Any]) -> None:
        visit.end(outcome)
        self.on_end(visit, outcome, frame, details)

    def _judge(self, visit: Visit) -> Judgement:
        return judge(self._recognizer, visit.best(), self._limits.agreeing)

    def _draft(
        self,
        visit: Visit,
        reason: Reason,
        frame: Frame,
        judgement: Judgement | None,
        explanation: str = "",
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

"""Decides about visitors: from what was seen of one to a ruling, a receipt and an open door."""

from __future__ import annotations

from dataclasses import replace

from facegate.domain.access import Claim, DoorRules
from facegate.domain.attacks import PadPolicy, Presentation
from facegate.domain.doors import Tailgating
from facegate.domain.frames import Frame
from facegate.domain.reasons import Reason
from facegate.engine.challenge import Challenge, ChallengeState, random_movements
from facegate.engine.claims import alike_to, is_live
from facegate.engine.company import Company, Sight, let_pass_with
from facegate.engine.concluding import Concluder
from facegate.engine.desk import Desk
from facegate.engine.judge import Judgement, judge
from facegate.engine.limits import GateLimits
from facegate.engine.visit import Outcome, Phase, Visit, resting_pose
from facegate.services.recognize import Recognizer

STRANGE_LOOKS = 2
"""Looks in the middle of a challenge that show another face before it counts as one: a head that
turns fast may look like somebody else once."""


class Decider:
    """Moves visits on, phase by phase, to their ends.

    Args:
        recognizer: searches the gallery.
        desk: knows the door's rules and the people.
        concluder: ends visits.
        limits: times and numbers.
    """

    def __init__(
        self, recognizer: Recognizer, desk: Desk, concluder: Concluder, limits: GateLimits
    ) -> None:
        self._recognizer, self._desk, self._limits = recognizer, desk, limits
        self._concluder = concluder
        self._company = Company(self._judge, desk.would_pass, limits)

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
            self._concluder.deny(visit, Reason.IDENTITY_CHANGED, frame, self._judge(visit))
        elif visit.phase is Phase.CHALLENGE:
            self._follow_challenge(sight, rules, frame)
        elif visit.phase is Phase.PIN:
            self._follow_pin(sight, rules, frame)
        elif visit.phase is Phase.CLAIM:
            self._follow_claim(sight, rules, frame)
        elif len(visit.samples) >= self._limits.samples_needed and sight.is_due:
            self._decide(sight, rules, frame)

    def _follow_pin(self, sight: Sight, rules: DoorRules, frame: Frame) -> None:
        """Go on with a visitor who was asked for a PIN: the same face must still be there."""
        visit = sight.visit
        if frame.time_s > visit.pin_until_s:
            why = "no PIN was entered in time"
            self._concluder.deny(visit, Reason.PIN_NEEDED, frame, self._judge(visit), why)
            return
        entry = visit.entry
        if entry is None or not self._is_there(visit, frame):
            return
        judgement, verdict = self._judge(visit), visit.verdict()
        if rules.pad is not PadPolicy.OFF and verdict.presentation is Presentation.ATTACK:
            self._concluder.deny(visit, Reason.ATTACK_SUSPECTED, frame, judgement)
        elif judgement.reason is not Reason.GRANTED:  # disabled or removed in between
            self._concluder.deny(visit, judgement.reason, frame, judgement)
        else:
            known = judgement.decision.subject_id
            # A PIN said to be somebody else's is no PIN of the person who stands there.
            is_own = not entry.claimed or self._desk.claimed(entry)[0] == known
            self._request(sight, rules, frame, judgement, entry.pin if is_own else "")

    def _follow_claim(self, sight: Sight, rules: DoorRules, frame: Frame) -> None:
        """Go on with a visitor who was not recognized and may say who it is.

        Nobody is recognized here without a PIN: waiting must not give a face more attempts.
        """
        visit = sight.visit
        if frame.time_s > visit.pin_until_s:
            why = "no PIN was entered in time"
            self._concluder.deny(visit, visit.refused_for, frame, self._judge(visit), why)
            return
        presentation = visit.verdict().presentation
        if rules.pad is not PadPolicy.OFF and presentation is Presentation.ATTACK:
            self._concluder.deny(visit, Reason.ATTACK_SUSPECTED, frame, self._judge(visit))
            return
        entry = visit.entry
        if entry is None or not self._is_there(visit, frame) or not is_live(visit, rules):
            return
        if not entry.claimed:
            visit.entry = None  # a PIN alone says nothing; the visitor is still asked for both
            return
        judgement = self._judge(visit)
        subject_id, name = self._desk.claimed(entry)
        alike = alike_to(judgement)
        if judgement.reason is Reason.GRANTED:
            # Recognized at last, but after a refusal: the PIN must be right all the same.
            known = judgement.decision.subject_id
            alike = frozenset() if known is None else frozenset({known})
            judgement = replace(judgement, reason=visit.refused_for, name="")
            if subject_id not in alike:
                why = "a PIN was typed for somebody else than the person recognized"
                told = Reason.PIN_WRONG
                self._concluder.deny(visit, visit.refused_for, frame, judgement, why, told)
                return
        self._request(sight, rules, frame, judgement, entry.pin, Claim(subject_id, name, alike))

    def _is_there(self, visit: Visit, frame: Frame) -> bool:
        """Whether the face that a PIN belongs to is still the one in view."""
        is_fresh = visit.seen_s is not None and frame.time_s - visit.seen_s <= self._limits.fresh_s
        return is_fresh and not visit.strangers

    def leave(self, visit: Visit, frame: Frame) -> None:
        """The visitor is gone. Who was in the middle of something gets a receipt."""
        if visit.phase is Phase.CHALLENGE and visit.challenge is not None:
            visit.challenge.fail("gone")
            self._concluder.deny(visit, Reason.CHALLENGE_FAILED, frame, self._judge(visit), "left")
        elif visit.phase is Phase.PIN:
            self._concluder.deny(
                visit, Reason.GAVE_UP, frame, self._judge(visit), "left without a PIN"
            )
        elif visit.phase is Phase.CLAIM:
            why = "left without a PIN"
            self._concluder.deny(visit, visit.refused_for, frame, self._judge(visit), why)
        elif visit.phase is Phase.COLLECTING and len(visit.samples) >= self._limits.samples_needed:
            # Seen well enough: else strangers could try faces, a second each, and never be counted.
            judgement, why = self._judge(visit), "left"
            reason = judgement.reason
            if reason is Reason.GRANTED:
                reason = Reason.GAVE_UP
                if visit.verdict().presentation is Presentation.ATTACK:
                    reason = Reason.ATTACK_SUSPECTED
                elif visit.awaits_others:
                    reason = Reason.SEVERAL_FACES
                    why = "left while somebody else in view was not known yet"
            self._concluder.deny(visit, reason, frame, judgement, why)

    def _decide(self, sight: Sight, rules: DoorRules, frame: Frame) -> None:
        visit = sight.visit
        judgement = self._judge(visit)
        first_s = frame.time_s if visit.first_sample_s is None else visit.first_sample_s
        patient = frame.time_s - first_s < self._limits.patience_s
        verdict = visit.verdict()
        if rules.pad is not PadPolicy.OFF and verdict.presentation is Presentation.ATTACK:
            self._concluder.deny(visit, Reason.ATTACK_SUSPECTED, frame, judgement)
            return
        if judgement.reason is not Reason.GRANTED:
            if not patient:
                self._refuse(visit, rules, frame, judgement)
            return
        let_in_s = self._concluder.let_in_s(judgement.decision.subject_id)
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
            self._concluder.deny(visit, Reason.ATTACK_SUSPECTED, frame, judgement, why)

    def _refuse(self, visit: Visit, rules: DoorRules, frame: Frame, judgement: Judgement) -> None:
        """Refuse a face that was not recognized, unless a PIN may stand in for it here.

        The attack check comes before the PIN, as it does for a face that was recognized.
        """
        reason = judgement.reason
        may_claim = self._limits.has_keypad and self._desk.may_claim(
            reason, alike_to(judgement), frame.at
        )
        if may_claim and is_live(visit, rules):
            visit.phase, visit.entry, visit.refused_for = Phase.CLAIM, None, reason
            visit.pin_until_s = frame.time_s + self._limits.pin_wait_s
        elif may_claim and visit.challenge is None and rules.pad is not PadPolicy.PASSIVE:
            self._begin_challenge(visit, frame)
        else:
            self._concluder.deny(visit, reason, frame, judgement)

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
            self._concluder.deny(visit, Reason.CHALLENGE_FAILED, frame, self._judge(visit))
        elif challenge.state is ChallengeState.PASSED and visit.samples_after_movements:
            judgement = self._judge(visit)
            if visit.verdict().presentation is Presentation.ATTACK:
                self._concluder.deny(visit, Reason.ATTACK_SUSPECTED, frame, judgement)
            elif judgement.reason is not Reason.GRANTED:
                self._refuse(visit, rules, frame, judgement)
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
        claim: Claim | None = None,
    ) -> None:
        """Ask for the door to open, once everybody else in view is known who has to be."""
        visit, others = sight.visit, sight.others
        visit.subject_id = claim.subject_id if claim else judgement.decision.subject_id
        words = []
        if others and rules.tailgating is Tailgating.ALL:
            blocked = self._company.blocked_by(sight, rules, frame)
            visit.awaits_others = blocked is None
            if blocked is None:
                return
            if blocked:
                self._concluder.deny(visit, Reason.SEVERAL_FACES, frame, judgement, blocked)
                return
        if claim and claim.subject_id is None:
            words.append("a PIN was typed for a number or name that is nobody's")
        if others:
            words.append(f"{len(others)} more in view")
        ruling = self._concluder.request(visit, frame, judgement, "; ".join(words), pin, claim)
        if ruling is None:
            visit.phase = Phase.PIN
            visit.pin_until_s = frame.time_s + self._limits.pin_wait_s
        elif ruling.granted and rules.takes_pairs:
            self._concluder.remember(let_pass_with(sight, frame), frame.time_s)

    def _judge(self, visit: Visit) -> Judgement:
        return judge(self._recognizer, visit.best(), self._limits.agreeing)

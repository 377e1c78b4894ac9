"""Several people in view: whom a door that is for one must not open for.

Where a door asks that all in view may pass, everybody has to be recognized, to be a face in front
of the camera, to be somebody else than the others, and to be allowed. Where two have to come
together, the first of them passes with the second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from facegate.domain.access import DoorRules
from facegate.domain.attacks import PadPolicy, Presentation
from facegate.domain.frames import Frame
from facegate.domain.reasons import Reason
from facegate.engine.judge import Judgement
from facegate.engine.limits import GateLimits
from facegate.engine.tracker import Track
from facegate.engine.visit import Outcome, Phase, Visit


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


class Company:
    """Judges those in view beside the visitor who asks.

    Args:
        judge: recognizes the face of a visit.
        would_pass: whether a person may pass at a moment; changes nothing.
        limits: times and numbers.
    """

    def __init__(
        self,
        judge: Callable[[Visit], Judgement],
        would_pass: Callable[[int, datetime], bool],
        limits: GateLimits,
    ) -> None:
        self._judge, self._would_pass, self._limits = judge, would_pass, limits

    def blocked_by(self, sight: Sight, rules: DoorRules, frame: Frame) -> str | None:
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
        elif not self._would_pass(visit.subject_id, frame.at):
            why = "somebody else in view may not pass"
        return why


def let_pass_with(sight: Sight, frame: Frame) -> list[int]:
    """Whoever was the first of two has passed with the second, and need not ask again.

    Returns:
        The numbers of these people.
    """
    passed = []
    for _, visit in sight.others:
        outcome = visit.outcome if visit is not None else None
        if visit is None or outcome is None or visit.subject_id is None:
            continue
        if outcome.reason is Reason.SECOND_PERSON_NEEDED:
            visit.outcome = Outcome(Reason.GRANTED, "", frame.time_s)
            passed.append(visit.subject_id)
    return passed

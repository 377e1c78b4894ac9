"""A PIN in the place of a face that was not recognized: when it is asked for, and what is said.

Nothing of this opens a door by itself: the desk rules, and only for a claim that the door's rules
allow. What is judged here is what a camera can tell: that a person stands there, and whom an
ambiguous face may belong to.
"""

from __future__ import annotations

from facegate.domain.access import DoorRules
from facegate.domain.attacks import PadPolicy, Presentation
from facegate.domain.reasons import Reason
from facegate.engine.challenge import ChallengeState
from facegate.engine.judge import Judgement
from facegate.engine.visit import Visit

PROMPT = "Not recognized; enter your number and your PIN"

_UNTOLD = frozenset(
    {
        Reason.UNKNOWN_FACE,
        Reason.AMBIGUOUS,
        Reason.LOW_QUALITY,
        Reason.RATE_LIMITED,
        Reason.LOCKED_OUT,
        Reason.PIN_NEEDED,
        Reason.PIN_WRONG,
        Reason.CLOCK_FAULT,
    }
)
"""What a claim may be refused for before its PIN was found right."""


def told_reason(reason: Reason) -> Reason:
    """What the visitor learns about a claim that was ruled on.

    Whoever does not know the PIN learns one thing only, that it did not work: not whether that
    number is anybody's, has a PIN, or is locked. The receipt holds the true reason.
    """
    return Reason.PIN_WRONG if reason in _UNTOLD else reason


def is_live(visit: Visit, rules: DoorRules) -> bool:
    """Whether the door's attack check is satisfied that a person stands there, recognized or not.

    The same as for a recognized face: a photograph must not open with a PIN, either.
    """
    if rules.pad is PadPolicy.OFF:
        return True
    presentation = visit.verdict().presentation
    if presentation is Presentation.ATTACK:
        return False
    moved = visit.challenge is not None and visit.challenge.state is ChallengeState.PASSED
    if rules.pad is PadPolicy.ALWAYS:
        return moved
    if rules.pad is PadPolicy.UNSURE and moved:
        return True
    return presentation is Presentation.BONA_FIDE


def alike_to(judgement: Judgement) -> frozenset[int]:
    """Whom the face may belong to: everybody within the margin behind the most alike, if that one
    is alike enough at all. Only they may claim an ambiguous face."""
    decision, candidates = judgement.decision, judgement.candidates
    threshold = decision.threshold
    if threshold is None or not candidates or not candidates[0].similarity >= threshold.tau:
        return frozenset()
    least = candidates[0].similarity - threshold.margin
    return frozenset(one.subject_id for one in candidates if one.similarity >= least)

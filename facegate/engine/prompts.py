"""What a visitor is shown and asked for: from where a visit is to words that help."""

from __future__ import annotations

from facegate.domain.quality import Flaw
from facegate.engine.claims import PROMPT
from facegate.engine.states import GateState, GateView, state_after
from facegate.engine.visit import Outcome, Phase, Visit

REQUESTS = {
    Flaw.BLURRED: "Please hold still",
    Flaw.TOO_DARK: "It is too dark; please face the light",
    Flaw.TOO_BRIGHT: "It is too bright; please turn away from the light",
    Flaw.LOW_CONTRAST: "Your face is hard to see; please face the light",
    Flaw.CUT_OFF: "Please move to the middle",
    Flaw.COVERED: "Please uncover your nose and mouth",
    Flaw.UNEVEN_LIGHT: "Please face the light",
    Flaw.OVEREXPOSED: "It is too bright; please turn away from the light",
    Flaw.EXTREME_POSE: "Please look straight at the camera",
}
"""What somebody at a door can do about a flaw. A flaw's own sentence is for who has pictures and
lamps to choose from."""


def view_after(outcome: Outcome) -> GateView:
    """What to show of a visit that was decided about, or of a door that did not move."""
    state = state_after(outcome.reason)
    subject = outcome.subject if state is GateState.WELCOME else ""
    return GateView(state, outcome.words or state.words, (), 1.0, subject)


def view_of(visit: Visit | None, samples_needed: int, *, stands_open: bool = False) -> GateView:
    """What to show while nothing is wrong and nothing was just decided.

    Args:
        visit: of the nearest face; None: nobody is there.
        samples_needed: good looks before anything is decided.
        stands_open: the door should be shut by now, and is not.
    """
    if visit is None or visit.phase is Phase.DONE:
        state = GateState.DOOR_OPEN if stands_open else GateState.LOOKING
        return GateView(state, state.words)
    if visit.phase is Phase.PIN:
        state = GateState.ENTER_PIN
        return GateView(state, state.words, progress=1.0, visit=visit.number)
    if visit.phase is Phase.CLAIM:
        return GateView(
            GateState.ENTER_PIN, PROMPT, progress=1.0, visit=visit.number, asks_number=True
        )
    challenge = visit.challenge
    if visit.phase is Phase.CHALLENGE and challenge is not None:
        return GateView(
            GateState.CHALLENGE, challenge.prompt, visit=visit.number, movement=challenge.asked,
            progress=challenge.done / len(challenge.movements),
        )  # fmt: skip
    return _while_collecting(visit, samples_needed)


def _while_collecting(visit: Visit, samples_needed: int) -> GateView:
    progress = min(1.0, len(visit.samples) / samples_needed)
    flaw = visit.flaws[0] if visit.flaws else None
    state, words = GateState.CHECKING, ""
    if flaw is Flaw.TOO_SMALL:
        state = GateState.COME_CLOSER
    elif flaw is not None:
        state, words = GateState.HOLD_STILL, REQUESTS.get(flaw, "")
    return GateView(state, words or state.words, progress=progress)

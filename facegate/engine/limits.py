"""The times and numbers that a gate keeps to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateLimits:
    """How much a gate wants to see, and how long it waits for it.

    Attributes:
        samples_needed: good looks at a face before anything is decided.
        samples_kept: the best of so many looks are fused.
        agreeing: of the fused looks, so many must each recognize the person by themselves: several
            agreeing frames, not one lucky one.
        sample_every_s: least time between two looks that count; frames right after one another
            share their accidents.
        patience_s: so long a face that is not recognized is looked at before it is refused.
        agreement: least cosine between looks of one visit.
        turned_agreement: the same while the head is turned for a challenge, when faces look less
            like themselves, but still not like others.
        max_swaps: so many times another face may take a visitor's place before that is refused.
        fresh_s: a PIN counts only so long after the last look at the face it belongs to.
        detect_idle_s, detect_busy_s: time between two detections with nobody and somebody in view.
        result_s: so long a result is shown.
        retry_s: so long after a refusal the same face may try again.
        same_visit_s: a person let in who reappears within this time is still the same visit.
        challenge_movements: how many movements are asked for.
        challenge_step_s: time for each.
        pin_wait_s: time to enter a PIN.
        max_clock_jump_s: see ClockGuard.
        max_faces: faces beyond these (the largest) are not looked at.
        has_keypad: somebody can enter a number and a PIN, so it makes sense to ask for them.
    """

    samples_needed: int = 3
    samples_kept: int = 5
    agreeing: int = 2
    sample_every_s: float = 0.07
    patience_s: float = 1.5
    agreement: float = 0.45
    turned_agreement: float = 0.3
    max_swaps: int = 3
    fresh_s: float = 1.0
    detect_idle_s: float = 0.15
    detect_busy_s: float = 0.05
    result_s: float = 3.0
    retry_s: float = 3.0
    same_visit_s: float = 8.0
    challenge_movements: int = 2
    challenge_step_s: float = 6.0
    pin_wait_s: float = 20.0
    max_clock_jump_s: float = 30.0
    max_faces: int = 4
    has_keypad: bool = False

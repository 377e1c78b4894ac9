"""One number for how usable a face is: a prediction of how well it will be recognized.

It multiplies how far each measure is from harming recognition, each to a power that was fitted:
least squares, no power below zero, on the logarithm of the similarities of 200 LFW people to other
pictures of themselves, the pictures as they are and made worse (blurred, dark, bright, small, lit
from one side, noisy, masked), with facegate-mobilenet-a1. All powers are then tripled, which ranks
the same and spreads usual faces over 0.6 to 1.

On 200 other people, discarding the worst fifth of the comparisons by score lowered the FNMR at the
shipped threshold from 15.7 % to 6.6 % with the pictures made worse, and from 4.8 % to 2.9 % without
them. The even light of both cheeks did not help and is left out, as are measures that repeat
others.

Source:
    Error against discard, ISO/IEC 29794-1.
"""

from __future__ import annotations

import math
from dataclasses import replace

from facegate.domain.quality import FaceQuality
from facegate.domain.quality_components import pose, ramp

LEVEL_PITCH_DEG = 11.0
"""What the five landmarks give as pitch of a head that looks straight: the median of 1,200 LFW
faces. The template's head looks up a little."""

_FLOOR = 0.05
"""Added to each part, so that none alone makes the score 0 and all others void."""

_POWERS = {
    "eyes": 0.25,
    "sharpness": 0.86,
    "light": 0.36,
    "over_exposed": 0.75,
    "pitch": 2.01,
    "roll": 0.44,
    "uncovered": 0.30,
    "noise": 1.47,
}


def with_score(quality: FaceQuality) -> FaceQuality:
    """The same measures, with the score that they give."""
    return replace(quality, score=score_of(quality))


def score_of(quality: FaceQuality) -> float:
    """All measures in one number in [0, 1], higher is better."""
    parts = {
        # Beyond 35 pixels the crop that is embedded shows no more.
        "eyes": ramp(math.log(max(quality.eye_distance_px, 1.0)), math.log(6), math.log(35)),
        "sharpness": ramp(quality.sharpness, 0.05, 0.4),
        "light": ramp(quality.luminance_mean, 0.0, 0.25),
        "over_exposed": 1.0 - ramp(quality.over_exposed, 0.0, 0.3),
        "pitch": pose(quality.pitch_deg - LEVEL_PITCH_DEG) / 100,
        "roll": pose(quality.roll_deg) / 100,
        "uncovered": 1.0 - quality.covered,
        "noise": 1.0 - ramp(quality.noise, 0.003, 0.04),
    }
    fitted = sum(
        power * math.log((parts[name] + _FLOOR) / (1 + _FLOOR)) for name, power in _POWERS.items()
    )
    # The faces that the powers were fitted to were whole and turned by no more than 45 degrees;
    # beyond, a face shows ever less, which nothing here measured.
    turned = 0.2 + 0.8 * ramp(70.0 - abs(quality.yaw_deg), 0.0, 25.0)
    whole = 0.2 + 0.8 * ramp(quality.visible, 0.5, 1.0)
    return min(1.0, math.exp(fitted) * turned * whole)

"""Presentation attack detection: what a check of one face ended in. Terms of ISO/IEC 30107-3."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Presentation(str, Enum):
    """What stands in front of the camera, as far as a check can tell."""

    BONA_FIDE = "bona_fide"
    UNSURE = "unsure"
    ATTACK = "attack"


class PadPolicy(str, Enum):
    """How much a door asks for. Values are part of the JSON contract."""

    OFF = "off"
    PASSIVE = "passive"
    UNSURE = "challenge_when_unsure"
    ALWAYS = "challenge_always"


@dataclass(frozen=True, slots=True)
class AttackVerdict:
    """What the frames of one face say about attacks.

    Attributes:
        presentation: the conclusion; anything unreadable is an attack, never bona fide.
        pad_score: of the network in [0, 1], higher is more like a bona fide presentation; None when
            no network looked.
        cues: stable words for what else was seen, such as `flat_motion` or `frozen_frames`.
        model_id: the network; empty when none looked.
        frames: how many frames the verdict rests on.
    """

    presentation: Presentation
    pad_score: float | None
    cues: tuple[str, ...] = ()
    model_id: str = ""
    frames: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The verdict as receipts and JSON have it."""
        return {
            "presentation": self.presentation.value,
            "pad_score": self.pad_score,
            "cues": list(self.cues),
            "model": self.model_id,
            "frames": self.frames,
        }

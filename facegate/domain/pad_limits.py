"""What the scores of an attack network mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

from facegate.errors import ConfigError


@dataclass(frozen=True, slots=True)
class PadLimits:
    """Where PAD scores change their meaning.

    Attributes:
        attack_below: a lower score is an attack.
        bona_fide_from: this score and higher are bona fide; between the two it is not sure.
    """

    attack_below: float
    bona_fide_from: float

    def __post_init__(self) -> None:
        both = (self.attack_below, self.bona_fide_from)
        if not (all(map(math.isfinite, both)) and 0 < both[0] <= both[1] <= 1):
            raise ConfigError(f"PAD limits {both} are not in order between 0 and 1.")

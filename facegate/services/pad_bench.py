"""Tests with props at the operator's own camera: what was shown, what came out, and where it is
kept.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from facegate.domain.attacks import AttackVerdict, Presentation
from facegate.domain.decisions import Rate
from facegate.errors import StoreError
from facegate.evaluation.rates import rate

FILE_NAME = "pad_bench.json"
BONA_FIDE = "bona_fide"

INSTRUCTIONS = {
    BONA_FIDE: "Stand in front of the camera as a visitor would. Let different people do it, with "
    "and without glasses, by day and by evening.",
    "print": "Hold a printed photograph of a face to the camera, as large as a face. Try matt and "
    "glossy paper, flat and slightly bent, with your fingers at the edge and without.",
    "screen": "Show a photograph of a face on a telephone or tablet. Try bright and dim, near and "
    "far, and tilt it.",
    "video": "Play a video of a face on a telephone or tablet.",
    "cutout": "Hold a printed face with holes for the eyes in front of your own face, and blink.",
    "mask": "Wear a mask: folded paper, or a better one if you have it.",
}
"""What the operator shows of each kind, in plain words."""

_VERSION = 1


class Outcome(str, Enum):
    """What became of one presentation. Values are part of the JSON contract."""

    BONA_FIDE = "bona_fide"
    UNSURE = "unsure"
    ATTACK = "attack"
    NO_FACE = "no_face"
    CAMERA_FAULT = "camera_fault"


_OUTCOMES = {
    Presentation.BONA_FIDE: Outcome.BONA_FIDE,
    Presentation.UNSURE: Outcome.UNSURE,
    Presentation.ATTACK: Outcome.ATTACK,
}


def outcome_of(verdict: AttackVerdict | None, frames: int) -> Outcome:
    """What a presentation ended in.

    Args:
        verdict: None when no face was seen.
        frames: live frames that the camera gave.
    """
    if verdict is not None:
        return _OUTCOMES[verdict.presentation]
    return Outcome.NO_FACE if frames else Outcome.CAMERA_FAULT


@dataclass(frozen=True, slots=True)
class Presented:
    """One presentation: its kind and what it ended in."""

    kind: str
    outcome: Outcome
    pad_score: float | None = None
    cues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PadBench:
    """A test at one camera.

    Attributes:
        camera: its address, without passwords.
        model_id: the attack network.
        at: when it ended, time zone aware, UTC.
        presented: everything that was shown.
        finished: False when the operator broke it off.
    """

    camera: str
    model_id: str
    at: datetime
    presented: tuple[Presented, ...]
    finished: bool = True

    def error(self, kind: str) -> Rate:
        """APCER of a kind of attack, or BPCER, with its interval.

        Presentations without a face or with a faulty camera are in no rate.
        """
        shown = [
            one.outcome
            for one in self.presented
            if one.kind == kind and one.outcome not in {Outcome.NO_FACE, Outcome.CAMERA_FAULT}
        ]
        passed = sum(outcome is Outcome.BONA_FIDE for outcome in shown)
        return rate(len(shown) - passed if kind == BONA_FIDE else passed, len(shown))

    def count(self, kind: str, outcome: Outcome) -> int:
        """How many presentations of a kind ended so."""
        return sum(one.kind == kind and one.outcome is outcome for one in self.presented)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Everything that was tried, in its order."""
        return tuple(dict.fromkeys(one.kind for one in self.presented))

    @property
    def passed(self) -> int:
        """How many attacks were taken for bona fide."""
        return sum(
            one.kind != BONA_FIDE and one.outcome is Outcome.BONA_FIDE for one in self.presented
        )

    @property
    def attacks(self) -> int:
        """How many attacks were shown and seen."""
        return sum(self.error(kind).trials for kind in self.kinds if kind != BONA_FIDE)

    def as_dict(self) -> dict[str, Any]:
        """The test as JSON has it."""
        return {
            "camera": self.camera,
            "model": self.model_id,
            "at": self.at.isoformat(),
            "finished": self.finished,
            "presented": [{**asdict(one), "outcome": one.outcome.value} for one in self.presented],
        }


def read_benches(folder: Path) -> list[PadBench]:
    """All tests that were kept, oldest first; none when the file is missing.

    Raises:
        StoreError: the file cannot be read or is not what was written.
    """
    path = folder / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [_bench(one) for one in content["benches"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"The attack tests in {path} cannot be read: {error}.", hint="Move the file away."
        ) from error


def benches_text(benches: Sequence[PadBench]) -> str:
    """The contents of the file."""
    content = {"version": _VERSION, "benches": [one.as_dict() for one in benches]}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _bench(content: dict[str, Any]) -> PadBench:
    at = datetime.fromisoformat(content["at"])
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return PadBench(
        str(content["camera"]),
        str(content["model"]),
        at,
        tuple(
            Presented(
                str(one["kind"]), Outcome(one["outcome"]), one["pad_score"], tuple(one["cues"])
            )
            for one in content["presented"]
        ),
        bool(content["finished"]),
    )

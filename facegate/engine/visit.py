"""What a gate has seen of one visitor so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.attacks import AttackVerdict
from facegate.domain.faces import DetectedFace, FaceReading
from facegate.domain.frames import Frame
from facegate.domain.fusion import fuse
from facegate.domain.keypad import KeypadEntry
from facegate.domain.quality import FaceQuality, Flaw
from facegate.domain.reasons import Reason
from facegate.engine.challenge import Challenge, Pose


class PresentationCheck(Protocol):
    """Collects what the frames of one face say about attacks."""

    def add(self, frame: Frame, face: DetectedFace) -> None:
        """Look at the face in one more frame."""

    def score_of(self, number: int) -> float | None:
        """The score of one frame by its number; None when it has none."""

    def verdict(self, numbers: Collection[int] | None = None) -> AttackVerdict:
        """The conclusion; only the scores of the frames with these numbers speak for the face."""


class Phase(str, Enum):
    """Where a visit is."""

    COLLECTING = "collecting"
    CHALLENGE = "challenge"
    PIN = "pin"
    CLAIM = "claim"
    DONE = "done"


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A look at the face that was good enough to be compared."""

    frame: Frame
    reading: FaceReading


@dataclass(slots=True)
class Outcome:
    """How a visit ended.

    Attributes:
        reason: GRANTED or why not.
        words: what the visitor is told; empty for the state's own words.
        at_s: when, seconds of the frames' clock.
        subject: name of the person, only with a grant.
    """

    reason: Reason
    words: str
    at_s: float
    subject: str = ""


class Visit:
    """The evidence of one tracked face.

    Args:
        number: of the visit, hex, as receipts carry it.
        new_check: makes what looks for attacks.
        start_s: when the face appeared.
        kept: how many samples are kept at most; the best by quality stay.
        agreement: least cosine of a sample with those before it. Two looks at one person within
            seconds lie far above it; another person in the same place lies far below.
    """

    def __init__(
        self,
        number: str,
        new_check: Callable[[], PresentationCheck],
        start_s: float,
        kept: int = 5,
        agreement: float = 0.45,
    ) -> None:
        self.number = number
        self.check = new_check()
        self._new_check = new_check
        self.start_s = start_s
        self.phase = Phase.COLLECTING
        self.flaws: tuple[Flaw, ...] = ()
        self.samples: list[Sample] = []
        self.first_sample_s: float | None = None
        self.last_sample_s: float | None = None
        self.strangers = 0
        self.swaps = 0
        self.subject_id: int | None = None
        self.is_return = False
        self.awaits_others = False
        self.challenge: Challenge | None = None
        self.challenge_s = 0.0
        self.samples_after_movements = 0
        self.pin_until_s = 0.0
        self.entry: KeypadEntry | None = None
        self.refused_for = Reason.UNKNOWN_FACE
        self.seen_s: float | None = None
        self.outcome: Outcome | None = None
        self._face: FloatArray | None = None
        self._kept = kept
        self._agreement = agreement

    def add(self, sample: Sample) -> None:
        """Take one more look.

        One that shows another face than those before makes the visit begin anew with it: whoever
        swaps faces before the camera never collects what a decision needs. In the middle of a
        challenge or a PIN, and after a decision, such looks are counted and not kept.
        """
        if not self.is_same(sample.reading.embedding, self._agreement):
            if self.phase is not Phase.COLLECTING:
                self.strangers += 1
                return
            self.swaps += 1
            self._forget()
        self.seen_s = sample.frame.time_s
        if self.phase is Phase.DONE:
            self.last_sample_s = sample.frame.time_s
            return
        self.samples.append(sample)
        if self.challenge is not None and self.challenge.done == len(self.challenge.movements):
            self.samples_after_movements += 1
        self.last_sample_s = sample.frame.time_s
        if self.first_sample_s is None:
            self.first_sample_s = sample.frame.time_s
        if len(self.samples) > self._kept:
            self.samples.remove(min(self.samples, key=lambda one: one.reading.quality.score))

    def best(self) -> list[Sample]:
        """The samples, best quality first."""
        return sorted(self.samples, key=lambda one: -one.reading.quality.score)

    def probe(self) -> FloatArray:
        """All samples in one, (d,) unit vector; in the order of `best`."""
        return fuse(np.stack([one.reading.embedding for one in self.best()]))

    def is_same(self, embedding: FloatArray, agreement: float) -> bool:
        """Whether a look shows the face seen so far; any face is the same as none."""
        known = self._face if self._face is not None or not self.samples else self.probe()
        return known is None or float(known @ embedding) >= agreement

    def verdict(self) -> AttackVerdict:
        """What the frames that the samples are from say about attacks."""
        return self.check.verdict([one.frame.number for one in self.samples])

    def end(self, outcome: Outcome) -> None:
        """Nothing more is decided about this visit; whether the same face stays is still seen."""
        self._face = self.probe() if self.samples else self._face
        self.phase = Phase.DONE
        self.outcome = outcome
        self.strangers = 0
        self.entry = None
        self.samples = []  # frames are large, and faces are personal data

    def _forget(self) -> None:
        self.check = self._new_check()
        self.samples = []
        self.first_sample_s = None


def pose_of(face: DetectedFace, quality: FaceQuality) -> Pose:
    """How a face stands, as challenges look at it."""
    return Pose(quality.yaw_deg, quality.pitch_deg, _length_px(face.landmarks_xy))


def resting_pose(samples: Sequence[Sample]) -> Pose:
    """The median pose of the samples: how the visitor stood when nothing was asked for."""
    poses = [pose_of(one.reading.face, one.reading.quality) for one in samples]
    yaw, pitch, size = np.median([(p.yaw_deg, p.pitch_deg, p.size_px) for p in poses], axis=0)
    return Pose(float(yaw), float(pitch), float(size))


def _length_px(landmarks_xy: FloatArray) -> float:
    """From between the eyes to between the corners of the mouth: turning keeps it."""
    eyes, mouth = landmarks_xy[:2].mean(axis=0), landmarks_xy[3:].mean(axis=0)
    return float(np.linalg.norm(mouth - eyes))

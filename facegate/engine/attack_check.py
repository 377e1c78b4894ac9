"""Gathers what the frames of one face say about attacks: the network's scores, and cues over time.

Two cues refuse by themselves, because no camera in front of a person makes them: the very same
pixels for a long time, and a sequence of pictures that comes again bit by bit. Flat motion only
makes a verdict unsure: landmarks are inexact, and a talking mouth bends the plane it is judged by.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.attacks import AttackVerdict, Presentation
from facegate.domain.faces import DetectedFace
from facegate.domain.frames import Frame
from facegate.domain.pad_limits import PadLimits
from facegate.engine.flat_motion import Motion, motion_evidence
from facegate.ports.devices import AttackDetector

FLAT_MOTION = "flat_motion"
FROZEN_FRAMES = "frozen_frames"
REPEATING_FRAMES = "repeating_frames"
UNREADABLE = "unreadable"
MIXED_SCORES = "mixed_scores"

_LOGIT_LIMIT = 4.0
"""A single frame's certainty counts no more than this: a mean must not hang on one of them."""

SLACK_S = 0.002
"""Cameras do not keep time to the microsecond."""

_WHOLE, _FACE = 0, 1
"""Parts of a frame that are compared between frames."""

_MARGIN = 0.25
"""The face's part is its box and this share around it."""

_SAMPLED_PX = 320
"""Of the whole frame about so many columns are compared; noise is in all of them."""


@dataclass(frozen=True, slots=True)
class CheckRules:
    """How much a verdict needs.

    Attributes:
        min_frames, min_s: fewer frames, or a shorter time, are never bona fide: frozen and repeated
            pictures must have had the time to show.
        max_frames: older frames are forgotten.
        frozen_frames, frozen_s: as many frames in a row, over so many seconds at least, with the
            same pixels are a frozen picture. A camera may send a picture twice or three times.
        least_loop: shortest sequence, in different pictures, that counts as repeated.
        mixed_share: above this share of frames below the attack limit, the others convince nobody.
    """

    min_frames: int = 3
    min_s: float = 0.6
    max_frames: int = 120
    frozen_frames: int = 8
    frozen_s: float = 0.5
    least_loop: int = 4
    mixed_share: float = 0.34


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    number: int
    time_s: float
    digests: tuple[bytes, ...]
    landmarks_xy: FloatArray
    score: float


class AttackCheck:
    """The check of one tracked face. Not for several threads.

    Args:
        detector: scores single frames; None: only the cues look, and nothing is ever bona fide.
        limits: what its scores mean; needed with a detector.
        rules: how much a verdict needs.
    """

    def __init__(
        self,
        detector: AttackDetector | None,
        limits: PadLimits | None = None,
        rules: CheckRules | None = None,
    ) -> None:
        if detector is not None and limits is None:
            raise ValueError("A detector's scores mean nothing without limits.")
        self._detector, self._limits = detector, limits
        self._rules = rules or CheckRules()
        self._seen: deque[_Seen] = deque(maxlen=self._rules.max_frames)
        self._caught: set[str] = set()
        self._motion_seen: Motion | None = None

    def add(self, frame: Frame, face: DetectedFace) -> None:
        """Look at one more frame. Never raises: what cannot be read makes the verdict an attack.

        Args:
            frame: a frame that was added before (by its number) is not counted again.
            face: the tracked face in it.
        """
        if self._seen and frame.number == self._seen[-1].number:
            return
        try:
            score = math.nan
            if self._detector is not None:
                score = float(self._detector.scores(frame.bgr, [face])[0])
                if not 0.0 <= score <= 1.0:  # NaN too
                    self._caught.add(UNREADABLE)
                    return
            if not math.isfinite(frame.time_s):
                self._caught.add(UNREADABLE)
                return
            self._motion_seen = None
            self._seen.append(
                _Seen(frame.number, frame.time_s, _digests(frame, face), face.landmarks_xy, score)
            )
            for part in (_WHOLE, _FACE):
                if self._is_frozen(part):
                    self._caught.add(FROZEN_FRAMES)
                if self._repeats(part):
                    self._caught.add(REPEATING_FRAMES)
        except Exception:  # whatever failed, this face is not shown to be one
            self._caught.add(UNREADABLE)

    def score_of(self, number: int) -> float | None:
        """The network's score of one frame, by the frame's number; None when it has none."""
        scores = (one.score for one in reversed(self._seen) if one.number == number)
        score = next(scores, math.nan)
        return score if math.isfinite(score) else None

    def verdict(self, numbers: Collection[int] | None = None) -> AttackVerdict:
        """What the frames so far say together. A cue that refuses is never taken back.

        Args:
            numbers: of the frames that somebody was recognized in. Only their scores speak for the
                face, and not one of them may look like an attack; all others may speak against it,
                so that a live face shown first does not vouch for the picture shown after it.
                None: all frames.
        """
        cues = set(self._caught)
        try:
            if self._motion() is Motion.FLAT:
                cues.add(FLAT_MOTION)
            everything = self._scores()
            chosen = everything
            if numbers is not None:
                chosen = [one.score for one in self._seen if one.number in set(numbers)]
            score = self._mean(chosen)
            if self._is_mixed(everything) or (numbers is not None and self._has_low(chosen)):
                cues.add(MIXED_SCORES)
        except Exception:  # as in `add`
            cues.add(UNREADABLE)
            score = None
        return AttackVerdict(
            presentation=self._conclusion(score, cues),
            pad_score=score,
            cues=tuple(sorted(cues)),
            model_id=self._detector.model_id if self._detector is not None else "",
            frames=len(self._seen),
        )

    def _conclusion(self, score: float | None, cues: set[str]) -> Presentation:
        if cues & {UNREADABLE, FROZEN_FRAMES, REPEATING_FRAMES}:
            return Presentation.ATTACK
        if score is None or self._limits is None:
            return Presentation.UNSURE
        if score < self._limits.attack_below:
            return Presentation.ATTACK
        convinced = score >= self._limits.bona_fide_from and not cues
        if convinced and self._is_long_enough():
            return Presentation.BONA_FIDE
        return Presentation.UNSURE

    def _is_long_enough(self) -> bool:
        seen_s = self._seen[-1].time_s - self._seen[0].time_s if self._seen else 0.0
        return len(self._seen) >= self._rules.min_frames and seen_s >= self._rules.min_s - SLACK_S

    def _mean(self, scores: list[float]) -> float | None:
        """The mean of scores, taken in logits."""
        if self._detector is None or not scores:
            return None
        return float(1 / (1 + math.exp(-sum(map(_logit, scores)) / len(scores))))

    def _scores(self) -> list[float]:
        return [one.score for one in self._seen]

    def _is_mixed(self, scores: list[float]) -> bool:
        if self._limits is None or not scores or self._detector is None:
            return False
        low = sum(score < self._limits.attack_below for score in scores)
        return low > self._rules.mixed_share * len(scores)

    def _has_low(self, scores: list[float]) -> bool:
        limits = self._limits
        return limits is not None and any(score < limits.attack_below for score in scores)

    def _motion(self) -> Motion:
        """Judged once for each frame that was added, however often a verdict is asked for."""
        if len(self._seen) < self._rules.min_frames:
            return Motion.TOO_LITTLE
        if self._motion_seen is None:
            landmarks = np.stack([one.landmarks_xy for one in self._seen])
            self._motion_seen = motion_evidence(landmarks).motion
        return self._motion_seen

    def _is_frozen(self, part: int) -> bool:
        last = self._seen[-1]
        first, count = last, 0
        for one in reversed(self._seen):
            if one.digests[part] != last.digests[part]:
                break
            first, count = one, count + 1
        long = last.time_s - first.time_s >= self._rules.frozen_s
        return count >= self._rules.frozen_frames and long

    def _repeats(self, part: int) -> bool:
        """Whether the newest pictures, repeats in a row counted once, came before in this order."""
        digests = [one.digests[part] for one in self._seen]
        changed = [one for n, one in enumerate(digests) if n == 0 or one != digests[n - 1]]
        least = self._rules.least_loop
        newest = changed[-least:]
        if len(newest) < least or len(set(newest)) < least:
            return False
        return any(
            changed[begin : begin + least] == newest for begin in range(len(changed) - least)
        )


def _logit(score: float) -> float:
    inside = min(max(score, 1e-9), 1 - 1e-9)
    return max(-_LOGIT_LIMIT, min(_LOGIT_LIMIT, math.log(inside / (1 - inside))))


def _digests(frame: Frame, face: DetectedFace) -> tuple[bytes, bytes]:
    """Of the whole frame, whatever the box does, and of the face, whatever a clock in a corner of
    the picture does."""
    height, width = frame.bgr.shape[:2]
    x1, y1, x2, y2 = (float(value) for value in face.bbox_xyxy)
    margin_x, margin_y = _MARGIN * (x2 - x1), _MARGIN * (y2 - y1)
    left, top = max(0, int(x1 - margin_x)), max(0, int(y1 - margin_y))
    right, bottom = min(width, int(x2 + margin_x)), min(height, int(y2 + margin_y))
    if right <= left or bottom <= top:
        raise ValueError("the face is outside the frame")
    step = max(1, width // _SAMPLED_PX)
    parts = (frame.bgr[::step, ::step], frame.bgr[top:bottom, left:right])
    return (_digest(parts[_WHOLE]), _digest(parts[_FACE]))


def _digest(pixels: ImageArray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=16).digest()

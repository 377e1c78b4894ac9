"""Active attack detection: the visitor is asked for movements that nobody could know before.

A picture cannot turn its head, and a recording turns it when it was recorded, not when asked. The
movements are judged on the landmarks' geometry; that the same face goes through all of them is
checked by whoever runs the challenge.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Movement(str, Enum):
    """What can be asked for; left and right are the visitor's own."""

    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    NOD = "nod"
    COME_CLOSER = "come_closer"

    @property
    def words(self) -> str:
        """The request, as it is shown."""
        return _WORDS[self]


_WORDS = {
    Movement.TURN_LEFT: "Turn your head to your left",
    Movement.TURN_RIGHT: "Turn your head to your right",
    Movement.NOD: "Nod: look down, then up",
    Movement.COME_CLOSER: "Come a little closer",
}

TURN_DEG = 16.0
"""Least turn of the head; five landmarks tell it to a few degrees."""

NOD_DEG = 11.0
GROWTH = 1.2
"""Least growth of the distance between the eyes when coming closer."""

REST_SHARE = 0.5
"""The head is back at rest below this share of a movement's limit."""

HELD_LOOKS = 2
"""Looks in a row that must show a movement: one may be a slip of the landmarks."""


class ChallengeState(str, Enum):
    """How far a challenge has come."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Pose:
    """A face as a challenge looks at it.

    Attributes:
        yaw_deg: positive when the nose points to the image's right, which is the visitor's left.
        pitch_deg: positive downward.
        size_px: length that grows when the face comes closer and hardly changes when it turns.
    """

    yaw_deg: float
    pitch_deg: float
    size_px: float


def random_movements(count: int, source: random.Random | None = None) -> tuple[Movement, ...]:
    """Draw different movements in random order; at least one of them a turn of the head.

    A turn is the movement that a flat picture cannot fake by being tilted or brought closer.
    """
    source = source or random.SystemRandom()
    turn = source.choice((Movement.TURN_LEFT, Movement.TURN_RIGHT))
    others = [one for one in Movement if one is not turn]
    drawn = [turn, *source.sample(others, max(0, min(count, len(Movement)) - 1))]
    source.shuffle(drawn)
    return tuple(drawn)


class Challenge:
    """One run of several movements, each within a time and from a head at rest.

    Args:
        movements: in the order in which they are asked for.
        rest: how the face stood before.
        start_s: when the first one was asked for.
        step_s: time for each movement.
    """

    def __init__(
        self, movements: Sequence[Movement], rest: Pose, start_s: float, step_s: float = 6.0
    ) -> None:
        if not movements:
            raise ValueError("a challenge needs a movement")
        self.movements = tuple(movements)
        self.done = 0
        self.failed_because = ""
        self._rest = rest
        self._step_s = step_s
        self._asked_s = start_s
        self._held: Movement | None = None
        self._looks = 0
        self._ready = True  # the head was at rest since the last movement

    @property
    def state(self) -> ChallengeState:
        """How far it has come; a failed challenge never passes any more."""
        if self.failed_because:
            return ChallengeState.FAILED
        passed = self.done == len(self.movements) and self._ready
        return ChallengeState.PASSED if passed else ChallengeState.RUNNING

    @property
    def asked(self) -> Movement | None:
        """The movement that is asked for right now; None: to look straight at the camera."""
        if self.done == len(self.movements) or not self._ready:
            return None
        return self.movements[self.done]

    @property
    def prompt(self) -> str:
        """What to show right now."""
        return self.asked.words if self.asked else "Look straight at the camera"

    def update(self, pose: Pose, time_s: float) -> ChallengeState:
        """Look at the face once more."""
        if self.state is not ChallengeState.RUNNING:
            return self.state
        if time_s - self._asked_s > self._step_s:
            return self.fail("too_slow")
        seen = self._movement(pose)
        self._looks = self._looks + 1 if seen is self._held else 1
        self._held = seen
        if not self._ready:
            self._ready = self._at_rest(pose)
            if self._ready:
                self._asked_s = time_s
            return self.state
        if seen is not None and self._looks >= HELD_LOOKS:
            if seen is not self.movements[self.done]:
                return self.fail("another_movement")
            self.done += 1
            self._ready = seen is Movement.COME_CLOSER
            if self._ready:  # nobody has to step back again: this is the new rest
                self._rest = pose
            self._asked_s = time_s
        return self.state

    def fail(self, because: str) -> ChallengeState:
        """End it, for a reason of the caller's (the face is gone, another face)."""
        self.failed_because = self.failed_because or because
        return self.state

    def as_dict(self) -> dict[str, object]:
        """What was asked and how it ended, as receipts have it."""
        return {
            "movements": [one.value for one in self.movements],
            "done": self.done,
            "state": self.state.value,
            "failed_because": self.failed_because,
        }

    def _movement(self, pose: Pose) -> Movement | None:
        """The largest movement beyond its limit, or None."""
        shares = {
            Movement.TURN_LEFT: (pose.yaw_deg - self._rest.yaw_deg) / TURN_DEG,
            Movement.TURN_RIGHT: (self._rest.yaw_deg - pose.yaw_deg) / TURN_DEG,
            Movement.NOD: (pose.pitch_deg - self._rest.pitch_deg) / NOD_DEG,
            Movement.COME_CLOSER: (pose.size_px / max(self._rest.size_px, 1e-6) - 1) / (GROWTH - 1),
        }
        largest = max(shares, key=lambda one: shares[one])
        return largest if shares[largest] >= 1 else None

    def _at_rest(self, pose: Pose) -> bool:
        turned = abs(pose.yaw_deg - self._rest.yaw_deg) / TURN_DEG
        nodded = abs(pose.pitch_deg - self._rest.pitch_deg) / NOD_DEG
        return max(turned, nodded) < REST_SHARE

"""How often somebody may fail: delays that grow, and a stop that only the operator lifts.

Source:
    NIST SP 800-63B, sections on biometrics and on rate limiting: at most 5 consecutive failed
    biometric attempts, 10 where presentation attacks are detected; then delays of at least 30
    seconds that grow exponentially; at most 50 in all, 100 with attack detection.

What counts against whom:

- An attempt that ends without a recognized person counts against the *door*. Anybody can stand
  before a door and fail, so a door that is held back refuses only further attempts of that kind:
  people who are recognized, and whose face passed the attack check, still pass. Where the door has
  a keypad and the person a PIN, they are asked for it meanwhile.
- A wrong PIN after a recognized face counts against the *person*, at all doors.
- A wrong PIN typed for somebody whose face was not recognized counts against *claims* to be that
  person, so that a stranger cannot lock out the real one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from facegate.domain.reasons import Reason

CLOCK_TOLERANCE = timedelta(seconds=2)
"""Decisions of one door may reach the database a little out of order; a clock that goes back
further is wrong."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many consecutive failures are borne.

    Attributes:
        free: failures without a delay; the last of them begins the first delay.
        total: failures until the operator must lift the lock-out.
        first_delay_s: doubled by each further failure.
        max_delay_s: the longest delay.
    """

    free: int
    total: int
    first_delay_s: float = 30.0
    max_delay_s: float = 3600.0

    def delay(self, failures: int) -> timedelta:
        """How long the next attempt must wait after so many consecutive failures."""
        if failures < self.free:
            return timedelta(0)
        doublings = min(failures - self.free, 32)  # far beyond the longest delay
        return timedelta(seconds=min(self.first_delay_s * 2**doublings, self.max_delay_s))


FACES = Limits(free=5, total=50)
FACES_WITH_PAD = Limits(free=10, total=100)
PINS = Limits(free=5, total=50)
"""Stricter than the 100 that the source allows: the face and the claims have their own 50."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why the next attempt is not even looked at; until is None when only the operator lifts it."""

    reason: Reason
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Attempts:
    """Consecutive failures of one door, person or claim. Moments are time zone aware, UTC.

    Attributes:
        failures: since the last success.
        last_at: of the last failure or success, or None.
        blocked_until: no attempt before this; kept by a success, which need not be the same
            person's.
        locked: until the operator resets it.
    """

    failures: int = 0
    last_at: datetime | None = None
    blocked_until: datetime | None = None
    locked: bool = False

    def hold(self, at: datetime) -> Hold | None:
        """What stands in the way of an attempt, or None.

        A clock that went back never ends a delay: it is a fault of its own.
        """
        if self.locked:
            return Hold(Reason.LOCKED_OUT)
        if self.last_at is not None and at < self.last_at - CLOCK_TOLERANCE:
            return Hold(Reason.CLOCK_FAULT)
        if self.blocked_until is not None and at < self.blocked_until:
            return Hold(Reason.RATE_LIMITED, self.blocked_until)
        return None

    def failed(self, at: datetime, limits: Limits) -> Attempts:
        """After one more failure."""
        failures = self.failures + 1
        until = at + limits.delay(failures)
        kept = self.blocked_until
        return Attempts(
            failures=failures,
            last_at=self._latest(at),
            blocked_until=kept if until == at or (kept is not None and kept > until) else until,
            locked=self.locked or failures >= limits.total,
        )

    def succeeded(self, at: datetime) -> Attempts:
        """After a success: the count begins again, but a running delay and a lock stay."""
        return replace(self, failures=0, last_at=self._latest(at))

    def carried_over(self, jump: timedelta, at: datetime) -> Attempts:
        """After the clock was set forward: what was left of a delay is left still.

        A delay that does not belong to the time before the jump stays as it is, and none becomes
        longer than the longest there is: several gates of one database may carry it over, each.

        Args:
            jump: how far the clock was set forward; backwards nothing is to be done, as a delay
                then lasts longer by itself.
            at: what the clock shows now.
        """
        until, before = self.blocked_until, at - jump
        if jump <= timedelta(0) or until is None or until <= before:
            return self
        if self.last_at is not None and self.last_at > before + CLOCK_TOLERANCE:
            return self
        left = min(until - before, timedelta(seconds=FACES.max_delay_s))
        return replace(self, blocked_until=max(until, at + left))

    def _latest(self, at: datetime) -> datetime:
        return at if self.last_at is None else max(at, self.last_at)

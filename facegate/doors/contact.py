"""What a door contact means: opened, closed, held open, forced open. No threads, no clock."""

from __future__ import annotations

from facegate.doors.events import DoorEventKind

GRACE_S = 1.0
"""A leaf may be seen to open this long after the lock came back: contacts are read now and then,
and somebody who pushes at the last moment did not force anything."""


class ContactWatch:
    """Follows one leaf.

    Args:
        held_open_s: a leaf that stands open for longer is reported, once.
    """

    def __init__(self, held_open_s: float) -> None:
        self._held_open_s = held_open_s
        self._open: bool | None = None
        self._since = 0.0
        self._alarmed = False
        self._may_open_until = float("-inf")

    def allow_until(self, time_s: float) -> None:
        """An unlock: opening is in order until its pulse ends (and a little longer)."""
        self._may_open_until = max(self._may_open_until, time_s + GRACE_S)
        # Whoever is let in while it stands open may hold it as long as anybody else.
        if self._open and not self._alarmed:
            self._since = max(self._since, time_s)

    def lock_now(self, time_s: float) -> None:
        """Locked before the pulse ended: opening is in order only for the moment of grace."""
        self._may_open_until = min(self._may_open_until, time_s + GRACE_S)

    def see(self, is_open: bool, now_s: float) -> list[DoorEventKind]:
        """Take over what the contact says.

        Args:
            is_open: whether the leaf stands open.
            now_s: steady seconds; must not go back.

        Returns:
            What that means, in order; mostly nothing. A leaf that stands open at the first look
            was not seen to be forced, but is reported when it stays open.
        """
        before, self._open = self._open, is_open
        if not is_open:
            self._alarmed = False
            return [DoorEventKind.CLOSED] if before else []
        events = []
        if not before:
            self._since, self._alarmed = now_s, False
            forced = before is False and now_s > self._may_open_until
            events.append(DoorEventKind.FORCED_OPEN if forced else DoorEventKind.OPENED)
        if not self._alarmed and now_s - self._since >= self._held_open_s:
            self._alarmed = True
            events.append(DoorEventKind.HELD_OPEN)
        return events

"""One clock for each table of decisions: that of the doors, as explanations speak of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from facegate.domain.doors import Door


class DoorClocks:
    """The time zones of doors.

    Args:
        doors: all there are; what happened at others, which were removed, is shown in UTC.
    """

    def __init__(self, doors: Iterable[Door]) -> None:
        self._zones = {door.name: door.zone for door in doors}

    def zone(self, door: str) -> ZoneInfo:
        """The zone of a door; UTC for a door, or a zone, that is not known any more."""
        from facegate.domain.local_time import zone_named
        from facegate.errors import PolicyError

        try:
            return zone_named(self._zones.get(door, "UTC"))
        except PolicyError:
            return zone_named("UTC")

    def common(self, doors: Iterable[str]) -> ZoneInfo | None:
        """The one zone of these doors; None when they have several, or there is no door."""
        zones = {self.zone(door) for door in doors}
        return zones.pop() if len(zones) == 1 else None

    def heading(self, doors: Iterable[str]) -> str:
        """Of a column of times: its one zone, or that each row has its offset."""
        zone = self.common(doors)
        return f"time ({zone.key})" if zone is not None else "time at the door"

    def shown(self, at: datetime, door: str, *, offset: bool) -> str:
        """A moment on a door's clock.

        Args:
            at: time zone aware.
            door: where it was.
            offset: also from UTC, where the heading does not name the zone.
        """
        local = at.astimezone(self.zone(door)).replace(microsecond=0)
        text = local.isoformat(sep=" ")
        return text if offset else text[: len("2026-01-31 12:00:00")]

"""Stand-ins for tests of who may pass."""

from __future__ import annotations

from facegate.domain.pins import check_pin


class PlainPins:
    """PINs without the work of argon2."""

    def hash(self, pin: str) -> str:
        """The PIN backwards."""
        check_pin(pin)
        return pin[::-1]

    def matches(self, pin_hash: str, pin: str) -> bool:
        """Whether it is that one."""
        return bool(pin_hash) and pin_hash == pin[::-1]

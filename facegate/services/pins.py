"""PINs are kept as argon2 hashes; nothing here prints, logs or returns one."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from facegate.domain.pins import check_pin, is_pin

if TYPE_CHECKING:
    from argon2 import PasswordHasher

NOBODYS_PIN = "no person has this PIN"
"""Hashed, it stands in for persons without a PIN, so that their answer takes as long."""


class PinHasher(Protocol):
    """Turns PINs into what may be stored, and compares."""

    def hash(self, pin: str) -> str:
        """Hash a PIN that is good enough. Raises PolicyError for others."""

    def matches(self, pin_hash: str, pin: str) -> bool:
        """Whether a PIN is the one of a hash; takes as long when there is none."""


class Argon2Pins:
    """Argon2id with 19 MiB, 2 passes and one lane.

    A ruling waits for it inside its transaction, on a machine with few cores; and no cost protects
    ten thousand possible PINs from somebody who has stolen the database. What protects them at the
    door is the lock-out.

    Source:
        OWASP Password Storage Cheat Sheet, its least costly recommendation for Argon2id.
    """

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher

        return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash(NOBODYS_PIN)

    def warm_up(self) -> None:
        """Do now what the first comparison would take longer for."""
        _ = self._nobody

    def hash(self, pin: str) -> str:
        """Hash a PIN that is good enough. Raises PolicyError for others."""
        check_pin(pin)
        return self._hasher.hash(pin)

    def matches(self, pin_hash: str, pin: str) -> bool:
        """Whether a PIN is the one of a hash.

        The work is the same for a person without a PIN (an empty hash), for a damaged hash and for
        something typed that is no PIN; none of them matches.
        """
        from argon2.exceptions import InvalidHashError, VerificationError

        typed = pin if is_pin(pin) else "not a PIN"
        try:
            return self._hasher.verify(pin_hash or self._nobody, typed) and bool(pin_hash)
        except InvalidHashError:
            self.matches("", typed)
            return False
        except VerificationError:
            return False

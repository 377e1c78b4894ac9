"""What a visitor types at a keypad: a PIN, or who it is and a PIN."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_TYPED = 200
"""Characters of a line that are looked at."""


@dataclass(frozen=True, slots=True)
class KeypadEntry:
    """One line of a keypad.

    Attributes:
        pin: what stands in the place of the PIN, whatever it is; never logged, never printed.
        claimed: number or name of the person it is said to belong to; empty: nobody was named.
            Not shown either: whoever forgets the separator has typed the PIN here.
    """

    pin: str = field(repr=False)
    claimed: str = field(default="", repr=False)

    @classmethod
    def from_line(cls, line: str) -> KeypadEntry | None:
        """Read `PIN`, `NUMBER*PIN`, `NUMBER PIN` or `NAME PIN`, each with or without a `#` behind.

        Returns:
            The entry, right or wrong; None for an empty line.
        """
        text = line[:MAX_TYPED].strip().removesuffix("#").strip()
        if not text:
            return None
        if "*" in text:
            claimed, _, pin = text.rpartition("*")
        else:
            *words, pin = text.split()
            claimed = " ".join(words)
        # Something before the PIN was meant to be somebody, even if it is empty.
        return cls(pin.strip(), claimed.strip() or ("*" if "*" in text else ""))

    @property
    def number(self) -> int | None:
        """The person's number, where one was typed."""
        text = self.claimed
        is_number = text.isascii() and text.isdigit() and len(text) <= 9
        return int(text) if is_number else None

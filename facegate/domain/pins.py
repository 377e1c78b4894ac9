"""Which PINs are good enough to be set."""

from __future__ import annotations

from facegate.errors import PolicyError

MIN_DIGITS, MAX_DIGITS = 4, 12
_ROWS = ("0123456789012", "9876543210987")
_COMMON = frozenset({"2580", "0852", "1379", "7913", "147258", "159753", "147258369"})
"""Columns, corners and strokes of a keypad; among the most used PINs wherever they leaked."""


def is_pin(text: str) -> bool:
    """Whether a text has the form of a PIN: 4 to 12 digits."""
    return text.isascii() and text.isdigit() and MIN_DIGITS <= len(text) <= MAX_DIGITS


def check_pin(pin: str) -> None:
    """Refuse PINs that are tried first. Dates are not refused: whose would they be?

    Raises:
        PolicyError: it has the wrong form, or is a row, a repetition or a stroke of the keypad. The
            message never shows it.
    """
    if not is_pin(pin):
        raise PolicyError(f"A PIN has {MIN_DIGITS} to {MAX_DIGITS} digits and nothing else.")
    runs = any(pin in row for row in _ROWS)
    repeats = any(
        pin == (pin[:length] * len(pin))[: len(pin)] for length in range(1, len(pin) // 2 + 1)
    )
    if runs or repeats or pin in _COMMON:
        raise PolicyError(
            "This PIN is among the first that anybody would try.",
            hint="Do not use rows such as 1234, repetitions such as 1212, or the keypad's columns.",
        )

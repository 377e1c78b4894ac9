"""Counts and chances as people say them."""

from __future__ import annotations

import math

OFTEN = 0.1
"""From here on a chance is told in hundredths: 1 in 3 and 1 in 4 are too far apart."""


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun: 1 person, 2 people, 1,000 people."""
    return f"{number:,} {one if number == 1 else many}"


def odds(chance: float, one: str = "", many: str = "") -> str:
    """A chance for people, in two digits: `1 in 9,000`, or `23 in 100` from one in ten on.

    Args:
        chance: a fraction.
        one, many: put behind the first number, with a space at their end: `1 time in 9,000`.
    """
    if chance <= 0:
        return f"0 {many}in 100"
    if chance >= OFTEN:
        hundredths = round(100 * chance)
        sure = "more than 99" if hundredths == 100 and chance < 1 else str(hundredths)
        return f"{sure} {many}in 100"
    return f"1 {one}in {two_digits(1 / chance):,}"


def odds_range(low: float, high: float) -> str:
    """Two chances from the larger to the smaller: `1 in 6,100 to 1 in 14,000`, `26 to 32 in 100`.

    Args:
        low, high: fractions.
    """
    if low >= OFTEN:
        return f"{odds(low).removesuffix(' in 100')} to {odds(high)}"
    return f"{odds(high)} to {odds(low)}"


def rounded_up(share: float) -> str:
    """A share in two digits that is not below it, as people type it: 1.3e-05."""
    shown = f"{share:.1e}"
    if float(shown) < share:
        step = 10.0 ** (math.floor(math.log10(share)) - 1)
        shown = f"{float(shown) + step:.1e}"
    return shown


def two_digits(number: float) -> int:
    """Round a number of at least 1 to two digits."""
    step = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return round(number / step) * step

"""Numbers as people read them."""

from __future__ import annotations

import math
from datetime import datetime

from facegate.domain.decisions import Rate

NBSP = "\u00a0"
UNKNOWN = "not known"

_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def count(number: int) -> str:
    """A whole number with separators: 2,998."""
    return f"{number:,}"


def counted(number: int, one: str, more: str = "") -> str:
    """A number with its noun: `1 pair`, `2,998 pairs`."""
    return f"{count(number)} {one if number == 1 else more or one + 's'}"


def share(value: float) -> str:
    """A fraction in percent: two decimals, and for small ones as many as show two digits."""
    if not math.isfinite(value):
        return UNKNOWN
    percent = abs(value) * 100
    decimals = 2 if percent == 0 else min(12, max(2, 1 - math.floor(math.log10(percent))))
    return f"{value * 100:.{decimals}f}{NBSP}%"


def target(value: float) -> str:
    """A round fraction in percent without idle zeros: 1 %, 0.1 %, 0.0001 %."""
    return f"{value * 100:.10f}".rstrip("0").rstrip(".") + f"{NBSP}%"


def interval(measured: Rate) -> str:
    """The 95 % interval: `4.88 % to 6.57 %`."""
    return f"{share(measured.low)} to {share(measured.high)}"


def count_of(measured: Rate) -> str:
    """The counts: `170 of 2,994`, and `none of 2,998`."""
    return f"{count(measured.errors) if measured.errors else 'none'} of {count(measured.trials)}"


def one_in(value: float) -> str:
    """A small fraction as a chance: `1 in 810`; rounded towards the larger chance."""
    return f"1 in {count(max(1, math.floor(1 / value)))}" if value > 0 else "none"


def rounded_up(number: float) -> str:
    """A number of pairs that are needed, in round figures: 29,957 is 30,000."""
    step = 10 ** max(0, math.floor(math.log10(max(1.0, number))) - 1)
    return count(math.ceil(number / step - 1e-9) * step)


def moment(time: datetime) -> str:
    """A date with its time, of the time's own zone: `21 November 2026, 09:50 UTC`."""
    zone = f" {time.tzname()}" if time.tzinfo else ""
    return f"{time.day} {_MONTHS[time.month - 1]} {time.year}, {time:%H:%M}{zone}"


def one_line(text: object) -> str:
    """Text with its white space evened out, as cards break lines anywhere."""
    return " ".join(str(text).split())

"""Checks that every part works, for `facegate doctor`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from facegate.errors import FacegateError


class Health(str, Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check.

    Attributes:
        check: what was looked at.
        health: see Health.
        detail: what was seen.
        advice: what to do about it; empty when nothing is wrong.
    """

    check: str
    health: Health
    detail: str
    advice: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON has it."""
        return {**asdict(self), "health": self.health.value}


def examine(checks: dict[str, Callable[[], tuple[Health, str, str]]]) -> list[Finding]:
    """Run checks one after the other; one that breaks becomes a fault and ends nothing.

    Args:
        checks: for each name a function that gives health, detail and advice.
    """
    return [_examined(name, check) for name, check in checks.items()]


def _examined(name: str, check: Callable[[], tuple[Health, str, str]]) -> Finding:
    try:
        return Finding(name, *check())
    except FacegateError as error:
        return Finding(name, Health.FAULT, str(error), error.hint)
    except Exception as error:  # a broken installation fails in ways nobody foresees
        return Finding(name, Health.FAULT, f"{type(error).__name__}: {error}", "Install again.")

"""The optional libraries that outputs need, and whether they are there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True, slots=True)
class Library:
    """What a plugin cannot work without; a plugin's `needs` names all of them.

    Attributes:
        title: for people.
        extra: the optional part of FaceGate that brings it.
        modules: one of them is enough.
    """

    title: str
    extra: str
    modules: tuple[str, ...]

    @property
    def is_there(self) -> bool:
        """Whether it is installed; nothing is imported."""
        return any(_found(module) for module in self.modules)


def what_is_missing(needs: Iterable[Library]) -> str:
    """A sentence about libraries that are not installed, with how to; empty when all are there."""
    missing = [one for one in needs if not one.is_there]
    if not missing:
        return ""
    titles = " and ".join(one.title for one in missing)
    return f"it needs {titles}, not installed: pip install 'facegate[{missing[0].extra}]'"


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # half installed, or not by the usual ways
        return False

"""What a gate has just looked at, for whoever wants to watch it: a window, a recorder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from facegate.domain.frames import Frame
from facegate.engine.states import GateView


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One round of a gate.

    Attributes:
        frame: the picture that was judged; None while the camera gives none that may decide.
        view: what to show from now on; its faces are where the last detection found them.
    """

    frame: Frame | None
    view: GateView


OnLook = Callable[[Look], None]
"""Told of every look, on the gate's thread, between two frames: it must be quick, and must not
write to the pixels."""


def nobody_looks(_: Look) -> None:
    """For gates that nobody watches."""

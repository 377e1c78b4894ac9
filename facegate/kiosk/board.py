"""What may be shown right now: the gate's newest look, until it is too old to be true.

No Qt here. The gate writes, the window reads, and neither waits for the other. A gate that hangs,
at a door's slow output or in a driver, cannot say that its words no longer hold; so they run out by
themselves, a welcome first of all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from facegate.domain.arrays import ImageArray
from facegate.domain.steady import steady_seconds
from facegate.engine.looks import Look
from facegate.engine.states import GateState, GateView

QUIET_S = 1.5
"""Without a new look for so long, what was said does not hold any more. A look takes a tenth of
that; a door's output may take two seconds."""

DEAD_S = 6.0
"""Without a new look for so long, something hangs, and the picture is not what stands there."""

WAIT = GateView(GateState.CHECKING, "One moment, please")
DEAD = GateView(GateState.OUT_OF_ORDER, "The door does not answer")


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What to draw.

    Attributes:
        view: state and words.
        bgr: (h, w, 3) uint8 picture that belongs to the view; None: none may be shown.
        stamp: another one whenever there is something else to draw.
    """

    view: GateView
    bgr: ImageArray | None
    stamp: tuple[int, str]


class Board:
    """Holds one look, the newest; older ones are dropped unseen. For any threads.

    Args:
        now_s: steady seconds.
    """

    def __init__(self, now_s: Callable[[], float] = steady_seconds) -> None:
        self._now_s = now_s
        self._guard = threading.Lock()
        self._look: Look | None = None
        self._told_s = now_s()
        self._count = 0

    def tell(self, look: Look) -> None:
        """The gate looked; a `facegate.engine.looks.OnLook`."""
        with self._guard:
            old, self._look, self._told_s = self._look, look, self._now_s()
            if old is None or look.frame is not old.frame or look.view is not old.view:
                self._count += 1

    def shown(self) -> Shown:
        """What holds right now."""
        with self._guard:
            look, age_s, count = self._look, self._now_s() - self._told_s, self._count
        if age_s >= DEAD_S:
            return Shown(DEAD, None, (count, "dead"))
        bgr = look.frame.bgr if look is not None and look.frame is not None else None
        if look is None or age_s >= QUIET_S:
            return Shown(WAIT, bgr, (count, "quiet"))
        if bgr is None and look.view.state is not GateState.OUT_OF_ORDER:
            return Shown(WAIT, None, (count, "opening"))  # nobody can look at it yet
        return Shown(look.view, bgr, (count, ""))

    def clear(self) -> None:
        """Let go of the picture, which shows somebody."""
        with self._guard:
            self._look, self._count = None, self._count + 1

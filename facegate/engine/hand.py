"""Opens the door without making the camera wait for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Protocol, TypeVar

from facegate.errors import DoorError

PROMPT_S = 0.25
"""Most outputs answer within this; slower ones are waited for beside the frames."""


class UnlockAnswer(Protocol):
    """What a door says to an order."""

    @property
    def opened(self) -> bool:
        """Whether it surely opened."""

    @property
    def detail(self) -> str:
        """Why it did not."""


Answer_co = TypeVar("Answer_co", bound=UnlockAnswer, covariant=True)


class Order(Protocol[Answer_co]):
    """An order under way; `concurrent.futures.Future` is one."""

    def result(self, timeout: float | None = None) -> Answer_co:
        """The answer; waits for it. Raises TimeoutError of concurrent.futures."""

    def done(self) -> bool:
        """Whether the answer is there."""


class Controller(Protocol):
    """Takes orders and carries them out on a thread of its own, never late."""

    def begin_unlock(self, reference: str) -> Order[UnlockAnswer]:
        """Ask to open the door; the answer is there within seconds."""


class DoorHand:
    """Gives orders to a door and hears of those that failed. One thread owns it.

    Args:
        controller: carries the orders out.
        on_failure: told of an order that failed after the visitor was welcomed.
    """

    def __init__(self, controller: Controller, on_failure: Callable[[str], None]) -> None:
        self._controller, self._on_failure = controller, on_failure
        self._waiting: list[Order[UnlockAnswer]] = []

    def unlock(self, reference: str) -> None:
        """Open the door for one pulse. Raises DoorError when it said at once that it did not."""
        order = self._controller.begin_unlock(reference)
        try:
            answer = order.result(PROMPT_S)
        except FutureTimeout:
            self._waiting.append(order)
            return
        if not answer.opened:
            raise DoorError(f"The door did not open: {answer.detail}.")

    def poll(self) -> None:
        """Hear the answers that came since."""
        done = [order for order in self._waiting if order.done()]
        self._waiting = [order for order in self._waiting if not order.done()]
        for order in done:
            answer = order.result()
            if not answer.opened:
                self._on_failure(f"the door did not open: {answer.detail}")

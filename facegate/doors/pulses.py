"""The part all outputs share: an unlock is a pulse, and the lock comes back by itself."""

from __future__ import annotations

import atexit
import contextlib
import threading
from abc import ABC, abstractmethod

from facegate.domain.steady import steady_seconds
from facegate.errors import DoorError

MAX_PULSE_S = 120.0
"""A longer pulse is refused: who wants a door open for longer wedges it, visibly."""

_SLICE_S = 0.25
_TURN_S = 0.5
_FIRST_RETRY_S = 0.25
_LAST_RETRY_S = 10.0


class PulsedOutput(ABC):
    """Locks when it is made, after each pulse, after any error, and when it is closed.

    A thread of its own ends the pulse, so a caller that hangs or forgets cannot leave the door
    open. It ends with the process: what `kill -9` leaves behind depends on the output and is
    written in the description of each. A lock that fails is tried again, for ever, ever slower.

    All methods may be called from any thread; one call moves the lock at a time.
    """

    def __init__(self) -> None:
        self._move = threading.RLock()
        self._wake = threading.Condition()
        self._locks_at: float | None = None
        self._retry_s = _FIRST_RETRY_S
        self._closed = False
        self._reference = ""
        self._thread: threading.Thread | None = None

    # what an output has to bring

    @abstractmethod
    def _open(self, pulse_s: float, reference: str) -> None:
        """Move the lock; return only when it is sure. Any exception counts as failure."""

    @abstractmethod
    def _shut(self, reference: str) -> None:
        """Lock, whatever the state is. Any exception counts as failure."""

    def _let_go(self) -> None:  # noqa: B027 - most outputs have nothing to give back
        """Give the device back; called once, locked or not."""

    def is_open(self) -> bool | None:
        """What the door contact says; None: this output has none. Raises DoorError."""
        return None

    # the contract

    def _start(self) -> None:
        """Lock, and begin to watch the pulses; the last line of each output's constructor.

        A broker or board that is not there yet is no reason to give up: it is locked as soon as
        it can be, and until then `unlock`, `lock` and `ensure_locked` say what is wrong.
        """
        with contextlib.suppress(DoorError):
            self._lock_once()
        self._thread = threading.Thread(target=self._watch, name="door relock", daemon=True)
        self._thread.start()
        atexit.register(self._close_at_exit)

    def unlock(self, pulse_s: float, reference: str) -> None:
        """Open for pulse_s seconds; a second call while open begins the time again.

        Args:
            pulse_s: in (0, 120] seconds until it locks again.
            reference: number of the receipt, for the other side's log.

        Raises:
            DoorError: it is not sure that the door opened; it is locked again in the background.
        """
        if not 0 < pulse_s <= MAX_PULSE_S:
            raise DoorError(f"A pulse lasts more than 0 and at most {MAX_PULSE_S:g} seconds.")
        # Whoever waits for another movement for longer would open the door late.
        if not self._move.acquire(timeout=_TURN_S):
            raise DoorError("The door's output is busy.")
        try:
            if self._closed:
                raise DoorError("This door's output is closed.")
            # The end of the pulse is set before the lock moves: if this thread dies in between,
            # the other one locks.
            self._plan(steady_seconds() + pulse_s, reference)
            try:
                self._open(pulse_s, reference)
            except Exception as error:
                self._plan(steady_seconds(), reference)
                raise as_door_error(error) from error
            self._plan(steady_seconds() + pulse_s, reference)
        finally:
            self._move.release()

    def lock(self) -> None:
        """Lock now, even if it is locked already. Raises DoorError; it is then tried again."""
        with self._move:
            if self._closed:
                return
            self._lock_once()

    def ensure_locked(self) -> None:
        """End a pulse that still runs; do nothing when it is locked for sure. Raises DoorError."""
        with self._move:
            with self._wake:
                at_rest = self._closed or self._locks_at is None
            if not at_rest:
                self._lock_once()

    def close(self) -> None:
        """Lock and let go of the device. May be called twice.

        Raises:
            DoorError: it could not be locked; the device was given back all the same.
        """
        trouble: Exception | None = None
        with self._move:
            if self._closed:
                return
            try:
                self._shut(self._reference)
            except Exception as error:
                trouble = error
            with self._wake:
                self._closed = True
                self._locks_at = None
                self._wake.notify_all()
            self._quietly_let_go()
        atexit.unregister(self._close_at_exit)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        if trouble is not None:
            raise as_door_error(trouble) from trouble

    # inside

    def _plan(self, at: float, reference: str) -> None:
        with self._wake:
            self._locks_at, self._reference = at, reference
            self._retry_s = _FIRST_RETRY_S
            self._wake.notify_all()

    def _lock_once(self) -> None:
        try:
            self._shut(self._reference)
        except Exception as error:
            with self._wake:
                self._locks_at = steady_seconds() + self._retry_s
                self._retry_s = min(self._retry_s * 2, _LAST_RETRY_S)
                self._wake.notify_all()
            raise as_door_error(error) from error
        with self._wake:
            self._locks_at, self._retry_s = None, _FIRST_RETRY_S

    def _watch(self) -> None:
        while True:
            with self._wake:
                if self._closed:
                    return
                left = None if self._locks_at is None else self._locks_at - steady_seconds()
                if left is None or left > 0:
                    # In slices: a wait does not notice that the machine slept meanwhile.
                    self._wake.wait(None if left is None else min(left, _SLICE_S))
                    continue
            with self._move:
                with self._wake:
                    again = self._locks_at is None or self._locks_at > steady_seconds()
                if again or self._closed:  # a new pulse began while this thread waited its turn
                    continue
                try:
                    self._lock_once()
                except DoorError:
                    continue  # planned anew; `ensure_locked` and `lock` tell whoever asks

    def _quietly_let_go(self) -> None:
        # It is locked, or known not to be; nothing is left to be done about the device.
        with contextlib.suppress(Exception):
            self._let_go()

    def _close_at_exit(self) -> None:
        with contextlib.suppress(DoorError):
            self.close()


def as_door_error(error: Exception) -> DoorError:
    """The same trouble as a DoorError with a sentence."""
    if isinstance(error, DoorError):
        return error
    return DoorError(f"The door's output failed ({type(error).__name__}: {error}).")

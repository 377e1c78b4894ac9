"""Keeps a network that nobody knows yet from running for ever or eating all memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_SILENT = 4  # onnxruntime would print its own account of every failure


@contextmanager
def time_limited(session: InferenceSession, limit_s: float) -> Iterator[Any]:
    """A session whose runs together end after a while, also when the network never would."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.log_severity_level = _SILENT

    def stop() -> None:
        options.terminate = True

    timer = threading.Timer(limit_s, stop)
    timer.daemon = True
    timer.start()
    try:
        yield _LimitedSession(session, options)
    finally:
        timer.cancel()


class _LimitedSession:
    """A session that passes options to every run."""

    def __init__(self, session: InferenceSession, options: Any) -> None:
        self._session, self._options = session, options
        self.get_inputs, self.get_outputs = session.get_inputs, session.get_outputs

    def run(self, names: Any, feed: Any) -> Any:
        return self._session.run(names, feed, self._options)


@contextmanager
def memory_limited(more_bytes: int) -> Iterator[None]:
    """Let this process take so much more address space and no more.

    On systems without such a limit (all but Linux) nothing happens.
    """
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        used = pages * resource.getpagesize()
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        limit = used + more_bytes
        limits = [one for one in (limit, soft, hard) if one != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    except (ImportError, OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

"""Runs the `facegate` command, here or in a process of its own."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO, Any
from unittest.mock import patch

from facegate.cli.main import main
from facegate.models import runtime

WIDE = {"COLUMNS": "200"}

_open_once = lru_cache(maxsize=8)(runtime.open_session)


@dataclass
class Ran:
    """A finished command.

    Attributes:
        code: its exit code.
        out, err: what it printed.
        loaded: the modules it imported; only known of processes.
    """

    code: int
    out: str
    err: str
    loaded: set[str] = field(default_factory=set)

    def json(self) -> Any:
        """The result, of a command with --json."""
        return json.loads(self.out)

    def lines(self) -> list[dict]:
        """The rows of JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def facegate(*arguments: object, typed: str = "") -> Ran:
    """Run the command in this process, through the entry point that people start.

    What differs from a process: libraries are there already, a network is loaded once,
    and a warning is an error. Both outputs are taken at their descriptors, so that nothing that a
    C library prints is missed.

    Args:
        arguments: of the command.
        typed: what its standard input holds.
    """
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    with ExitStack() as stack:
        stack.enter_context(patch.object(sys, "argv", ["facegate", *map(str, arguments)]))
        stack.enter_context(patch.dict(os.environ, WIDE))
        stack.enter_context(patch.object(sys, "stdin", io.StringIO(typed)))
        # Without handlers, warnings of the log go to standard error, as they do for people.
        stack.enter_context(patch.object(logging.root, "handlers", []))
        stack.enter_context(patch.object(runtime, "open_session", _open_once))
        out = stack.enter_context(_taken("stdout"))
        err = stack.enter_context(_taken("stderr"))
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            for number, handler in handlers:
                signal.signal(number, handler)
        ran = Ran(code, _text(out), _text(err))
    assert "Traceback" not in ran.err, ran.err
    return ran


def process(*arguments: object, typed: str = "") -> Ran:
    """Run the command as people do, in a process of its own.

    Args:
        arguments: of the command.
        typed: what its standard input holds.
    """
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "facegate", *map(str, arguments)],
        input=typed, capture_output=True, text=True, check=False, env={**os.environ, **WIDE},
    )  # fmt: skip
    told = re.compile(r"import time:.*\|(.*)\n")
    loaded = {name.strip() for name in told.findall(ran.stderr)}
    err = told.sub("", ran.stderr)
    assert "Traceback" not in err, err
    return Ran(ran.returncode, ran.stdout, err, loaded)


@contextmanager
def _taken(name: str) -> Iterator[IO[bytes]]:
    """Let a stream, and the descriptor below it, write into a file for a while."""
    number = {"stdout": 1, "stderr": 2}[name]
    with tempfile.TemporaryFile() as file:
        kept = os.dup(number)
        os.dup2(file.fileno(), number)
        stream = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        try:
            with patch.object(sys, name, stream):
                yield file
        finally:
            stream.close()
            os.dup2(kept, number)
            os.close(kept)


def _text(file: IO[bytes]) -> str:
    (sys.stdout.flush(), sys.stderr.flush())
    file.seek(0)
    return file.read().decode("utf-8")

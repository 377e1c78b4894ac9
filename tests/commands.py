"""Runs the `facegate` command as people do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any


@dataclass
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The result, of a command with --json."""
        return json.loads(self.out)

    def lines(self) -> list[dict]:
        """The rows of JSON Lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def facegate(*arguments: object) -> Ran:
    """Run the command in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "facegate", *map(str, arguments)],
        capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert "Traceback" not in ran.stderr, ran.stderr
    return Ran(ran.returncode, ran.stdout, ran.stderr)

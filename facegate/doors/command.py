"""`command:/path/program?arg=…` runs a program of the operator's; no shell reads its arguments.

    command:/usr/local/bin/door.sh
    command:/usr/local/bin/door.sh?arg={action}&arg=--seconds&arg={pulse_s}&timeout=1

The program is called with `unlock` and, after the pulse, with `lock`. Without `arg` its arguments
are the action, the door, the seconds and the reference. Placeholders are whole arguments: none is
pasted into a text that something could read in another way. It gets an almost empty environment.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from facegate.doors.pulses import PulsedOutput
from facegate.doors.secrets import OutputContext
from facegate.doors.spec import DoorSpec, Options
from facegate.errors import DoorError

_PLACEHOLDERS = ("{action}", "{door}", "{pulse_s}", "{reference}")
_SAFE_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class CommandSettings:
    """What is run.

    Attributes:
        program: absolute path.
        arguments: after the program; placeholders stand alone.
        timeout_s: after so long the program and its children are killed, which is a failure.
    """

    program: Path
    arguments: tuple[str, ...] = _PLACEHOLDERS
    timeout_s: float = 1.5


class CommandDoor(PulsedOutput):
    """Runs a program for each movement; exit code 0 says that it is done."""

    api_version = 1
    summary = "runs a program, without a shell"
    form = "command:/path/program[?arg={action}&arg=TEXT&timeout=S]"
    after_kill = "the program decides: it is told the seconds and should lock by itself"

    def __init__(self, settings: CommandSettings, context: OutputContext) -> None:
        super().__init__()
        self._settings, self._door = settings, context.door
        self._start()

    @classmethod
    def check(cls, spec: DoorSpec) -> CommandSettings:
        """Read the text; the program must be there and executable."""
        options = Options(spec, repeatable=("arg",))
        arguments = options.many("arg") or _PLACEHOLDERS
        timeout_s = options.number("timeout", 1.5, 0.05, 2)
        options.done()
        program = Path(spec.target)
        if not program.is_absolute():
            raise DoorError(f"command: needs an absolute path, not {spec.target!r}.")
        if not program.is_file() or not os.access(program, os.X_OK):
            raise DoorError(f"{program} is not a program that can be run.")
        for argument in arguments:
            inside = [one for one in _PLACEHOLDERS if one in argument and one != argument]
            if inside:
                raise DoorError(
                    f"{inside[0]} must be an argument of its own, not a part of {argument!r}."
                )
        return CommandSettings(program, arguments, timeout_s)

    def _open(self, pulse_s: float, reference: str) -> None:
        self._run("unlock", pulse_s, reference)

    def _shut(self, reference: str) -> None:
        self._run("lock", 0.0, reference)

    def _run(self, action: str, pulse_s: float, reference: str) -> None:
        values = {
            "{action}": action,
            "{door}": self._door,
            "{pulse_s}": f"{pulse_s:g}",
            "{reference}": reference,
        }
        arguments = [values.get(one, one).replace("\0", "") for one in self._settings.arguments]
        program = self._settings.program
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own program, no shell
                [str(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": _SAFE_PATH, "LANG": "C.UTF-8"},
                start_new_session=True,  # so that children are killed with it
            )
        except OSError as error:
            raise DoorError(f"{program} cannot be run ({error.strerror}).") from error
        try:
            code = process.wait(self._settings.timeout_s)
        except subprocess.TimeoutExpired as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise DoorError(
                f"{program} took longer than {self._settings.timeout_s:g} s to {action}; "
                "it was killed."
            ) from error
        if code != 0:
            raise DoorError(f"{program} ended with exit code {code} when asked to {action}.")

"""`facegate watch`: run a door, or several."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from facegate.cli.keypad import keypad_lines
from facegate.cli.output import remark
from facegate.cli.policy_options import complete_door
from facegate.cli.stream import queued_output
from facegate.cli.watch_output import JsonLines, Lines
from facegate.domain.keypad import KeypadEntry
from facegate.errors import CameraUnavailable, DoorError, FacegateError

if TYPE_CHECKING:
    from facegate.doorway import Doorway


def watch(
    door: Annotated[
        list[str],
        typer.Option(
            "--door",
            help="Name of the door, see `facegate doors`; give it again for each more.",
            autocompletion=complete_door,
        ),
    ],
    source: Annotated[
        str,
        typer.Option(
            "--source",
            help="Camera: a number, usb:ID, rtsp://…, http://…, a video file, a folder of pictures "
            "or test:. Empty: the door's own, as always with several doors.",
        ),
    ] = "",
    seconds: Annotated[
        float, typer.Option("--seconds", min=0, help="Stop after so long; 0: never.")
    ] = 0.0,
    pace: Annotated[
        str,
        typer.Option(
            "--pace",
            help="Of recordings: real, or fast as they can be read. Receipts then carry the "
            "recording's own time, which runs ahead of the clock. Empty: as the address says, or "
            "real.",
        ),
    ] = "",
    keypad: Annotated[
        bool,
        typer.Option(
            "--keypad",
            help="Take each line of standard input as a PIN, or as NUMBER*PIN where the PIN stands "
            "in for a face; numbers are in `facegate people show`.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print every event as a line of JSON.")
    ] = False,
) -> None:
    """Run a door: look at its camera, decide about visitors, open or say why not.

    Several doors share the networks; each has its own camera and its own thread. Ends with Ctrl-C,
    with SIGTERM, or when a recording is over; the doors are then locked.
    """
    from facegate.bootstrap import start
    from facegate.doorway import Doorway

    if pace not in {"", "real", "fast"}:
        raise typer.BadParameter("real or fast", param_hint="--pace")
    doors = list(dict.fromkeys(door))
    if len(doors) > 1 and (source or keypad):
        raise typer.BadParameter("goes with one door only", param_hint="--source and --keypad")
    stop = threading.Event()
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), lambda *_: stop.set())
    with queued_output() as output:
        shown = JsonLines(output) if as_json else Lines()
        first = start()
        try:
            with ExitStack() as stack:
                gates = [first, *(first.beside() for _ in doors[1:])]
                doorways = [
                    stack.enter_context(
                        Doorway(
                            gate, name, source, shown.event, pace=pace or None, has_keypad=keypad
                        )
                    )
                    for gate, name in zip(gates, doors, strict=True)
                ]
                for one in doorways:
                    _warn_of_pins(one, has_keypad=keypad)
                if seconds:
                    timer = threading.Timer(seconds, stop.set)
                    timer.daemon = True
                    timer.start()
                if keypad:
                    threading.Thread(target=_read_keypad, args=doorways, daemon=True).start()
                shown.begin(doorways, stop)
                _run(doorways, stop)
                was_told = stop.is_set()
        finally:
            stop.set()
            shown.clear()
        shown.end(doorways)  # they are locked by now
        _tell_ends(doorways, is_quiet=as_json, was_told=was_told)


def _run(doorways: Sequence[Doorway], stop: threading.Event) -> None:
    """Work until told to stop, or until all recordings are over; whatever fails ends all."""
    if len(doorways) == 1:
        doorways[0].run(stop)
        return

    def run(doorway: Doorway) -> None:
        try:
            doorway.run(stop)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(len(doorways), "door") as pool:
        list(pool.map(run, doorways))


def _tell_ends(doorways: Sequence[Doorway], *, is_quiet: bool, was_told: bool) -> None:
    """Say how each door was left.

    Args:
        doorways: closed by now.
        is_quiet: say only what went wrong.
        was_told: whether they were told to end, and did not end by themselves.
    """
    errors: list[FacegateError] = []
    for one in doorways:
        name, status = one.door.name, one.camera.status()
        if one.lock_fails:
            errors.append(DoorError(f"The output of {name!r} did not say that it locked."))
        elif not is_quiet:
            remark(f"{name} is locked; the camera: {status.state.value} ({status.detail}).")
        if not one.camera.is_live and not one.figures.frames and not was_told:
            why = "no picture could be read."
            errors.append(CameraUnavailable(one.camera.address, "unreadable", why))
    errors.sort(key=lambda error: not isinstance(error, DoorError))
    for error in errors[1:]:
        remark(str(error))
    if errors:
        raise errors[0]


def _warn_of_pins(doorway: Doorway, *, has_keypad: bool) -> None:
    from facegate.domain.doors import PinMode

    if doorway.door.pin is PinMode.SECOND_FACTOR and not has_keypad:
        remark(
            f"{doorway.door.name} asks for PINs, and nobody can enter one: run it with --keypad, "
            "or as a kiosk."
        )


def _read_keypad(doorway: Doorway) -> None:
    for line in keypad_lines(sys.stdin):
        if entry := KeypadEntry.from_line(line):
            doorway.enter(entry)

"""`facegate watch`: run a door."""

from __future__ import annotations

import signal
import sys
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.keypad import keypad_lines
from facegate.cli.output import console, json_line, plain, remark
from facegate.cli.stream import Output, queued_output
from facegate.domain.keypad import KeypadEntry

if TYPE_CHECKING:
    from facegate.doorway import Doorway
    from facegate.engine.states import GateEvent

STATUS_EVERY_S = 0.5

COLORS = {"welcome": "green", "out_of_order": "bold red", "locked_out": "red"}


def watch(
    door: Annotated[str, typer.Option("--door", help="Name of the door, see `facegate doors`.")],
    source: Annotated[
        str,
        typer.Option(
            "--source",
            help="Camera: a number, usb:ID, rtsp://…, http://…, a video file, a folder of pictures "
            "or test:. Empty: the door's own.",
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
            "recording's own time, which runs ahead of the clock.",
        ),
    ] = "real",
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

    Ends with Ctrl-C, with SIGTERM, or when a recording is over; the door is then locked.
    """
    from facegate.bootstrap import start
    from facegate.doorway import Doorway

    if pace not in {"real", "fast"}:
        raise typer.BadParameter("real or fast", param_hint="--pace")
    stop = threading.Event()
    for name in ("SIGTERM", "SIGINT"):
        signal.signal(getattr(signal, name), lambda *_: stop.set())
    with queued_output() as output:
        shown = _JsonLines(output) if as_json else _Lines()
        try:
            with Doorway(
                start(), door, source, shown.event, pace=pace, has_keypad=keypad
            ) as doorway:
                if seconds:
                    timer = threading.Timer(seconds, stop.set)
                    timer.daemon = True
                    timer.start()
                if keypad:
                    threading.Thread(target=_read_keypad, args=(doorway,), daemon=True).start()
                shown.begin(doorway, stop)
                status = doorway.run(stop)
        finally:
            stop.set()
            shown.clear()
        shown.end(doorway)  # the door is locked by now
        if not as_json:
            remark(f"{door} is locked; the camera: {status.state.value} ({status.detail}).")


def _read_keypad(doorway: Doorway) -> None:
    for line in keypad_lines(sys.stdin):
        if entry := KeypadEntry.from_line(line):
            doorway.enter(entry)


class _JsonLines:
    """Every event as a line of JSON; for logs and other programs."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def begin(self, doorway: Doorway, stop: threading.Event) -> None:
        """Nothing to show."""

    def event(self, event: GateEvent) -> None:
        """One line, as soon as the reader takes it; `dropped` counts the lines lost before it."""
        told = event.as_dict()

        def line(dropped: int) -> str:
            return json_line({**told, "dropped": dropped} if dropped else told)

        self._output.put(line)

    def clear(self) -> None:
        """Nothing to clear."""

    def end(self, doorway: Doorway) -> None:
        """Nothing to add."""


class _Lines:
    """A line for each decision and fault, and below them how the gate is right now."""

    def __init__(self) -> None:
        self._out = console()
        self._status: Any = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def begin(self, doorway: Doorway, stop: threading.Event) -> None:
        """Show the status line, on a terminal."""
        opened = f"{plain(doorway.door.name)} at {plain(doorway.camera.address)}"
        self._out.print(f"[bold]{opened}[/bold], output {plain(doorway.door.output)}")
        self._stop = stop
        if sys.stdout.isatty():
            self._status = self._out.status("starting …")
            self._status.start()
            self._thread = threading.Thread(target=self._refresh, args=(doorway,), daemon=True)
            self._thread.start()

    def event(self, event: GateEvent) -> None:
        """Print decisions and faults; states only move the status line."""
        if event.kind == "state":
            return
        time = event.at.astimezone().strftime("%H:%M:%S")
        color = COLORS.get(event.state.value, "yellow")
        details = event.details
        who = plain(details.get("person") or "")
        words = f"{time}  [{color}]{plain(event.message)}[/{color}]"
        if who:
            words += f"  {who}"
        more = [str(details[key]) for key in ("explanation", "detail") if details.get(key)]
        if details.get("elapsed_s") is not None:
            more.append(f"{details['elapsed_s']:.2f} s")
        if details.get("receipt"):
            more.append(f"receipt {details['receipt']}")
        self._out.print(f"{words}  [dim]{plain(', '.join(more))}[/dim]")

    def clear(self) -> None:
        """Take the status line away."""
        if self._thread is not None:
            self._thread.join(2 * STATUS_EVERY_S)
        if self._status is not None:
            self._status.stop()

    def end(self, doorway: Doorway) -> None:
        """Say how the loop did."""
        figures = doorway.figures
        self._out.print(
            f"[dim]{figures.frames} frames, {figures.frames_per_s:.1f} a second, "
            f"{doorway.camera.dropped} dropped[/dim]"
        )

    def _refresh(self, doorway: Doorway) -> None:
        while not self._stop.wait(STATUS_EVERY_S):
            view, camera = doorway.view, doorway.camera.status()
            line = f"{view.message}  [dim]camera {camera.state.value}, "
            line += f"{doorway.figures.frames_per_s:.0f} frames a second, "
            line += f"{datetime.now().astimezone():%H:%M:%S}[/dim]"
            if doorway.warning:
                line += f"  [yellow]{plain(doorway.warning)}[/yellow]"
            self._status.update(line)

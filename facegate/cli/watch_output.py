"""What `facegate watch` prints: lines for people, or JSON for programs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from facegate.cli.output import console, json_line, plain
from facegate.cli.stream import Output

if TYPE_CHECKING:
    from facegate.doorway import Doorway
    from facegate.engine.states import GateEvent

STATUS_EVERY_S = 0.5

COLORS = {"welcome": "green", "out_of_order": "bold red", "locked_out": "red"}


class JsonLines:
    """Every event as a line of JSON; for logs and other programs."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def begin(self, doorways: Sequence[Doorway], stop: threading.Event) -> None:
        """Nothing to show."""

    def event(self, event: GateEvent) -> None:
        """One line, as soon as the reader takes it; `dropped` counts the lines lost before it."""
        told = event.as_dict()

        def line(dropped: int) -> str:
            return json_line({**told, "dropped": dropped} if dropped else told)

        self._output.put(line)

    def clear(self) -> None:
        """Nothing to clear."""

    def end(self, doorways: Sequence[Doorway]) -> None:
        """Nothing to add."""


class Lines:
    """A line for each decision and fault, and below them how the gate is right now."""

    def __init__(self) -> None:
        self._out = console()
        self._status: Any = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._several = False

    def begin(self, doorways: Sequence[Doorway], stop: threading.Event) -> None:
        """Name the doors, and show the status line on a terminal."""
        for doorway in doorways:
            opened = f"{plain(doorway.door.name)} at {plain(doorway.camera.address)}"
            self._out.print(f"[bold]{opened}[/bold], output {plain(doorway.door.output)}")
        self._stop, self._several = stop, len(doorways) > 1
        if sys.stdout.isatty():
            self._status = self._out.status("starting …")
            self._status.start()
            self._thread = threading.Thread(target=self._refresh, args=(doorways,), daemon=True)
            self._thread.start()

    def event(self, event: GateEvent) -> None:
        """Print decisions and faults; states only move the status line."""
        if event.kind == "state":
            return
        time = event.at.astimezone().strftime("%H:%M:%S")
        color = COLORS.get(event.state.value, "yellow")
        details = event.details
        who = plain(details.get("person") or "")
        time += f"  {plain(event.door)}" if self._several else ""
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

    def end(self, doorways: Sequence[Doorway]) -> None:
        """Say how the loops did."""
        for doorway in doorways:
            figures = doorway.figures
            which = f"{plain(doorway.door.name)}: " if self._several else ""
            self._out.print(
                f"[dim]{which}{figures.frames} frames, {figures.frames_per_s:.1f} a second, "
                f"{doorway.camera.dropped} dropped[/dim]"
            )

    def _refresh(self, doorways: Sequence[Doorway]) -> None:
        while not self._stop.wait(STATUS_EVERY_S):
            now = f"{datetime.now().astimezone():%H:%M:%S}"
            lines = [self._status_of(doorway) for doorway in doorways]
            self._status.update("\n  ".join([f"{lines[0]}  [dim]{now}[/dim]", *lines[1:]]))

    def _status_of(self, doorway: Doorway) -> str:
        line = f"{plain(doorway.door.name)}: " if self._several else ""
        line += f"{doorway.view.message}  [dim]camera {doorway.camera.status().state.value}, "
        line += f"{doorway.figures.frames_per_s:.0f} frames a second[/dim]"
        return line + (f"  [yellow]{plain(doorway.warning)}[/yellow]" if doorway.warning else "")

"""`facegate kiosk`: run a door with a window for its visitors."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated

import typer

from facegate.cli.output import fail, remark
from facegate.cli.policy_options import complete_door
from facegate.errors import ConfigError, DoorError, FacegateError


def kiosk(
    door: Annotated[
        str,
        typer.Option(
            "--door", help="Name of the door, see `facegate doors`.", autocompletion=complete_door
        ),
    ],
    source: Annotated[
        str, typer.Option("--source", help="Camera, as in `facegate watch`. Empty: the door's own.")
    ] = "",
    keypad: Annotated[
        bool, typer.Option("--keypad/--no-keypad", help="Ask for PINs on the screen.")
    ] = True,
    full_screen: Annotated[
        bool,
        typer.Option(
            "--full-screen",
            "--fullscreen",
            help="Cover the whole screen; neither Escape nor Alt+F4 closes the window then.",
        ),
    ] = False,
    greet_by_name: Annotated[
        bool, typer.Option("--greet-by-name", help="Show the name of who is let in.")
    ] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0, help="Stop after so long; 0: never.")
    ] = 0.0,
) -> None:
    """Run a door as `facegate watch` does, and show visitors what the gate sees and says.

    Ends when the window is closed (Escape), with Ctrl-C or SIGTERM; the door is then locked, and
    it is said why it ended. A window that covers the screen ends with Ctrl-C or SIGTERM only.
    """
    _need_display()
    from facegate.bootstrap import start
    from facegate.doorway import Doorway
    from facegate.kiosk.board import Board
    from facegate.kiosk.run import LOST, GateHangs, run_window
    from facegate.kiosk.window import KioskWindow

    board = Board()
    doorway = Doorway(start(), door, source, has_keypad=keypad, on_look=board.tell)
    why = "the window failed"

    def say_how_it_is() -> None:
        board.clear()
        if doorway.lock_fails:
            remark(f"Nobody knows whether {door} is locked: see to it; {why}.")
        else:
            remark(f"{door} is locked; {why}.")

    def lost(words: str) -> None:
        try:
            doorway.close()
        finally:
            say_how_it_is()
            fail(f"The display is lost: {words}", "Start it again.", LOST)

    try:
        with doorway:
            try:
                why = run_window(
                    lambda closed: KioskWindow(
                        door, board.shown, doorway.enter, closed,
                        is_guarded=full_screen, greets_by_name=greet_by_name,
                    ),
                    doorway.run,
                    full_screen=full_screen,
                    seconds=seconds,
                    lost=lost,
                )  # fmt: skip
            finally:
                for name in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(name, signal.SIG_IGN)  # a second Ctrl-C breaks no locking off
    except GateHangs as error:
        why = "the gate hangs"
        raise FacegateError(str(error), hint="See to what hangs, then start it again.") from error
    finally:
        say_how_it_is()
    if doorway.lock_fails:
        raise DoorError(f"The output of {door!r} did not say that it locked.")


def _need_display() -> None:
    """Make sure that there is a Qt and a display, before anything of the door is touched."""
    hint = "`facegate watch` runs the door without a window."
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        raise ConfigError("There is no display for a window.", hint=hint)
    try:
        from facegate.kiosk.display import why_no_display
    except ImportError as error:
        raise ConfigError(
            f"The window needs PyQt6, which cannot be loaded ({error}).",
            hint="pip install 'facegate[kiosk]'",
        ) from error
    if why := why_no_display():
        raise ConfigError(f"No window can be shown: {why}", hint=hint)

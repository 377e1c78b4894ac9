"""`facegate kiosk`: run a door with a window for its visitors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from facegate.errors import ConfigError


def kiosk(
    door: Annotated[str, typer.Option("--door", help="Name of the door, see `facegate doors`.")],
    source: Annotated[
        str, typer.Option("--source", help="Camera, as in `facegate watch`. Empty: the door's own.")
    ] = "",
    keypad: Annotated[
        bool, typer.Option("--keypad/--no-keypad", help="Ask for PINs on the screen.")
    ] = True,
    full_screen: Annotated[
        bool, typer.Option("--full-screen", help="Cover the whole screen.")
    ] = False,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0, help="Stop after so long; 0: never.")
    ] = 0.0,
) -> None:
    """Run a door as `facegate watch` does, and show visitors what the gate sees and says.

    Ends when the window is closed, with Ctrl-C or SIGTERM; the door is then locked.
    """
    run_window = _with_qt()
    from facegate.bootstrap import start
    from facegate.camera.opening import open_camera
    from facegate.doorway import Doorway
    from facegate.kiosk.tap import TappedCamera
    from facegate.kiosk.window import KioskWindow

    gate = start()
    with gate.store.snapshot() as work:
        address = source or work.doors.by_name(door).source
    if not address:
        raise ConfigError(
            f"Nobody said where the camera of {door!r} is.",
            hint=f"`facegate kiosk --door {door} --source 0`, or `facegate doors set`.",
        )
    camera = open_camera(address)
    tapped = TappedCamera(camera, is_live=camera.is_live)
    with Doorway(gate, door, address, camera=tapped, has_keypad=keypad) as doorway:
        run_window(
            lambda closed: KioskWindow(door, doorway, lambda: tapped.newest, closed),
            doorway.run,
            full_screen=full_screen,
            seconds=seconds,
        )


def _with_qt() -> Callable[..., None]:
    """`facegate.kiosk.run.run_window`, where there is a Qt and a display."""
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        raise ConfigError(
            "There is no display for a window.", hint="`facegate watch` runs the door without one."
        )
    try:
        from facegate.kiosk.run import run_window
    except ImportError as error:
        raise ConfigError(
            f"The window needs PyQt6, which cannot be loaded ({error}).",
            hint="pip install 'facegate[kiosk]'",
        ) from error
    return run_window

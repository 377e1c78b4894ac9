"""`facegate cameras`: which cameras there are, and whether one works."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facegate.cli.output import JsonOption, console, plain, print_json, remark, table

if TYPE_CHECKING:
    from facegate.domain.frames import Frame
    from facegate.ports.devices import Camera

FIRST_PICTURE_S = 10.0
"""How long the first picture may take, however short one wants to watch."""

app = typer.Typer(help="Find cameras and try them.", no_args_is_help=True)


@app.command("list")
def list_cameras(as_json: JsonOption = False) -> None:
    """Show the cameras of this machine, with addresses that survive a restart."""
    from facegate.camera.devices import list_devices

    devices = list_devices()
    if as_json:
        print_json(
            [
                {
                    "address": one.address,
                    "number": one.number,
                    "stable_id": one.stable_id,
                    "name": one.name,
                    "virtual": one.virtual,
                    "main": one.main,
                }
                for one in devices
            ]
        )
        return
    if not devices:
        console().print("This system lists no cameras.")
        remark("Streams, files and `test:` need none; elsewhere than on Linux try the number 0.")
        return
    shown = table("address", "number", "name", "kind", right=["number"])
    for one in devices:
        kind = f"[yellow]virtual: {plain(one.virtual)}[/yellow]" if one.virtual else "camera"
        kind = kind if one.main else "[dim]side channel of a camera[/dim]"
        shown.add_row(plain(one.address), str(one.number), plain(one.name), kind)
    console().print(shown)


@app.command("check")
def check(
    address: Annotated[
        str,
        typer.Argument(
            help="0, usb:ID, rtsp://…, http://…, a video file, a folder of pictures, or test:.",
            show_default=False,
        ),
    ],
    seconds: Annotated[float, typer.Option(help="How long to watch.", min=0.2, max=3600)] = 3.0,
    save: Annotated[
        Path | None, typer.Option(help="Save one picture to this file (.jpg or .png).")
    ] = None,
    allow_virtual: Annotated[
        bool, typer.Option("--allow-virtual", help="Also open a virtual camera.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Open a source and say what comes: size, frames per second, state.

    Exit code 12 when no picture comes.
    """
    from facegate.camera.opening import open_camera
    from facegate.errors import CaptureError, InputError

    if save is not None and save.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
        raise InputError(f"{save}: pictures are saved as .jpg or .png.")
    with open_camera(address, allow_virtual=allow_virtual) as camera:
        frames, first, last, dropped = _watch(camera, seconds)
        status = camera.status()
    fps = (frames - 1) / (last.time_s - first.time_s) if first and last and frames > 1 else None
    if last and save is not None:
        _save(last, save)
    if as_json:
        print_json(
            {
                "address": camera.address,
                "state": status.state.value,
                "detail": status.detail,
                "frames": frames,
                "dropped": dropped,
                "width": last.bgr.shape[1] if last else None,
                "height": last.bgr.shape[0] if last else None,
                "fps": fps,
                "saved": str(save) if save and last else None,
            }
        )
    elif last:
        height, width = last.bgr.shape[:2]
        rate = f", {fps:.1f} frames a second" if fps else ""
        console().print(f"[bold]{plain(camera.address)}[/bold]: {width}x{height}{rate}")
        console().print(f"{status.state.value}: {plain(status.detail)}")
        if save:
            console().print(f"One picture is in {plain(save)}.")
    if not last:
        raise CaptureError(
            f"{camera.address} gives no pictures ({status.state.value}: {status.detail})",
            hint="`facegate cameras list` shows the cameras of this machine.",
        )


def _watch(camera: Camera, seconds: float) -> tuple[int, Frame | None, Frame | None, int]:
    """Take frames for some seconds.

    Returns:
        how many the source gave between the first and the last, both included; the first; the
        last; how many of them were dropped.
    """
    from facegate.domain.frames import CameraState

    first: Frame | None = None
    last: Frame | None = None
    begun = time.monotonic()
    until = begun + seconds
    while (now := time.monotonic()) < until or _may_still_come(camera, first, now - begun):
        frame = camera.next_frame(min(max(until - now, 0.05), 0.5))
        if frame is not None:
            if first is None:
                first, until = frame, time.monotonic() + seconds
            last = frame
        elif camera.status().state is CameraState.ENDED:
            break
    count = last.number - first.number + 1 if first and last else 0
    return count, first, last, camera.dropped


def _may_still_come(camera: Camera, first: Frame | None, waited_s: float) -> bool:
    """Whether it is too early to give up: cameras take a while to wake up."""
    from facegate.domain.frames import CameraState

    opening = camera.status().state in {CameraState.OPENING, CameraState.ASLEEP}
    return first is None and opening and waited_s < FIRST_PICTURE_S


def _save(frame: Frame, path: Path) -> None:
    from PIL import Image

    from facegate.cli.output import write_atomically

    buffer = io.BytesIO()
    kind = "PNG" if path.suffix.lower() == ".png" else "JPEG"
    Image.fromarray(frame.bgr[:, :, ::-1]).save(buffer, kind, quality=92)
    write_atomically(path, buffer.getvalue())

"""The one entry: from an address to a camera."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from facegate.camera.address import DEFAULT_FPS, CameraAddress, Pace, SourceKind, read_pace
from facegate.camera.backoff import Backoff
from facegate.camera.capture import CaptureCamera, Playback
from facegate.camera.devices import DeviceRoots
from facegate.camera.health import HealthRules
from facegate.camera.live import StreamSource, UsbSource
from facegate.camera.opencv import OPEN_TIMEOUT_S, READ_TIMEOUT_S
from facegate.camera.pattern import TestPattern
from facegate.camera.recordings import FileSource, FolderSource
from facegate.camera.source import Source
from facegate.camera.timing import Timing


def open_camera(
    address: str,
    *,
    pace: str | None = None,
    allow_virtual: bool = False,
    not_before: datetime | None = None,
    open_timeout_s: float = OPEN_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
    rules: HealthRules | None = None,
    backoff: Backoff | None = None,
    timing: Timing | None = None,
    roots: DeviceRoots | None = None,
) -> CaptureCamera:
    """Make a camera ready; `start` begins to read. Each has a thread of its own.

    Args:
        address: see `CameraAddress.parse`.
        pace: `real` or `fast`, goes before what the address says; only recordings and the test
            pattern can be fast.
        allow_virtual: trust virtual cameras, for tests; never at a door.
        not_before: when a fast recording begins at the earliest; see `Playback`.
        open_timeout_s: how long a stream may take to answer.
        read_timeout_s: how long a stream may pause before it is opened again.
        rules: when faults are called out; else those of its kind.
        backoff: waits between tries.
        timing: clocks.
        roots: where the system lists cameras.

    Raises:
        InputError: not an address.
        CameraUnavailable: a path at which there is nothing. A camera that is not there right now
            is no error: its status says so, and it is tried again.
    """
    parsed = CameraAddress.parse(address)
    if pace is not None and not parsed.is_live:
        parsed = replace(parsed, pace=read_pace(pace))
    source: Source
    if parsed.kind is SourceKind.USB:
        source = UsbSource(
            parsed.target,
            parsed.shown,
            parsed.size_wh,
            parsed.fps or DEFAULT_FPS,
            allow_virtual=allow_virtual,
            roots=roots,
        )
    elif parsed.kind is SourceKind.STREAM:
        source = StreamSource(parsed.target, parsed.shown, open_timeout_s, read_timeout_s)
    else:
        source = _recording(parsed)
    kind_rules = HealthRules() if parsed.is_live else HealthRules.for_recording()
    playback = Playback(parsed.is_live)
    if not parsed.is_live and parsed.pace is Pace.FAST:
        playback = Playback(live=False, fast=True, not_before=not_before)
    return CaptureCamera(source, parsed.shown, playback, rules or kind_rules, backoff, timing)


def _recording(parsed: CameraAddress) -> Source:
    if parsed.kind is SourceKind.FILE:
        return FileSource(Path(parsed.target), parsed.shown, parsed.fps)
    fps = parsed.fps or DEFAULT_FPS
    if parsed.kind is SourceKind.FOLDER:
        return FolderSource(Path(parsed.target), parsed.shown, fps)
    return TestPattern(parsed.size_wh, fps, parsed.frames)

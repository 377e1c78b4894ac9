"""`facegate bench live`: does the gate keep up with a camera here?"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.machine import processor_name
from facegate.cli.output import JsonOption, console, plain, print_json, remark, table

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.camera.capture import CaptureCamera
    from facegate.domain.frames import CameraStatus, Frame
    from facegate.engine.states import GateEvent

FILM_SIZE_WH = (1280, 720)
FILM_FPS = 30
DOOR = "bench"
MOST_VALUES = 120
"""Of memory, over the whole time; the first after ten seconds."""


def live(
    source: Annotated[
        str, typer.Option("--source", help="Camera or recording; else a generated visit at 720p.")
    ] = "",
    seconds: Annotated[float, typer.Option("--seconds", min=5, help="How long to measure.")] = 60.0,
    pad: Annotated[str, typer.Option("--pad", help="Attack check of the door.")] = "passive",
    as_json: JsonOption = False,
) -> None:
    """Run a whole gate on a clip at a camera's pace: latency, frames a second, memory, start.

    The generated clip shows an enrolled person (a public-domain portrait) walking up, again and
    again. Nothing is stored.
    """
    from facegate.bootstrap import start

    with tempfile.TemporaryDirectory(prefix="facegate-bench-") as name:
        folder = Path(name)
        gate = start().apart(folder)
        _set_up(gate, pad)
        address = source or str(_film(gate, folder))
        remark("Starting the program anew, to time its start …")
        cold_s = _cold_start_s(gate, address)
        remark(f"Running a door for {seconds:.0f} s …")
        figures = _measure(gate, address, seconds)
    figures["cold_start_s"] = cold_s
    figures["processor"] = processor_name()
    figures["threads"] = gate.settings.thread_count
    if as_json:
        print_json(figures)
        return
    shown = table("what", "measured", right=["measured"])
    for what, value in _rows(figures):
        shown.add_row(what, plain(value))
    console().print(shown)
    console().print(f"[dim]{plain(figures['processor'])}, {figures['threads']} thread(s)[/dim]")


def _rows(figures: dict[str, Any]) -> list[tuple[str, str]]:
    step, decided = figures["step_ms"], figures["decision_s"]
    answers = ", ".join(f"{reason} {count}" for reason, count in figures["reasons"].items())
    return [
        ("program start to first processed frame", _seconds(figures["cold_start_s"])),
        ("frames looked at", f"{figures['frames']} in {figures['seconds']:.0f} s"),
        ("frames a second", f"{figures['frames_per_s']:.1f}"),
        ("dropped by the camera's buffer", str(figures["dropped"])),
        ("too old when their turn came", str(figures["stale"])),
        ("one frame, median", f"{step['median']:.1f} ms"),
        ("one frame, 95 of 100", f"{step['p95']:.1f} ms"),
        ("decisions", answers or "none"),
        ("face appears to decision, median", _seconds(decided["median"])),
        ("face appears to decision, longest", _seconds(decided["max"])),
        ("memory after 10 s, at the end", _memory(figures["memory_mb"])),
        ("processor", f"{figures['cpu_share']:.2f} cores"),
    ]


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f} s"


def _memory(values: list[float]) -> str:
    return f"{values[0]:.0f} MB, {values[-1]:.0f} MB" if values else "unknown"


def _set_up(gate: FaceGate, pad: str) -> None:
    """One enrolled person and a door that lets everybody pass."""
    from facegate.domain.attacks import PadPolicy
    from facegate.domain.doors import Door
    from facegate.services.demo import COLLINS, enroll_portrait
    from facegate.services.policy_edit import PolicyEditor

    if pad not in [one.value for one in PadPolicy]:
        raise typer.BadParameter(", ".join(PadPolicy), param_hint="--pad")
    enroll_portrait(gate.enroller(), COLLINS)
    with gate.store.transaction() as work:
        door = Door(DOOR, pad=PadPolicy(pad))
        PolicyEditor(work, gate.clock()).add_door(door, everyone=True)
        work.commit()


def _film(gate: FaceGate, folder: Path) -> Path:
    """Two seconds of nobody, five of a visit, two of nobody, as a camera's MJPEG."""
    import cv2
    import numpy as np

    from facegate.services.demo import COLLINS
    from facegate.services.reading import main_face
    from facegate.vision.film import empty_scene, visit_film, with_noise
    from facegate.vision.images import load_image

    photo = load_image(COLLINS.path()).frame_bgr
    face = main_face(gate.reader.detect(photo), (photo.shape[1], photo.shape[0]))
    path = folder / "visit.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FILM_FPS, FILM_SIZE_WH)
    random, empty = np.random.default_rng(0), empty_scene(FILM_SIZE_WH)
    for _ in range(2 * FILM_FPS):
        writer.write(with_noise(empty, random))
    for frame in visit_film(photo, face.landmarks_xy, 5 * FILM_FPS, FILM_SIZE_WH):
        writer.write(frame)
    for _ in range(2 * FILM_FPS):
        writer.write(with_noise(empty, random))
    writer.release()
    return path


def _cold_start_s(gate: FaceGate, address: str) -> float | None:
    """From the start of a new program to the event that follows its first processed frame."""
    environment = {
        **os.environ,
        "FACEGATE_DATA_DIR": str(gate.settings.data_dir),
        "FACEGATE_MODELS_DIR": str(gate.settings.models_folder),
        "FACEGATE_ANCHOR_FILE": str(gate.settings.anchors),
    }
    command = [sys.executable, "-m", "facegate", "watch", "--door", DOOR, "--source", address]
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own program
        [*command, "--seconds", "20", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as program:
        line = program.stdout.readline() if program.stdout else b""
        taken = time.perf_counter() - began
        program.terminate()
    return taken if line else None


class _Again:
    """A camera that plays a recording again and again at its own pace."""

    is_live = True
    has_own_time = False

    def __init__(self, address: str) -> None:
        self._of = address
        self._camera = self._open()
        self._dropped = 0

    def _open(self) -> CaptureCamera:
        from facegate.camera.opening import open_camera

        return open_camera(self._of, pace="real")

    @property
    def address(self) -> str:
        """Of the recording."""
        return self._camera.address

    @property
    def dropped(self) -> int:
        """Over all rounds."""
        return self._dropped + self._camera.dropped

    def start(self) -> None:
        """Begin the first round."""
        self._camera.start()

    def next_frame(self, timeout_s: float) -> Frame | None:
        """The newest frame; begins another round when one is over."""
        from facegate.domain.frames import CameraState

        frame = self._camera.next_frame(timeout_s)
        if frame is None and self._camera.status().state is CameraState.ENDED:
            self._dropped += self._camera.dropped
            self._camera.close()
            self._camera = self._open()
            self._camera.start()
        return frame

    def status(self) -> CameraStatus:
        """Of the round that is played."""
        return self._camera.status()

    def close(self) -> None:
        """Stop."""
        self._camera.close()


def _measure(gate: FaceGate, address: str, seconds: float) -> dict[str, Any]:
    from facegate.doorway import Doorway

    # What is kept here would count as the gate's memory, so it is little.
    elapsed: list[float] = []
    reasons: Counter[str] = Counter()
    stop = threading.Event()
    memory: list[float] = []
    every_s = max(1, int(seconds) // MOST_VALUES)

    def count(event: GateEvent) -> None:
        if event.kind == "decision":
            reasons[str(event.details["reason"])] += 1
            if event.details.get("elapsed_s"):
                elapsed.append(event.details["elapsed_s"])

    def watch_memory() -> None:
        for number in range(int(seconds)):
            if stop.wait(1.0):
                return
            if number >= 10 and (number - 10) % every_s == 0:
                memory.append(_resident_mb())
        stop.set()

    with Doorway(gate, DOOR, on_event=count, camera=_Again(address)) as doorway:
        began, used = time.perf_counter(), time.process_time()
        threading.Thread(target=watch_memory, daemon=True).start()
        doorway.run(stop)
        taken, used = time.perf_counter() - began, time.process_time() - used
    figures = doorway.figures
    steps = sorted(1000 * value for value in figures.step_s)
    return {
        "seconds": taken,
        "frames": figures.frames,
        "frames_per_s": figures.frames_per_s,
        "dropped": doorway.camera.dropped,
        "stale": figures.stale,
        "detections": doorway.gate.detections,
        "step_ms": {
            "median": statistics.median(steps) if steps else None,
            "p95": steps[int(0.95 * (len(steps) - 1))] if steps else None,
            "max": steps[-1] if steps else None,
        },
        "reasons": dict(reasons),
        "decision_s": {
            "median": statistics.median(elapsed) if elapsed else None,
            "max": max(elapsed, default=None),
            "count": len(elapsed),
        },
        "memory_mb": memory,
        "cpu_share": used / taken,
    }


def _resident_mb() -> float:
    """Memory in use by this program, from /proc; 0 where there is none."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

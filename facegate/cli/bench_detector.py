"""`facegate bench detector`: what each step of finding faces costs here, beside other detectors."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.detector_options import (
    MaxFacesOption,
    MinFaceOption,
    TilesOption,
    ZoomOption,
    detector_settings,
)
from facegate.cli.machine import library_versions, processor_name
from facegate.cli.output import JsonOption, console, plain, print_json, remark, table

if TYPE_CHECKING:
    from facegate.domain.arrays import ImageArray
    from facegate.evaluation.timing import Timing
    from facegate.models.onnx_detector import OnnxFaceDetector

SIZES_WH = ((640, 640), (1280, 720), (1920, 1080))
"""The size that detectors are compared at, and the frames of two usual cameras."""

FACE_SHARE = 0.4
"""Height of the one face in those frames, in heights of the frame: a person at a door."""

WHOLE, NETWORK, MORE, LANDMARKS = "all of it", "network", "network, other looks", "landmarks"


def detector(
    rounds: Annotated[int, typer.Option("--rounds", min=3, help="Measurements of each.")] = 60,
    peers: Annotated[
        list[Path] | None,
        typer.Option("--peer", help="ONNX face detector (n, 3, h, w) to time in the same turns."),
    ] = None,
    tiles: TilesOption = None,
    zoom: ZoomOption = None,
    min_face_px: MinFaceOption = None,
    max_faces: MaxFacesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time every step of finding one near face: scaling, network, boxes, landmarks.

    All is measured in turns within one run. A peer's network is run alone, on the picture that
    ours gets, with as many threads: the fair ratio is that of the networks.
    """
    from facegate.bootstrap import start

    gate = start(**detector_settings(tiles, min_face_px, max_faces, zoom))
    threads = gate.settings.thread_count
    remark(f"Timing {rounds} rounds with {threads} thread(s) …")
    frames = [
        _measured(gate.detector, _frame(gate.detector, size_wh), peers or [], threads, rounds)
        for size_wh in SIZES_WH
    ]
    machine = {
        "processor": processor_name(),
        "threads": threads,
        "python": platform.python_version(),
        "libraries": library_versions(),
    }
    if as_json:
        models = {
            "detector": gate.detector_card.model_id,
            "landmarks": gate.landmarks_card.model_id,
        }
        print_json({"machine": machine, "models": models, "frames": frames})
        return
    shown = table(
        "frame", "step", "median", "quartiles", "ours to it",
        right=["median", "quartiles", "ours to it"],
    )  # fmt: skip
    for frame in frames:
        title = "{} x {}".format(*frame["size_wh"])
        for name, timing in frame["steps"].items():
            shown.add_row(title, plain(name), *_figures(timing), "")
            title = ""
        for name, timing in frame["peers"].items():
            shown.add_row("", plain(f"peer {name}"), *_figures(timing), f"{timing['ratio']:.2f}")
    console().print(shown)
    console().print(f"[dim]{plain(machine['processor'])}, {threads} thread(s)[/dim]")


def _figures(timing: dict[str, Any]) -> tuple[str, str]:
    low, high = timing["quartiles_ms"]
    return f"{timing['median_ms']:.2f} ms", f"{low:.2f} … {high:.2f}"


def _frame(detector: OnnxFaceDetector, size_wh: tuple[int, int]) -> ImageArray:
    """A wall with one person near: a public-domain portrait, scaled to FACE_SHARE."""
    import cv2
    import numpy as np

    from facegate.services.demo import COLLINS
    from facegate.services.reading import main_face
    from facegate.vision.film import empty_scene
    from facegate.vision.images import load_image

    photo = load_image(COLLINS.path()).frame_bgr
    face = main_face(detector.detect(photo), (photo.shape[1], photo.shape[0]))
    x1, y1, x2, y2 = (float(value) for value in face.bbox_xyxy)
    scale = FACE_SHARE * size_wh[1] / (y2 - y1)
    shift = np.array(size_wh) / 2 - scale * np.array([(x1 + x2) / 2, (y1 + y2) / 2])
    matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    frame = empty_scene(size_wh).copy()
    cv2.warpAffine(photo, matrix, size_wh, dst=frame, borderMode=cv2.BORDER_TRANSPARENT)
    return frame


def _measured(
    detector: OnnxFaceDetector, frame: ImageArray, peers: list[Path], threads: int, rounds: int
) -> dict[str, Any]:
    """One frame's steps and peers, timed in turns."""
    from facegate.evaluation.timing import time_in_turns

    looks = detector.looks(frame)
    looks += detector.zooms([detector.look(frame, look) for look in looks], looks)
    canvases = [detector.canvas(frame, look) for look in looks]
    cells = [detector.cells(canvas) for canvas in canvases]
    found = [detector.candidates(one, look) for one, look in zip(cells, looks, strict=True)]
    faces = detector.merged(found)

    def boxes() -> object:
        return detector.merged(
            [detector.candidates(one, look) for one, look in zip(cells, looks, strict=True)]
        )

    steps: dict[str, Callable[[], object]] = {
        WHOLE: partial(detector.detect, frame),
        "scaling": lambda: [detector.canvas(frame, look) for look in looks],
        NETWORK: lambda: detector.cells(canvases[0]),
        "boxes": boxes,
        LANDMARKS: lambda: detector.refined(frame, faces),
    }
    if len(looks) > 1:
        steps[MORE] = lambda: [detector.cells(canvas) for canvas in canvases[1:]]
    height, width = canvases[0].shape[:2]
    runs = {peer.stem: peer_run(peer, (1, 3, height, width), threads) for peer in peers}
    names = [name for name, run in runs.items() if run is not None]
    timings = time_in_turns(
        {**steps, **{f"peer {name}": run for name, run in runs.items() if run is not None}}, rounds
    )
    ours = timings[NETWORK].median_ms
    return {
        "size_wh": [frame.shape[1], frame.shape[0]],
        "seen_wh": [width, height],
        "looks": len(looks),
        "faces": len(detector.refined(frame, faces)),
        "steps": {name: timings[name].as_dict() for name in steps},
        "peers": {name: _beside(timings[f"peer {name}"], ours) for name in names},
    }


def _beside(timing: Timing, ours_ms: float) -> dict[str, Any]:
    """A peer's timing, with the ratio of our network's time to it; below 1 is faster."""
    return {**timing.as_dict(), "ratio": round(ours_ms / timing.median_ms, 4)}


def peer_run(path: Path, shape: tuple[int, ...], threads: int) -> Callable[[], object] | None:
    """A run of somebody's network on noise, or None (with a remark) when it refuses the size."""
    import numpy as np

    from facegate.errors import InputError, ModelError
    from facegate.models.runtime import open_session

    if not path.is_file():
        raise InputError(f"{path}: there is no such file.")
    session = open_session(path.read_bytes(), threads)
    name = session.get_inputs()[0].name
    noise = np.random.default_rng(0).random(shape, dtype=np.float32)
    try:
        session.run(None, {name: noise})
    except Exception as error:  # onnxruntime's errors have no common public base
        if isinstance(error, ModelError):
            raise
        remark(f"{path.name} does not take {shape}; left out there.")
        return None
    return lambda: session.run(None, {name: noise})

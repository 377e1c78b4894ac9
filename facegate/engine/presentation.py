"""Watches one presentation at a camera, for as long as an operator shows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from facegate.domain.attacks import AttackVerdict
from facegate.engine.attack_check import AttackCheck
from facegate.ports.devices import Camera, Detector
from facegate.services.reading import main_face

_WAIT_S = 0.25


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen of one presentation.

    Attributes:
        verdict: of the frames with a face; None when there was none.
        frames: live frames looked at.
        without_face: of these.
        camera: how the camera was at the end.
    """

    verdict: AttackVerdict | None
    frames: int
    without_face: int
    camera: str


def watch_presentation(
    camera: Camera,
    detector: Detector,
    check: AttackCheck,
    limit_s: float,
    now_s: Callable[[], float] = time.monotonic,
) -> Watched:
    """Look for a while, at frames of a live camera only; frames from before are thrown away.

    Args:
        camera: started before.
        detector: finds faces.
        check: a new one.
        limit_s: how long.
        now_s: a clock that never goes back.
    """
    while camera.next_frame(0.0) is not None:  # what lay in the buffer shows what came before
        if not camera.status().state.may_decide:
            break
    began = now_s()
    frames = without = 0
    while now_s() - began < limit_s:
        frame = camera.next_frame(_WAIT_S)
        if frame is None or not camera.status().state.may_decide:
            continue
        frames += 1
        faces = detector.detect(frame.bgr)
        if not faces:
            without += 1
            continue
        height, width = frame.bgr.shape[:2]
        check.add(frame, main_face(faces, (width, height)))
    verdict = check.verdict() if frames > without else None
    return Watched(verdict, frames, without, camera.status().state.value)

"""Runs networks of Silent-Face's kind, to measure them beside ours; never at the gate.

Source:
    minivision-ai/Silent-Face-Anti-Spoofing, Apache-2.0: crops of 80 pixels, BGR 0 to 255, of the
    face's box enlarged and moved into the picture; of three probabilities the second is that of a
    real face, and several networks' probabilities are averaged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.faces import DetectedFace
from facegate.errors import ModelError
from facegate.models.registry import DIGEST_LETTERS
from facegate.models.runtime import open_session

SIDE_PX = 80
LIVE = 1


class SilentFacePeers:
    """One or several such networks, each with the zoom of its crop.

    A picture is live when the mean probability of LIVE is the largest of the three; the score is
    that probability, moved below one half otherwise, so that one half is the limit.

    Args:
        files: ONNX files (n, 3, 80, 80) float to (n, 3) probabilities, by zoom.
        threads: threads that one run may use.
    """

    def __init__(self, files: Sequence[tuple[float, Path]], threads: int) -> None:
        self._sessions = []
        digest = hashlib.sha256()
        for zoom, path in files:
            try:
                weights = path.read_bytes()
            except OSError as error:
                raise ModelError(f"The peer {path} cannot be read ({error.strerror}).") from error
            digest.update(weights)
            session = open_session(weights, threads)
            self._sessions.append((zoom, session, session.get_inputs()[0].name))
        names = "+".join(path.stem for _, path in files)
        self.model_id = f"{names}@{digest.hexdigest()[:DIGEST_LETTERS]}"

    def scores(self, frame_bgr: ImageArray, faces: Sequence[DetectedFace]) -> FloatArray:
        """Score each face, see `facegate.ports.devices.AttackDetector`."""
        return np.array(
            [
                self._score([_crop(frame_bgr, face, zoom) for zoom, _, _ in self._sessions])
                for face in faces
            ],
            np.float32,
        )

    def score_whole(self, image_bgr: ImageArray) -> float:
        """Score of a picture that was cut before: resized whole, for every network."""
        small = np.asarray(cv2.resize(image_bgr, (SIDE_PX, SIDE_PX)), np.uint8)
        return self._score([small] * len(self._sessions))

    def _score(self, crops_bgr: Sequence[ImageArray]) -> float:
        total = np.zeros(3)
        for (_, session, name), crop in zip(self._sessions, crops_bgr, strict=True):
            batch = np.ascontiguousarray(crop.transpose(2, 0, 1)[np.newaxis], np.float32)
            try:
                total += session.run(None, {name: batch})[0][0]
            except Exception as error:  # onnxruntime's errors have no common public base
                raise ModelError(f"A peer failed to run: {error}") from error
        mean = total / len(self._sessions)
        live = float(mean[LIVE])
        if mean.argmax() == LIVE:
            return max(live, 0.5)
        return min(live, float(np.nextafter(np.float32(0.5), np.float32(0))))


def _crop(frame_bgr: ImageArray, face: DetectedFace, zoom: float) -> ImageArray:
    height, width = frame_bgr.shape[:2]
    x1, y1, x2, y2 = (float(value) for value in face.bbox_xyxy)
    box_w, box_h = max(1.0, x2 - x1), max(1.0, y2 - y1)
    zoom = min((height - 1) / box_h, (width - 1) / box_w, zoom)
    new_w, new_h = box_w * zoom, box_h * zoom
    left = min(max((x1 + x2 - new_w) / 2, 0.0), width - 1 - new_w)
    top = min(max((y1 + y2 - new_h) / 2, 0.0), height - 1 - new_h)
    right, bottom = int(left + new_w), int(top + new_h)
    part = frame_bgr[int(top) : bottom + 1, int(left) : right + 1]
    return np.asarray(cv2.resize(part, (SIDE_PX, SIDE_PX)), np.uint8)

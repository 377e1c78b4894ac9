"""Stand-ins for the networks: solid pictures whose color says who is in them.

The red value (in tens) is the person, the green value a small change of the same person, and the
blue value how many faces there are: 0 none, 1 two, anything else one.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from PIL import Image

from facegate.domain.decisions import Rate, Threshold
from facegate.domain.faces import DetectedFace
from facegate.domain.quality import QualityRules
from facegate.vision.align import TEMPLATE_112

MODEL = "fake-embedder@000000000000"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
DIM = 32

ANY_QUALITY = QualityRules(
    min_face_px=0,
    min_sharpness=0,
    min_brightness=0,
    max_brightness=1,
    min_contrast=0,
    min_visible=0,
    max_yaw_deg=90,
    max_pitch_deg=90,
    max_roll_deg=180,
)


def clock() -> datetime:
    """A clock that stands."""
    return NOW


def picture(path: Path, person: int, change: int = 0, faces: int = 1, side: int = 300) -> Path:
    """Write a solid picture (PNG: its colors survive)."""
    blue = {0: 0, 1: 200, 2: 1}[faces]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), (person * 10, change, blue)).save(path)
    return path


def face_at(x: float, y: float, size: float, score: float = 0.9) -> DetectedFace:
    """An upright face in a square."""
    landmarks = TEMPLATE_112 * (size / 112) + (x, y)
    return DetectedFace(np.array([x, y, x + size, y + size]), landmarks, score)


class FakeDetector:
    """Finds as many faces as the blue value says."""

    model_id = "fake-detector@000000000000"

    def detect(self, frame_bgr: np.ndarray) -> list[DetectedFace]:
        """One large face, or two, or none."""
        height, width = frame_bgr.shape[:2]
        blue = int(frame_bgr[height // 2, width // 2, 0])
        if blue == 0 or min(height, width) < 20:
            return []
        large = face_at(width * 0.1, height * 0.1, min(width, height) * 0.5)
        second = face_at(width * 0.6, height * 0.6, min(width, height) * 0.35)
        return [large, second] if blue == 1 else [large]


class FakeEmbedder:
    """The person decides the direction, the change turns it a little."""

    model_id = MODEL

    def embed(self, crops_rgb: np.ndarray) -> np.ndarray:
        """(n, 112, 112, 3) to (n, DIM)."""
        return np.stack([embedding(*crop[56, 56, :2].tolist()) for crop in crops_rgb])


def embedding(red: int, green: int = 0) -> np.ndarray:
    """The vector of a person and a change; 255 changes turn it by 45 degrees."""
    vector = np.zeros(DIM, np.float32)
    vector[red // 10] = 1.0
    vector[DIM - 1] = green / 255
    return vector / np.linalg.norm(vector)


def threshold(tau: float = 0.6, margin: float = 0.05, model_id: str = MODEL) -> Threshold:
    """A threshold with made-up figures."""
    rate = Rate(1, 100, 0.0, 0.05)
    return Threshold(tau, margin, model_id, "f1", 0.99, rate, rate, "made up", NOW)

"""People who turn their heads, as a challenge asks."""

from __future__ import annotations

import numpy as np
from scenes import Place, Scene

from facegate.engine.challenge import Movement
from facegate.engine.states import GateState
from facegate.vision.align import TEMPLATE_112


def turned(place: Place, yaw_deg: float, pitch_deg: float = 0.0) -> Place:
    """Turn the head: the landmarks of a solid head, seen from afar."""
    depth = np.array([0.0, 0.0, 16.0, 3.0, 3.0])
    points = np.column_stack([TEMPLATE_112, depth])
    center = points.mean(axis=0)
    a, b = np.radians([yaw_deg, pitch_deg])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    moved = (points - center) @ about_y.T @ about_x.T + center
    place.landmarks = (moved[:, :2] * (place.size / 112) + (place.x, place.y)).astype(np.float32)
    return place


def follow(scene: Scene, person: int, *, wrong: bool = False, mover: int = 0) -> None:
    """Do what the gate asks for, until it asks no more; `mover` makes the movements instead."""
    doing = {
        Movement.TURN_LEFT.words: lambda: turned(Place(mover or person), 28),
        Movement.TURN_RIGHT.words: lambda: turned(Place(mover or person), -28),
        Movement.NOD.words: lambda: turned(Place(mover or person), 0, 22),
        Movement.COME_CLOSER.words: lambda: Place(mover or person, x=180, y=100, size=210),
    }
    closer = False
    for _ in range(40):
        if scene.gate.view.state is not GateState.CHALLENGE:
            return
        words = scene.gate.view.message
        if wrong:
            words = next(other for other in doing if other != words)
        place = doing.get(words, lambda: turned(Place(person), 0))()
        closer |= words == Movement.COME_CLOSER.words
        if closer and words != Movement.COME_CLOSER.words:
            place = Place(person, x=180, y=100, size=210)
            angles = {Movement.TURN_LEFT.words: (28, 0), Movement.TURN_RIGHT.words: (-28, 0),
                      Movement.NOD.words: (0, 22)}.get(words, (0, 0))  # fmt: skip
            turned(place, *angles)
        scene.run(0.2, place)

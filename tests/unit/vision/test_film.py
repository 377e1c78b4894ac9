from __future__ import annotations

import numpy as np
from fakes import face_at

from facegate.vision.film import NOISE, empty_scene, visit_film, with_noise


def test_no_two_frames_are_the_same() -> None:
    random = np.random.default_rng(1)
    scene = empty_scene((320, 240))
    frames = [with_noise(scene, random) for _ in range(20)]
    assert len({frame.tobytes() for frame in frames}) == 20
    spread = np.std(frames[0].astype(float) - scene)
    assert abs(spread - NOISE) < 0.5


def test_a_visitor_comes_closer_and_stays_in_the_middle() -> None:
    photo = np.full((250, 250, 3), 120, np.uint8)
    face = face_at(80, 70, 90)
    nose = face.landmarks_xy[2].round().astype(int)
    photo[nose[1] - 6 : nose[1] + 6, nose[0] - 6 : nose[0] + 6] = (0, 0, 255)
    areas = []
    for frame in visit_film(photo, face.landmarks_xy, 30, (640, 360)):
        red = (frame[..., 2].astype(int) - frame[..., 1]) > 100
        y, x = (float(one.mean()) for one in np.nonzero(red))
        assert abs(x - 320) < 40
        assert abs(y - 180) < 40
        areas.append(int(red.sum()))
    assert areas[-1] > 1.8 * areas[0]


def test_the_same_seed_makes_the_same_film() -> None:
    photo = np.full((100, 100, 3), 90, np.uint8)
    films = [
        [
            frame.tobytes()
            for frame in visit_film(photo, face_at(30, 30, 40).landmarks_xy, 5, seed=s)
        ]
        for s in (3, 3, 4)
    ]
    assert films[0] == films[1] != films[2]

from __future__ import annotations

import numpy as np
from fakes import face_at
from hypothesis import given, settings
from hypothesis import strategies as st

from facegate.engine.tracker import Tracker


def test_a_face_keeps_its_number_while_it_moves_and_grows() -> None:
    tracker = Tracker()
    for step in range(40):
        tracker.update([face_at(100 + 9 * step, 80, 100 + 2 * step)], step / 15)
    (track,) = tracker.tracks
    assert (track.number, track.sightings) == (1, 40)


def test_a_short_gap_is_bridged_and_a_long_one_is_not() -> None:
    tracker = Tracker(max_gap_s=0.5)
    tracker.update([face_at(100, 100, 100)], 0.0)
    assert tracker.update([], 0.4) == []
    tracker.update([face_at(104, 100, 100)], 0.45)
    assert tracker.tracks[0].number == 1
    (lost,) = tracker.update([], 1.0)
    assert lost.number == 1
    tracker.update([face_at(104, 100, 100)], 1.1)
    assert tracker.tracks[0].number == 2


def test_two_people_keep_their_numbers_side_by_side() -> None:
    tracker = Tracker()
    for step in range(20):
        time_s = step / 15
        left, right = face_at(50 + step, 100, 90), face_at(300 - step, 100, 120)
        tracker.update([left, right] if step % 2 else [right, left], time_s)
    by_number = {track.number: float(track.face.bbox_xyxy[0]) for track in tracker.tracks}
    assert sorted(by_number) == [1, 2]
    assert tracker.tracks[0].face.area_px > tracker.tracks[1].face.area_px


def test_somebody_behind_does_not_take_over_the_number() -> None:
    tracker = Tracker()
    tracker.update([face_at(100, 100, 200)], 0.0)
    tracker.update([face_at(150, 150, 90)], 0.05)  # inside the first one's box, but far smaller
    assert {track.number for track in tracker.tracks} == {1, 2}


def test_time_that_goes_back_loses_everybody() -> None:
    tracker = Tracker()
    tracker.update([face_at(100, 100, 100)], 5.0)
    (lost,) = tracker.update([face_at(100, 100, 100)], 1.0)
    assert lost.number == 1
    assert tracker.tracks[0].number == 2


places = st.tuples(st.floats(0, 500), st.floats(0, 300), st.floats(10, 300))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(places, max_size=5), max_size=8))
def test_every_face_has_one_track_of_its_own(looks: list[list[tuple[float, float, float]]]) -> None:
    tracker = Tracker()
    numbers: set[int] = set()
    for step, look in enumerate(looks):
        faces = [face_at(*place) for place in look]
        tracker.update(faces, step / 15)
        seen = [track for track in tracker.tracks if track.last_s == step / 15]
        assert len(seen) == len(faces)
        found = {tuple(np.round(face.bbox_xyxy, 3)) for face in faces}
        assert {tuple(np.round(track.face.bbox_xyxy, 3)) for track in seen} == found
        new = {track.number for track in tracker.tracks} - numbers
        assert all(number > max(numbers, default=0) for number in new)
        numbers |= new

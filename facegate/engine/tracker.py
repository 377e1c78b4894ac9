"""Follows faces from frame to frame, so that what was seen of one stays with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.faces import DetectedFace
from facegate.domain.overlaps import iou_matrix

MIN_OVERLAP = 0.2
"""Least overlap of a face with where its track expects it."""

REACH = 0.6
"""A face that overlaps nothing still belongs to a track whose expected center is this close, in
widths of the face: a quick step to the side."""

MAX_GROWTH = 1.6
"""Largest change of a face's width between two looks; two people one behind the other differ more.
"""


@dataclass(slots=True)
class Track:
    """One face in view.

    Attributes:
        number: counts from 1, never used twice.
        face: as it was seen last.
        first_s, last_s: when it was seen first and last, seconds of the frames' clock.
        sightings: how often it was detected.
        velocity: (4,) pixels a second of the box's sides.
    """

    number: int
    face: DetectedFace
    first_s: float
    last_s: float
    sightings: int = 1
    velocity: FloatArray = field(default_factory=lambda: np.zeros(4, np.float32))

    def expected_xyxy(self, time_s: float) -> FloatArray:
        """Where the box should be by now, (4,) pixels."""
        return self.face.bbox_xyxy + self.velocity * np.float32(time_s - self.last_s)


class Tracker:
    """Assigns detected faces to tracks, one to one.

    Pairs are taken greedily, best first: with the few faces at a door that differs from the optimal
    assignment only where two people cross, and there neither can be trusted; the identity check
    of every visit starts anew when a track shows another face.

    Args:
        max_gap_s: a track that was not seen for longer is lost.
    """

    def __init__(self, max_gap_s: float = 0.7) -> None:
        self._max_gap_s = max_gap_s
        self._tracks: list[Track] = []
        self._count = 0

    @property
    def tracks(self) -> list[Track]:
        """The faces in view, largest first."""
        return sorted(self._tracks, key=lambda track: -track.face.area_px)

    def update(self, faces: Sequence[DetectedFace], time_s: float) -> list[Track]:
        """Take over what a detector found in a frame.

        Args:
            faces: all of them; may be empty.
            time_s: of the frame; a step back loses all tracks.

        Returns:
            The tracks that were lost with this frame.
        """
        if any(time_s < track.last_s for track in self._tracks):
            lost, self._tracks = self._tracks, []
            self._begin(faces, range(len(faces)), time_s)
            return lost
        pairs = self._pairs(faces, time_s)
        for place, number in pairs.items():
            self._follow(self._tracks[place], faces[number], time_s)
        lost = self.expire(time_s)
        self._begin(faces, sorted(set(range(len(faces))) - set(pairs.values())), time_s)
        return lost

    def expire(self, time_s: float) -> list[Track]:
        """Let go of the tracks that were not seen for too long, without a look."""
        lost = [track for track in self._tracks if time_s - track.last_s > self._max_gap_s]
        self._tracks = [track for track in self._tracks if track not in lost]
        return lost

    def _pairs(self, faces: Sequence[DetectedFace], time_s: float) -> dict[int, int]:
        if not faces or not self._tracks:
            return {}
        expected = np.stack([track.expected_xyxy(time_s) for track in self._tracks])
        found = np.stack([face.bbox_xyxy for face in faces])
        overlap = iou_matrix(expected, found)
        centers = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (expected, found)]
        widths = [np.maximum(boxes[:, 2] - boxes[:, 0], 1.0) for boxes in (expected, found)]
        apart = np.linalg.norm(centers[0][:, None] - centers[1][None], axis=2) / widths[1][None]
        growth = widths[0][:, None] / widths[1][None]
        alike = (growth < MAX_GROWTH) & (growth > 1 / MAX_GROWTH)
        near = np.where(
            overlap >= MIN_OVERLAP, 1.0 + overlap, np.where(apart < REACH, 1 - apart, 0)
        )
        worth = np.where(alike, near, 0.0)
        pairs: dict[int, int] = {}
        for flat in np.argsort(-worth, axis=None, kind="stable"):
            place, number = (int(one) for one in np.unravel_index(flat, worth.shape))
            if worth[place, number] <= 0:
                break
            if place not in pairs and number not in pairs.values():
                pairs[place] = number
        return pairs

    def _follow(self, track: Track, face: DetectedFace, time_s: float) -> None:
        passed_s = time_s - track.last_s
        if passed_s > 0:
            moved = (face.bbox_xyxy - track.face.bbox_xyxy) / np.float32(passed_s)
            track.velocity = np.asarray(0.5 * track.velocity + 0.5 * moved, np.float32)
        track.face, track.last_s = face, time_s
        track.sightings += 1

    def _begin(self, faces: Sequence[DetectedFace], numbers: Sequence[int], time_s: float) -> None:
        for number in numbers:
            self._count += 1
            self._tracks.append(Track(self._count, faces[number], time_s, time_s))

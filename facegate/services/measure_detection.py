"""Runs detectors over scenes, portraits and folders: all on the same pixels, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.detections import Detections
from facegate.domain.faces import DetectedFace
from facegate.errors import UnreadableImage
from facegate.evaluation.detection import SceneResult, match_scene
from facegate.evaluation.detection_labels import LabeledScene
from facegate.evaluation.landmark_lists import MarkedFace
from facegate.evaluation.timing import Timing
from facegate.ports.devices import Detector
from facegate.services.reading import load_ahead
from facegate.vision.images import LoadedImage, load_image

Watch = Callable[[Iterable[Path], int], Iterable[Path]]
"""Sees pictures go by, for a progress bar."""

DECODING = "decoding"
MARKED_BORDER = 0.5
"""Pictures cut to one face get so much of their sides as a border: to a detector that was taught
faces in scenes, a face that is all of the picture is a thing apart."""


class Looks(Protocol):
    """Finds faces in a picture and says how long each stage took."""

    def look(self, frame_bgr: ImageArray) -> tuple[Detections, dict[str, float]]:
        """Detections of a (h, w, 3) uint8 frame, and milliseconds by stage."""


class Refines(Protocol):
    """Gives faces exact landmarks."""

    def refine(self, frame_bgr: ImageArray, faces: Sequence[DetectedFace]) -> list[DetectedFace]:
        """The same faces with better landmarks."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A detector that is measured.

    Attributes:
        name: shown in tables; different for every subject of a run.
        model_id: name and short digest of its network.
        threshold: least score of a face where it is used.
        complete: it gives candidates far below the threshold too, as average precision needs them.
        looks: what finds the faces.
        small_looks: the same for pictures cut to one face; None: `looks`.
    """

    name: str
    model_id: str
    threshold: float
    complete: bool
    looks: Looks
    small_looks: Looks | None = None


class DoorLooks:
    """The whole detector as it runs at a door; fulfils Looks.

    Args:
        detector: with all that belongs to it.
        landmarker: runs once more on the faces found, so that its share of the time is known.
    """

    def __init__(self, detector: Detector, landmarker: Refines | None = None) -> None:
        self._detector = detector
        self._landmarker = landmarker

    def look(self, frame_bgr: ImageArray) -> tuple[Detections, dict[str, float]]:
        """See Looks; `all` holds the landmarks' time too."""
        begin = time.perf_counter()
        faces = self._detector.detect(frame_bgr)
        stages = {"all": 1e3 * (time.perf_counter() - begin)}
        if self._landmarker is not None:
            begin = time.perf_counter()
            self._landmarker.refine(frame_bgr, faces)
            stages["of it landmarks"] = 1e3 * (time.perf_counter() - begin)
        return Detections.of(faces), stages


@dataclass(slots=True)
class MeasuredScenes:
    """All subjects on all scenes that could be read.

    Attributes:
        paths, labels: the scenes.
        found: by subject's name, one for each scene, in pixels of the file.
        stages_ms: by subject's name and stage, one for each scene; DECODING, which all share, is
            under an empty name.
        unreadable: scenes that could not be read, and why.
    """

    paths: list[Path] = field(default_factory=list)
    labels: list[LabeledScene] = field(default_factory=list)
    found: dict[str, list[Detections]] = field(default_factory=dict)
    stages_ms: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def results(self, name: str) -> list[SceneResult]:
        """What a subject found beside what is there."""
        return [
            SceneResult(found.bboxes_xyxy, found.scores, label.truth_xyxy, label.ignored)
            for found, label in zip(self.found[name], self.labels, strict=True)
        ]

    def timings(self) -> dict[str, dict[str, Timing]]:
        """Medians and quartiles per picture, by subject and stage."""
        timings: dict[str, dict[str, Timing]] = {}
        for name, stages in self.stages_ms.items():
            for stage, spans in stages.items():
                low, median, high = np.percentile(spans, [25, 50, 75])
                timing = Timing(float(median), float(low), float(high), len(spans))
                timings.setdefault(name, {})[stage] = timing
        return timings

    def landmarks_of(
        self, name: str, min_height_px: float, least_score: float = 0.0
    ) -> list[FloatArray]:
        """The landmarks a subject gave each drawn face: (m, 5, 2) a scene, NaN for those missed."""
        given = []
        for found, label in zip(self.found[name], self.labels, strict=True):
            sure = found.from_score(least_score)
            result = SceneResult(sure.bboxes_xyxy, sure.scores, label.truth_xyxy, label.ignored)
            found_by = match_scene(result, min_height_px).found_by
            points = np.full((len(found_by), 5, 2), np.nan, np.float32)
            points[found_by >= 0] = sure.landmarks_xy[found_by[found_by >= 0]]
            given.append(points)
        return given


def locate(
    scenes: Sequence[LabeledScene], pictures: Sequence[Path], root: Path
) -> list[tuple[Path, LabeledScene]]:
    """Find the pictures of labeled scenes.

    A picture is the one of that name below the folder, with or without its ending; else the only
    one whose file name is the same.

    Args:
        scenes: from a list of labels.
        pictures: all of the folder.
        root: the folder.

    Returns:
        Scenes with a picture, in the order of the list; a picture that is named twice comes once.
    """
    by_name: dict[str, Path] = {}
    by_file: dict[str, Path | None] = {}
    for path in pictures:
        name = path.relative_to(root) if path.is_relative_to(root) else path
        for key in (name.as_posix(), name.with_suffix("").as_posix()):
            by_name.setdefault(key, path)
        for key in (path.name, path.stem):
            known = by_file.setdefault(key, path)
            if known not in (path, None):
                by_file[key] = None  # two files of one name: which is meant cannot be told
    located: dict[Path, LabeledScene] = {}
    for scene in scenes:
        found = by_name.get(scene.name) or by_file.get(scene.name.rpartition("/")[2])
        if found is not None:
            located.setdefault(found, scene)
    return list(located.items())


def measure_scenes(
    scenes: Sequence[tuple[Path, LabeledScene]],
    subjects: Sequence[Subject],
    watch: Watch = lambda paths, _: paths,
) -> MeasuredScenes:
    """Let all subjects look at all scenes, in turns, so that all meet the same machine."""
    measured = MeasuredScenes(
        found={one.name: [] for one in subjects}, stages_ms={one.name: {} for one in subjects}
    )
    spans: dict[Path, float] = {}

    def load(path: Path) -> LoadedImage:
        begin = time.perf_counter()
        image = load_image(path)
        spans[path] = 1e3 * (time.perf_counter() - begin)
        return image

    labels = dict(scenes)
    for turn, (path, image) in enumerate(load_ahead(watch(list(labels), len(labels)), load)):
        if isinstance(image, UnreadableImage):
            measured.unreadable.append(str(image))
            continue
        measured.paths.append(path)
        measured.labels.append(labels[path])
        measured.stages_ms.setdefault("", {}).setdefault(DECODING, []).append(spans.pop(path))
        for place in range(len(subjects)):  # nobody always comes first, when the cache is cold
            subject = subjects[(place + turn) % len(subjects)]
            found, stages = subject.looks.look(image.frame_bgr)
            measured.found[subject.name].append(_scaled(found, image.pixels_per_frame_pixel))
            for stage, span in stages.items():
                measured.stages_ms[subject.name].setdefault(stage, []).append(span)
    return measured


def measure_marked(
    faces: Sequence[MarkedFace],
    root: Path,
    subjects: Sequence[Subject],
    watch: Watch = lambda paths, _: paths,
) -> tuple[list[MarkedFace], dict[str, FloatArray], list[str]]:
    """Find the landmarks of pictures cut to one face.

    The face that counts is the surest one whose box holds the middle of the given landmarks.

    Args:
        faces: pictures with given landmarks.
        root: their folder.
        subjects: what finds them.
        watch: see Watch.

    Returns:
        The faces whose pictures could be read; (n, 5, 2) landmarks by subject's name, in pixels of
        the file, NaN where no face was found; and what could not be read.
    """
    marked = {root / face.name: face for face in faces}
    readable: list[MarkedFace] = []
    points: dict[str, list[FloatArray]] = {one.name: [] for one in subjects}
    unreadable: list[str] = []
    for path, image in load_ahead(watch(list(marked), len(marked))):
        if isinstance(image, UnreadableImage):
            unreadable.append(str(image))
            continue
        face, frame = marked[path], image.frame_bgr
        border_px = round(MARKED_BORDER * max(frame.shape[:2]))
        around = (border_px, border_px)
        framed: ImageArray = np.pad(frame, (around, around, (0, 0)), mode="edge")
        scale = image.pixels_per_frame_pixel
        middle = face.landmarks_xy.mean(axis=0) / scale + border_px
        readable.append(face)
        for subject in subjects:
            found, _ = (subject.small_looks or subject.looks).look(framed)
            points[subject.name].append((_around(found, middle) - border_px) * scale)
    stacked = {
        name: np.array(found, np.float32).reshape(-1, 5, 2) for name, found in points.items()
    }
    return readable, stacked, unreadable


@dataclass(slots=True)
class FoundFaces:
    """In which pictures of a folder a face was found.

    Attributes:
        paths: those that could be read.
        surest: by subject's name, the highest score in each of them; 0 without any detection.
        unreadable: those that could not, and why.
    """

    paths: list[Path] = field(default_factory=list)
    surest: dict[str, list[float]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def without(self, subject: Subject) -> list[Path]:
        """Pictures in which a subject found no face at its threshold."""
        return [
            path
            for path, score in zip(self.paths, self.surest[subject.name], strict=True)
            if not score >= subject.threshold
        ]


def find_faces(
    paths: Sequence[Path],
    subjects: Sequence[Subject],
    watch: Watch = lambda paths, _: paths,
) -> FoundFaces:
    """Look for any face in each picture."""
    found = FoundFaces(surest={one.name: [] for one in subjects})
    for path, image in load_ahead(watch(paths, len(paths))):
        if isinstance(image, UnreadableImage):
            found.unreadable.append(str(image))
            continue
        found.paths.append(path)
        for subject in subjects:
            detections, _ = subject.looks.look(image.frame_bgr)
            found.surest[subject.name].append(float(detections.scores.max(initial=0.0)))
    return found


def _scaled(found: Detections, factor: float) -> Detections:
    if factor == 1.0:
        return found
    return Detections(found.bboxes_xyxy * factor, found.landmarks_xy * factor, found.scores)


def _around(found: Detections, point_xy: FloatArray) -> FloatArray:
    """(5, 2) landmarks of the surest face whose box holds a point; NaN when there is none."""
    boxes = found.bboxes_xyxy
    inside = ((boxes[:, :2] <= point_xy) & (point_xy <= boxes[:, 2:])).all(axis=1)
    places = np.flatnonzero(inside)
    if not len(places):
        return np.full((5, 2), np.nan, np.float32)
    return found.landmarks_xy[places[found.scores[places].argmax()]]

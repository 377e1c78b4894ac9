"""`facegate eval detection`: which faces are missed, and what is taken for one?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facegate.cli.output import EXIT_PARTLY, JsonOption, print_json, progress

if TYPE_CHECKING:
    from facegate.bootstrap import FaceGate
    from facegate.evaluation.detection_report import DetectionReport, PrecisionDifference
    from facegate.evaluation.landmark_errors import LandmarkReport
    from facegate.models.one_look import CellNetwork
    from facegate.services.measure_detection import FoundFaces, MeasuredScenes, Subject

DOOR, TEACHER = "door", "teacher"
POINTS_SIDE_PX = 320
"""Longest side at which pictures cut to one face are looked at: the face is then about 160 px."""

TEACHER_SIDE, TEACHER_SCORE, TEACHER_MIN_HEIGHT_PX = 2, 0.5, 32
"""A teacher looks at twice the size, and its landmarks count from this score and height on."""

PEER_THRESHOLD = 0.9
"""Where people leave YuNet as it is: the default of opencv's FaceDetectorYN."""

MOST_SIDE_PX = 4096


def detection(
    scenes: Annotated[
        Path | None, typer.Option("--scenes", help="Folder of pictures with drawn faces.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            help="The drawn faces: WIDER's labelv2 text or .mat, or a folder of Pascal VOC's XML.",
        ),
    ] = None,
    height: Annotated[
        list[float] | None,
        typer.Option(
            "--height",
            min=1,
            help="Least height of a face in pixels of the file, repeatable; 64, 32 and 16 if none.",
        ),
    ] = None,
    network: Annotated[
        Path | None,
        typer.Option("--network", help="ONNX file of a network of ours to measure instead."),
    ] = None,
    side: Annotated[
        int,
        typer.Option(
            "--side",
            min=32,
            max=MOST_SIDE_PX,
            help="Networks alone see pictures scaled to this longest side.",
        ),
    ] = 640,
    door: Annotated[
        bool,
        typer.Option("--door/--no-door", help="Measure the whole detector of a door as well."),
    ] = True,
    peer: Annotated[
        Path | None,
        typer.Option("--peer", help="ONNX of YuNet, measured on the same pictures in turns."),
    ] = None,
    peer_threshold: Annotated[
        float, typer.Option("--peer-threshold", min=0.0, max=1.0, help="Its least score of a face.")
    ] = PEER_THRESHOLD,
    teacher: Annotated[
        Path | None,
        typer.Option(
            "--teacher",
            help="ONNX of YuNet that looks at twice the size: its landmarks are compared with.",
        ),
    ] = None,
    points: Annotated[
        Path | None,
        typer.Option(
            "--points",
            help="List of pictures cut to one face with five points, as MTFL has it: a name, x1 to "
            "x5, y1 to y5.",
        ),
    ] = None,
    points_root: Annotated[
        Path | None, typer.Option("--points-root", help="Folder that the list's names start from.")
    ] = None,
    points_without: Annotated[
        list[str] | None,
        typer.Option(
            "--points-without", metavar="START", help="Leave out names that begin so; repeatable."
        ),
    ] = None,
    faces_found: Annotated[
        Path | None,
        typer.Option(
            "--faces-found", help="Folder of pictures with a face each: in how many is one found?"
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures", help="Write an HTML page with curves, the worst misses and false alarms."
        ),
    ] = None,
    examples: Annotated[
        int, typer.Option("--examples", min=0, max=200, help="Pictures of each kind on that page.")
    ] = 24,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="Most pictures of a set, evenly spread; 0: all.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Average precision by the height of a face, false alarms, landmarks and times.

    Boxes are matched as WIDER FACE does it, at IoU 0.5. Faces lower than a height are ignored
    there, not errors.
    """  # fmt: skip
    from facegate.bootstrap import start
    from facegate.cli.evaluate_detection_tables import print_found, print_landmarks, print_scenes

    _check(scenes, labels, points, points_root, faces_found, pictures)
    gate = start()
    subjects = _subjects(gate, network, side, peer, peer_threshold, door=door)
    heights = tuple(sorted(set(height or (64.0, 32.0, 16.0)), reverse=True))
    result: dict[str, Any] = {"detectors": {one.name: one.model_id for one in subjects}}
    unread = 0
    if scenes is not None and labels is not None:
        run = _Scenes(gate, scenes, labels, subjects, heights, side, teacher, limit)
        unread += len(run.measured.unreadable)
        result.update(run.as_dict())
        if pictures is not None:
            result["page"] = run.write_page(pictures, examples)
        if not as_json:
            print_scenes(run)
    if points is not None and points_root is not None:
        report, unreadable, problems = _marked(
            points, points_root, points_without or (), subjects, limit
        )
        unread += len(unreadable)
        result["points"] = {
            **report.as_dict(), "unreadable": unreadable, "list_problems": problems,
        }  # fmt: skip
        if not as_json:
            print_landmarks([report], unreadable + problems)
    if faces_found is not None:
        found = _found(faces_found, subjects, limit)
        unread += len(found.unreadable)
        result["faces_found"] = _found_dict(found, subjects)
        if not as_json:
            print_found(found, subjects)
    if as_json:
        print_json(result)
    if unread:
        raise typer.Exit(EXIT_PARTLY)


def _check(
    scenes: Path | None,
    labels: Path | None,
    points: Path | None,
    points_root: Path | None,
    faces_found: Path | None,
    pictures: Path | None,
) -> None:
    """Refuse what does not belong together before anything takes time. Raises InputError."""
    from facegate.errors import InputError

    if (scenes is None) != (labels is None):
        raise InputError("--scenes and --labels belong together.")
    if (points is None) != (points_root is None):
        raise InputError("--points and --points-root belong together.")
    if scenes is None and points is None and faces_found is None:
        raise InputError(
            "There is nothing to measure.",
            hint="Name --scenes with --labels, --points with --points-root, or --faces-found.",
        )
    for folder in (scenes, points_root, faces_found):
        if folder is not None and not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder.")
    if pictures is not None and scenes is None:
        raise InputError("--pictures shows scenes; name --scenes and --labels.")
    if pictures is not None and pictures.is_dir():
        raise InputError(f"{pictures} is a folder; --pictures names the file to write.")


def _watch(title: str) -> Callable[[Iterable[Path], int], Iterable[Path]]:
    return lambda paths, count: progress(paths, count, title)


def _spread(items: Sequence[Any], most: int) -> list[Any]:
    if not most or len(items) <= most:
        return list(items)
    return [items[number * len(items) // most] for number in range(most)]


def _subjects(
    gate: FaceGate,
    network: Path | None,
    side: int,
    peer: Path | None,
    peer_threshold: float,
    *,
    door: bool,
) -> list[Subject]:
    """What is measured: the network alone, the door's detector, the peer."""
    from facegate.models.one_look import OneLook
    from facegate.models.yunet import YuNetCells
    from facegate.services.measure_detection import DoorLooks, Subject

    def alone(name: str, cells: CellNetwork, threshold: float) -> Subject:
        looks, small = OneLook(cells, side), OneLook(cells, POINTS_SIDE_PX)
        return Subject(name, cells.model_id, threshold, True, looks, small)

    ours = _our_network(gate, network)
    threshold = gate.settings.detector.score_threshold
    subjects = [alone(ours.model_id.partition("@")[0], ours, threshold)]
    if door:
        looks = DoorLooks(gate.detector, gate.landmarker)
        subjects.append(Subject(DOOR, gate.detector.model_id, threshold, False, looks))
    if peer is not None:
        cells = YuNetCells(peer, gate.settings.thread_count)
        name = cells.model_id.partition("@")[0]
        taken = {one.name for one in subjects}
        subjects.append(alone(f"peer {name}" if name in taken else name, cells, peer_threshold))
    return subjects


def _our_network(gate: FaceGate, file: Path | None) -> CellNetwork:
    import hashlib

    from facegate.errors import InputError
    from facegate.models.registry import DIGEST_LETTERS
    from facegate.models.runtime import open_session
    from facegate.models.yolo_cells import YoloCells

    if file is None:
        weights, model_id = gate.detector_card.read_weights(), gate.detector_card.model_id
    else:
        try:
            weights = file.read_bytes()
        except OSError as error:
            raise InputError(f"{file} cannot be read ({error.strerror}).") from error
        model_id = f"{file.stem}@{hashlib.sha256(weights).hexdigest()[:DIGEST_LETTERS]}"
    return YoloCells(open_session(weights, gate.settings.thread_count), model_id)


class _Scenes:
    """The scenes, measured and judged.

    Attributes:
        measured: what every subject found.
        reports: by subject's name.
        differences: of the first subject from the last, when that is another complete one.
        compared: the names of these two.
        landmarks: against drawn ones and the teacher's.
        labeled, missing: labeled scenes of the list, and those without a picture in the folder.
    """

    def __init__(
        self,
        gate: FaceGate,
        scenes: Path,
        labels: Path,
        subjects: Sequence[Subject],
        heights: tuple[float, ...],
        side: int,
        teacher: Path | None,
        limit: int,
    ) -> None:
        from facegate.cli.sources import pictures_from
        from facegate.errors import InputError
        from facegate.evaluation.detection_labels import read_labels
        from facegate.evaluation.detection_report import compare_precision, report_detection
        from facegate.services.measure_detection import locate, measure_scenes

        self.scenes, self.labels, self.side = scenes, labels, side
        self.subjects, self._gate = list(subjects), gate
        listed = read_labels(labels)
        located = locate(listed.scenes, pictures_from([scenes], recursive=True), scenes)
        self.labeled, self.missing = len(listed.scenes), len(listed.scenes) - len(located)
        self.problems = listed.problems
        if not located:
            raise InputError(f"No picture of {scenes} is named by {labels}.")
        runs = self.subjects + ([] if teacher is None else [self._teacher(teacher)])
        self.measured: MeasuredScenes = measure_scenes(
            _spread(located, limit), runs, _watch("Looking at scenes")
        )
        if not self.measured.paths:
            raise InputError(f"None of the pictures of {scenes} can be read.")
        self.reports: dict[str, DetectionReport] = {
            one.name: report_detection(
                self.measured.results(one.name), one.threshold, heights, complete=one.complete
            )
            for one in self.subjects
        }
        complete = [one.name for one in self.subjects if one.complete]
        self.compared: tuple[str, ...] = (complete[0], complete[-1]) if len(complete) > 1 else ()
        self.differences: tuple[PrecisionDifference, ...] = ()
        if self.compared:
            first, second = (self.reports[name] for name in self.compared)
            self.differences = compare_precision(first, second)
        self.landmarks = self._landmarks(teacher)

    def _teacher(self, file: Path) -> Subject:
        from facegate.models.one_look import OneLook
        from facegate.models.yunet import YuNetCells
        from facegate.services.measure_detection import Subject

        cells = YuNetCells(file, self._gate.settings.thread_count)
        looks = OneLook(cells, min(MOST_SIDE_PX, TEACHER_SIDE * self.side))
        return Subject(TEACHER, cells.model_id, TEACHER_SCORE, True, looks)

    def _landmarks(self, teacher: Path | None) -> list[LandmarkReport]:
        import numpy as np

        from facegate.evaluation.landmark_errors import report_landmarks

        labels = self.measured.labels
        given = [("Drawn landmarks", [label.landmarks_xy for label in labels])]
        if teacher is not None:
            found = self.measured.landmarks_of(TEACHER, TEACHER_MIN_HEIGHT_PX, TEACHER_SCORE)
            side = TEACHER_SIDE * self.side
            given.append((f"Landmarks of {teacher.stem} at {side} px", found))
        boxes = np.concatenate([label.truth_xyxy for label in labels])
        ours = {
            one.name: np.concatenate(self.measured.landmarks_of(one.name, 0))
            for one in self.subjects
        }
        reports = []
        for reference, parts in given:
            truth = np.concatenate(parts)
            if np.isfinite(truth).all(axis=(1, 2)).any():
                reports += [
                    report_landmarks(reference, truth, ours, divisor) for divisor in (boxes, None)
                ]
        return reports

    def as_dict(self) -> dict[str, Any]:
        """The run as JSON has it."""
        return {
            "scenes": len(self.measured.paths),
            "labeled_scenes": self.labeled,
            "without_picture": self.missing,
            "unreadable": self.measured.unreadable,
            "label_problems": self.problems,
            "side_px": self.side,
            "detection": {name: report.as_dict() for name, report in self.reports.items()},
            "difference": {
                "of": list(self.compared),
                "heights": [one.as_dict() for one in self.differences],
            }
            if self.compared
            else None,
            "landmarks": [report.as_dict() for report in self.landmarks],
            "stages": {
                name or "every picture": {stage: one.as_dict() for stage, one in stages.items()}
                for name, stages in self.measured.timings().items()
            },
            "threads": self._gate.settings.thread_count,
        }

    @property
    def shown(self) -> Subject:
        """The subject whose errors are shown: the door, for that is what people meet."""
        return next((one for one in self.subjects if one.name == DOOR), self.subjects[0])

    def write_page(self, output: Path, examples: int) -> str:
        """Write the page; gives back its name."""
        from facegate import __version__
        from facegate.cli.evaluate_detection_page import page_of
        from facegate.cli.output import write_atomically
        from facegate.report.html import render

        page = page_of(self, examples, self._gate.settings.thread_count)
        made = render(page(self._gate.clock(), f"FaceGate {__version__}"))
        write_atomically(output, made.encode("utf-8"))
        return str(output)


def _marked(
    points: Path, root: Path, without: Sequence[str], subjects: Sequence[Subject], limit: int
) -> tuple[LandmarkReport, list[str], list[str]]:
    """Landmarks on pictures cut to one face."""
    import numpy as np

    from facegate.errors import InputError
    from facegate.evaluation.landmark_errors import report_landmarks
    from facegate.evaluation.landmark_lists import read_landmark_list
    from facegate.services.measure_detection import measure_marked

    faces, problems = read_landmark_list(points, without)
    readable, found, unreadable = measure_marked(
        _spread(faces, limit), root, subjects, _watch("Looking at faces")
    )
    if not readable:
        raise InputError(f"None of the pictures of {points} can be read in {root}.")
    truth = np.array([face.landmarks_xy for face in readable], np.float32)
    return report_landmarks(f"Points of {points.name}", truth, found), unreadable, problems


def _found(folder: Path, subjects: Sequence[Subject], limit: int) -> FoundFaces:
    from facegate.cli.sources import pictures_from
    from facegate.services.measure_detection import find_faces

    paths = _spread(pictures_from([folder], recursive=True), limit)
    return find_faces(paths, subjects, _watch("Looking for faces"))


def _found_dict(found: FoundFaces, subjects: Sequence[Subject]) -> dict[str, Any]:
    return {
        "pictures": len(found.paths),
        "unreadable": found.unreadable,
        "detectors": {
            one.name: {
                "score_threshold": one.threshold,
                "found": len(found.paths) - len(found.without(one)),
                "lowest_score": min(found.surest[one.name], default=float("nan")),
                "without": [str(path) for path in found.without(one)],
            }
            for one in subjects
        },
    }

"""Scenes with drawn faces, as WIDER FACE and Pascal VOC write them down.

People edit such lists by hand, so a broken line costs that line only, and is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray
from facegate.errors import InputError

MAX_LABEL_BYTES = 256 * 1024 * 1024
MAX_XML_BYTES = 4 * 1024 * 1024
_FACE_NUMBERS = {4, 5, 14, 19, 20}
"""Numbers of a face: a box; with a mark for faces to ignore; with five points x, y; with five
points x, y, visibility; with a measure of blur behind them."""


@dataclass(frozen=True, slots=True, eq=False)
class LabeledScene:
    """A picture and the faces that people drew.

    Attributes:
        name: of the picture, with `/`, from the folder of the scenes; without an ending where the
            list gives none.
        truth_xyxy: (m, 4) float32 boxes, pixels of the file.
        ignored: (m,) bool, faces that are neither wanted nor held against a detector.
        landmarks_xy: (m, 5, 2) float32, the same pixels; NaN where not drawn.
    """

    name: str
    truth_xyxy: FloatArray
    ignored: npt.NDArray[np.bool_]
    landmarks_xy: FloatArray


@dataclass(slots=True)
class LabelList:
    """What a list of labels holds.

    Attributes:
        scenes: in the list's order.
        problems: what could not be read, in words.
    """

    scenes: list[LabeledScene] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read_labels(path: Path) -> LabelList:
    """Read scenes: WIDER's text (`labelv2`), WIDER's `.mat`, or a folder of Pascal VOC's XML.

    Raises:
        InputError: it cannot be read, or holds no scene.
    """
    try:
        if path.is_dir():
            labels = _read_voc(path)
        elif path.stat().st_size > MAX_LABEL_BYTES:
            raise InputError(f"{path} is too large for a list of labels.")
        elif path.suffix.lower() == ".mat":
            labels = _read_mat(path)
        else:
            labels = _read_text(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    if not labels.scenes:
        found = f" The first problem: {labels.problems[0]}" if labels.problems else ""
        raise InputError(
            f"{path} holds no labeled scene.{found}",
            hint="WIDER's labelv2 text, WIDER's .mat, or a folder of Pascal VOC's XML files.",
        )
    return labels


class _Scene:
    """A scene that is being read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._faces: list[tuple[list[float], bool, FloatArray]] = []

    def add(self, box: list[float], ignored: bool, landmarks: FloatArray | None = None) -> bool:
        """Add a face; False when its box has no area or is no number."""
        usable = bool(np.isfinite(box).all()) and box[2] > box[0] and box[3] > box[1]
        if usable:
            points = np.full((5, 2), np.nan, np.float32) if landmarks is None else landmarks
            self._faces.append((box, ignored, points))
        return usable

    def done(self) -> LabeledScene:
        """The scene."""
        return LabeledScene(
            self.name,
            np.array([box for box, _, _ in self._faces], np.float32).reshape(-1, 4),
            np.array([ignored for _, ignored, _ in self._faces], bool),
            np.array([points for _, _, points in self._faces], np.float32).reshape(-1, 5, 2),
        )


def _safe_name(name: str) -> str | None:
    """A name that stays below the folder of the scenes; None for one that does not."""
    pure = PurePosixPath(name.replace("\\", "/"))
    inside = not pure.is_absolute() and ".." not in pure.parts and pure.name and "\0" not in name
    return pure.as_posix() if inside else None


def _read_text(path: Path) -> LabelList:
    """`# name width height`, then a face a line: x1 y1 x2 y2, and more as _FACE_NUMBERS says."""
    labels = LabelList()
    scene: _Scene | None = None
    for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if words[0] == "#":
            if scene is not None:
                labels.scenes.append(scene.done())
            size = words[-2:]
            sized = len(words) >= 4 and all(word.isdecimal() for word in size)
            name = _safe_name(" ".join(words[1:-2] if sized else words[1:]))
            scene = _Scene(name) if name else None
            if name is None:
                labels.problems.append(f"line {number} names no picture below the folder")
        elif scene is None:
            labels.problems.append(f"line {number} belongs to no picture")
        elif not _add_line(scene, words):
            labels.problems.append(f"line {number} is no face of {scene.name}")
    if scene is not None:
        labels.scenes.append(scene.done())
    return labels


def _add_line(scene: _Scene, words: list[str]) -> bool:
    try:
        values = [float(word) for word in words]
    except ValueError:
        return False
    if len(values) not in _FACE_NUMBERS:
        return False
    landmarks = None
    if len(values) > 5:
        width = 2 if len(values) == 14 else 3
        rows = np.array(values[4 : 4 + 5 * width], np.float32).reshape(5, width)
        landmarks = np.where((rows < 0).all(axis=1, keepdims=True), np.nan, rows[:, :2])
    ignored = len(values) == 5 and values[4] == 1
    return scene.add(values[:4], ignored, landmarks)


def _read_mat(path: Path) -> LabelList:
    """WIDER's MATLAB files; `gt_list`, as its easy, medium and hard lists have, says who counts."""
    from scipy.io import loadmat  # only here: it takes its time to load

    try:
        content = loadmat(path)
        return _of_mat(content)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # hostile bytes fail in every way there is
        raise InputError(f"{path} is no label file of WIDER FACE ({error}).") from error


def _of_mat(content: dict[str, Any]) -> LabelList:
    labels = LabelList()
    invalid, wanted = content.get("invalid_label_list"), content.get("gt_list")
    for event, folder in enumerate(content["event_list"][:, 0]):
        for place, file in enumerate(content["file_list"][event, 0][:, 0]):
            boxes = np.asarray(content["face_bbx_list"][event, 0][place, 0], np.float64)
            boxes = boxes.reshape(-1, 4)
            name = _safe_name(f"{folder[0]}/{file[0]}")
            if name is None:
                labels.problems.append(f"scene {event + 1}.{place + 1} has no usable name")
                continue
            ignored = np.zeros(len(boxes), bool)
            if invalid is not None:
                ignored |= np.asarray(invalid[event, 0][place, 0]).ravel() == 1
            if wanted is not None:
                numbers = np.asarray(wanted[event, 0][place, 0], np.int64).ravel() - 1
                ignored |= ~np.isin(np.arange(len(boxes)), numbers)
            scene = _Scene(name)
            for (x, y, width, height), leave in zip(boxes.tolist(), ignored, strict=True):
                if not scene.add([x, y, x + width, y + height], bool(leave)):
                    labels.problems.append(f"a face of {name} has no area")
            labels.scenes.append(scene.done())
    return labels


def _read_voc(folder: Path) -> LabelList:
    """An XML file a picture; every object is a face, whatever it is called."""
    labels = LabelList()
    for file in sorted(folder.rglob("*.xml")):
        try:
            root = _parse(file)
        except (Xml.ParseError, ValueError, OSError) as error:
            labels.problems.append(f"{file.name}: {error}")
            continue
        named = (root.findtext("filename") or "").strip() or file.stem
        name = _safe_name((file.parent.relative_to(folder) / named).as_posix())
        if name is None:
            labels.problems.append(f"{file.name} names no picture below the folder")
            continue
        scene = _Scene(name)
        for number, (box, ignored) in enumerate(_voc_objects(root), 1):
            if box is None or not scene.add(box, ignored):
                labels.problems.append(f"{file.name}: object {number} is no box")
        labels.scenes.append(scene.done())
    return labels


def _parse(file: Path) -> Xml.Element:
    if file.stat().st_size > MAX_XML_BYTES:
        raise ValueError("too large for the labels of one picture")
    data = file.read_bytes()
    if b"<!" in data.replace(b"<!--", b""):  # entities can grow without end; labels need none
        raise ValueError("declares a document type, which is not read")
    return Xml.fromstring(data)  # noqa: S314 - the line above refuses what is dangerous


def _voc_objects(root: Xml.Element) -> Iterator[tuple[list[float] | None, bool]]:
    for one in root.iter("object"):
        texts = [one.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
        try:
            box = [float(text) for text in texts if text is not None]
        except ValueError:
            box = []
        ignored = (one.findtext("difficult") or "").strip() == "1"
        yield (box if len(box) == 4 else None), ignored

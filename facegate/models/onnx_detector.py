"""Runs the face detector at the gate, by onnxruntime and without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.detections import Detections
from facegate.domain.faces import DetectedFace
from facegate.domain.tiling import Look, TileMode, plan_looks
from facegate.errors import ShapeError
from facegate.models.yolo_cells import GRID_PX, YoloCells, faces_in_cells
from facegate.vision.boxes import letterbox, non_max_suppression
from facegate.vision.darkness import DARK_BELOW, lifted
from facegate.vision.zoom import DOUBT_FROM, DOUBT_TO, zoom_looks

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from facegate.models.onnx_landmarker import OnnxLandmarker

SAME_FACE_SHARE = 0.4
"""Landmarks closer than this on average, in distances between the eyes, belong to one face. Of
687 pairs of detections in 500 LFW pictures and 80 WIDER scenes one was a double, 0.14 apart; the
next nearest pair was 1.24 apart."""

MAX_CANDIDATES = 1000
"""Boxes of one look that suppression gets, the surest; no look has this many faces, but noise
might."""

CUT_PX = 2.0
"""A box that comes so near to a tile's inner border, in the network's pixels, was cut by it."""


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """How faces are looked for.

    Attributes:
        score_threshold: least score of a face, a fraction.
        iou_threshold: a face that overlaps a surer one by more is the same face.
        long_side_px: larger frames are scaled down to this; smaller ones are left as they are.
        zoom_crops: at most so many small, doubtful faces are looked at again, nearer, each with
            its surroundings; 0: none. Not where tiles show all of the frame nearer.
        tiles: when large frames are also looked at in parts, at their own size.
        min_face_px: faces with a shorter box side, in frame pixels, are left out.
        max_faces: at most this many are kept, the surest.
        brighten_below: what has a lesser typical luma, 0 to 255, is looked at brightened; 0: never.
            Of 2,376 pictures of Extended Yale B, 1,165 show no face without it, 609 with it; of
            WIDER's 1,594 faces from 32 pixels it costs one, and 3 of 36 false alarms.
    """

    score_threshold: float = 0.72
    iou_threshold: float = 0.5
    long_side_px: int = 640
    zoom_crops: int = 0
    tiles: TileMode = TileMode.OFF
    min_face_px: float = 16.0
    max_faces: int = 200
    brighten_below: float = DARK_BELOW


class OnnxFaceDetector:
    """Finds faces; fulfils `facegate.ports.devices.Detector`.

    The steps of `detect` can be called one by one, to time them or to look between them: `looks`,
    and for each of these `canvas`, `cells` and `candidates`; the same for `zooms`; then `merged`
    and `refined`.

    Args:
        session: the detection network.
        settings: see DetectorSettings.
        model_id: name and short digest of the network.
        landmarker: takes a second look at each face for exact landmarks; without one, the
            detector's own are given.
    """

    def __init__(
        self,
        session: InferenceSession,
        settings: DetectorSettings,
        model_id: str,
        landmarker: OnnxLandmarker | None = None,
    ) -> None:
        self._session = session
        self._network = YoloCells(session, model_id)
        self._settings = settings
        self._landmarker = landmarker

    @property
    def model_id(self) -> str:
        """Name and short digest of the network."""
        return self._network.model_id

    @property
    def settings(self) -> DetectorSettings:
        """How faces are looked for."""
        return self._settings

    def with_settings(self, settings: DetectorSettings) -> OnnxFaceDetector:
        """The same networks, looking in another way."""
        return OnnxFaceDetector(self._session, settings, self.model_id, self._landmarker)

    def detect(self, frame_bgr: ImageArray) -> list[DetectedFace]:
        """Find all faces.

        Args:
            frame_bgr: (h, w, 3) uint8.

        Returns:
            Faces, largest box first; empty when there is none.

        Raises:
            ShapeError: not such a frame.
            ModelError: the network failed.
        """
        if frame_bgr.ndim != 3 or frame_bgr.shape[2] != 3 or frame_bgr.dtype != np.uint8:
            actual = f"{frame_bgr.dtype} of shape {frame_bgr.shape}"
            raise ShapeError("frame_bgr", "uint8 of shape (h, w, 3)", actual)
        if 0 in frame_bgr.shape:
            return []
        looks = self.looks(frame_bgr)
        found = [self.look(frame_bgr, look) for look in looks]
        found += [self.look(frame_bgr, zoom) for zoom in self.zooms(found, looks)]
        return self.refined(frame_bgr, self.merged(found))

    def look(self, frame_bgr: ImageArray, look: Look) -> Detections:
        """All steps of one look."""
        return self.candidates(self.cells(self.canvas(frame_bgr, look)), look)

    def looks(self, frame_bgr: ImageArray) -> list[Look]:
        """Which parts of a frame the network sees, and at which scale; the whole is among them."""
        settings = self._settings
        height, width = frame_bgr.shape[:2]
        return plan_looks(
            (width, height), settings.long_side_px, settings.tiles, settings.min_face_px
        )

    def zooms(self, found: list[Detections], looks: list[Look]) -> list[Look]:
        """Where to look again after the looks; mostly nowhere."""
        settings = self._settings
        if len(looks) != 1 or not settings.zoom_crops:
            return []
        sure = max(DOUBT_TO, settings.score_threshold)
        doubtful = found[0].take(found[0].scores < sure)
        return zoom_looks(
            doubtful.bboxes_xyxy,
            doubtful.scores,
            looks[0],
            settings.zoom_crops,
            settings.min_face_px,
        )

    def canvas(self, frame_bgr: ImageArray, look: Look) -> ImageArray:
        """What the network sees in one look: (H, W, 3) uint8, sides multiples of GRID_PX."""
        part = frame_bgr[look.top : look.bottom, look.left : look.right]
        canvas = letterbox(part, look.scale, 0, GRID_PX)
        return lifted(canvas, part, self._settings.brighten_below)

    def cells(self, canvas: ImageArray) -> FloatArray:
        """Run the network: (cells, 16) raw values. Raises ModelError."""
        return self._network.cells(canvas)

    def candidates(self, cells: FloatArray, look: Look) -> Detections:
        """Read one look's values: the best box of each group that overlaps, surest first."""
        settings = self._settings
        width, height = look.right - look.left, look.bottom - look.top
        seen_w, seen_h = look.seen_wh
        least = settings.score_threshold
        if settings.zoom_crops:
            least = min(least, DOUBT_FROM)
        boxes, landmarks, scores = faces_in_cells(cells, _on_grid(seen_h), _on_grid(seen_w), least)
        # The canvas is as large as rounding allowed; go back by the true ratio of each side.
        back_xy = np.array([width / seen_w, height / seen_h], dtype=np.float32)
        corner_xy = np.array([look.left, look.top], dtype=np.float32)
        found = Detections(
            boxes * np.tile(back_xy, 2) + np.tile(corner_xy, 2),
            landmarks * back_xy + corner_xy,
            scores,
        )
        found = found.take(~_is_cut(found.bboxes_xyxy, look))
        found = found.surest(MAX_CANDIDATES)
        kept = non_max_suppression(found.bboxes_xyxy, found.scores, settings.iou_threshold)
        return found.take(kept)

    def merged(self, found: list[Detections]) -> list[DetectedFace]:
        """One list of the faces of all looks, surest first, within the limits of the settings."""
        settings = self._settings
        every = Detections.joined(found)
        if len(found) > 1:
            kept = non_max_suppression(every.bboxes_xyxy, every.scores, settings.iou_threshold)
            every = every.take(kept)
        sides = (every.bboxes_xyxy[:, 2:] - every.bboxes_xyxy[:, :2]).min(axis=1)
        fit = (every.scores >= settings.score_threshold) & (sides >= settings.min_face_px)
        return every.take(np.flatnonzero(fit)[: settings.max_faces]).faces()

    def refined(self, frame_bgr: ImageArray, faces: list[DetectedFace]) -> list[DetectedFace]:
        """Give faces exact landmarks, and each only once; largest box first."""
        if self._landmarker is not None:
            faces = self._landmarker.refine(frame_bgr, faces, self._settings.brighten_below)
        return sorted(without_doubles(faces), key=lambda face: -face.area_px)


def _is_cut(bboxes_xyxy: FloatArray, look: Look) -> npt.NDArray[np.bool_]:
    """Say of (n, 4) boxes whether a tile's border inside the frame cuts them.

    Such a face is whole in a neighboring tile or on a coarser level.
    """
    near = CUT_PX / look.scale
    width, height = look.frame_wh
    borders = np.array([look.left, look.top, look.right, look.bottom], np.float32)
    inside = borders != np.array([0, 0, width, height])
    beyond = np.concatenate(
        [bboxes_xyxy[:, :2] <= borders[:2] + near, bboxes_xyxy[:, 2:] >= borders[2:] - near], axis=1
    )
    return np.asarray((beyond & inside).any(axis=1))


def _on_grid(side_px: int) -> int:
    return -(-side_px // GRID_PX) * GRID_PX


def without_doubles(faces: list[DetectedFace]) -> list[DetectedFace]:
    """Keep the surest of those detections whose landmarks say that they are one face.

    Boxes of very different size around one face overlap too little for suppression to see it; their
    landmarks, once refined, nearly coincide, which those of two people never do.
    """
    if len(faces) < 2:
        return list(faces)
    ordered = sorted(faces, key=lambda one: -one.score)
    points = np.stack([face.landmarks_xy for face in ordered])
    eyes = np.linalg.norm(points[:, 1] - points[:, 0], axis=1)
    kept: list[int] = []
    for number, (own, between) in enumerate(zip(points, eyes, strict=True)):
        apart = np.linalg.norm(points[kept] - own, axis=2).mean(axis=1)
        if not (apart < SAME_FACE_SHARE * np.maximum(eyes[kept], between)).any():
            kept.append(number)
    return [ordered[number] for number in kept]

"""Runs the face detector at the gate, by onnxruntime and without torch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.faces import DetectedFace
from facegate.errors import ModelError, ShapeError
from facegate.vision.boxes import letterbox, non_max_suppression

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from facegate.models.onnx_landmarker import OnnxLandmarker

STRIDES = (8, 16, 32)
GRID_PX = 32
VALUES = 15
"""The network's contract; see `facegate.models.yolo`, whose decoding is repeated here without
torch (a test holds both together)."""

SAME_FACE_SHARE = 0.4
"""Landmarks closer than this on average, in distances between the eyes, belong to one face. Of
687 pairs of detections in 500 LFW pictures and 80 WIDER scenes one was a double, 0.14 apart; the
next nearest pair was 1.24 apart."""

MAX_CANDIDATES = 1000
"""Boxes that suppression looks at, the surest."""


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """How faces are looked for.

    Attributes:
        score_threshold: least score of a face, a fraction.
        candidate_threshold: least p_c of a cell that the landmark network gets to judge; without
            one that judges, p_c is the score.
        iou_threshold: a face that overlaps a surer one by more is the same face.
        long_side_px: larger frames are scaled down to this; smaller ones are left as they are.
        closeup_side_px: frames larger than 1.5 times this are looked at once more at this size,
            for faces so near that the first look sees only their skin. The network was taught
            faces up to about this size.
        border_px: black pixels around the frame, so that faces cut by its edge have room.
        min_face_px: faces with a shorter box side, in frame pixels, are left out.
        max_faces: at most this many are kept, the surest by p_c.
    """

    score_threshold: float = 0.75
    candidate_threshold: float = 0.3
    iou_threshold: float = 0.5
    long_side_px: int = 640
    closeup_side_px: int = 224
    border_px: int = 0
    min_face_px: float = 16.0
    max_faces: int = 200


class OnnxFaceDetector:
    """Finds faces; fulfils `facegate.ports.Detector`.

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
        inputs, outputs = session.get_inputs(), session.get_outputs()
        fits = (
            len(inputs) == len(outputs) == 1
            and inputs[0].type == "tensor(uint8)"
            and len(inputs[0].shape) == 4
            and len(outputs[0].shape) == 3
            and outputs[0].shape[2] == VALUES
        )
        if not fits:
            raise ModelError(
                f"{model_id} is not a face detector: it must take (n, h, w, 3) uint8 and "
                f"give (n, cells, {VALUES}) float32."
            )
        self._session = session
        self._input_name = str(inputs[0].name)
        self._settings = settings
        self._model_id = model_id
        self._landmarker = landmarker

    @property
    def model_id(self) -> str:
        """Name and short digest of the network."""
        return self._model_id

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
        settings = self._settings
        looks = [self._look(frame_bgr, scale) for scale in self._scales(frame_bgr)]
        boxes, landmarks, scores = (np.concatenate(part) for part in zip(*looks, strict=True))
        # Suppression grows with the square; no picture has this many faces, but noise might.
        surest = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
        boxes, landmarks, scores = boxes[surest], landmarks[surest], scores[surest]
        kept = non_max_suppression(boxes, scores, settings.iou_threshold)
        kept = kept[(boxes[kept, 2:] - boxes[kept, :2]).min(axis=1) >= settings.min_face_px]
        kept = kept[: settings.max_faces]
        faces = [DetectedFace(boxes[i], landmarks[i], float(scores[i])) for i in kept]
        if self._landmarker is not None:
            faces = self._landmarker.refine(frame_bgr, faces)
            faces = [face for face in faces if face.score >= settings.score_threshold]
        faces = without_doubles(faces)
        return sorted(faces, key=lambda face: -face.area_px)

    def _scales(self, frame_bgr: ImageArray) -> list[float]:
        """Factors at which the frame is looked at."""
        longest = max(frame_bgr.shape[:2])
        scales = [min(1.0, self._settings.long_side_px / longest)]
        if longest > 1.5 * self._settings.closeup_side_px:
            scales.append(self._settings.closeup_side_px / longest)
        return scales

    def _look(
        self, frame_bgr: ImageArray, scale: float
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Boxes (n, 4), landmarks (n, 5, 2) in frame pixels, and scores (n,), at one scale."""
        border_px = self._settings.border_px
        canvas = letterbox(frame_bgr, scale, border_px, GRID_PX)
        try:
            cells: FloatArray = self._session.run(None, {self._input_name: canvas[None]})[0][0]
        except Exception as error:  # onnxruntime's errors have no common public base
            raise ModelError(f"{self._model_id} failed to run: {error}") from error
        centers, strides = cell_grid(*canvas.shape[:2])
        # Comparing logits saves a sigmoid of every cell. NaN compares false: no face.
        least = self._settings.score_threshold
        if self._landmarker is not None and self._landmarker.judges:
            least = min(least, self._settings.candidate_threshold)
        limit = np.log(least / (1 - least))
        found = np.flatnonzero(cells[:, 0] >= limit)
        scores, boxes, landmarks = decode(cells[found], centers[found], strides[found])
        finite = np.isfinite(boxes).all(axis=1) & np.isfinite(landmarks).all(axis=(1, 2))
        # The canvas is as large as rounding allowed; go back by the true ratio of each side.
        height, width = frame_bgr.shape[:2]
        ratio_xy = np.array(
            [max(1, round(width * scale)) / width, max(1, round(height * scale)) / height],
            dtype=np.float32,
        )
        return (
            ((boxes[finite] - border_px) / np.tile(ratio_xy, 2)).astype(np.float32),
            ((landmarks[finite] - border_px) / ratio_xy).astype(np.float32),
            scores[finite],
        )


def without_doubles(faces: list[DetectedFace]) -> list[DetectedFace]:
    """Keep the surest of those detections whose landmarks say that they are one face.

    Boxes of very different size around one face overlap too little for suppression to see it; their
    landmarks, once refined, nearly coincide, which those of two people never do.
    """
    kept: list[DetectedFace] = []
    for face in sorted(faces, key=lambda one: -one.score):
        points = [other.landmarks_xy for other in kept]
        if not any(_coincide(face.landmarks_xy, other) for other in points):
            kept.append(face)
    return kept


def _coincide(landmarks_a: FloatArray, landmarks_b: FloatArray) -> bool:
    apart = float(np.linalg.norm(landmarks_a - landmarks_b, axis=1).mean())
    eyes = max(float(np.linalg.norm(one[1] - one[0])) for one in (landmarks_a, landmarks_b))
    return apart < SAME_FACE_SHARE * eyes


@lru_cache(maxsize=16)
def cell_grid(height: int, width: int) -> tuple[FloatArray, FloatArray]:
    """Where the cells of all grids are: (cells, 2) centers in pixels and (cells,) strides."""
    centers, strides = [], []
    for stride in STRIDES:
        y, x = np.indices((height // stride, width // stride), dtype=np.float32)
        centers.append((np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * stride)
        strides.append(np.full(x.size, stride, dtype=np.float32))
    grid: tuple[FloatArray, FloatArray] = (
        np.concatenate(centers).astype(np.float32),
        np.concatenate(strides),
    )
    for part in grid:  # shared between calls
        part.setflags(write=False)
    return grid


def decode(
    cells: FloatArray, centers_xy: FloatArray, strides: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Turn the raw values of n cells into scores (n,), boxes (n, 4) and landmarks (n, 5, 2).

    Pixels are those of the network's input. See `facegate.models.yolo.decode`.
    """
    scores = (1.0 / (1.0 + np.exp(-cells[:, 0]))).astype(np.float32)
    stride = strides[:, None]
    middles = centers_xy + cells[:, 1:3] * stride
    halves = np.exp(np.clip(cells[:, 3:5], -4.0, 5.0)) * stride / 2
    boxes = np.concatenate([middles - halves, middles + halves], axis=1).astype(np.float32)
    offsets = cells[:, 5:].reshape(-1, 5, 2)
    landmarks = (centers_xy[:, None, :] + offsets * stride[:, :, None]).astype(np.float32)
    return scores, boxes, landmarks

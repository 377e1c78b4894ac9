"""A detection network alone: one look at one size, for measurements.

The door's detector does more (see `facegate.models.onnx_detector`). To compare networks all of that
is left away: every network sees the same canvas, and its candidates go through the same
suppression.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.detections import Detections
from facegate.errors import ModelError
from facegate.vision.boxes import letterbox, non_max_suppression

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

STRIDES = (8, 16, 32)
GRID_PX = 32
VALUES, FIT = 16, 15
"""What a cell predicts; see `facegate.models.yolo`."""

SIDE_PX = 640
CANDIDATES_FROM = 0.02
"""Least score of a candidate: those below change no average precision by a ten-thousandth."""

SUPPRESS_FROM_IOU = 0.45
MOST_CANDIDATES = 2000
"""As YuNet's authors measure, but for the number of candidates, of which they keep 5,000."""


class CellNetwork(Protocol):
    """A network that predicts VALUES for each cell of three grids."""

    @property
    def model_id(self) -> str:
        """Name and short digest of the network."""

    @property
    def cell_origin(self) -> float:
        """Where offsets are counted from, in strides: 0.5 for a cell's middle, 0 for its corner."""

    def cells(self, canvas_bgr: ImageArray) -> FloatArray:
        """(h, w, 3) uint8, sides multiples of 32, to raw (cells, 16), finest grid first."""


class YoloCells:
    """Our network; fulfils CellNetwork.

    Args:
        session: the network.
        model_id: name and short digest of it.

    Raises:
        ModelError: it is no such network.
    """

    cell_origin = 0.5

    def __init__(self, session: InferenceSession, model_id: str) -> None:
        outputs = session.get_outputs()
        if len(outputs) != 1 or len(outputs[0].shape) != 3 or outputs[0].shape[2] != VALUES:
            raise ModelError(f"{model_id} cannot be measured: it must give (n, cells, {VALUES}).")
        self._session = session
        self._input_name = str(session.get_inputs()[0].name)
        self.model_id = model_id

    def cells(self, canvas_bgr: ImageArray) -> FloatArray:
        """See CellNetwork. Raises ModelError."""
        try:
            found: FloatArray = self._session.run(None, {self._input_name: canvas_bgr[None]})[0][0]
        except Exception as error:  # onnxruntime's errors have no common public base
            raise ModelError(f"{self.model_id} failed to run: {error}") from error
        return found


class OneLook:
    """Finds candidates with one network at one size; nothing is refined or left out.

    Args:
        network: what looks.
        side_px: the picture's longest side is scaled to this, up or down.
        candidates_from: least score that is kept.
        suppress_from_iou: a candidate that overlaps a surer one by more is dropped.
    """

    def __init__(
        self,
        network: CellNetwork,
        side_px: int = SIDE_PX,
        candidates_from: float = CANDIDATES_FROM,
        suppress_from_iou: float = SUPPRESS_FROM_IOU,
    ) -> None:
        self._network = network
        self._side_px = side_px
        self._candidates_from = candidates_from
        self._suppress_from_iou = suppress_from_iou

    @property
    def model_id(self) -> str:
        """The network's."""
        return self._network.model_id

    def look(self, frame_bgr: ImageArray) -> tuple[Detections, dict[str, float]]:
        """Find candidates, the surest first.

        Args:
            frame_bgr: (h, w, 3) uint8, of at least a pixel.

        Returns:
            The candidates in frame pixels, and the milliseconds of the stages `scaling`, `network`
            and `suppression`.

        Raises:
            ModelError: the network failed.
        """
        begin = time.perf_counter()
        height, width = frame_bgr.shape[:2]
        scale = self._side_px / max(height, width)
        canvas = letterbox(frame_bgr, scale, 0, GRID_PX)
        scaled = time.perf_counter()
        cells = self._network.cells(canvas)
        ran = time.perf_counter()
        boxes, landmarks, scores = decode(
            cells, canvas.shape[:2], self._network.cell_origin, self._candidates_from
        )
        kept = non_max_suppression(boxes, scores, self._suppress_from_iou)
        # Rounded sides make the two directions differ a little; go back by the true ratios.
        ratio_xy = np.array(
            [max(1, round(width * scale)) / width, max(1, round(height * scale)) / height],
            np.float32,
        )
        found = Detections(
            (boxes[kept] / np.tile(ratio_xy, 2)).astype(np.float32),
            (landmarks[kept] / ratio_xy).astype(np.float32),
            scores[kept],
        )
        done = time.perf_counter()
        stages = ("scaling", scaled - begin), ("network", ran - scaled), ("suppression", done - ran)
        return found, {name: 1e3 * span for name, span in stages}


def decode(
    cells: FloatArray, canvas_hw: tuple[int, ...], cell_origin: float, least: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Turn raw cells into candidates.

    The score is the geometric mean of the chance of a face and the fit of its box.

    Args:
        cells: (cells, 16), see `facegate.models.yolo.decode`.
        canvas_hw: size of the network's input.
        cell_origin: see CellNetwork.
        least: score from which candidates are kept, the MOST_CANDIDATES surest at most.

    Returns:
        Boxes (n, 4), landmarks (n, 5, 2), both in canvas pixels and finite, and scores (n,),
        falling.

    Raises:
        ModelError: the network did not give one row for each cell.
    """
    corners, strides = _grid(*canvas_hw)
    if len(cells) != len(corners):
        raise ModelError(f"The network gave {len(cells)} cells where {len(corners)} are.")
    scores = np.sqrt(_logistic(cells[:, 0]) * _logistic(cells[:, FIT]))
    found = np.flatnonzero(scores >= least)  # NaN compares false: no face
    found = found[np.argsort(-scores[found], kind="stable")][:MOST_CANDIDATES]
    stride, values = strides[found, None], cells[found]
    origins = corners[found] + cell_origin * stride
    middles = origins + values[:, 1:3] * stride
    halves = np.exp(np.clip(values[:, 3:5], -4.0, 5.0)) * stride / 2
    boxes = np.concatenate([middles - halves, middles + halves], axis=1)
    landmarks = origins[:, None] + values[:, 5:FIT].reshape(-1, 5, 2) * stride[:, :, None]
    finite = np.isfinite(boxes).all(axis=1) & np.isfinite(landmarks).all(axis=(1, 2))
    return (
        boxes[finite].astype(np.float32),
        landmarks[finite].astype(np.float32),
        scores[found][finite].astype(np.float32),
    )


def _logistic(logits: FloatArray) -> FloatArray:
    # Beyond 60 the function is 0 or 1 to the last digit; the limit keeps the power finite.
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))), np.float32)


@lru_cache(maxsize=16)
def _grid(height: int, width: int) -> tuple[FloatArray, FloatArray]:
    """(cells, 2) upper left corners in pixels and (cells,) strides, in output order."""
    corners, strides = [], []
    for stride in STRIDES:
        y, x = np.indices((height // stride, width // stride), dtype=np.float32)
        corners.append(np.stack([x.ravel(), y.ravel()], axis=1) * stride)
        strides.append(np.full(x.size, stride, np.float32))
    grid = np.concatenate(corners), np.concatenate(strides)
    for part in grid:  # shared between calls
        part.setflags(write=False)
    return grid

"""A detection network alone: one look at one size, for measurements.

The door's detector does more (see `facegate.models.onnx_detector`). To compare networks all of that
is left away: every network sees the same canvas, and its candidates go through the same
suppression.
"""

from __future__ import annotations

import time
from typing import Protocol

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.detections import Detections
from facegate.errors import ModelError
from facegate.models.yolo_cells import GRID_PX, cell_grid, faces_in_cells
from facegate.vision.boxes import letterbox, non_max_suppression

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

    def cells(self, canvas_bgr: ImageArray) -> FloatArray:
        """(h, w, 3) uint8, sides multiples of 32, to (cells, 16); see `faces_in_cells`."""


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
        found = self._candidates(cells, *canvas.shape[:2])
        kept = non_max_suppression(found.bboxes_xyxy, found.scores, self._suppress_from_iou)
        found = found.take(kept)
        # Rounded sides make the two directions differ a little; go back by the true ratios.
        ratio_xy = np.array(
            [max(1, round(width * scale)) / width, max(1, round(height * scale)) / height],
            np.float32,
        )
        found = Detections(
            (found.bboxes_xyxy / np.tile(ratio_xy, 2)).astype(np.float32),
            found.landmarks_xy / ratio_xy,
            found.scores,
        )
        done = time.perf_counter()
        stages = ("scaling", scaled - begin), ("network", ran - scaled), ("suppression", done - ran)
        return found, {name: 1e3 * span for name, span in stages}

    def _candidates(self, cells: FloatArray, height: int, width: int) -> Detections:
        """The MOST_CANDIDATES surest, the surest first."""
        count = len(cell_grid(height, width)[0])
        if len(cells) != count:
            raise ModelError(f"The network gave {len(cells)} cells where {count} are.")
        found = faces_in_cells(cells, height, width, self._candidates_from)
        return Detections(*found).surest(MOST_CANDIDATES)

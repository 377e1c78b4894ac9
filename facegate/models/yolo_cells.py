"""The detection network without torch: runs it, and reads which cells see a face, and where."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import ModelError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

STRIDES = (8, 16, 32)
GRID_PX = 32
VALUES = 16
FIT = 15
"""The network's contract; see `facegate.models.yolo`, whose decoding is repeated here without
torch (a test holds both together)."""


class YoloCells:
    """Our network, run by onnxruntime; fulfils `facegate.models.one_look.CellNetwork`.

    Args:
        session: the network.
        model_id: name and short digest of it.

    Raises:
        ModelError: it is no such network.
    """

    def __init__(self, session: InferenceSession, model_id: str) -> None:
        inputs, outputs = session.get_inputs(), session.get_outputs()
        fits = (
            len(inputs) == len(outputs) == 1
            and inputs[0].type == "tensor(uint8)"
            and len(inputs[0].shape) == 4
            and len(outputs[0].shape) == 3
            and outputs[0].shape[1] == VALUES
        )
        if not fits:
            raise ModelError(
                f"{model_id} is not a face detector: it must take (n, h, w, 3) uint8 and "
                f"give (n, {VALUES}, cells) float32."
            )
        self._session = session
        self._input_name = str(inputs[0].name)
        self.model_id = model_id

    def cells(self, canvas_bgr: ImageArray) -> FloatArray:
        """(h, w, 3) uint8, sides multiples of GRID_PX, to (cells, 16). Raises ModelError."""
        try:
            values: FloatArray = self._session.run(None, {self._input_name: canvas_bgr[None]})[0][0]
        except Exception as error:  # onnxruntime's errors have no common public base
            raise ModelError(f"{self.model_id} failed to run: {error}") from error
        return values.T


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


def faces_in_cells(
    cells: FloatArray, height: int, width: int, least_score: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Read all faces from the values of all cells.

    Args:
        cells: (cells, 16) raw values of one canvas.
        height, width: of that canvas, multiples of GRID_PX.
        least_score: faces below are left out, a fraction in (0, 1).

    Returns:
        Boxes (n, 4), landmarks (n, 5, 2), both in canvas pixels, and scores (n,). Whatever is not
        a finite number is no face.
    """
    centers, strides = cell_grid(height, width)
    # A score is the geometric mean of two fractions, so neither may be below the square of the
    # least. Comparing logits saves two sigmoids of every cell. NaN compares false: no face.
    least = least_score**2
    limit = np.float32(np.log(least / (1 - least)) - 1e-4)
    likely = np.flatnonzero((cells[:, 0] >= limit) & (cells[:, FIT] >= limit))
    scores, boxes, landmarks = decode(cells[likely], centers[likely], strides[likely])
    good = scores >= least_score
    good &= np.isfinite(boxes).all(axis=1) & np.isfinite(landmarks).all(axis=(1, 2))
    return boxes[good], landmarks[good], scores[good]


def decode(
    cells: FloatArray, centers_xy: FloatArray, strides: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Turn the raw values of n cells into scores (n,), boxes (n, 4) and landmarks (n, 5, 2).

    Pixels are those of the network's input. See `facegate.models.yolo.decode`; the score is the
    geometric mean of p_c and of the box's fit.
    """
    p_c, fit = _sigmoid(cells[:, 0]), _sigmoid(cells[:, FIT])
    stride = strides[:, None]
    middles = centers_xy + cells[:, 1:3] * stride
    halves = np.exp(np.clip(cells[:, 3:5], -4.0, 5.0)) * stride / 2
    boxes = np.concatenate([middles - halves, middles + halves], axis=1).astype(np.float32)
    offsets = cells[:, 5:FIT].reshape(-1, 5, 2)
    landmarks = (centers_xy[:, None, :] + offsets * stride[:, :, None]).astype(np.float32)
    return np.sqrt(p_c * fit).astype(np.float32), boxes, landmarks


def _sigmoid(logits: FloatArray) -> FloatArray:
    # Beyond 60 the result is 0 or 1 anyway, and exp would overflow.
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0))), np.float32)

"""Runs YuNet, to measure it beside ours and to learn from it; never at the gate.

Source:
    Wu, Peng and Yu, YuNet: a tiny millisecond-level face detector, Machine Intelligence Research
    20, 2023; ShiqiYu/libfacedetection.train, whose exported networks give the chances of a face
    (`cls`) and of an object (`obj`), boxes and landmarks of three grids. Its cells count from their
    upper left corner; here they are brought to ours, which count from the middle.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.errors import ModelError
from facegate.models.registry import DIGEST_LETTERS
from facegate.models.runtime import open_session
from facegate.models.yolo_cells import FIT, STRIDES

_PARTS = (("obj", 1), ("bbox", 4), ("kps", 10), ("cls", 1))
"""Its outputs in the order of our values, see `facegate.models.yolo`."""


class YuNetCells:
    """A YuNet file; fulfils `facegate.models.one_look.CellNetwork`.

    Args:
        path: ONNX file that takes (1, 3, h, w) float BGR of 0 to 255, of any size.
        threads: threads that one run may use.

    Raises:
        ModelError: it cannot be read, or is another network.
    """

    def __init__(self, path: Path, threads: int) -> None:
        try:
            weights = path.read_bytes()
        except OSError as error:
            raise ModelError(f"The peer {path} cannot be read ({error.strerror}).") from error
        self._session = open_session(weights, threads)
        self._names = [output.name for output in self._session.get_outputs()]
        wanted = {f"{part}_{stride}" for part, _ in _PARTS for stride in STRIDES}
        shape = list(self._session.get_inputs()[0].shape)
        if not wanted <= set(self._names) or len(shape) != 4:
            raise ModelError(
                f"{path} is not a YuNet network: it must give cls, obj, bbox and kps of the "
                "strides 8, 16 and 32."
            )
        if any(isinstance(side, int) for side in shape[2:]):
            raise ModelError(
                f"{path} takes pictures of {shape[3]} x {shape[2]} pixels only.",
                hint="Take the file that is exported with a dynamic size.",
            )
        self._input_name = str(self._session.get_inputs()[0].name)
        self.model_id = f"{path.stem}@{hashlib.sha256(weights).hexdigest()[:DIGEST_LETTERS]}"

    def cells(self, canvas_bgr: ImageArray) -> FloatArray:
        """See CellNetwork; chances come back as logits. Raises ModelError."""
        return self.batch(canvas_bgr[None])[0]

    def batch(self, frames_bgr: ImageArray) -> FloatArray:
        """(n, h, w, 3) uint8, sides multiples of 32, to (n, cells, 16). Raises ModelError."""
        pixels = np.ascontiguousarray(frames_bgr.transpose(0, 3, 1, 2), np.float32)
        try:
            values = self._session.run(self._names, {self._input_name: pixels})
        except Exception as error:  # onnxruntime's errors have no common public base
            raise ModelError(f"{self.model_id} failed to run: {error}") from error
        outputs = dict(zip(self._names, values, strict=True))
        rows = []
        for stride in STRIDES:
            obj, bbox, kps, cls = (
                outputs[f"{part}_{stride}"].reshape(len(pixels), -1, width)
                for part, width in _PARTS
            )
            rows.append(np.concatenate([_logit(obj), bbox, kps, _logit(cls)], axis=2))
        cells = np.concatenate(rows, axis=1).astype(np.float32)
        cells[..., 1:3] -= 0.5
        cells[..., 5:FIT] -= 0.5
        return cells


def _logit(chance: FloatArray) -> FloatArray:
    chance = np.clip(chance, 1e-7, 1 - 1e-7)
    return np.asarray(np.log(chance / (1 - chance)), np.float32)

"""CenterFace as a second teacher, who confirms what the first is not sure of."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx

from facegate.domain.arrays import ImageArray
from facegate.domain.detections import Detections
from facegate.errors import ModelError
from facegate.models.runtime import open_session
from facegate.training.detector.teacher import NMS_IOU
from facegate.vision.boxes import non_max_suppression

INPUT = "input.1"
OUTPUTS = ("537", "538", "539", "540")
STRIDE = 4


class CenterFace:
    """CenterFace (Xu et al., 2020; Star-Clouds/CenterFace, MIT).

    Args:
        weights: its ONNX file, of any input size.
        least_score: of the faces that are told of.

    Raises:
        ModelError: the file is another network.
    """

    def __init__(self, weights: Path, least_score: float = 0.5) -> None:
        try:
            model = onnx.load(weights)
            of_batch = {value.name: value for value in (*model.graph.input, *model.graph.output)}
            for name in (INPUT, *OUTPUTS):
                # The file tells one fixed size, although all its layers take any.
                for axis, what in zip((0, 2, 3), ("n", "h", "w"), strict=True):
                    of_batch[name].type.tensor_type.shape.dim[axis].dim_param = f"{what}_{name}"
        except Exception as error:  # protobuf's errors have no common public base
            raise ModelError(f"{weights} does not hold CenterFace.") from error
        self._session = open_session(model.SerializeToString(), threads=1)
        self._least = least_score

    def __call__(self, frame_bgr: ImageArray) -> Detections:
        """Find the faces of a picture, at its size."""
        height, width = frame_bgr.shape[:2]
        padded = cv2.copyMakeBorder(frame_bgr, 0, -height % 32, 0, -width % 32, cv2.BORDER_CONSTANT)
        pixels = np.ascontiguousarray(padded[..., ::-1].transpose(2, 0, 1)[None], np.float32)
        heat, sizes, offsets, points = (
            part[0] for part in self._session.run(list(OUTPUTS), {INPUT: pixels})
        )
        y, x = np.nonzero(heat[0] >= self._least)
        halves = np.exp(sizes[:, y, x]) * STRIDE / 2  # y before x, here and below
        centers = (np.stack([y, x]) + offsets[:, y, x] + 0.5) * STRIDE
        corners, ends = (centers - halves)[::-1].T, (centers + halves)[::-1].T
        places = points[:, y, x].T.reshape(-1, 5, 2)[..., ::-1]
        landmarks = corners[:, None] + places * (ends - corners)[:, None]
        found = Detections(
            np.concatenate([corners, ends], axis=1).astype(np.float32),
            landmarks.astype(np.float32),
            heat[0, y, x].astype(np.float32),
        )
        return found.take(non_max_suppression(found.bboxes_xyxy, found.scores, NMS_IOU))

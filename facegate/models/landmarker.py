"""The landmark network, in torch; for training and export, never at the gate.

The detector places landmarks well enough to know a face's pose, not well enough to align it: its
cells are coarse. This small network takes a second look at the face alone and gives the five points
directly, each from all of the face.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facegate.models.yolo import INPUT_MEAN, INPUT_SCALE, conv_norm, relu
from facegate.vision.landmark_crop import SIDE_PX


class Separable(nn.Module):
    """A 3x3 convolution of each channel, then a 1x1 over all; adds its input where it can."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = conv_norm(inputs, inputs, 3, stride, groups=inputs)
        self.pointwise = conv_norm(inputs, outputs, 1)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c', h / stride, w / stride)."""
        y = self.pointwise(relu(self.depthwise(x)))
        return relu(y + x if self.adds else y)


class Landmarker(nn.Module):
    """From crops around faces to landmarks."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16))
        self.body = nn.Sequential(
            Separable(16, 48, 2),
            Separable(48, 48),
            Separable(48, 96, 2),
            Separable(96, 96),
            Separable(96, 96),
            Separable(96, 128, 2),
            Separable(128, 128),
        )
        self.points = nn.Linear(128 * 6 * 6, 10)

    def forward(self, crops_bgr: Tensor) -> Tensor:
        """(n, 3, 96, 96) float, 0 to 255, to (n, 5, 2) pixels of the crop."""
        x = F.relu(self.stem((crops_bgr - INPUT_MEAN) * INPUT_SCALE))
        offsets = self.points(self.body(x).flatten(1)).reshape(-1, 5, 2)
        return (offsets + 1.0) * (SIDE_PX / 2)


class ExportedLandmarker(nn.Module):
    """The network as it is exported."""

    def __init__(self, network: Landmarker) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops_bgr: Tensor) -> Tensor:
        """(n, 96, 96, 3) uint8 BGR to (n, 5, 2) float32 pixels."""
        return self.network(crops_bgr.permute(0, 3, 1, 2).float())


def empty() -> Tensor:
    """An example input for the exporter."""
    return torch.zeros(2, SIDE_PX, SIDE_PX, 3, dtype=torch.uint8)

"""The face detector's network, in torch; for training and export, never at the gate.

A one-stage grid network in the manner of YOLO (Redmon et al., 2016; Redmon and Farhadi, 2018): on
three grids, of stride 8, 16 and 32 pixels, each cell tells whether a face's center lies in it
(p_c), and if so its box and five landmarks. There are no anchors: a cell predicts its box directly,
in strides (as FCOS, Tian et al., 2019, and YOLOX, Ge et al., 2021).

The backbone is made of depthwise-separable convolutions (MobileNet, Howard et al., 2017); a small
feature pyramid (Lin et al., 2017) brings what deep layers know back to the fine grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)
"""Pixels between the cells of each grid."""

VALUES = 15
"""What a cell predicts: p_c, 4 of the box, 2 for each of 5 landmarks."""

INPUT_MEAN, INPUT_SCALE = 127.5, 1 / 64.0
PRIOR_PC = 0.01
"""p_c of every cell before training; keeps the many empty cells from drowning the first steps
(focal loss paper, Lin et al., 2017, section 4.1)."""


@dataclass(frozen=True)
class YoloShape:
    """Widths of the network.

    Attributes:
        stem: channels after the first convolution (stride 2).
        stages: channels at strides 4, 8, 16 and 32.
        blocks: separable convolutions in each stage, the first of which strides.
        neck: channels of the pyramid and the heads.
    """

    stem: int = 16
    stages: tuple[int, int, int, int] = (32, 64, 96, 128)
    blocks: tuple[int, int, int, int] = (1, 3, 3, 3)
    neck: int = 48


def _conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Separable(nn.Module):
    """A 3x3 convolution of each channel, then a 1x1 over all; adds its input where it can."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = _conv(inputs, inputs, 3, stride, groups=inputs)
        self.pointwise = _conv(inputs, outputs, 1)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c', h / stride, w / stride)."""
        y = self.pointwise(F.relu(self.depthwise(x)))
        return F.relu(y + x if self.adds else y)


class YoloFace(nn.Module):
    """From pictures to raw predictions of every cell."""

    def __init__(self, shape: YoloShape | None = None) -> None:
        super().__init__()
        shape = shape or YoloShape()
        self.stem = _conv(3, shape.stem, 3, 2)
        stages: list[nn.Module] = []
        inputs = shape.stem
        for outputs, blocks in zip(shape.stages, shape.blocks, strict=True):
            layers = [Separable(inputs, outputs, 2)]
            layers += [Separable(outputs, outputs) for _ in range(blocks - 1)]
            stages.append(nn.Sequential(*layers))
            inputs = outputs
        self.stages = nn.ModuleList(stages)
        self.laterals = nn.ModuleList(_conv(c, shape.neck, 1) for c in shape.stages[1:])
        self.smooth = nn.ModuleList(Separable(shape.neck, shape.neck) for _ in STRIDES)
        self.heads = nn.ModuleList(
            nn.Sequential(Separable(shape.neck, shape.neck), nn.Conv2d(shape.neck, VALUES, 1))
            for _ in STRIDES
        )
        self._initialize()

    def _initialize(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for head in self.heads:
            last = head[-1]  # type: ignore[index]
            nn.init.normal_(last.weight, std=0.01)
            nn.init.zeros_(last.bias)
            last.bias.data[0] = -torch.log(torch.tensor((1 - PRIOR_PC) / PRIOR_PC))

    def forward(self, images_bgr: Tensor) -> Tensor:
        """Predict.

        Args:
            images_bgr: (n, 3, h, w) float, 0 to 255; h and w multiples of 32.

        Returns:
            (n, cells, 15) raw values, finest grid first, row by row; see `decode`.
        """
        x = F.relu(self.stem((images_bgr - INPUT_MEAN) * INPUT_SCALE))
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        fine, middle, coarse = (
            lateral(feature) for lateral, feature in zip(self.laterals, features[1:], strict=True)
        )
        coarse = self.smooth[2](F.relu(coarse))
        middle = self.smooth[1](F.relu(middle + F.interpolate(coarse, scale_factor=2.0)))
        fine = self.smooth[0](F.relu(fine + F.interpolate(middle, scale_factor=2.0)))
        outputs = [
            head(x).flatten(2).transpose(1, 2)
            for head, x in zip(self.heads, (fine, middle, coarse), strict=True)
        ]
        return torch.cat(outputs, dim=1)


def cell_grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Where the cells of all grids are.

    Args:
        height, width: of the input, multiples of 32.

    Returns:
        (cells, 2) float centers x, y in pixels, and (cells,) float strides; in output order.
    """
    centers, strides = [], []
    for stride in STRIDES:
        ys = (torch.arange(height // stride, dtype=torch.float32) + 0.5) * stride
        xs = (torch.arange(width // stride, dtype=torch.float32) + 0.5) * stride
        y, x = torch.meshgrid(ys, xs, indexing="ij")
        centers.append(torch.stack([x.flatten(), y.flatten()], dim=1))
        strides.append(torch.full((x.numel(),), float(stride)))
    return torch.cat(centers), torch.cat(strides)


def decode(raw: Tensor, centers_xy: Tensor, strides: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Turn raw values into pixels.

    Args:
        raw: (..., cells, 15); p_c logit, center offset x, y in strides, logarithm of width and
            height in strides, landmark offsets x, y in strides.
        centers_xy, strides: from `cell_grid`.

    Returns:
        p_c logits (..., cells), boxes (..., cells, 4) x1 y1 x2 y2, landmarks (..., cells, 5, 2).
    """
    stride = strides[:, None]
    center = centers_xy + raw[..., 1:3] * stride
    # Beyond e^5 strides no face fits the picture; the limit keeps early training finite.
    half = torch.exp(raw[..., 3:5].clamp(-4.0, 5.0)) * stride / 2
    boxes = torch.cat([center - half, center + half], dim=-1)
    offsets = raw[..., 5:].reshape(*raw.shape[:-1], 5, 2)
    landmarks = centers_xy[:, None, :] + offsets * strides[:, None, None]
    return raw[..., 0], boxes, landmarks


class ExportedYolo(nn.Module):
    """The network as it is exported: pixels in, raw values of all cells out.

    Decoding stays outside the file: only the cells whose p_c passes the threshold need it, and
    these are a handful of thousands.
    """

    def __init__(self, network: YoloFace) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames_bgr: Tensor) -> Tensor:
        """(n, h, w, 3) uint8 BGR to (n, cells, 15) float32."""
        return self.network(frames_bgr.permute(0, 3, 1, 2).float())

"""The face detector's network, in torch; for training and export, never at the gate.

A one-stage grid network in the manner of YOLO (Redmon et al., 2016; Redmon and Farhadi, 2018): on
three grids, of stride 8, 16 and 32 pixels, each cell tells whether a face's center lies near it
(p_c), and if so its box, five landmarks and how well the box fits. There are no anchors: a cell
predicts its box directly, in strides (as FCOS, Tian et al., 2019, and YOLOX, Ge et al., 2021).

It is built of YuNet's units (Wu, Peng and Yu, 2023), so that training can start from its published
weights. At stride 4, where YuNet spends half of its time, two layers have fewer channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)
"""Pixels between the cells of each grid."""

VALUES = 16
"""What a cell predicts: p_c, 4 of the box, 2 for each of 5 landmarks, fit of the box."""

FIT = 15
"""Where the fit stands among them."""

INPUT_MEAN, INPUT_SCALE = 127.5, 1 / 64.0
"""How the smaller networks that look at one face scale their pixels; this one takes 0 to 255."""

WIDTH = 64
"""Channels from stride 8 on."""

POOLED = 2
"""Each pool halves the sides."""


@dataclass(frozen=True)
class YoloShape:
    """Size of the network.

    Attributes:
        stem: channels at stride 2.
        fine: channels of the units at stride 4, but for the last, which has WIDTH.
    """

    stem: int = 16
    fine: tuple[int, int, int] = (16, 48, 48)


YUNET = YoloShape(fine=(16, 64, 64))
"""That of YuNet itself."""


def conv_norm(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """A convolution without bias, and batch normalization."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


def relu(x: Tensor) -> Tensor:
    """In place: nobody needs what was there, and training on a CPU is a third faster."""
    return F.relu(x, inplace=True)


class Unit(nn.Module):
    """YuNet's unit: a 1x1 convolution over all channels, then a 3x3 of each."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.depthwise = conv_norm(outputs, outputs, 3, groups=outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, c', h, w)."""
        return relu(self.depthwise(self.pointwise(x)))


class Head(nn.Module):
    """What the cells of one grid predict."""

    def __init__(self) -> None:
        super().__init__()
        self.unit = Unit(WIDTH, WIDTH)
        self.pointwise = nn.Conv2d(WIDTH, VALUES, 1)
        self.depthwise = nn.Conv2d(VALUES, VALUES, 3, padding=1, groups=VALUES)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to (n, VALUES, h, w)."""
        values: Tensor = self.depthwise(self.pointwise(self.unit(x)))
        return values


class YoloFace(nn.Module):
    """From pictures to raw predictions of every cell."""

    def __init__(self, shape: YoloShape | None = None) -> None:
        super().__init__()
        shape = shape or YoloShape()
        self.stem = conv_norm(3, shape.stem, 3, 2)
        self.widest = Unit(shape.stem, shape.stem)
        widths = (shape.stem, *shape.fine, WIDTH)
        self.fine = nn.Sequential(*(Unit(*pair) for pair in pairwise(widths)))
        self.stages = nn.ModuleList(
            nn.Sequential(Unit(WIDTH, WIDTH), Unit(WIDTH, WIDTH)) for _ in STRIDES
        )
        self.laterals = nn.ModuleList(Unit(WIDTH, WIDTH) for _ in STRIDES)
        self.heads = nn.ModuleList(Head() for _ in STRIDES)

    def forward(self, images_bgr: Tensor) -> Tensor:
        """Predict.

        Args:
            images_bgr: (n, 3, h, w) float, 0 to 255; h and w multiples of 32.

        Returns:
            (n, cells, 16) raw values, finest grid first, row by row; see `decode`.
        """
        return joined(self.after_stem(self.stem(images_bgr)))

    def after_stem(self, x: Tensor) -> list[Tensor]:
        """What follows the first convolution: (n, stem, h / 2, w / 2) to grids (n, 16, y, x)."""
        return self.maps_and_grids(x)[1]

    def maps_and_grids(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The same, with the maps (n, WIDTH, y, x) on the way there, finest first."""
        pooled = F.max_pool2d(self.fine(F.max_pool2d(self.widest(relu(x)), POOLED)), POOLED)
        fine = self.stages[0](pooled)
        middle = self.stages[1](F.max_pool2d(fine, POOLED))
        coarse = self.stages[2](F.max_pool2d(middle, POOLED))
        low = self.laterals[2](coarse)
        mid = self.laterals[1](middle + F.interpolate(low, scale_factor=2.0))
        high = self.laterals[0](fine + F.interpolate(mid, scale_factor=2.0))
        grids = [head(x) for head, x in zip(self.heads, (high, mid, low), strict=True)]
        return [pooled, fine, middle, coarse, high, mid], grids


def joined(grids: list[Tensor]) -> Tensor:
    """Grids (n, values, y, x) as (n, cells, values), in their order, row by row."""
    return torch.cat([grid.flatten(2) for grid in grids], dim=2).transpose(1, 2)


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
        raw: (..., cells, 16); p_c logit, center offset x, y in strides, logarithm of width and
            height in strides, landmark offsets x, y in strides, fit logit.
        centers_xy, strides: from `cell_grid`.

    Returns:
        p_c and fit logits (..., cells, 2), boxes (..., cells, 4) x1 y1 x2 y2, landmarks
        (..., cells, 5, 2).
    """
    stride = strides[:, None]
    center = centers_xy + raw[..., 1:3] * stride
    # Beyond e^5 strides no face fits the picture; the limit keeps early training finite.
    half = torch.exp(raw[..., 3:5].clamp(-4.0, 5.0)) * stride / 2
    boxes = torch.cat([center - half, center + half], dim=-1)
    offsets = raw[..., 5:FIT].reshape(*raw.shape[:-1], 5, 2)
    landmarks = centers_xy[:, None, :] + offsets * strides[:, None, None]
    return raw[..., [0, FIT]], boxes, landmarks


class _Flattened(torch.autograd.Function):
    """Joins all axes from the third on; the exporter by itself would count sides at run time."""

    @staticmethod
    def forward(_: object, x: Tensor) -> Tensor:
        return x.flatten(2)

    @staticmethod
    def symbolic(graph: Any, x: Any) -> Any:
        shape = graph.op("Constant", value_t=torch.tensor([0, 0, -1]))  # 0: as it is, -1: the rest
        return graph.op("Reshape", x, shape)


def _flattened(x: Tensor) -> Tensor:
    flat: Tensor = _Flattened.apply(x)  # type: ignore[no-untyped-call]
    return flat


class ExportedYolo(nn.Module):
    """The network as it is exported: pixels in, raw values of all cells out.

    Decoding stays outside the file: only the cells whose p_c passes the threshold need it, and
    these are a handful of thousands.

    Pixels come as cameras give them, blue, green and red side by side. Seen as one channel of three
    times the width, the first convolution is one of 3 by 9 values in steps of 2 by 6: the same
    sums, and nothing has to be moved before. Nor is anything moved behind: a cell's values stay as
    far apart as the network computes them.
    """

    def __init__(self, network: YoloFace) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames_bgr: Tensor) -> Tensor:
        """(n, h, w, 3) uint8 BGR to (n, 16, cells) float32."""
        convolution, norm = cast(tuple[nn.Conv2d, nn.BatchNorm2d], tuple(self.network.stem))
        kernel = convolution.weight.permute(0, 2, 3, 1).reshape(-1, 1, 3, 9)
        rows = _flattened(frames_bgr).unsqueeze(1).float()
        found = F.conv2d(rows, kernel, stride=(2, 6), padding=(1, 3))
        grids = self.network.after_stem(norm(found))
        return torch.cat([_flattened(grid) for grid in grids], dim=2)

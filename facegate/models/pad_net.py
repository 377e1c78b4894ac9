"""The network that tells faces from pictures of faces, in torch; never at the gate.

Two branches look at a face, one from nearer and one from farther: paper and screens have a texture,
and an edge. They are built like MiniFASNetV2 and MiniFASNetV1SE of Silent-Face (minivision-ai,
Apache-2.0), whose published weights they can begin with (`facegate.training.pad.start`); the
parameters' names are the same. Two things differ, for the time they take. Widths are multiples of
8, which is how many channels onnxruntime computes at once; and one slope replaces those of every
channel's PReLU, so that the activation is part of the convolution.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

SIDE_PX = 80
"""Side of a view."""

ZOOMS = (2.7, 4.0)
"""Sides of the views, in sides of the face's box."""

CLASSES = ("bona_fide", "paper", "screen")

SLOPE = 0.1
"""Of the first activation below zero; all later slopes of the published weights are near 0."""

FEATURES = 128

NEAR_WIDTHS = ((16, 16, 16, 16), (232, 56, 32, 80, 32, 32), (32, 32))
FAR_WIDTHS = ((16, 32, 16, 56), (160, 56, 32, 56, 32, 32), (32, 32))
"""Channels inside the blocks of the three stages."""


class Convolution(nn.Module):
    """A convolution, its normalization and its activation."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        slope: float | None = 0.0,
        padding: int | None = None,
    ) -> None:
        super().__init__()
        pad = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, pad, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.act: nn.Module = nn.Identity()
        if slope is not None:
            self.act = nn.LeakyReLU(slope) if slope else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        found: Tensor = self.act(self.bn(self.conv(x)))
        return found


class Excitation(nn.Module):
    """Weighs channels by what the whole picture shows (squeeze and excitation)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 4, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // 4)
        self.fc2 = nn.Conv2d(channels // 4, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to the same shape."""
        weights = torch.relu(self.bn1(self.fc1(x.mean(dim=(2, 3), keepdim=True))))
        return x * torch.sigmoid(self.bn2(self.fc2(weights)))


class Block(nn.Module):
    """Widen, look around in each channel, narrow; beside it the input, where the shape is kept."""

    def __init__(
        self, inputs: int, width: int, outputs: int, stride: int = 1, *, excited: bool = False
    ) -> None:
        super().__init__()
        self.conv = Convolution(inputs, width)
        self.conv_dw = Convolution(width, width, 3, stride, groups=width)
        self.project = Convolution(width, outputs, slope=None)
        self.se_module = Excitation(outputs) if excited else None
        self.residual = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        found: Tensor = self.project(self.conv_dw(self.conv(x)))
        if self.se_module is not None:
            found = self.se_module(found)
        return x + found if self.residual else found


class Stage(nn.Module):
    """Blocks of one size one after another."""

    def __init__(self, channels: int, widths: Sequence[int], *, excited: bool) -> None:
        super().__init__()
        last = len(widths) - 1
        self.model = nn.Sequential(
            *(
                Block(channels, width, channels, excited=excited and place == last)
                for place, width in enumerate(widths)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to the same shape."""
        found: Tensor = self.model(x)
        return found


class Branch(nn.Module):
    """From one view of each face to a score of every class."""

    def __init__(
        self, widths: Sequence[Sequence[int]], *, excited: bool = False, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.conv1 = Convolution(3, 32, 3, 2, slope=SLOPE)
        self.conv2_dw = Convolution(32, 32, 3, groups=32)
        self.conv_23 = Block(32, 104, 64, 2)
        self.conv_3 = Stage(64, widths[0], excited=excited)
        self.conv_34 = Block(64, 232, 128, 2)
        self.conv_4 = Stage(128, widths[1], excited=excited)
        self.conv_45 = Block(128, 312, 128, 2)
        self.conv_5 = Stage(128, widths[2], excited=excited)
        self.conv_6_sep = Convolution(128, 512)
        self.conv_6_dw = Convolution(512, 512, SIDE_PX // 16, groups=512, slope=None, padding=0)
        self.linear = nn.Linear(512, FEATURES, bias=False)
        self.bn = nn.BatchNorm1d(FEATURES)
        self.drop = nn.Dropout(dropout)
        self.prob = nn.Linear(FEATURES, len(CLASSES), bias=False)

    def forward(self, view_bgr: Tensor) -> Tensor:
        """(n, 3, 80, 80) float, 0 to 255, to (n, 3) logits of CLASSES."""
        x = self.conv_3(self.conv_23(self.conv2_dw(self.conv1(view_bgr))))
        x = self.conv_5(self.conv_45(self.conv_4(self.conv_34(x))))
        x = self.conv_6_dw(self.conv_6_sep(x)).flatten(1)
        logits: Tensor = self.prob(self.drop(self.bn(self.linear(x))))
        return logits


class PadNet(nn.Module):
    """From two views of each face to a score of every class."""

    def __init__(self) -> None:
        super().__init__()
        self.near = Branch(NEAR_WIDTHS)
        self.far = Branch(FAR_WIDTHS, excited=True)

    def forward(self, views_bgr: Tensor) -> Tensor:
        """(n, 2, 3, 80, 80) float, 0 to 255, to (n, 3) logits of CLASSES."""
        near, far = self.branches(views_bgr)
        return (near + far) / 2

    def branches(self, views_bgr: Tensor) -> tuple[Tensor, Tensor]:
        """What each branch says by itself, two times (n, 3) logits, in the order of ZOOMS."""
        return self.near(views_bgr[:, 0]), self.far(views_bgr[:, 1])


class ExportedPad(nn.Module):
    """The network as it is exported."""

    def __init__(self, network: PadNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, views_bgr: Tensor) -> Tensor:
        """(n, 2, 80, 80, 3) uint8 BGR to (n,) float32, the probability of a bona fide face."""
        logits = self.network(views_bgr.permute(0, 1, 4, 2, 3).float())
        return logits.softmax(dim=1)[:, 0]


def empty() -> Tensor:
    """An example input for the exporter."""
    return torch.zeros(2, 2, SIDE_PX, SIDE_PX, 3, dtype=torch.uint8)

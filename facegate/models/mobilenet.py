"""The MobileNet embedding network, in torch; for training and export, never at the gate.

Architecture: Howard et al., MobileNets, 2017, as SFace has it (Zhong et al., 2021): the first
convolution keeps the size, PReLU, and a fully connected layer over the last 7x7 pixels. Its
weights (Apache-2.0) are what the `accurate` embedding starts from. Batch normalization is folded
into the layers beside it. Everything between the crop and the embedding is inside the network:
pixel scaling before, unit length after.
"""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from facegate.models.crop_encoder import CropEncoder
from facegate.vision.align import CROP_PX

EMBEDDING_DIM = 128

_STAGES = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)
"""Channels and stride of each block."""


class SeparableBlock(nn.Module):
    """Filter each channel by itself, then mix channels; each followed by PReLU."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels_in, channels_in, 3, stride, 1, groups=channels_in)
        self.depthwise_slope = nn.Parameter(torch.full((channels_in,), 0.25))
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1)
        self.pointwise_slope = nn.Parameter(torch.full((channels_out,), 0.25))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Filter (n, c, h, w) to (n, c', h / stride, w / stride)."""
        x = F.prelu(self.depthwise(x), self.depthwise_slope)
        return F.prelu(self.pointwise(x), self.pointwise_slope)


class MobileNet(CropEncoder):
    """Aligned crops to unit embeddings.

    Parameters, in the order the network runs:
        stem.weight, .bias, stem_slope: 3x3 convolution, 3 to 32 channels, at full size.
        blocks.N.depthwise, .depthwise_slope, .pointwise, .pointwise_slope: 13 blocks, to 7x7.
        embedding.weight, .bias: (EMBEDDING_DIM, 1024 * 7 * 7), channels before rows and columns.
    """

    dimension: ClassVar[int] = EMBEDDING_DIM

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 1, padding=1)
        self.stem_slope = nn.Parameter(torch.full((32,), 0.25))
        blocks: list[SeparableBlock] = []
        channels = 32
        for channels_out, stride in _STAGES:
            blocks.append(SeparableBlock(channels, channels_out, stride))
            channels = channels_out
        self.blocks = nn.ModuleList(blocks)
        self.embedding = nn.Linear(channels * (CROP_PX // 16) ** 2, EMBEDDING_DIM)

    def unnormalized(self, crops_rgb: torch.Tensor) -> torch.Tensor:
        """The embedding before it is scaled to unit length, (n, 128) float32."""
        x = crops_rgb.permute(0, 3, 1, 2).to(self.stem.weight.dtype)
        x = (x - 127.5) / 128.0
        x = F.prelu(self.stem(x), self.stem_slope)
        for block in self.blocks:
            x = block(x)
        # The rows of `embedding` count channels first, whatever the layout in memory.
        embedded: torch.Tensor = self.embedding(x.contiguous().flatten(1))
        return embedded.float()

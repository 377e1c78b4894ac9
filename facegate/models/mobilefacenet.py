"""The MobileFaceNet embedding network, in torch; for training and export, never at the gate.

Architecture: Chen et al., MobileFaceNets, 2018, in the variant of foamliu/MobileFaceNet
(Apache-2.0), whose weights the first FaceGate embedding starts from: ReLU6 instead of PReLU, and a
plain 1x1 convolution with bias at the end. Batch normalization is folded into the convolutions,
which are all that training and the gate see. Everything between the crop and the embedding is
inside the network: pixel scaling before, unit length after.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from facegate.models.crop_encoder import CropEncoder
from facegate.vision.align import CROP_PX

EMBEDDING_DIM = 128

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_DEVIATION = (58.395, 57.12, 57.375)
"""RGB scaling of the start network: ImageNet's mean and deviation, times 255."""

_STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
"""Expansion, channels, blocks, stride of the first; table 1 of the paper."""


class Bottleneck(nn.Module):
    """Expand, filter each channel by itself, project back; MobileNetV2's inverted residual."""

    def __init__(self, channels_in: int, channels_out: int, expansion: int, stride: int) -> None:
        super().__init__()
        hidden = channels_in * expansion
        self.expand = nn.Conv2d(channels_in, hidden, 1)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, stride, padding=1, groups=hidden)
        self.project = nn.Conv2d(hidden, channels_out, 1)
        self.adds_input = stride == 1 and channels_in == channels_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Filter (n, c, h, w) to (n, c', h / stride, w / stride)."""
        y = F.relu6(self.depthwise(F.relu6(self.expand(x))))
        y = self.project(y)
        return x + y if self.adds_input else y


class MobileFaceNet(CropEncoder):
    """Aligned crops to unit embeddings.

    Parameters, in the order the network runs; each has `.weight` and `.bias`:
        stem: 3x3 convolution, stride 2, 3 to 64 channels.
        stem_depthwise, stem_pointwise: one depthwise-separable convolution.
        blocks.N.expand, .depthwise, .project: 15 bottlenecks, down to 7x7 pixels.
        head: 1x1 convolution to 512 channels.
        pool: 7x7 depthwise convolution; weighs each place of the face by itself.
        embedding: 1x1 convolution to EMBEDDING_DIM.
    """

    dimension: ClassVar[int] = EMBEDDING_DIM
    pixel_mean: torch.Tensor
    pixel_scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        mean = torch.tensor(PIXEL_MEAN).view(1, 3, 1, 1)
        scale = 1.0 / torch.tensor(PIXEL_DEVIATION).view(1, 3, 1, 1)
        self.register_buffer("pixel_mean", mean)
        self.register_buffer("pixel_scale", scale)
        self.stem = nn.Conv2d(3, 64, 3, 2, padding=1)
        self.stem_depthwise = nn.Conv2d(64, 64, 3, padding=1, groups=64)
        self.stem_pointwise = nn.Conv2d(64, 64, 1)
        blocks: list[Bottleneck] = []
        channels = 64
        for expansion, channels_out, count, stride in _STAGES:
            for i in range(count):
                blocks.append(
                    Bottleneck(channels, channels_out, expansion, stride if i == 0 else 1)
                )
                channels = channels_out
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Conv2d(channels, 512, 1)
        self.pool = nn.Conv2d(512, 512, CROP_PX // 16, groups=512)
        self.embedding = nn.Conv2d(512, EMBEDDING_DIM, 1)

    def unnormalized(self, crops_rgb: torch.Tensor) -> torch.Tensor:
        """The embedding before it is scaled to unit length, (n, 128) float32."""
        x = crops_rgb.permute(0, 3, 1, 2).to(self.pixel_mean.dtype)
        x = (x - self.pixel_mean) * self.pixel_scale
        x = F.relu6(self.stem(x))
        x = F.relu(self.stem_depthwise(x))
        x = F.relu(self.stem_pointwise(x))
        for block in self.blocks:
            x = block(x)
        x = self.pool(F.relu6(self.head(x)))
        return self.embedding(x).flatten(1).float()


def network_from_weights(weights: Mapping[str, torch.Tensor]) -> MobileFaceNet:
    """Build the network from named parameters, as `facegate.training.embedder.export` reads them.

    Raises:
        RuntimeError: a name is missing or left over, or a shape differs (from torch).
    """
    network = MobileFaceNet()
    network.load_state_dict(dict(weights), strict=True)
    return network.eval()

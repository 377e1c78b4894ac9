"""The EdgeNeXt embedding network, in torch; for training and export, never at the gate.

Architecture: Maaz et al., EdgeNeXt, 2022, its small variant, with every fully connected layer but
the last split in two of half the rank (George et al., EdgeFace, 2024, gamma 0.5). EdgeFace-S's
weights are what `accurate` began with, and those of `accurate` what `fast` did, which computes
these layers with whole numbers; see their cards. The scales that the originals learn for each
block's result are multiplied into the layer before. Everything between the crop and the embedding
is inside the network: pixel scaling before, unit length after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn

from facegate.models.crop_encoder import CropEncoder
from facegate.models.quantized_linear import QuantizedLinear
from facegate.vision.align import CROP_PX

EMBEDDING_DIM = 256
"""As many as its two teachers know between them; in 128, held-out true matches are lost."""

_STEM_STRIDE = 4
_EXPANSION = 4  # of the channels, between the two layers of a mixer
_NORM_EPSILON = 1e-6

_HEADS = 8

_FAR_SPREAD = frozenset(
    {"blocks.0.mixer.second", "blocks.6.mixer.second", "blocks.15.mixer.second"}
)
"""Layers whose rounding turns the embedding more than that of all others together: a few of their
inputs reach ten to sixty times the standard deviation. They compute with fractions."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What the network does at one size of its maps.

    Attributes:
        channels: of the maps.
        convolutions: number of convolution blocks.
        kernel: of those, in pixels.
        parts: in which an attention block at the end splits the channels; 0 for none.
        placed: whether that block is told where in the picture it looks; later ones see it through
            their neighbors.
    """

    channels: int
    convolutions: int
    kernel: int
    parts: int = 0
    placed: bool = False


class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels, at each place."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=_NORM_EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize (n, c, h, w)."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class LowRankLinear(nn.Module):
    """A fully connected layer of at most half the rank it could have."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        rank = min(width_in, width_out) // 2
        self.narrow = nn.Linear(width_in, rank, bias=False)
        self.widen = nn.Linear(rank, width_out)

    def quantize(self) -> None:
        """Compute with whole numbers from now on; its weights are made anew."""
        self.narrow = QuantizedLinear(self.narrow.in_features, self.narrow.out_features, bias=False)
        self.widen = QuantizedLinear(self.widen.in_features, self.widen.out_features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, width_in) to (n, width_out)."""
        widened: torch.Tensor = self.widen(self.narrow(x))
        return widened


class ChannelMixer(nn.Module):
    """Normalizes, and mixes channels at each place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=_NORM_EPSILON)
        self.first = LowRankLinear(channels, _EXPANSION * channels)
        self.second = LowRankLinear(_EXPANSION * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, ..., c) to the same."""
        sizes = [int(size) for size in x.shape[1:]]  # so that exports hold numbers
        # Of two axes, a matrix and its bias are one step in onnxruntime.
        mixed: torch.Tensor = self.second(F.gelu(self.first(self.norm(x).reshape(-1, sizes[-1]))))
        return mixed.reshape(-1, *sizes)


class ConvolutionBlock(nn.Module):
    """Filters each channel by itself, then mixes channels; added to what came in."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.mixer = ChannelMixer(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, c, h, w) to the same."""
        mixed: torch.Tensor = self.mixer(self.depthwise(x).permute(0, 2, 3, 1))
        # Added with the channels last: between two blocks nothing is turned over then.
        return (x.permute(0, 2, 3, 1) + mixed).permute(0, 3, 1, 2)


class Position(nn.Module):
    """Adds what is learned for each place."""

    def __init__(self, places: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, places, channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, places, c) to the same."""
        return x + self.weight


class Temperature(nn.Module):
    """Multiplies similarities, for each head by a number of its own."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(heads, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, heads, ...) to the same."""
        return x * self.weight


class ChannelAttention(nn.Module):
    """Lets channels look at each other over all places: cross-covariance attention.

    Source: El-Nouby et al., XCiT, 2021, equation 3.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=_NORM_EPSILON)
        self.qkv = LowRankLinear(channels, 3 * channels)
        self.temperature = Temperature(_HEADS)
        self.projection = LowRankLinear(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, places, c) to the same."""
        places, channels = (int(size) for size in x.shape[1:])  # so that exports hold numbers
        parts = self.qkv(self.norm(x).reshape(-1, channels))
        parts = parts.reshape(-1, places, 3 * _HEADS, channels // _HEADS)
        wanted, value = torch.split(parts.permute(0, 2, 3, 1), [2 * _HEADS, _HEADS], dim=1)
        query, key = torch.split(_unit(wanted), _HEADS, dim=1)
        alike = query @ key.transpose(-2, -1)
        looked = self.temperature(alike).softmax(dim=-1) @ value
        seen = looked.permute(0, 3, 1, 2).reshape(-1, channels)
        projected: torch.Tensor = self.projection(seen).reshape(-1, places, channels)
        return projected


class AttentionBlock(nn.Module):
    """Filters parts of the channels one after the other, lets channels look, and mixes them.

    Args:
        channels: in and out.
        parts: how many the channels are split in; each but the last is filtered together with what
            the one before gave, so that they see ever farther.
        places: of the maps that come in, if it is to know them; else 0.
    """

    def __init__(self, channels: int, parts: int, places: int = 0) -> None:
        super().__init__()
        width = -(-channels // parts)
        self.widths = [width] * (parts - 1) + [channels - width * (parts - 1)]
        self.filters = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1, groups=width) for _ in range(parts - 1)
        )
        self.position = Position(places, channels) if places else nn.Identity()
        self.attention = ChannelAttention(channels)
        self.mixer = ChannelMixer(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, c, h, w) to the same."""
        parts = torch.split(x, self.widths, dim=1)  # a list of numbers: exports then hold one node
        filtered: list[torch.Tensor] = []
        for part, convolution in zip(parts, self.filters, strict=False):
            filtered.append(convolution(part + filtered[-1] if filtered else part))
        channels, height, width = (int(size) for size in x.shape[1:])
        tokens = torch.cat([*filtered, parts[-1]], dim=1).flatten(2).transpose(1, 2)
        tokens = self.position(tokens)
        mixed = self.mixer(tokens + self.attention(tokens))
        added = x.permute(0, 2, 3, 1) + mixed.reshape(-1, height, width, channels)
        return added.permute(0, 3, 1, 2)


class Downsampling(nn.Sequential):
    """Normalizes, and halves width and height."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(ChannelNorm(channels_in), nn.Conv2d(channels_in, channels_out, 2, 2))


class EdgeNeXt(CropEncoder):
    """Aligned crops to unit embeddings.

    Parameters, in the order the network runs:
        stem: 4x4 convolution with stride 4, 3 to 48 channels, and its normalization.
        blocks.N: of the stages, and what halves the maps between them; from 28x28 to 3x3.
        norm, embedding: of the mean over all places, (dimension, 304).

    Args:
        dimension: of the embedding; its makers' weights give another than ours.

    Attributes:
        stages: the original's, but for an attention block at the end of the last, whose result
            EdgeFace-S scales to next to nothing.
    """

    stages: ClassVar[tuple[Stage, ...]] = (
        Stage(48, 3, 3),
        Stage(96, 2, 5, parts=2, placed=True),
        Stage(160, 8, 7, parts=3),
        Stage(304, 2, 9),
    )
    dimension: ClassVar[int] = EMBEDDING_DIM

    def __init__(self, dimension: int = EMBEDDING_DIM) -> None:
        super().__init__()
        channels, side = self.stages[0].channels, CROP_PX // _STEM_STRIDE
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, _STEM_STRIDE, _STEM_STRIDE), ChannelNorm(channels)
        )
        blocks: list[nn.Module] = []
        for stage in self.stages:
            if stage.channels != channels:
                blocks.append(Downsampling(channels, stage.channels))
                channels, side = stage.channels, side // 2
            blocks += [ConvolutionBlock(channels, stage.kernel) for _ in range(stage.convolutions)]
            if stage.parts:
                places = side * side if stage.placed else 0
                blocks.append(AttentionBlock(channels, stage.parts, places))
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(channels, eps=_NORM_EPSILON)
        self.embedding = nn.Linear(channels, dimension)

    def unnormalized(self, crops_rgb: torch.Tensor) -> torch.Tensor:
        """The embedding before it is scaled to unit length, (n, dimension) float32."""
        x = crops_rgb.permute(0, 3, 1, 2).to(self.embedding.weight.dtype)
        x = self.stem((x - 127.5) / 127.5)
        for block in self.blocks:
            x = block(x)
        embedded: torch.Tensor = self.embedding(self.norm(x.mean(dim=(2, 3))))
        return embedded.float()


class QuantizedEdgeNeXt(EdgeNeXt):
    """The same, most fully connected layers in whole numbers: three quarters of the time."""

    def __init__(self, dimension: int = EMBEDDING_DIM) -> None:
        super().__init__(dimension)
        for name, layer in self.named_modules():
            if isinstance(layer, LowRankLinear) and name not in _FAR_SPREAD:
                layer.quantize()


def _unit(x: torch.Tensor) -> torch.Tensor:
    """As torch's `normalize`, which exports a dozen nodes where these are three."""
    return x / x.norm(dim=-1, keepdim=True).clamp_min(1e-12)

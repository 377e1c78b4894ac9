"""The network that tells faces from pictures of faces, in torch; never at the gate.

It sees every face twice with the same weights: from near, where paper and screens have a texture,
and from far, where they have an edge. Its convolutions are those of the landmark network
(`facegate.models.landmarker`), so that it can start from what that one knows of faces.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facegate.models.yolo import INPUT_MEAN, INPUT_SCALE, Separable

SIDE_PX = 80
"""Side of a view, as in Silent-Face (minivision-ai), whose two networks are the peers."""

ZOOMS = (1.3, 2.7)
"""Sides of the near and the far view, in roots of the area of the face's box."""

CLASSES = ("bona_fide", "paper", "screen")


class PadNet(nn.Module):
    """From two views of each face to a score of every class."""

    def __init__(self, dropout: float = 0.2) -> None:
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
        self.texture = nn.Linear(96, 64)
        self.place = nn.Conv2d(128, 128, SIDE_PX // 16, groups=128)
        self.hidden = nn.Linear(2 * (64 + 128), 64)
        self.drop = nn.Dropout(dropout)
        self.classes = nn.Linear(64, len(CLASSES))

    def forward(self, views_bgr: Tensor) -> Tensor:
        """(n, 2, 3, 80, 80) float, 0 to 255, to (n, 3) logits of CLASSES."""
        x = views_bgr.flatten(0, 1)
        x = F.relu(self.stem((x - INPUT_MEAN) * INPUT_SCALE))
        x = self.body[:5](x)
        # Texture is the same anywhere, so its mean is enough; what is where needs a weight each.
        texture = F.relu(self.texture(x.mean(dim=(2, 3))))
        place = self.place(self.body[5:](x)).flatten(1)
        both = torch.cat([texture, F.relu(place)], dim=1).reshape(-1, 2 * (64 + 128))
        logits: Tensor = self.classes(self.drop(F.relu(self.hidden(both))))
        return logits


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

"""What all embedding networks share in torch; for training and export, never at the gate."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import nn


class CropEncoder(nn.Module):
    """Aligned crops to unit embeddings; a network says how in `unnormalized`.

    Attributes:
        dimension: of an embedding when training is done.
        sees_mirrored: also encode the mirrored crop and give the mean direction of both. Twice the
            work, and the small accidents of one view cancel. Off in training.
    """

    dimension: ClassVar[int]
    sees_mirrored: bool = False

    def forward(self, crops_rgb: torch.Tensor) -> torch.Tensor:
        """Encode (n, 112, 112, 3) RGB, 0 to 255 of any dtype, as (n, dimension) unit vectors."""
        embeddings = F.normalize(self.unnormalized(crops_rgb))
        if self.sees_mirrored:
            mirrored = F.normalize(self.unnormalized(crops_rgb.flip(2)))
            embeddings = F.normalize(embeddings + mirrored)
        return embeddings

    def unnormalized(self, crops_rgb: torch.Tensor) -> torch.Tensor:
        """The embedding before it is scaled to unit length, (n, dimension) float32."""
        raise NotImplementedError

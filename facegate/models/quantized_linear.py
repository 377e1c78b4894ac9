"""A fully connected layer that computes with whole numbers, in torch; for training and export.

What comes in is rounded to 256 steps of equal size, and each row of the matrix to 127. Training
sees that rounding, so that the weights make up for it; the ONNX file holds the whole numbers, and
onnxruntime multiplies those.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import nn

LARGEST: Final = 63
"""Of the matrix's whole numbers. Two products with one byte each then fit in 16 bits, in which
processors without VNNI add them up; with 127 they would cut sums off, and see other faces."""

_HIGHEST = 255
_LARGEST_BIAS = 2**30
_SMALLEST = 1e-30  # above 0 when multiplied with a step of the inputs, too
_FOLLOW = 0.01
"""How far the range of the inputs goes toward that of each batch in training."""


class QuantizedLinear(nn.Linear):
    """As `nn.Linear`, on rounded inputs and weights.

    Attributes:
        step: (), what one step of the inputs is worth; 0 as long as none were seen in training, and
            then nothing is rounded.
        zero: (), the number from 0 to 255 that stands for 0; of the network that is exported and
            read again a whole one.

    Source:
        Jacob et al., Quantization and training of neural networks for efficient
        integer-arithmetic-only inference, CVPR 2018, sections 2.1 and 3.
    """

    step: torch.Tensor
    zero: torch.Tensor

    def __init__(self, width_in: int, width_out: int, bias: bool = True) -> None:
        super().__init__(width_in, width_out, bias)
        self.register_buffer("step", torch.zeros(()))
        self.register_buffer("zero", torch.zeros(()))

    def row_steps(self) -> torch.Tensor:
        """(width_out,) what one whole number of each row is worth."""
        rows = self.weight.detach().abs().amax(dim=1) / LARGEST
        if self.bias is not None and self.step:  # which is stored in steps of both
            rows = torch.maximum(rows, self.bias.detach().abs() / (self.step * _LARGEST_BIAS))
        return rows.clamp_min(_SMALLEST)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, width_in) to (n, width_out)."""
        if self.training and (self.weight.requires_grad or not self.step):
            self._watch(x.detach())
        if not self.step:
            return super().forward(x)
        rows = self.row_steps()
        weight = torch.fake_quantize_per_channel_affine(
            self.weight, rows, torch.zeros_like(rows), 0, -LARGEST, LARGEST
        )
        zero = self.zero.round().to(torch.int32)
        rounded = torch.fake_quantize_per_tensor_affine(x.float(), self.step, zero, 0, _HIGHEST)
        return F.linear(rounded, weight, self.bias)

    def _watch(self, x: torch.Tensor) -> None:
        # 0 is one of the steps.
        low, high = x.min().float().clamp(max=0), x.max().float().clamp(min=0)
        if self.step:
            known = -self.zero * self.step
            low = torch.lerp(known, low, _FOLLOW)
            high = torch.lerp(known + _HIGHEST * self.step, high, _FOLLOW)
        self.step.copy_((high - low) / _HIGHEST)
        self.zero.copy_(-low / self.step.clamp_min(_SMALLEST))

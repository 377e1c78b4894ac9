"""Carries the attack network between torch and ONNX, in both directions."""

from __future__ import annotations

from pathlib import Path

from facegate.models.pad_net import ExportedPad, PadNet, empty
from facegate.training.detector.export import load_named, write_onnx

INPUT_NAME, OUTPUT_NAME = "views_bgr", "pad_scores"


def export_onnx(network: PadNet, path: Path) -> None:
    """Write the network: (n, 2, 80, 80, 3) uint8 BGR in, (n,) float32 PAD scores out."""
    write_onnx(
        ExportedPad(network.cpu().eval()),
        empty(),
        path,
        names=(INPUT_NAME, OUTPUT_NAME),
        dynamic={INPUT_NAME: {0: "faces"}, OUTPUT_NAME: {0: "faces"}},
        output_shape=("faces",),
    )


def read_onnx(path: Path) -> PadNet:
    """Rebuild the torch network from a file that `export_onnx` wrote. Raises ModelError."""
    network = PadNet()
    load_named(network, path)
    return network.eval()

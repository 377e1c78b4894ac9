"""Carries the landmark network between torch and ONNX, in both directions."""

from __future__ import annotations

from pathlib import Path

from facegate.models.landmarker import ExportedLandmarker, Landmarker, empty
from facegate.training.detector.export import load_named, write_onnx

INPUT_NAME, OUTPUT_NAME = "crops_bgr", "landmarks"


def export_onnx(network: Landmarker, path: Path) -> None:
    """Write the network: (n, 96, 96, 3) uint8 BGR in, (n, 5, 2) float32 crop pixels out."""
    write_onnx(
        ExportedLandmarker(network.cpu().eval()),
        empty(),
        path,
        names=(INPUT_NAME, OUTPUT_NAME),
        dynamic={INPUT_NAME: {0: "faces"}, OUTPUT_NAME: {0: "faces"}},
        output_shape=("faces", 5, 2),
    )


def read_onnx(path: Path) -> Landmarker:
    """Rebuild the torch network from a file that `export_onnx` wrote. Raises ModelError."""
    network = Landmarker()
    load_named(network, path)
    return network.eval()

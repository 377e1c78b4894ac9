"""`python -m facegate.training.embedder`: prepare, teach, train, export.

    prepare celeba   DATA --images DIR --identities FILE --detector ONNX
    prepare fairface DATA --images DIR --landmarks NPZ --detector ONNX
    teach   DATA/celeba NAME TEACHER.onnx
    train   DATA RUN --recipe TOML --start START.onnx
    export  RUN OUT.onnx --blend-with RUN/start.onnx --share 0.6 --mirror

Everything can be interrupted; `train` goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import sys
from pathlib import Path

import cv2
import torch

from facegate.errors import FacegateError
from facegate.models.mobilefacenet import network_from_weights
from facegate.training.embedder.data import (
    YunetLandmarks,
    celeba_faces,
    fairface_faces,
    open_prepared,
    prepare,
)
from facegate.training.embedder.export import blend, export_onnx, read_start
from facegate.training.embedder.loop import EmbedderTraining
from facegate.training.embedder.recipe import EmbedderRecipe
from facegate.training.embedder.teachers import add_teacher, read_teacher
from facegate.training.recipe import read_recipe

_log = logging.getLogger("facegate.training.embedder")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    chosen = _parser().parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    cv2.setNumThreads(chosen.threads)
    try:
        _COMMANDS[chosen.command](chosen)
    except FacegateError as error:
        _log.error("%s %s", error, error.hint)
        return error.exit_code
    return 0


def _prepare(chosen: argparse.Namespace) -> None:
    finder = YunetLandmarks(chosen.detector)
    if chosen.source == "celeba":
        faces = list(celeba_faces(chosen.images, chosen.identities))
        teachers = None
    else:
        faces, teachers = fairface_faces(chosen.images, chosen.landmarks)
    folder = chosen.data / chosen.source
    kept = prepare(faces, folder, finder, teachers)
    _log.info("%d of %d faces are in %s", kept, len(faces), folder)


def _teach(chosen: argparse.Namespace) -> None:
    add_teacher(chosen.folder, chosen.name, read_teacher(chosen.weights), chosen.threads)


def _train(chosen: argparse.Namespace) -> None:
    training = EmbedderTraining(
        read_recipe(EmbedderRecipe, chosen.recipe),
        open_prepared(chosen.data / "celeba"),
        open_prepared(chosen.data / "fairface"),
        read_start(chosen.start),
        chosen.run,
        chosen.device,
    )
    training.run()


def _export(chosen: argparse.Namespace) -> None:
    weights = torch.load(chosen.run / "best.pt", map_location="cpu", weights_only=True)
    network = network_from_weights(weights)
    if chosen.blend_with is not None:
        network = blend(network, read_start(chosen.blend_with), chosen.share)
    network.sees_mirrored = chosen.mirror
    export_onnx(network, chosen.out)
    digest = hashlib.sha256(chosen.out.read_bytes()).hexdigest()
    _log.info("%s: %d bytes, SHA-256 %s", chosen.out, chosen.out.stat().st_size, digest)


_COMMANDS = {"prepare": _prepare, "teach": _teach, "train": _train, "export": _export}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m facegate.training.embedder",
        description="Train the embedding network.",
    )
    threads = os.cpu_count() or 1
    parser.add_argument("--threads", type=int, default=threads, help="threads of torch and opencv")
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("prepare", help="align a set's faces once")
    command.add_argument("source", choices=["celeba", "fairface"])
    command.add_argument("data", type=Path, help="folder for all prepared sets")
    command.add_argument("--images", type=Path, required=True)
    command.add_argument("--identities", type=Path, help="CelebA's identity_CelebA.txt")
    command.add_argument("--landmarks", type=Path, help="FairFace: npz of landmarks and teachers")
    command.add_argument("--detector", type=Path, required=True, help="YuNet's ONNX file")

    command = commands.add_parser("teach", help="store a teacher's embeddings of prepared faces")
    command.add_argument("folder", type=Path, help="one prepared set")
    command.add_argument("name", help="what recipes call the teacher")
    command.add_argument("weights", type=Path, help="its ONNX file")

    command = commands.add_parser("train", help="fine-tune, or go on with it")
    command.add_argument("data", type=Path, help="folder of all prepared sets")
    command.add_argument("run", type=Path, help="folder for checkpoints and the log")
    command.add_argument("--recipe", type=Path, required=True)
    command.add_argument("--start", type=Path, required=True, help="ONNX of the start network")
    command.add_argument("--device", default="cpu", help="cpu or cuda")

    command = commands.add_parser("export", help="write the best weights as ONNX")
    command.add_argument("run", type=Path)
    command.add_argument("out", type=Path)
    command.add_argument("--blend-with", type=Path, help="average with this start network")
    command.add_argument("--share", type=float, default=0.5, help="of the tuned one, when blending")
    command.add_argument("--mirror", action="store_true", help="add the mirrored crop's embedding")
    return parser


if __name__ == "__main__":
    sys.exit(main())

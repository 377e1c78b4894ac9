"""Runs attack detectors over folders of pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.faces import DetectedFace
from facegate.errors import UnreadableImage
from facegate.evaluation.pad import PadSample
from facegate.ports.devices import Detector
from facegate.services.reading import load_ahead, main_face


class WholeScorer(Protocol):
    """An attack detector that can also judge a picture cut to a face before."""

    @property
    def model_id(self) -> str:
        """Name and short digest of the network."""

    def scores(self, frame_bgr: ImageArray, faces: Sequence[DetectedFace]) -> FloatArray:
        """See `facegate.ports.devices.AttackDetector`."""

    def score_whole(self, image_bgr: ImageArray) -> float:
        """Score of a picture that is all face."""


Watch = Callable[[Iterable[Path], int], Iterable[Path]]


def score_pictures(
    name: str,
    paths: Sequence[Path],
    detector: Detector,
    scorers: Sequence[WholeScorer],
    *,
    whole: bool = False,
    watch: Watch | None = None,
) -> list[PadSample]:
    """Score the main face of every picture with all detectors: the same pixels, the same box.

    Args:
        name: kind of attack, or name of the bona fide set.
        paths: the pictures.
        detector: finds faces.
        scorers: attack detectors.
        whole: the pictures were cut before; no face is looked for.
        watch: sees the pictures go by, for a progress bar.

    Returns:
        A sample for each scorer.
    """
    found: list[list[float]] = [[] for _ in scorers]
    failed = 0
    seen = watch(paths, len(paths)) if watch is not None else paths
    for _path, image in load_ahead(seen):
        if isinstance(image, UnreadableImage):
            failed += 1
            continue
        if whole:
            for scorer, scores in zip(scorers, found, strict=True):
                scores.append(scorer.score_whole(image.frame_bgr))
            continue
        frame = image.frame_bgr
        faces = detector.detect(frame)
        if not faces:
            failed += 1
            continue
        face = main_face(faces, (frame.shape[1], frame.shape[0]))
        for scorer, scores in zip(scorers, found, strict=True):
            scores.append(float(scorer.scores(frame, [face])[0]))
    return [PadSample(name, np.array(scores, np.float32), failed) for scores in found]

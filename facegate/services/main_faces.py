"""The main face of many pictures, some of them known from before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from facegate.domain.faces import FaceReading
from facegate.errors import UnreadableImage
from facegate.ports.store import FaceCache
from facegate.services.reading import FaceReader, load_ahead

Watch = Callable[[Sequence[Path]], Iterable[Path]]
"""Passes pictures on and may show progress."""

NO_FACE = "no_face"


def read_main_faces(
    reader: FaceReader,
    paths: Iterable[Path],
    cache: FaceCache | None = None,
    watch: Watch = lambda paths: paths,
) -> Iterator[tuple[Path, FaceReading | str]]:
    """Read the main face of every picture; none of them ends the run.

    Args:
        reader: detector, aligner and embedder.
        paths: pictures; each is read once.
        cache: what it knows is not read again, what is read goes into it. An interruption costs a
            few hundred pictures at most.
        watch: gets only the pictures that have to be read, so that its forecast is right.

    Yields:
        In order (first the known ones, then the others): the picture with its main face, or with
        the reason why there is none: `no_face`, or an UnreadableImage reason.
    """
    missing: list[Path] = []
    for path in dict.fromkeys(paths):
        known = None if cache is None else cache.find(path)
        if known is None:
            missing.append(path)
        else:
            yield path, known
    if not missing:
        return
    try:
        for path, image in load_ahead(watch(missing)):
            found: FaceReading | str
            if isinstance(image, UnreadableImage):
                found = image.reason
            else:
                found = reader.read_main(image.frame_bgr) or NO_FACE
            if cache is not None:
                cache.keep(path, found)
            yield path, found
    finally:
        if cache is not None:
            cache.flush()

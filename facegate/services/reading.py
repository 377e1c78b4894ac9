"""From a picture to judged, encoded faces: the step that all use cases share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from facegate.domain.arrays import ImageArray, locked_unit
from facegate.domain.faces import DetectedFace, FaceReading
from facegate.domain.quality import FaceQuality
from facegate.errors import ShapeError, UnreadableImage
from facegate.ports.devices import Detector, Embedder
from facegate.vision.align import STANDARD_CROP, CropGeometry, align_face, inside_frame
from facegate.vision.images import LoadedImage, load_image
from facegate.vision.quality import measure_quality

READING_REVISION = 3
"""Goes up with every change to how a picture becomes an embedding that no network's digest shows:
decoding, choosing the main face, aligning, quality. Kept readings of another revision are not used.
"""

PREFETCH = 2
"""Pictures decoded ahead of the one being looked at: enough to keep decoding off the way."""

BYSTANDER_SHARE = 0.25
"""Faces with less than this share of the largest one's area are background, not a second person:
half the width and half the height, as someone standing twice as far away."""


@dataclass(frozen=True, slots=True, eq=False)
class InspectedFace:
    """A face that was aligned and judged, but not encoded yet.

    Attributes:
        face: box, landmarks and score in frame pixels.
        quality: see FaceQuality.
        crop_rgb: (size, size, 3) uint8, as the embedder takes it.
    """

    face: DetectedFace
    quality: FaceQuality
    crop_rgb: ImageArray


class FaceReader:
    """Detects, aligns, judges and encodes all faces of a picture.

    Args:
        detector: finds faces.
        embedder: encodes them.
        geometry: the crop that the embedder takes; quality is always judged on the standard one.
    """

    def __init__(
        self, detector: Detector, embedder: Embedder, geometry: CropGeometry = STANDARD_CROP
    ) -> None:
        self._detector = detector
        self._embedder = embedder
        self._geometry = geometry

    @property
    def model_id(self) -> str:
        """The embedding network, which owns every embedding read here."""
        return self._embedder.model_id

    def detect(self, frame_bgr: ImageArray) -> list[DetectedFace]:
        """Only find the faces of a (h, w, 3) uint8 frame; largest first."""
        return self._detector.detect(frame_bgr)

    def read(self, frame_bgr: ImageArray) -> list[FaceReading]:
        """Read a (h, w, 3) uint8 frame; largest face first, empty when there is none."""
        return self.encode(self.inspect(frame_bgr, self._detector.detect(frame_bgr)))

    def read_face(self, frame_bgr: ImageArray, face: DetectedFace) -> FaceReading | None:
        """Read one face that was found in this very frame; None when it cannot be aligned.

        One crop by itself: in a batch with others a network may round differently, and a replay
        must give the same bits.
        """
        readings = self.encode(self.inspect(frame_bgr, [face]))
        return readings[0] if readings else None

    def read_main(self, frame_bgr: ImageArray) -> FaceReading | None:
        """Read only the face that the picture is about, or None when there is no face."""
        faces = self._detector.detect(frame_bgr)
        if not faces:
            return None
        height, width = frame_bgr.shape[:2]
        readings = self.encode(self.inspect(frame_bgr, [main_face(faces, (width, height))]))
        return readings[0] if readings else None

    def main_crop(self, frame_bgr: ImageArray, size_px: int) -> ImageArray | None:
        """Cut the main face out as the embedder gets it, (size_px, size_px, 3) RGB; None: no face.

        For people to look at; `read_main` embeds the same cut at the network's own size.
        """
        faces = self._detector.detect(frame_bgr)
        if not faces:
            return None
        height, width = frame_bgr.shape[:2]
        with suppress(ShapeError):
            return align_face(frame_bgr, main_face(faces, (width, height)).landmarks_xy, size_px)
        return None

    def inspect(self, frame_bgr: ImageArray, faces: Sequence[DetectedFace]) -> list[InspectedFace]:
        """Align and judge faces, which costs little; what cannot be a face is left out."""
        resolution_wh = (int(frame_bgr.shape[1]), int(frame_bgr.shape[0]))
        found: list[InspectedFace] = []
        for face in faces:
            # Landmarks that span no square are not of a face, whatever the detector says.
            with suppress(ShapeError):
                standard = align_face(frame_bgr, face.landmarks_xy)
                wanted = standard
                if self._geometry != STANDARD_CROP:
                    wanted = align_face(
                        frame_bgr,
                        face.landmarks_xy,
                        self._geometry.size_px,
                        self._geometry.template_xy,
                    )
                inside = inside_frame(face.landmarks_xy, resolution_wh)
                found.append(InspectedFace(face, measure_quality(face, standard, inside), wanted))
        return found

    def encode(self, inspected: Sequence[InspectedFace]) -> list[FaceReading]:
        """Embed faces, all in one batch."""
        if not inspected:
            return []
        embeddings = self._embedder.embed(np.stack([one.crop_rgb for one in inspected]))
        return [
            FaceReading(one.face, one.quality, locked_unit(embedding, "embedding"))
            for one, embedding in zip(inspected, embeddings, strict=True)
        ]


def main_face(faces: Sequence[DetectedFace], resolution_wh: tuple[int, int]) -> DetectedFace:
    """Choose the face that a picture is about: large and near the center.

    Faces with less than BYSTANDER_SHARE of the largest one's area are never meant.

    Source:
        Area minus twice the squared distance to the center, as in Sandberg's FaceNet alignment.
    """
    center = np.asarray(resolution_wh, dtype=np.float64) / 2

    def prominence(face: DetectedFace) -> float:
        offset = (face.bbox_xyxy[:2] + face.bbox_xyxy[2:]) / 2 - center
        return face.area_px - 2.0 * float(offset @ offset)

    least = BYSTANDER_SHARE * max(face.area_px for face in faces)
    return max((face for face in faces if face.area_px >= least), key=prominence)


def load_ahead(
    paths: Iterable[Path], load: Callable[[Path], LoadedImage] = load_image
) -> Iterator[tuple[Path, LoadedImage | UnreadableImage]]:
    """Load pictures in order, decoding the next ones while the caller works on this one.

    A picture that cannot be read comes as its error; nothing is raised for it.
    """

    def attempt(path: Path) -> LoadedImage | UnreadableImage:
        try:
            return load(path)
        except UnreadableImage as error:
            return error

    remaining = iter(paths)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode") as pool:
        waiting: list[tuple[Path, Future[LoadedImage | UnreadableImage]]] = [
            (path, pool.submit(attempt, path)) for path in islice(remaining, PREFETCH)
        ]
        try:
            while waiting:
                path, future = waiting.pop(0)
                image = future.result()
                waiting.extend((new, pool.submit(attempt, new)) for new in islice(remaining, 1))
                yield path, image
        finally:
            for _, future in waiting:
                future.cancel()

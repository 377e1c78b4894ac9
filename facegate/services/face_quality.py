"""How good the faces of pictures are, and whether they would do: for people who take pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facegate.domain.arrays import FloatArray
from facegate.domain.quality import FaceQuality, Flaw, QualityRules
from facegate.domain.quality_components import Component, components
from facegate.errors import UnreadableImage
from facegate.services.reading import FaceReader, load_ahead
from facegate.vision.images import LoadedImage


@dataclass(frozen=True, slots=True, eq=False)
class JudgedFace:
    """One face and what was measured of it.

    Attributes:
        bbox_xyxy: (4,) pixels of the original picture.
        landmarks_xy: (5, 2) pixels of the original picture.
        score: detector score in [0, 1].
        quality: see FaceQuality; its pixels are those of the picture as it was looked at.
        flaws: by the name of each use (`enrollment` …), the limits that the face breaks.
    """

    bbox_xyxy: FloatArray
    landmarks_xy: FloatArray
    score: float
    quality: FaceQuality
    flaws: Mapping[str, tuple[Flaw, ...]]

    @property
    def weakest(self) -> tuple[Component, ...]:
        """The measures, worst first."""
        return tuple(sorted(components(self.quality), key=lambda one: one.score))

    def as_dict(self) -> dict[str, Any]:
        """The face as the JSON contract has it."""
        return {
            "bbox_xyxy": [round(float(value), 2) for value in self.bbox_xyxy],
            "landmarks_xy": [[round(float(v), 2) for v in point] for point in self.landmarks_xy],
            "score": round(self.score, 4),
            "quality": {name: round(value, 4) for name, value in asdict(self.quality).items()},
            "unified_quality_score": round(100 * self.quality.score, 1),
            "components": [one.as_dict() for one in components(self.quality)],
            "flaws": {use: [flaw.value for flaw in flaws] for use, flaws in self.flaws.items()},
        }


@dataclass(frozen=True, slots=True, eq=False)
class JudgedImage:
    """One picture: its faces, largest first, or why it could not be read."""

    path: Path
    width: int | None
    height: int | None
    error: str | None
    faces: tuple[JudgedFace, ...]

    def as_dict(self) -> dict[str, Any]:
        """The picture as the JSON contract has it: one row."""
        return {
            "path": str(self.path),
            "width": self.width,
            "height": self.height,
            "error": self.error,
            "faces": [face.as_dict() for face in self.faces],
        }


def judge_files(
    reader: FaceReader, paths: Iterable[Path], uses: Mapping[str, QualityRules]
) -> Iterator[tuple[JudgedImage, LoadedImage | None]]:
    """Judge all faces of pictures, in order; nothing is embedded, compared or kept.

    Args:
        reader: finds and judges faces.
        paths: picture files; one that cannot be read becomes a row with an error.
        uses: by name, the limits of each use that a face may be good enough for.

    Yields:
        The row, and the loaded picture to draw on (None when it could not be read).
    """
    for path, image in load_ahead(paths):
        if isinstance(image, UnreadableImage):
            yield JudgedImage(path, None, None, str(image), ()), None
        else:
            faces = tuple(judge_faces(reader, image, uses))
            yield JudgedImage(path, image.width, image.height, None, faces), image


def judge_faces(
    reader: FaceReader, image: LoadedImage, uses: Mapping[str, QualityRules]
) -> Iterator[JudgedFace]:
    """Judge all faces of one loaded picture, largest first."""
    scale = image.pixels_per_frame_pixel
    for one in reader.inspect(image.frame_bgr, reader.detect(image.frame_bgr)):
        yield JudgedFace(
            bbox_xyxy=one.face.bbox_xyxy * scale,
            landmarks_xy=one.face.landmarks_xy * scale,
            score=one.face.score,
            quality=one.quality,
            flaws={use: rules.flaws(one.quality) for use, rules in uses.items()},
        )

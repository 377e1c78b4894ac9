"""Enroll people from pictures, each judged by itself, each person stored at once or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Threshold
from facegate.domain.faces import DetectedFace, FaceReading
from facegate.domain.people import KeptCrop, Template, clean_name
from facegate.domain.quality import Flaw, QualityRules
from facegate.errors import EmbeddingSpaceMismatch, UnreadableImage
from facegate.ports.devices import Clock
from facegate.ports.store import Gallery, Store
from facegate.services.reading import BYSTANDER_SHARE, FaceReader, load_ahead
from facegate.vision.images import LoadedImage
from facegate.vision.keep import cut_kept_crop


class EnrollmentStatus(str, Enum):
    """What became of one picture. Values are part of the JSON contract."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ALREADY = "already_enrolled"
    ERROR = "error"


DUPLICATE = "duplicate"
"""Reason of a picture that shows somebody enrolled under another name."""


@dataclass(frozen=True, slots=True)
class Portraits:
    """The pictures to enroll for one person."""

    name: str
    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class EnrollmentRow:
    """What became of one picture.

    Attributes:
        name: the person.
        path: the picture.
        status: see EnrollmentStatus.
        reasons: stable words: a Flaw's value, `duplicate`, or an UnreadableImage reason.
        message: the same for people; empty when accepted without remark.
        quality: FaceQuality.score in [0, 1], None when no face was judged.
    """

    name: str
    path: Path
    status: EnrollmentStatus
    reasons: tuple[str, ...] = ()
    message: str = ""
    quality: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return {
            "name": self.name,
            "path": str(self.path),
            "status": self.status.value,
            "reasons": list(self.reasons),
            "message": self.message,
            "quality": None if self.quality is None else round(self.quality, 4),
        }


@dataclass(slots=True)
class _Known:
    """Everybody whom a new face must not be, beside the gallery: disabled people, a dry run's."""

    names: list[str] = field(default_factory=list)
    embeddings: list[FloatArray] = field(default_factory=list)

    def best_other(self, name: str, embedding: FloatArray) -> tuple[str, float]:
        """Name and similarity of the most alike person of another name; -1 for nobody."""
        best = ("", -1.0)
        for other, known in zip(self.names, self.embeddings, strict=True):
            similarity = float(known @ embedding)
            if other != name and similarity > best[1]:
                best = (other, similarity)
        return best


@dataclass(frozen=True, slots=True, eq=False)
class _Accepted:
    """What is stored of one picture."""

    template: Template
    crop: KeptCrop | None


class Enroller:
    """Turns pictures into templates.

    Args:
        reader: detects and encodes.
        store: where people are.
        gallery: the reader's templates in it.
        threshold: the F1 threshold of the reader's network. Duplicates are looked for with it, and
            not with the stricter one that a large gallery may need at the door: nobody shall come
            back under a new name. Without one, nobody is told to be enrolled already.
        rules: what a picture must keep.
        clock: tells the time.
        keep_crops: keep a picture of each accepted face.
    """

    def __init__(
        self,
        reader: FaceReader,
        store: Store,
        gallery: Gallery,
        threshold: Threshold,
        rules: QualityRules,
        clock: Clock,
        *,
        keep_crops: bool = False,
    ) -> None:
        if threshold.model_id != reader.model_id:
            raise EmbeddingSpaceMismatch(have=threshold.model_id, need=reader.model_id)
        self._reader = reader
        self._store = store
        self._gallery = gallery
        self._threshold = threshold
        self._rules = rules
        self._clock = clock
        self._keep_crops = keep_crops

    def enroll(
        self,
        people: Sequence[Portraits],
        *,
        dry_run: bool = False,
        allow_duplicates: bool = False,
        main_face_only: bool = False,
    ) -> Iterator[EnrollmentRow]:
        """Enroll people one after the other.

        A person's accepted pictures are stored in one transaction after the last of them was
        judged, so an interrupted run leaves whole people only; run again, it skips the pictures
        that are stored (known by their bytes).

        Args:
            people: names (cleaned here) and pictures.
            dry_run: judge everything, store nothing.
            allow_duplicates: accept a face that is enrolled under another name (twins).
            main_face_only: where several people are in a picture, take the one it is about (large
                and near the middle) instead of refusing it.

        Yields:
            One row for each picture, in order, when its person is done.
        """
        known = self._disabled_people()
        for person in people:
            name = clean_name(person.name)
            rows: list[EnrollmentRow] = []
            accepted: list[_Accepted] = []
            for path, image in load_ahead(person.paths):
                templates = [one.template for one in accepted]
                row, new = self._judge(
                    name, path, image, templates, known, allow_duplicates, main_face_only
                )
                rows.append(row)
                if new is not None:
                    accepted.append(new)
            if dry_run:
                known.names += [name] * len(accepted)
                known.embeddings += [one.template.embedding for one in accepted]
            elif accepted:
                self._save(name, accepted)
            yield from rows

    def _judge(
        self,
        name: str,
        path: Path,
        image: LoadedImage | UnreadableImage,
        accepted: Sequence[Template],
        known: _Known,
        allow_duplicates: bool,
        main_face_only: bool,
    ) -> tuple[EnrollmentRow, _Accepted | None]:
        if isinstance(image, UnreadableImage):
            row = EnrollmentRow(name, path, EnrollmentStatus.ERROR, (image.reason,), str(image))
            return row, None
        if any(image.sha256 == one.source_sha256 for one in accepted) or self._is_stored(
            name, image.sha256
        ):
            message = "this very picture is already enrolled"
            return EnrollmentRow(name, path, EnrollmentStatus.ALREADY, message=message), None
        if main_face_only:
            main = self._reader.read_main(image.frame_bgr)
            readings = [] if main is None else [main]
        else:
            readings = self._reader.read(image.frame_bgr)
        flaws = picture_flaws([reading.face for reading in readings])
        quality = readings[0].quality if readings else None
        if not flaws and quality is not None:
            flaws = self._rules.flaws(quality)
        score = quality.score if quality is not None and Flaw.SEVERAL_FACES not in flaws else None
        if flaws:
            reasons = tuple(flaw.value for flaw in flaws)
            message = "; ".join(flaw.sentence for flaw in flaws)
            return (
                EnrollmentRow(name, path, EnrollmentStatus.REJECTED, reasons, message, score),
                None,
            )
        reading = readings[0]
        other, similarity = self._most_alike_other(name, reading, known)
        if similarity >= self._threshold.tau and not allow_duplicates:
            message = f"looks like {other}, who is enrolled (similarity {similarity:.2f})"
            return (
                EnrollmentRow(name, path, EnrollmentStatus.REJECTED, (DUPLICATE,), message, score),
                None,
            )
        template = Template(
            template_id=0,
            subject_id=0,
            embedding=reading.embedding,
            model_id=self._reader.model_id,
            quality=reading.quality.score,
            source=path.name,
            source_sha256=image.sha256,
            created_at=self._clock(),
        )
        message = self._remark(reading.embedding, accepted)
        return (
            EnrollmentRow(name, path, EnrollmentStatus.ACCEPTED, (), message, score),
            _Accepted(template, self._crop(image, reading, template)),
        )

    def _crop(
        self, image: LoadedImage, reading: FaceReading, template: Template
    ) -> KeptCrop | None:
        if not self._keep_crops:
            return None
        data, landmarks_xy = cut_kept_crop(image.frame_bgr, reading.face.landmarks_xy)
        return KeptCrop(
            data,
            landmarks_xy,
            template.quality,
            template.source,
            template.source_sha256,
            template.created_at,
        )

    def _save(self, name: str, accepted: Sequence[_Accepted]) -> None:
        now = self._clock()
        with self._store.transaction() as work:
            subject = work.subjects.find(name) or work.subjects.add(name, now)
            number, model_id = subject.subject_id, self._reader.model_id
            for one in accepted:
                template = one.template
                # Another process may have enrolled the same picture since it was judged.
                if not work.templates.has_source(number, template.source_sha256, model_id):
                    work.templates.add(number, template)
                if one.crop is not None:
                    work.kept_crops.add(number, one.crop)
            kept = sum(one.crop is not None for one in accepted)
            detail = f"{len(accepted)} templates" + (f", {kept} crops kept" if kept else "")
            work.events.add(now, "enroll", name, detail)
            work.commit()

    def _is_stored(self, name: str, source_sha256: str) -> bool:
        with self._store.snapshot() as work:
            subject = work.subjects.find(name)
            return subject is not None and work.templates.has_source(
                subject.subject_id, source_sha256, self._reader.model_id
            )

    def _most_alike_other(
        self, name: str, reading: FaceReading, known: _Known
    ) -> tuple[str, float]:
        """The most alike person of another name, enabled, disabled or accepted in a dry run."""
        self._gallery.refresh()
        (found,) = self._gallery.search(reading.embedding[np.newaxis], self._reader.model_id)
        with self._store.snapshot() as work:
            names = work.subjects.names([candidate.subject_id for candidate in found])
        best = known.best_other(name, reading.embedding)
        for candidate in found:
            other = names.get(candidate.subject_id, name)
            if other != name and candidate.similarity > best[1]:
                best = (other, candidate.similarity)
        return best

    def _disabled_people(self) -> _Known:
        """Disabled people are not searched at the door, but may not enroll under a new name."""
        known = _Known()
        with self._store.snapshot() as work:
            for subject in work.subjects.list():
                if subject.enabled:
                    continue
                for template in work.templates.of_subject(subject.subject_id):
                    if template.model_id == self._reader.model_id:
                        known.names.append(subject.name)
                        known.embeddings.append(template.embedding)
        return known

    def _remark(self, embedding: FloatArray, accepted: Sequence[Template]) -> str:
        """Point out a picture that is unlike the person's others: perhaps it is somebody else."""
        if not accepted or not self._threshold.is_set:
            return ""
        similarity = max(float(one.embedding @ embedding) for one in accepted)
        if similarity >= self._threshold.tau:
            return ""
        return f"unlike this person's other pictures ({similarity:.2f}): is it the same person?"


def picture_flaws(faces: Sequence[DetectedFace]) -> tuple[Flaw, ...]:
    """Check that a picture shows exactly one person; small faces far behind do not count.

    Args:
        faces: all faces of a picture, largest first.
    """
    if not faces:
        return (Flaw.NO_FACE,)
    least = BYSTANDER_SHARE * faces[0].area_px
    if any(face.area_px >= least for face in faces[1:]):
        return (Flaw.SEVERAL_FACES,)
    return ()

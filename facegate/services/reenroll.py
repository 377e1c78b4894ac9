"""Makes templates for another network from kept crops, without seeing people again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.people import KeptCrop, Subject, Template
from facegate.errors import InputError
from facegate.ports.devices import Clock, Embedder
from facegate.ports.store import Store
from facegate.vision.align import CropGeometry, align_face
from facegate.vision.keep import open_kept_crop


class ReenrollmentStatus(str, Enum):
    """What became of one person. Values are part of the JSON contract."""

    DONE = "done"
    ALREADY = "already"
    PARTLY = "partly"
    NO_CROPS = "no_crops"


@dataclass(frozen=True, slots=True)
class ReenrollmentRow:
    """What became of one person.

    Attributes:
        name: the person.
        status: see ReenrollmentStatus.
        made: templates made now (in a dry run: that would be made).
        had: templates of the network that were there before.
        missing: pictures of other networks' templates that were not kept or cannot be read.
        dropped: templates of other networks that were deleted.
        message: why something is missing, in words; empty when nothing is.
    """

    name: str
    status: ReenrollmentStatus
    made: int
    had: int
    missing: int
    dropped: int
    message: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return {
            "name": self.name,
            "status": self.status.value,
            "made": self.made,
            "had": self.had,
            "missing": self.missing,
            "dropped": self.dropped,
            "message": self.message,
        }


class Reenroller:
    """Turns kept crops into templates of one network.

    Args:
        store: where people and kept crops are.
        embedder: the network.
        geometry: the crop that it takes.
        clock: tells the time.
    """

    def __init__(
        self, store: Store, embedder: Embedder, geometry: CropGeometry, clock: Clock
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._geometry = geometry
        self._clock = clock

    def people(self) -> list[Subject]:
        """Everybody, by name, disabled people too."""
        with self._store.snapshot() as work:
            return work.subjects.list()

    def reenroll(
        self,
        people: Sequence[Subject],
        *,
        drop_models: Set[str] = frozenset(),
        dry_run: bool = False,
    ) -> Iterator[ReenrollmentRow]:
        """Work through people one after the other, each in one transaction.

        Interrupted and run again, it goes on where it stopped: a source that has a template of the
        network is not encoded again.

        Args:
            people: see `people`.
            drop_models: networks whose templates are deleted, each as soon as its source has a
                template of this one. Templates whose picture was not kept stay.
            dry_run: count only.

        Yields:
            A row for each person; somebody who was removed meanwhile is left out.
        """
        for subject in people:
            row = self._person(subject, drop_models - {self._embedder.model_id}, dry_run)
            if row is not None:
                yield row

    def _person(
        self, subject: Subject, drop_models: Set[str], dry_run: bool
    ) -> ReenrollmentRow | None:
        model_id = self._embedder.model_id
        with self._store.snapshot() as work:
            if subject.subject_id not in work.subjects.names([subject.subject_id]):
                return None
            templates = work.templates.of_subject(subject.subject_id)
            done = {one.source_sha256 for one in templates if one.model_id == model_id}
            wanted = {one.source_sha256 for one in templates} - done
            crops = [
                crop
                for crop in work.kept_crops.of_subject(subject.subject_id)
                if crop.source_sha256 in wanted
            ]
        if dry_run:
            made, damaged, dropped = len(crops), 0, 0
        else:
            encoded, damaged = self._encode(crops)
            made, dropped = self._save(subject, encoded, drop_models)
        return _row(subject.name, made, len(done), len(wanted) - len(crops), damaged, dropped)

    def _encode(self, crops: Sequence[KeptCrop]) -> tuple[list[tuple[KeptCrop, FloatArray]], int]:
        """Encode what can be read; also gives the number of pictures that cannot."""
        readable: list[KeptCrop] = []
        faces: list[ImageArray] = []
        for crop in crops:
            try:
                frame_bgr = open_kept_crop(crop.image)
                size_px, template_xy = self._geometry.size_px, self._geometry.template_xy
                faces.append(align_face(frame_bgr, crop.landmarks_xy, size_px, template_xy))
            except InputError:  # damaged bytes, or landmarks of no face
                continue
            readable.append(crop)
        if not readable:
            return [], len(crops)
        embeddings = self._embedder.embed(np.stack(faces))
        return list(zip(readable, embeddings, strict=True)), len(crops) - len(readable)

    def _save(
        self,
        subject: Subject,
        encoded: Sequence[tuple[KeptCrop, FloatArray]],
        drop_models: Set[str],
    ) -> tuple[int, int]:
        """Store a person's new templates; gives the numbers of templates made and dropped."""
        number, model_id, now = subject.subject_id, self._embedder.model_id, self._clock()
        with self._store.transaction() as work:
            # The person, or the right to keep the pictures, may be gone since they were read.
            still_kept = work.kept_crops.sources(number)
            before = work.templates.of_subject(number)
            wanted = {one.source_sha256 for one in before}
            made = 0
            for crop, embedding in encoded:
                source = crop.source_sha256
                if source not in still_kept or source not in wanted:
                    continue
                if work.templates.has_source(number, source, model_id):
                    continue
                template = Template(
                    0, 0, embedding, model_id, crop.quality, crop.source, source, now
                )
                work.templates.add(number, template)
                made += 1
            dropped = 0
            for old in before:
                if old.model_id in drop_models and work.templates.has_source(
                    number, old.source_sha256, model_id
                ):
                    work.templates.remove(old.template_id)
                    dropped += 1
            if made or dropped:
                detail = f"{made} templates of {model_id} made, {dropped} of others deleted"
                work.events.add(now, "reenroll", subject.name, detail)
                work.commit()
        return made, dropped


def _row(
    name: str, made: int, had: int, not_kept: int, damaged: int, dropped: int
) -> ReenrollmentRow:
    reasons = []
    if not_kept:
        reasons.append(f"no picture was kept for {not_kept} template(s)")
    if damaged:
        reasons.append(f"{damaged} kept picture(s) cannot be read")
    missing = not_kept + damaged
    if not made and not had:
        status = ReenrollmentStatus.NO_CROPS
        if not reasons:
            reasons.append("this person has no templates at all")
    elif missing:
        status = ReenrollmentStatus.PARTLY
    else:
        status = ReenrollmentStatus.DONE if made or dropped else ReenrollmentStatus.ALREADY
    return ReenrollmentRow(name, status, made, had, missing, dropped, "; ".join(reasons))

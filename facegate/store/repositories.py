"""Reads and writes the tables as domain values."""

from __future__ import annotations

import builtins
import json
import math
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from facegate.domain.calibration import Calibration
from facegate.domain.decisions import Rate, Threshold
from facegate.domain.names import MAX_COMPARED, near_names
from facegate.domain.people import Event, KeptCrop, Subject, Template
from facegate.domain.tails import ScoreTails
from facegate.domain.targets import ThresholdTarget
from facegate.errors import AlreadyEnrolled, ConfigError, ShapeError, StoreError, UnknownSubject
from facegate.store.tables import (
    events,
    gallery_state,
    kept_crops,
    subjects,
    templates,
    threshold_targets,
    thresholds,
)

CHUNK = 500
"""Numbers in one IN clause; SQLite allows 999 in its older builds."""


REVISION_STEPS = 2**20
"""A revision grows by chance steps. If an old copy of the database is put back and goes another way
from there, a process that knew the first way does not meet its revision again by counting."""

TEMPLATE_NUMBERS = 2**53 - 1
"""Template numbers are drawn from 1 to this, for the same reason: none stands for two faces in two
lives of a database. (JSON readers keep whole numbers up to here.)"""


class _Repository:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _touch_gallery(self) -> None:
        """Tell all processes that what is searched has changed, in the same transaction."""
        self._connection.execute(
            update(gallery_state).values(
                revision=gallery_state.c.revision + 1 + secrets.randbelow(REVISION_STEPS)
            )
        )


class SqlSubjects(_Repository):
    """Fulfils `facegate.ports.repositories.SubjectRepository`."""

    def add(self, name: str, created_at: datetime) -> Subject:
        """Store a new, enabled person. Raises AlreadyEnrolled."""
        try:
            result = self._connection.execute(
                insert(subjects).values(name=name, enabled=True, created_at=created_at)
            )
        except IntegrityError as error:
            raise AlreadyEnrolled(name) from error
        (number,) = result.inserted_primary_key or (0,)
        return Subject(int(number), name, True, created_at, 0)

    def by_name(self, name: str) -> Subject:
        """Find a person by exact name. Raises UnknownSubject."""
        subject = self.find(name)
        if subject is None:
            every = self._connection.execute(select(subjects.c.name).limit(MAX_COMPARED))
            raise UnknownSubject(name, near_names(name, every.scalars()))
        return subject

    def find(self, name: str) -> Subject | None:
        """Find a person by exact name, or None."""
        row = self._connection.execute(self._query().where(subjects.c.name == name)).first()
        return None if row is None else _subject(row)

    def names(self, subject_ids: Sequence[int]) -> dict[int, str]:
        """Names by number; subjects that are gone are left out."""
        found: dict[int, str] = {}
        for chunk in _chunks(subject_ids):
            rows = self._connection.execute(
                select(subjects.c.id, subjects.c.name).where(subjects.c.id.in_(chunk))
            )
            found.update({int(row.id): str(row.name) for row in rows})
        return found

    def list(self) -> list[Subject]:
        """All people, by name."""
        rows = self._connection.execute(self._query().order_by(subjects.c.name))
        return [_subject(row) for row in rows]

    def rename(self, subject_id: int, name: str) -> None:
        """Change a name. Raises AlreadyEnrolled when another person has it."""
        try:
            self._connection.execute(
                update(subjects).where(subjects.c.id == subject_id).values(name=name)
            )
        except IntegrityError as error:
            raise AlreadyEnrolled(name) from error

    def set_enabled(self, subject_id: int, enabled: bool) -> None:
        """Let a person match, or no longer."""
        self._connection.execute(
            update(subjects).where(subjects.c.id == subject_id).values(enabled=enabled)
        )
        self._touch_gallery()

    def remove(self, subject_id: int) -> None:
        """Delete a person with all templates and kept crops."""
        self._connection.execute(delete(kept_crops).where(kept_crops.c.subject_id == subject_id))
        self._connection.execute(delete(templates).where(templates.c.subject_id == subject_id))
        self._connection.execute(delete(subjects).where(subjects.c.id == subject_id))
        self._touch_gallery()

    def _query(self) -> Any:
        count = func.count(templates.c.id).label("template_count")
        return (
            select(subjects, count)
            .outerjoin(templates, templates.c.subject_id == subjects.c.id)
            .group_by(subjects.c.id)
        )


class SqlTemplates(_Repository):
    """Fulfils `facegate.ports.repositories.TemplateRepository`."""

    def add(self, subject_id: int, template: Template) -> Template:
        """Store a template for a subject; returns it with its numbers."""
        result = self._connection.execute(
            insert(templates).values(
                id=1 + secrets.randbelow(TEMPLATE_NUMBERS),
                subject_id=subject_id,
                model_id=template.model_id,
                embedding=template.embedding.astype("<f4").tobytes(),
                quality=template.quality,
                source=template.source[:500],
                source_sha256=template.source_sha256,
                created_at=template.created_at,
            )
        )
        self._touch_gallery()
        (number,) = result.inserted_primary_key or (0,)
        return Template(
            template_id=int(number),
            subject_id=subject_id,
            embedding=template.embedding,
            model_id=template.model_id,
            quality=template.quality,
            source=template.source,
            source_sha256=template.source_sha256,
            created_at=template.created_at,
        )

    def of_subject(self, subject_id: int) -> list[Template]:
        """All templates of one person, any model, oldest first."""
        rows = self._connection.execute(
            select(templates)
            .where(templates.c.subject_id == subject_id)
            .order_by(templates.c.created_at, templates.c.id)
        )
        return [_template(row) for row in rows]

    def searchable_ids(self, model_id: str) -> dict[int, int]:
        """Template number to subject number, for enabled subjects and one model."""
        rows = self._connection.execute(
            select(templates.c.id, templates.c.subject_id)
            .join(subjects, subjects.c.id == templates.c.subject_id)
            .where(templates.c.model_id == model_id, subjects.c.enabled)
        )
        return {int(row.id): int(row.subject_id) for row in rows}

    def load(self, template_ids: Sequence[int]) -> Iterator[Template]:
        """Read templates by number; numbers that are gone are left out."""
        for chunk in _chunks(template_ids):
            rows = self._connection.execute(select(templates).where(templates.c.id.in_(chunk)))
            for row in rows:
                yield _template(row)

    def counts_by_model(self) -> dict[str, int]:
        """Number of stored templates of each model."""
        rows = self._connection.execute(
            select(templates.c.model_id, func.count()).group_by(templates.c.model_id)
        )
        return {str(model_id): int(count) for model_id, count in rows}

    def has_source(self, subject_id: int, source_sha256: str, model_id: str) -> bool:
        """Whether a subject has a template made from a file with these bytes."""
        row = self._connection.execute(
            select(templates.c.id).where(
                templates.c.subject_id == subject_id,
                templates.c.source_sha256 == source_sha256,
                templates.c.model_id == model_id,
            )
        ).first()
        return row is not None

    def remove(self, template_id: int) -> None:
        """Delete one template; the last one of a source takes the kept crop along."""
        row = self._connection.execute(
            select(templates.c.subject_id, templates.c.source_sha256).where(
                templates.c.id == template_id
            )
        ).first()
        if row is None:
            return
        self._connection.execute(delete(templates).where(templates.c.id == template_id))
        others = select(templates.c.id).where(
            templates.c.subject_id == row.subject_id,
            templates.c.source_sha256 == row.source_sha256,
        )
        self._connection.execute(
            delete(kept_crops).where(
                kept_crops.c.subject_id == row.subject_id,
                kept_crops.c.source_sha256 == row.source_sha256,
                ~others.exists(),
            )
        )
        self._touch_gallery()


class SqlKeptCrops(_Repository):
    """Fulfils `facegate.ports.repositories.KeptCropRepository`."""

    def add(self, subject_id: int, crop: KeptCrop) -> None:
        """Keep a picture of a person; one from the same source takes its place."""
        self._connection.execute(
            delete(kept_crops).where(
                kept_crops.c.subject_id == subject_id,
                kept_crops.c.source_sha256 == crop.source_sha256,
            )
        )
        self._connection.execute(
            insert(kept_crops).values(
                subject_id=subject_id,
                source_sha256=crop.source_sha256,
                source=crop.source[:500],
                image=crop.image,
                landmarks=crop.landmarks_xy.astype("<f4").tobytes(),
                quality=crop.quality,
                created_at=crop.created_at,
            )
        )

    def of_subject(self, subject_id: int) -> list[KeptCrop]:
        """All kept pictures of one person, oldest first. Raises StoreError for damaged ones."""
        rows = self._connection.execute(
            select(kept_crops)
            .where(kept_crops.c.subject_id == subject_id)
            .order_by(kept_crops.c.id)
        )
        return [_kept_crop(row) for row in rows]

    def sources(self, subject_id: int) -> set[str]:
        """Digests of the sources of one person's kept pictures."""
        rows = self._connection.execute(
            select(kept_crops.c.source_sha256).where(kept_crops.c.subject_id == subject_id)
        )
        return {str(row.source_sha256) for row in rows}

    def counts(self) -> dict[int, int]:
        """Number of kept pictures by subject number."""
        rows = self._connection.execute(
            select(kept_crops.c.subject_id, func.count()).group_by(kept_crops.c.subject_id)
        )
        return {int(subject_id): int(count) for subject_id, count in rows}

    def remove(self, subject_id: int) -> int:
        """Delete all kept pictures of one person; gives back how many there were."""
        result = self._connection.execute(
            delete(kept_crops).where(kept_crops.c.subject_id == subject_id)
        )
        return int(result.rowcount)


class SqlThresholds(_Repository):
    """Fulfils `facegate.ports.repositories.ThresholdRepository`."""

    def add(
        self,
        threshold: Threshold,
        tails: ScoreTails | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        """Store a threshold, with what was measured beside it, and put it in force."""
        values = {
            f"{name}_{part}": getattr(rate, part)
            for name, rate in (("fmr", threshold.fmr), ("fnmr", threshold.fnmr))
            for part in ("errors", "trials", "low", "high")
        }
        self._connection.execute(
            insert(thresholds).values(
                model_id=threshold.model_id,
                tau=threshold.tau,
                margin=threshold.margin,
                method=threshold.method,
                f1=None if math.isnan(threshold.f1) else threshold.f1,
                data=threshold.data[:500],
                created_at=threshold.created_at,
                tails=None if tails is None else json.dumps(tails.as_dict()),
                calibration=None if calibration is None else json.dumps(calibration.as_dict()),
                **values,
            )
        )

    def current(self, model_id: str) -> Threshold | None:
        """The threshold in force for a model, or None when none was tuned."""
        row = self._newest(model_id)
        return None if row is None else _threshold(row)

    def tails(self, model_id: str) -> ScoreTails | None:
        """The score tails that were measured with the threshold in force, or None."""
        row = self._newest(model_id)
        if row is None or row.tails is None:
            return None
        with _intact("score tails"):
            return ScoreTails.from_dict(model_id, json.loads(row.tails))

    def calibration(self, model_id: str) -> Calibration | None:
        """The calibration that was fitted with the threshold in force, or None."""
        row = self._newest(model_id)
        if row is None or row.calibration is None:
            return None
        with _intact("calibration"):
            return Calibration.from_dict(json.loads(row.calibration))

    def set_target(self, target: ThresholdTarget, at: datetime) -> None:
        """Ask tau to keep this from now on."""
        self._connection.execute(
            insert(threshold_targets).values(target=str(target), created_at=at)
        )

    def target(self) -> ThresholdTarget | None:
        """What tau was asked to keep last, or None when nobody asked."""
        text = self._connection.execute(
            select(threshold_targets.c.target).order_by(threshold_targets.c.id.desc()).limit(1)
        ).scalar()
        if text is None:
            return None
        with _intact("threshold target"):
            return ThresholdTarget.parse(text)

    def _newest(self, model_id: str) -> Row[Any] | None:
        return self._connection.execute(
            select(thresholds)
            .where(thresholds.c.model_id == model_id)
            .order_by(thresholds.c.id.desc())
            .limit(1)
        ).first()

    def list(self) -> list[Threshold]:
        """All thresholds, newest first."""
        rows = self._connection.execute(select(thresholds).order_by(thresholds.c.id.desc()))
        return [_threshold(row) for row in rows]


class SqlEvents(_Repository):
    """Fulfils `facegate.ports.repositories.EventRepository`."""

    def add(self, at: datetime, kind: str, subject_name: str = "", detail: str = "") -> None:
        """Append an event."""
        self._connection.execute(
            insert(events).values(at=at, kind=kind, subject_name=subject_name, detail=detail[:500])
        )

    def recent(self, limit: int) -> list[Event]:
        """Newest events first."""
        rows = self._connection.execute(select(events).order_by(events.c.id.desc()).limit(limit))
        return [Event(row.id, row.at, row.kind, row.subject_name, row.detail) for row in rows]


@contextmanager
def _intact(what: str) -> Iterator[None]:
    """Raise StoreError for text in the database that does not mean anything."""
    try:
        yield
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise StoreError(
            f"The {what} in the database cannot be read: it was changed by hand or is damaged.",
            hint="Run `facegate tune` and `facegate threshold set` again.",
        ) from error


def _chunks(numbers: Sequence[int]) -> Iterator[builtins.list[int]]:
    for first in range(0, len(numbers), CHUNK):
        yield [int(number) for number in numbers[first : first + CHUNK]]


def _subject(row: Row[Any]) -> Subject:
    return Subject(row.id, row.name, bool(row.enabled), row.created_at, row.template_count)


def _template(row: Row[Any]) -> Template:
    """Raises StoreError for bytes that are no unit vector: they must never be searched."""
    try:
        return Template(
            template_id=row.id,
            subject_id=row.subject_id,
            embedding=np.frombuffer(row.embedding, dtype="<f4"),
            model_id=row.model_id,
            quality=row.quality,
            source=row.source,
            source_sha256=row.source_sha256,
            created_at=row.created_at,
        )
    except (ShapeError, ValueError) as error:
        raise StoreError(
            f"Template {row.id} in the database is damaged; it cannot be searched.",
            hint="Remove its person and enroll again.",
        ) from error


def _kept_crop(row: Row[Any]) -> KeptCrop:
    try:
        return KeptCrop(
            image=bytes(row.image),
            landmarks_xy=np.frombuffer(row.landmarks, dtype="<f4").reshape(5, 2),
            quality=row.quality,
            source=row.source,
            source_sha256=row.source_sha256,
            created_at=row.created_at,
        )
    except (ShapeError, ValueError) as error:
        raise StoreError(
            f"Kept crop {row.id} in the database is damaged.",
            hint="Remove its person and enroll again.",
        ) from error


def _threshold(row: Row[Any]) -> Threshold:
    fmr = Rate(row.fmr_errors, row.fmr_trials, row.fmr_low, row.fmr_high)
    fnmr = Rate(row.fnmr_errors, row.fnmr_trials, row.fnmr_low, row.fnmr_high)
    return Threshold(
        tau=row.tau,
        margin=row.margin,
        model_id=row.model_id,
        method=row.method,
        f1=float("nan") if row.f1 is None else row.f1,
        fmr=fmr,
        fnmr=fnmr,
        data=row.data,
        created_at=row.created_at,
    )

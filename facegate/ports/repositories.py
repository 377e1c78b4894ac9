"""What is kept of people, thresholds and decisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from facegate.domain.anchors import Anchor
from facegate.domain.calibration import Calibration
from facegate.domain.decisions import Threshold
from facegate.domain.people import Event, KeptCrop, Subject, Template
from facegate.domain.reasons import Reason
from facegate.domain.receipts import Erasure, Part, Receipt, ReceiptDraft
from facegate.domain.stored_entries import StoredEntry
from facegate.domain.tails import ScoreTails
from facegate.domain.targets import ThresholdTarget


class SubjectRepository(Protocol):
    """Enrolled people."""

    def add(self, name: str, created_at: datetime) -> Subject:
        """Store a new, enabled person. Raises AlreadyEnrolled."""

    def by_name(self, name: str) -> Subject:
        """Find a person by exact name. Raises UnknownSubject."""

    def find(self, name: str) -> Subject | None:
        """Find a person by exact name, or None."""

    def names(self, subject_ids: Sequence[int]) -> dict[int, str]:
        """Names by number; subjects that are gone are left out."""

    def list(self) -> list[Subject]:
        """All people, by name."""

    def rename(self, subject_id: int, name: str) -> None:
        """Change a name. Raises AlreadyEnrolled when another person has it."""

    def set_enabled(self, subject_id: int, enabled: bool) -> None:
        """Let a person match, or no longer."""

    def remove(self, subject_id: int) -> None:
        """Delete a person with all templates and kept crops."""


class TemplateRepository(Protocol):
    """Stored references."""

    def add(self, subject_id: int, template: Template) -> Template:
        """Store a template for a subject; returns it with its numbers."""

    def of_subject(self, subject_id: int) -> list[Template]:
        """All templates of one person, any model, oldest first."""

    def searchable_ids(self, model_id: str) -> dict[int, int]:
        """Template number to subject number, for enabled subjects and one model."""

    def load(self, template_ids: Sequence[int]) -> Iterator[Template]:
        """Read templates by number; numbers that are gone are left out."""

    def counts_by_model(self) -> dict[str, int]:
        """Number of stored templates of each model."""

    def has_source(self, subject_id: int, source_sha256: str, model_id: str) -> bool:
        """Whether a subject has a template made from a file with these bytes."""

    def remove(self, template_id: int) -> None:
        """Delete one template; the last one of a source takes the kept crop along."""


class KeptCropRepository(Protocol):
    """Pictures of enrolled faces, kept where the setting `keep_crops` says so."""

    def add(self, subject_id: int, crop: KeptCrop) -> None:
        """Keep a picture of a person; one from the same source takes its place."""

    def of_subject(self, subject_id: int) -> list[KeptCrop]:
        """All kept pictures of one person, oldest first."""

    def sources(self, subject_id: int) -> set[str]:
        """Digests of the sources of one person's kept pictures."""

    def counts(self) -> dict[int, int]:
        """Number of kept pictures by subject number."""

    def remove(self, subject_id: int) -> int:
        """Delete all kept pictures of one person; gives back how many there were."""


class ThresholdRepository(Protocol):
    """Tuned thresholds; the newest of a model is in force."""

    def add(
        self,
        threshold: Threshold,
        tails: ScoreTails | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        """Store a threshold, with what was measured beside it, and put it in force."""

    def current(self, model_id: str) -> Threshold | None:
        """The threshold in force for a model, or None when none was tuned."""

    def tails(self, model_id: str) -> ScoreTails | None:
        """The score tails that were measured with the threshold in force, or None."""

    def calibration(self, model_id: str) -> Calibration | None:
        """The calibration that was fitted with the threshold in force, or None."""

    def set_target(self, target: ThresholdTarget, at: datetime) -> None:
        """Ask tau to keep this from now on."""

    def target(self) -> ThresholdTarget | None:
        """What tau was asked to keep last, or None when nobody asked."""

    def list(self) -> list[Threshold]:
        """All thresholds, newest first."""


class EventRepository(Protocol):
    """The store's history; only ever appended to."""

    def add(self, at: datetime, kind: str, subject_name: str = "", detail: str = "") -> None:
        """Append an event."""

    def recent(self, limit: int) -> list[Event]:
        """Newest events first."""


class ReceiptRepository(Protocol):
    """The chain of receipts; only ever appended to."""

    def append(self, draft: ReceiptDraft) -> Receipt:
        """Write a decision down, in the caller's transaction, which must be one that writes.

        Raises:
            ReceiptError: it holds what a receipt cannot, or the end of the chain is damaged.
        """

    def erase(
        self,
        at: datetime,
        why: str,
        erased: Mapping[Part, Iterable[int]],
        lost_anchors: int = 0,
    ) -> Erasure:
        """Delete parts of receipts, and say so in the chain; or say that anchors were lost."""

    def head(self) -> tuple[int, str]:
        """Sequence and hash of the newest entry; 0 and the genesis hash when there is none."""

    def store_id(self) -> str:
        """The database's own id."""

    def get(self, sequence: int) -> Receipt | Erasure:
        """One entry. Raises InputError when there is none of that number."""

    def latest(self) -> Receipt | None:
        """The newest decision, or None."""

    def last_at(self, door: str) -> datetime | None:
        """When the newest decision of a door was made, or None."""

    def since(self, at: datetime) -> list[Receipt]:
        """All decisions from a moment on, oldest first."""

    def filter(
        self,
        *,
        door: str | None = None,
        reason: Reason | None = None,
        subject: int | str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> list[Receipt]:
        """Decisions that meet all conditions, newest first.

        Args:
            door, reason: exactly these.
            subject: a person's number, or the name that the person had then.
            since, until: not before the one, and before the other.
            after: only behind this sequence.
            limit: at most so many.
        """

    def pictures(self, sequence: int) -> list[bytes]:
        """The kept pictures of one receipt, in the order of its evidence; empty when none are."""

    def of_subject(self, subject: int | str) -> list[int]:
        """Sequences of the receipts of one person, by number or by the name they had then."""

    def called(self, name: str) -> set[int]:
        """Numbers of all people who had this name when a receipt was made."""

    def names_of(self, subject_id: int) -> set[str]:
        """All names that a person had when receipts were made."""

    def words(self) -> Iterator[tuple[int, str]]:
        """Sequence and JSON of the words of all receipts that still have them."""

    def with_pictures(self, before: datetime | None = None) -> list[int]:
        """Sequences of the receipts older than a moment whose pictures are kept."""

    def erasures(self, after: int = 0) -> Iterator[tuple[int, str]]:
        """Sequence and text of all erasures after a sequence, unverified."""

    def walk(self, after: int = 0, last: int | None = None) -> Iterator[StoredEntry]:
        """All entries as they are found, by sequence, also parts and pictures without an entry."""

    def add_anchor(self, anchor: Anchor) -> None:
        """Note an anchor that was written to the file; one that is known is left as it is."""

    def anchors(self) -> list[tuple[int, datetime | None, int, str, str]]:
        """Number, time, sequence, hash and anchor hash of all anchors, as found, oldest first."""

    def last_anchor(self) -> tuple[int, datetime, int] | None:
        """Number, time and sequence of the newest anchor, or None."""

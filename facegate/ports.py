"""What the use cases need from the outside, as Protocols that adapters fulfil."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol

from typing_extensions import Self

from facegate.domain.anchors import Anchor
from facegate.domain.arrays import FloatArray, ImageArray
from facegate.domain.calibration import Calibration
from facegate.domain.decisions import Candidate, Threshold
from facegate.domain.doors import Door
from facegate.domain.faces import DetectedFace, FaceReading
from facegate.domain.facts import DoorState
from facegate.domain.frames import CameraStatus, Frame
from facegate.domain.lockout import Attempts
from facegate.domain.people import Event, KeptCrop, Subject, Template
from facegate.domain.policy import Person, Policy, Rule, Terms
from facegate.domain.reasons import Reason
from facegate.domain.receipts import Erasure, Part, Receipt, ReceiptDraft
from facegate.domain.schedules import Holiday, Schedule
from facegate.domain.stored_entries import StoredEntry
from facegate.domain.tails import ScoreTails
from facegate.domain.targets import ThresholdTarget


class Clock(Protocol):
    """Tells the time, so that tests can."""

    def __call__(self) -> datetime:
        """Now, time zone aware, in UTC."""


class Detector(Protocol):
    """Finds faces."""

    @property
    def model_id(self) -> str:
        """Name and short digest of the network."""

    def detect(self, frame_bgr: ImageArray) -> list[DetectedFace]:
        """Find all faces of a (h, w, 3) uint8 frame, largest first; empty when there is none."""


class Embedder(Protocol):
    """Turns aligned faces into embeddings."""

    @property
    def model_id(self) -> str:
        """Name and short digest of the network; goes into every template."""

    def embed(self, crops_rgb: ImageArray) -> FloatArray:
        """Encode (n, size, size, 3) uint8 RGB crops as (n, d) float32 unit vectors; n may be 0.

        The networks that ship take a size of 112; others have a `CropGeometry` of their own.
        """


class Gallery(Protocol):
    """Searches the enabled subjects' templates of one model."""

    @property
    def model_id(self) -> str:
        """The only model whose embeddings may be searched."""

    def __len__(self) -> int:
        """Number of templates that are searched."""

    def refresh(self) -> None:
        """Take over what any process has changed in the store since the last call."""

    def search(
        self, probes: FloatArray, model_id: str, top_k: int = 2
    ) -> list[tuple[Candidate, ...]]:
        """Find the most alike subjects of each probe.

        Args:
            probes: (n, d) float32 unit vectors.
            model_id: the network that made the probes.
            top_k: number of different subjects wanted.

        Returns:
            For each probe at most top_k subjects, best first, each with its best template.

        Raises:
            EmbeddingSpaceMismatch: the probes come from another network.
        """


class Camera(Protocol):
    """A source of frames that is read by a thread of its own; only the newest frame is kept."""

    @property
    def address(self) -> str:
        """Where the frames come from, without passwords."""

    @property
    def dropped(self) -> int:
        """How many frames were replaced by newer ones before anybody took them."""

    def start(self) -> None:
        """Begin to read; returns at once, whether the camera is there or not."""

    def next_frame(self, timeout_s: float) -> Frame | None:
        """Take the newest frame that was not taken yet; None when none came in time."""

    def status(self) -> CameraStatus:
        """How the camera is right now."""

    def close(self) -> None:
        """Stop reading and let go of the device. May be called twice."""


class AttackDetector(Protocol):
    """Tells bona fide faces from prints, screens and masks, one frame at a time."""

    @property
    def model_id(self) -> str:
        """Name and short digest of the network."""

    def scores(self, frame_bgr: ImageArray, faces: Sequence[DetectedFace]) -> FloatArray:
        """Give each face a (n,) float32 PAD score in [0, 1], higher is more bona fide."""


class DoorOutput(Protocol):
    """Moves one lock. Locked is the state of rest: it comes back by itself."""

    def unlock(self, pulse_s: float, reference: str) -> None:
        """Open for pulse_s seconds; a second call while open begins the time again.

        Args:
            pulse_s: seconds until it locks again.
            reference: number of the receipt, for the other side's log.

        Raises:
            DoorError: it is not sure that the door opened; it is left locked.
        """

    def lock(self) -> None:
        """Lock now. Raises DoorError."""

    def is_open(self) -> bool | None:
        """What the door contact says: True for a leaf that stands open; None: no contact."""

    def close(self) -> None:
        """Lock and let go of the device. May be called twice."""


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


class DoorRepository(Protocol):
    """The doors; every change gives the policy a new revision."""

    def add(self, door: Door, at: datetime) -> None:
        """Store a new door. Raises PolicyError when there is one of that name."""

    def set(self, door: Door) -> None:
        """Change the door of that name; what it remembers stays. Raises PolicyError."""

    def find(self, name: str) -> Door | None:
        """Find a door by exact name, or None."""

    def by_name(self, name: str) -> Door:
        """Find a door by exact name. Raises PolicyError."""

    def list(self) -> list[Door]:
        """All doors, by name."""

    def remove(self, name: str) -> None:
        """Delete a door with its rules and what it remembers. Raises PolicyError."""


class PolicyRepository(Protocol):
    """Groups, schedules, holidays and rules; all raise PolicyError for unknown names."""

    def revision(self) -> int:
        """A number that grows with every change."""

    def load(self) -> Policy:
        """All of it, with the doors and the people."""

    def add_group(self, name: str) -> None:
        """Make an empty group."""

    def remove_group(self, name: str) -> None:
        """Delete a group with its rules; its members stay."""

    def join(self, group: str, subject_id: int) -> bool:
        """Put a person into a group; False when they were in it."""

    def leave(self, group: str, subject_id: int) -> bool:
        """Take a person out of a group; False when they were not in it."""

    def add_schedule(self, schedule: Schedule) -> None:
        """Store a schedule."""

    def remove_schedule(self, name: str) -> None:
        """Delete a schedule that no rule names."""

    def add_holiday(self, holiday: Holiday) -> None:
        """Store a holiday."""

    def remove_holiday(self, name: str) -> None:
        """Delete a holiday."""

    def holidays(self) -> tuple[Holiday, ...]:
        """All holidays, by name."""

    def allow(self, rule: Rule) -> bool:
        """Store a rule; False when it was there."""

    def deny(self, rule: Rule) -> bool:
        """Delete a rule; False when there was none."""

    def grants(self, door: str, subject_id: int) -> tuple[tuple[Rule, Schedule], ...]:
        """The rules of a door for one of a person's groups, with their schedules."""

    def clear(self) -> None:
        """Delete all rules, groups, schedules and holidays; doors stay."""


class AccessRepository(Protocol):
    """What holds for people, and what doors remember from one decision to the next."""

    def begin(self) -> int:
        """Take this ruling's turn among all; gives back the revision of the policy."""

    def person(self, subject_id: int) -> Person | None:
        """A person with their terms; None when nobody of that number is enrolled."""

    def set_terms(self, subject_id: int, terms: Terms) -> None:
        """Keep validity and the always-PIN flag; the PIN itself stays as it is."""

    def set_pin_hash(self, subject_id: int, pin_hash: str) -> None:
        """Keep the hash of a PIN; an empty one takes the PIN away."""

    def pin_hash(self, subject_id: int) -> str:
        """The hash of a person's PIN; empty when there is none."""

    def door_state(self, door: str) -> DoorState:
        """What a door remembers; nothing for a door that does not exist."""

    def set_door_state(self, door: str, state: DoorState) -> None:
        """Let a door remember something else."""

    def attempts(self, subject_id: int, kind: Literal["pins", "claims"]) -> Attempts:
        """Wrong PINs of a person, or of claims to be that person."""

    def set_attempts(
        self, subject_id: int, kind: Literal["pins", "claims"], attempts: Attempts
    ) -> None:
        """Keep the count of wrong PINs."""

    def delayed(self, at: datetime) -> list[tuple[int, Literal["pins", "claims"], Attempts]]:
        """Everybody whose next attempt must wait until after a moment: number, kind, count."""

    def inside_since(self, subject_id: int, area: str) -> datetime | None:
        """When a person went into an area, unless they have left it since."""

    def inside(self, area: str) -> Sequence[str]:
        """Names of the people inside an area."""

    def pass_through(self, subject_id: int, area: str, inside: bool, at: datetime) -> None:
        """Keep that a person went into an area, or out of it."""

    def take_back(self, area: str, at: datetime) -> None:
        """Forget who passed at one moment: the door did not open."""

    def forget_passages(self, subject_id: int) -> None:
        """Forget in which areas a person is."""


class UnitOfWork(Protocol):
    """One transaction. Leaving it without `commit()` changes nothing."""

    @property
    def subjects(self) -> SubjectRepository:
        """Enrolled people."""

    @property
    def templates(self) -> TemplateRepository:
        """Stored references."""

    @property
    def kept_crops(self) -> KeptCropRepository:
        """Pictures of enrolled faces."""

    @property
    def thresholds(self) -> ThresholdRepository:
        """Tuned thresholds."""

    @property
    def events(self) -> EventRepository:
        """The store's history."""

    @property
    def receipts(self) -> ReceiptRepository:
        """The chain of receipts."""

    @property
    def doors(self) -> DoorRepository:
        """The doors."""

    @property
    def policy(self) -> PolicyRepository:
        """Groups, schedules, holidays and rules."""

    @property
    def access(self) -> AccessRepository:
        """What holds for people, and what doors remember."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def commit(self) -> None:
        """Make all changes durable at once."""

    def gallery_revision(self) -> tuple[str, int]:
        """The store's own id and a number that grows with every change to what is searched."""


class Store(Protocol):
    """Opens transactions."""

    def transaction(self) -> UnitOfWork:
        """A unit of work that may write; waits for its turn among writers."""

    def snapshot(self) -> UnitOfWork:
        """A unit of work that only reads; never waits for writers."""


class FaceCache(Protocol):
    """Keeps what one chain of networks read from picture files, for measurements only."""

    def find(self, path: Path) -> FaceReading | str | None:
        """The main face of a file, or why there is none; None: not kept, or the file changed."""

    def keep(self, path: Path, found: FaceReading | str) -> None:
        """Keep the main face of a file, or why there is none; written by `flush` at the latest."""

    def flush(self) -> None:
        """Make what was kept durable at once."""

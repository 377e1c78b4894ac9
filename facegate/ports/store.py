"""Transactions over all that is kept, and what is searched and remembered beside them."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Protocol

from typing_extensions import Self

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Candidate
from facegate.domain.faces import FaceReading
from facegate.ports.policy_repositories import AccessRepository, DoorRepository, PolicyRepository
from facegate.ports.repositories import (
    EventRepository,
    KeptCropRepository,
    ReceiptRepository,
    SubjectRepository,
    TemplateRepository,
    ThresholdRepository,
)


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

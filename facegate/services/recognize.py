"""Search probes in the gallery and decide who they are, at the threshold for today's gallery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Candidate, Decision, Outcome, decide
from facegate.domain.quality import Flaw
from facegate.errors import EmbeddingSpaceMismatch
from facegate.evaluation.operating_point import ThresholdPolicy
from facegate.ports.store import Gallery, Store


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a search made of one probe.

    Attributes:
        decision: the open-set outcome.
        name: of the person, only for a match; else empty.
        candidates: at most two people, most alike first, whatever the outcome.
    """

    decision: Decision
    name: str
    candidates: tuple[Candidate, ...] = ()


class Recognizer:
    """Open-set identification of embeddings.

    Args:
        store: knows the names.
        gallery: the templates that are searched.
        thresholds: gives the threshold for a gallery's size.

    Raises:
        EmbeddingSpaceMismatch: the thresholds are another network's.
    """

    def __init__(self, store: Store, gallery: Gallery, thresholds: ThresholdPolicy) -> None:
        if thresholds.model_id != gallery.model_id:
            raise EmbeddingSpaceMismatch(have=thresholds.model_id, need=gallery.model_id)
        self._store = store
        self._gallery = gallery
        self._thresholds = thresholds

    @property
    def model_id(self) -> str:
        """The network whose embeddings are searched."""
        return self._gallery.model_id

    def recognize(
        self, probes: FloatArray, flaws: Sequence[tuple[Flaw, ...]] | None = None
    ) -> list[Recognition]:
        """Decide about each of (n, d) unit vectors.

        Args:
            probes: of the gallery's network; n may be 0.
            flaws: of each probe; one that has any gets no identity. None: nobody has.

        Returns:
            One for each probe. A person whom another process removed since is unknown.
        """
        self._gallery.refresh()
        # The gallery changes only in `refresh`, so this is the very gallery that is searched.
        threshold = self._thresholds.for_gallery(len(self._gallery))
        found = self._gallery.search(probes, self.model_id, top_k=2)
        decisions = [
            decide(candidates, threshold, poor)
            for candidates, poor in zip(found, flaws or [()] * len(found), strict=True)
        ]
        names = self._names(decisions)
        recognitions = []
        for decision, candidates in zip(decisions, found, strict=True):
            name = "" if decision.subject_id is None else names.get(decision.subject_id, "")
            if decision.outcome is Outcome.MATCH and not name:
                decision = replace(decision, outcome=Outcome.UNKNOWN, subject_id=None)  # noqa: PLW2901
            recognitions.append(Recognition(decision, name, candidates))
        return recognitions

    def _names(self, decisions: Sequence[Decision]) -> dict[int, str]:
        wanted = sorted({one.subject_id for one in decisions if one.subject_id is not None})
        if not wanted:
            return {}
        with self._store.snapshot() as work:
            return work.subjects.names(wanted)

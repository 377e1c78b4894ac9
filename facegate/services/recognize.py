"""Search probes in the gallery and decide who they are, at the threshold for today's gallery."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facegate.domain.arrays import FloatArray
from facegate.domain.decisions import Decision, Outcome, decide
from facegate.evaluation.operating_point import ThresholdPolicy
from facegate.ports import Gallery, Store


class Recognizer:
    """Open-set identification of embeddings.

    Args:
        store: knows the names.
        gallery: the templates that are searched.
        thresholds: gives the threshold for a gallery's size; of the gallery's model.
    """

    def __init__(self, store: Store, gallery: Gallery, thresholds: ThresholdPolicy) -> None:
        self._store = store
        self._gallery = gallery
        self._thresholds = thresholds

    @property
    def model_id(self) -> str:
        """The network whose embeddings are searched."""
        return self._gallery.model_id

    def recognize(self, probes: FloatArray) -> list[tuple[Decision, str]]:
        """Decide about (n, d) unit vectors; each gets its decision and, for a match, the name.

        A person whom another process removed since the search is unknown.
        """
        self._gallery.refresh()
        # The gallery changes only in `refresh`, so this is the very gallery that is searched.
        threshold = self._thresholds.for_gallery(len(self._gallery))
        found = self._gallery.search(np.asarray(probes), self.model_id, top_k=2)
        decisions = [decide(candidates, threshold) for candidates in found]
        wanted = sorted({one.subject_id for one in decisions if one.subject_id is not None})
        names: dict[int, str] = {}
        if wanted:
            with self._store.snapshot() as work:
                names = work.subjects.names(wanted)
        named: list[tuple[Decision, str]] = []
        for decision in decisions:
            name = "" if decision.subject_id is None else names.get(decision.subject_id, "")
            if decision.outcome is Outcome.MATCH and not name:
                decision = replace(decision, outcome=Outcome.UNKNOWN, subject_id=None)  # noqa: PLW2901
            named.append((decision, name))
        return named

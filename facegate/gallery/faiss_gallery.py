"""Searches the enrolled templates with FAISS."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from facegate.domain.arrays import FloatArray, locked
from facegate.domain.decisions import Candidate
from facegate.errors import EmbeddingSpaceMismatch, GalleryError, GalleryStale, ShapeError
from facegate.gallery.cache import CachedTemplates, read_cache, write_cache
from facegate.ports.store import Store

FIRST_TEMPLATES = 16
"""Nearest templates asked for at first; enough unless somebody has very many of them."""

FEW_PROBES = 19
"""Up to so many probes are compared one by one, bit by bit as each by itself; from 20 on faiss
multiplies matrices, which rounds differently (`faiss.cvar.distance_compute_blas_threshold`)."""

_log = logging.getLogger(__name__)


class FaissGallery:
    """The templates of one model, searched exactly; fulfils `facegate.ports.store.Gallery`.

    The store is the truth; the index is derived from it and follows it by differences. The search
    is exhaustive (inner product of unit vectors), so the result is what a plain loop would find.
    One thread owns a gallery.

    Args:
        store: where templates are.
        model_id: the only model whose templates are searched.
        cache_folder: where a copy is kept between runs; None for no copy.
    """

    def __init__(self, store: Store, model_id: str, cache_folder: Path | None) -> None:
        self._store = store
        self._model_id = model_id
        self._cache = None
        if cache_folder is not None:
            safe = "".join(c if c.isalnum() or c in "-." else "_" for c in model_id)
            self._cache = cache_folder / f"{safe}.index"
        self._index: Any = None
        self._owners: dict[int, int] = {}
        self._revision: tuple[str, int] | None = None

    @property
    def model_id(self) -> str:
        """The only model whose embeddings may be searched."""
        return self._model_id

    def __len__(self) -> int:
        return len(self._owners)

    def refresh(self) -> None:
        """Take over what any process has changed in the store since the last call.

        Costs one small query when nothing has changed.
        """
        with self._store.snapshot() as work:
            revision = work.gallery_revision()
            if revision == self._revision:
                return
            if self._revision is None:
                self._start_from_cache(*revision)
            elif self._revision[0] != revision[0] or self._revision[1] > revision[1]:
                self._clear()  # another database, or an old copy was put back
            if self._revision == revision:
                return
            wanted = work.templates.searchable_ids(self._model_id)
            gone = [number for number, owner in self._owners.items() if wanted.get(number) != owner]
            self._remove(gone)
            new = [number for number in wanted if number not in self._owners]
            templates = list(work.templates.load(new))
        if templates:
            self._add(
                np.array([one.template_id for one in templates], np.int64),
                np.array([one.subject_id for one in templates], np.int64),
                np.stack([one.embedding for one in templates]),
            )
        self._revision = revision
        self._write_cache()

    def search(
        self, probes: FloatArray, model_id: str, top_k: int = 2
    ) -> list[tuple[Candidate, ...]]:
        """Find the most alike subjects of each probe.

        Args:
            probes: (n, d) float32 unit vectors.
            model_id: the network that made the probes.
            top_k: number of different subjects wanted.

        Returns:
            For each probe at most top_k subjects, best first (ties: the lower number first), each
            with its best template.

        Raises:
            EmbeddingSpaceMismatch: the probes come from another network.
            ShapeError: probes of another length, or not finite.
        """
        if model_id != self._model_id:
            raise EmbeddingSpaceMismatch(have=model_id, need=self._model_id)
        probes = locked(probes, (None, None), "probes")
        if not self._owners or not len(probes):
            return [()] * len(probes)
        if probes.shape[1] != self._index.d:
            raise ShapeError("probes", f"of length {self._index.d}", f"of {probes.shape[1]}")
        found: list[tuple[Candidate, ...]] = [()] * len(probes)
        open_probes = np.arange(len(probes))
        count = min(len(self._owners), max(FIRST_TEMPLATES, 4 * top_k))
        while len(open_probes):
            similarities, numbers = self._index.search(probes[open_probes], count)
            unfinished = []
            for probe, row, ids in zip(open_probes, similarities, numbers, strict=True):
                best = self._by_subject(row, ids)
                # One person's many templates may fill the first rows: ask for more.
                if len(best) < top_k and count < len(self._owners):
                    unfinished.append(probe)
                else:
                    found[probe] = tuple(best[:top_k])
            open_probes = np.array(unfinished, dtype=np.int64)
            count = min(len(self._owners), 4 * count)
        return found

    def _by_subject(self, similarities: FloatArray, numbers: Any) -> list[Candidate]:
        best: dict[int, tuple[float, int]] = {}
        for similarity, number in zip(similarities, numbers, strict=True):
            if number >= 0:
                owner, value = self._owners[int(number)], float(similarity)
                if owner not in best or value > best[owner][0]:
                    best[owner] = (value, int(number))
        ranked = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))
        # Rounding may carry the cosine of equal vectors a little past 1.
        return [
            Candidate(owner, min(1.0, max(-1.0, value)), template)
            for owner, (value, template) in ranked
        ]

    def _clear(self) -> None:
        self._index, self._owners, self._revision = None, {}, None

    def _add(self, ids: Any, subject_ids: Any, embeddings: FloatArray) -> None:
        import faiss

        if self._index is None:
            # One probe against a hundred thousand templates takes a core a few milliseconds; waking
            # threads, while networks use the others, takes longer.
            faiss.omp_set_num_threads(1)
            self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(int(embeddings.shape[1])))
        if embeddings.shape[1] != self._index.d:
            raise GalleryError(
                f"The database holds embeddings of different lengths for {self._model_id}.",
                hint="It was changed by hand; restore a copy.",
            )
        self._index.add_with_ids(np.ascontiguousarray(embeddings, np.float32), ids)
        self._owners.update(zip(ids.tolist(), subject_ids.tolist(), strict=True))

    def _remove(self, numbers: list[int]) -> None:
        if numbers:
            self._index.remove_ids(np.array(numbers, np.int64))
            for number in numbers:
                del self._owners[number]

    def _start_from_cache(self, store_id: str, revision: int) -> None:
        if self._cache is None:
            return
        try:
            cached = read_cache(self._cache, store_id, self._model_id)
            if cached is not None and cached.revision > revision:
                raise GalleryStale("The cached index is newer than the database.")
        except (GalleryStale, ValueError, KeyError) as error:
            _log.warning("%s It is built again from the database.", error)
            return
        if cached is not None:
            if len(cached.ids):
                self._add(cached.ids, cached.subject_ids, cached.embeddings)
            self._revision = (store_id, cached.revision)

    def _write_cache(self) -> None:
        if self._cache is None or self._revision is None:
            return
        store_id, revision = self._revision
        ids = np.array(sorted(self._owners), np.int64)
        owners = np.array([self._owners[int(number)] for number in ids], np.int64)
        embeddings = (
            self._index.reconstruct_batch(ids) if len(ids) else np.zeros((0, 0), np.float32)
        )
        write_cache(
            self._cache,
            store_id,
            self._model_id,
            CachedTemplates(revision, ids, owners, embeddings),
        )

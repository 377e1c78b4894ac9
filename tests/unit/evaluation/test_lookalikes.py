from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np

from facegate.evaluation.lookalikes import look_alikes, look_alikes_of_pairs
from facegate.evaluation.pairs import ComparisonPair


def faces(count: int) -> dict[Path, np.ndarray]:
    vectors = np.random.default_rng(2).normal(size=(count, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return {Path(f"{number}.jpg"): vector for number, vector in enumerate(vectors)}


def test_they_are_the_most_alike_of_all_pairs_of_different_people() -> None:
    embeddings = faces(20)
    files = list(embeddings)
    people = {"Ana": files[:6], "Ben": files[6:7], "Cem": files[7:15], "Dora": files[15:]}
    people["Ana"].append(Path("no face.jpg"))
    owner = {path: name for name, paths in people.items() for path in paths}
    pairs = [ComparisonPair(a, b, owner[a] == owner[b]) for a, b in combinations(owner, 2)]
    expected = sorted(
        (
            float(embeddings[pair.path_a] @ embeddings[pair.path_b])
            for pair in pairs
            if not pair.mated and {pair.path_a, pair.path_b} <= set(embeddings)
        ),
        reverse=True,
    )[:5]
    for found in (look_alikes(embeddings, people, 5), look_alikes_of_pairs(embeddings, pairs, 5)):
        np.testing.assert_allclose([one.similarity for one in found], expected)
        assert all(owner[one.path_a] != owner[one.path_b] for one in found)
        for one in found:
            true = embeddings[one.path_a] @ embeddings[one.path_b]
            assert abs(one.similarity - true) < 1e-9


def test_nobody_is_alike_to_nobody() -> None:
    assert look_alikes({}, {}, 5) == []
    embeddings = faces(2)
    assert look_alikes(embeddings, {"Ana": list(embeddings)}, 5) == []
    assert look_alikes_of_pairs(embeddings, [], 5) == []

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the gate does not")

from facegate.training.embedder.mining import (  # noqa: E402
    Mining,
    mine_triplets,
    triplet_shares,
)

MARGIN = 0.3


def batch(seed: int, n: int = 14) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    person = torch.randint(0, 5, (n,), generator=generator)
    centers = torch.randn(5, 6, generator=generator, dtype=torch.float64)
    noise = torch.randn(n, 6, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(centers[person] + noise), person


def distance(embeddings: torch.Tensor, i: int, j: int) -> float:
    return float((embeddings[i] - embeddings[j]).square().sum())


def mated_pairs(person: torch.Tensor) -> list[tuple[int, int]]:
    n = len(person)
    return [(a, p) for a in range(n) for p in range(n) if a != p and person[a] == person[p]]


def nearest(embeddings, person, anchor, allowed) -> int | None:
    others = [n for n in range(len(person)) if person[n] != person[anchor] and allowed(n)]
    return min(others, key=lambda n: distance(embeddings, anchor, n), default=None)


@pytest.mark.parametrize("seed", range(5))
def test_semi_hard_miner_matches_plain_loops(seed):
    x, person = batch(seed)
    expected = []
    for a, p in mated_pairs(person):
        near = distance(x, a, p)
        n = nearest(
            x, person, a, lambda n, a=a, near=near: near < distance(x, a, n) < near + MARGIN
        )
        if n is not None:
            expected.append([a, p, n])
    assert mine_triplets(x, person, MARGIN, Mining.SEMI_HARD).tolist() == expected


@pytest.mark.parametrize("seed", range(5))
def test_hard_miner_matches_plain_loops(seed):
    x, person = batch(seed)
    expected = [[a, p, nearest(x, person, a, lambda n: True)] for a, p in mated_pairs(person)]
    assert mine_triplets(x, person, MARGIN, Mining.HARD).tolist() == expected


def test_random_miner_takes_every_negative_and_only_negatives():
    x, person = batch(1)
    generator = torch.Generator().manual_seed(0)
    seen = set()
    for _ in range(200):
        triplets = mine_triplets(x, person, MARGIN, Mining.RANDOM, generator).tolist()
        assert [(a, p) for a, p, _ in triplets] == mated_pairs(person)
        seen |= {(a, n) for a, _, n in triplets}
    anchors = {a for a, _ in mated_pairs(person)}
    assert seen == {(a, n) for a in anchors for n in range(len(person)) if person[a] != person[n]}


def test_random_miner_is_seeded():
    x, person = batch(1)
    first, second = (
        mine_triplets(x, person, MARGIN, Mining.RANDOM, torch.Generator().manual_seed(9))
        for _ in range(2)
    )
    assert torch.equal(first, second)


@pytest.mark.parametrize("seed", range(5))
def test_shares_match_plain_loops(seed):
    x, person = batch(seed)
    counts = {"easy": 0, "semi_hard": 0, "hard": 0}
    for a, p in mated_pairs(person):
        for n in range(len(person)):
            if person[n] == person[a]:
                continue
            gap = distance(x, a, n) - distance(x, a, p)
            counts["hard" if gap <= 0 else "easy" if gap >= MARGIN else "semi_hard"] += 1
    shares = triplet_shares(x, person, MARGIN)
    total = sum(counts.values())
    assert shares.triplets == total
    for name, count in counts.items():
        assert getattr(shares, name) == pytest.approx(count / total)


@pytest.mark.parametrize("mining", Mining)
def test_a_batch_without_pairs_gives_no_triplets(mining):
    x, _ = batch(0)
    alone = torch.arange(len(x))
    assert mine_triplets(x, alone, MARGIN, mining).shape == (0, 3)
    assert mine_triplets(x, torch.zeros_like(alone), MARGIN, mining).shape == (0, 3)
    assert triplet_shares(x, alone, MARGIN).triplets == 0

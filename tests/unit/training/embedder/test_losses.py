from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the gate does not")

from facegate.training.embedder.losses import (  # noqa: E402
    cosine_triplet_loss,
    embedding_distillation_loss,
    relational_distillation_loss,
    similarity_distillation_loss,
    triplet_loss,
)

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}


def units(n: int, dim: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    values = torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return torch.nn.functional.normalize(values)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("margin", [0.01, 0.2, 1.0])
def test_triplet_losses_match_plain_loops(dtype, margin):
    a, p, n = (units(17, 8, seed, dtype) for seed in range(3))
    by_distance = by_cosine = 0.0
    for i in range(17):
        to_p = sum((x - y) ** 2 for x, y in zip(a[i].tolist(), p[i].tolist(), strict=True))
        to_n = sum((x - y) ** 2 for x, y in zip(a[i].tolist(), n[i].tolist(), strict=True))
        by_distance += max(to_p - to_n + margin, 0) / 17
        cos_p = sum(x * y for x, y in zip(a[i].tolist(), p[i].tolist(), strict=True))
        cos_n = sum(x * y for x, y in zip(a[i].tolist(), n[i].tolist(), strict=True))
        by_cosine += max(cos_n - cos_p + margin, 0) / 17
    tolerance = TOLERANCE[dtype]
    assert float(triplet_loss(a, p, n, margin)) == pytest.approx(by_distance, abs=tolerance)
    assert float(cosine_triplet_loss(a, p, n, margin)) == pytest.approx(by_cosine, abs=tolerance)


def test_cosine_form_is_half_the_distance_form_at_twice_the_margin():
    a, p, n = (units(9, 5, seed) for seed in range(3))
    half = triplet_loss(a, p, n, 0.6) / 2
    assert torch.allclose(cosine_triplet_loss(a, p, n, 0.3), half)


def test_relational_loss_matches_plain_loops():
    student, teacher = units(7, 4, 1), units(7, 9, 2)
    total, pairs = 0.0, 0
    for i in range(7):
        for j in range(i + 1, 7):
            total += float(student[i] @ student[j] - teacher[i] @ teacher[j]) ** 2
            pairs += 1
    loss = similarity_distillation_loss(student, teacher)
    assert float(loss) == pytest.approx(total / pairs, abs=1e-12)


def test_relational_loss_ignores_how_a_space_is_turned():
    student = units(6, 4, 1)
    turn, _ = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))
    assert float(similarity_distillation_loss(student, student @ turn)) < 1e-20


def test_embedding_loss_matches_plain_loops():
    student, teacher = units(7, 4, 1), units(7, 4, 2)
    expected = sum(1 - float(s @ t) for s, t in zip(student, teacher, strict=True)) / 7
    assert float(embedding_distillation_loss(student, teacher)) == pytest.approx(expected)


def test_no_triplets_cost_nothing_and_still_have_a_gradient():
    x = units(4, 3, 0).requires_grad_()
    none = x[:0]
    loss = triplet_loss(none, none, none, 0.2) + similarity_distillation_loss(x[:1], x[:1])
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.equal(x.grad, torch.zeros_like(x))


def test_relational_distillation_matches_plain_loops_and_forgives_scale():
    student, teacher = units(7, 4, 0), units(7, 6, 1)

    def distances(x):
        rows = x.tolist()
        return [
            sum((a - b) ** 2 for a, b in zip(rows[i], rows[j], strict=True)) ** 0.5
            for i in range(len(rows))
            for j in range(i + 1, len(rows))
        ]

    own, wanted = distances(student), distances(teacher)
    own = [x / (sum(own) / len(own)) for x in own]
    wanted = [x / (sum(wanted) / len(wanted)) for x in wanted]
    expected = 0.0
    for a, b in zip(own, wanted, strict=True):
        gap = abs(a - b)
        expected += (0.5 * gap**2 if gap < 1 else gap - 0.5) / len(own)
    assert float(relational_distillation_loss(student, teacher)) == pytest.approx(expected)
    assert float(relational_distillation_loss(student, 5 * student)) == pytest.approx(0, abs=1e-12)

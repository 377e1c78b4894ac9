"""Each objective against plain loops from its definition."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the gate does not")

from facegate.training.embedder.objectives import build_objective  # noqa: E402
from facegate.training.embedder.recipe import Method, ObjectiveRecipe  # noqa: E402

PERSON = torch.tensor([0, 0, 1, 1, 2, -2, -3])


def embeddings(seed: int = 0) -> torch.Tensor:
    values = torch.randn(7, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(values)


def loss_of(method: Method, values: torch.Tensor, **options: object) -> float:
    torch.manual_seed(0)
    objective = build_objective(ObjectiveRecipe(method=method, **options), 5, 3).double()
    return float(objective(values, PERSON, torch.Generator())["objective"].detach())


def pairs() -> list[tuple[int, int, bool]]:
    return [(i, j, bool(PERSON[i] == PERSON[j])) for i in range(7) for j in range(i + 1, 7)]


def test_contrastive_matches_plain_loops():
    rows = embeddings().tolist()
    near, far = [], []
    for i, j, same in pairs():
        distance = math.dist(rows[i], rows[j])
        (near if same else far).append(distance**2 if same else max(0.0, 1.2 - distance) ** 2)
    expected = 0.5 * (sum(near) / len(near) + sum(far) / len(far))
    assert loss_of(Method.CONTRASTIVE, embeddings(), margin=1.2) == pytest.approx(expected)


@pytest.mark.parametrize("method", [Method.VERIFICATION, Method.CHI_SQUARE])
def test_verification_heads_match_plain_loops(method):
    rows = embeddings().tolist()
    wrong: dict[bool, list[float]] = {True: [], False: []}
    for i, j, same in pairs():
        total = math.sqrt(5) / 2
        for a, b in zip(rows[i], rows[j], strict=True):
            if method is Method.VERIFICATION:
                total -= abs(a - b)
            else:
                total -= (a - b) ** 2 / (abs(a) + abs(b) + 1e-6)
        chance = 1 / (1 + math.exp(-total))
        wrong[same].append(-math.log(chance if same else 1 - chance))
    expected = sum(sum(kind) / len(kind) for kind in wrong.values()) / 2
    assert loss_of(method, embeddings()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("method", "margin"), [(Method.SOFTMAX, 0.0), (Method.ANGULAR, 0.3)])
def test_classification_matches_plain_loops(method, margin):
    torch.manual_seed(0)
    recipe = ObjectiveRecipe(method=method, margin=margin or 0.5, scale=8.0)
    objective = build_objective(recipe, 5, 3).double()
    weights = torch.nn.functional.normalize(objective.weight).tolist()
    rows, expected = embeddings().tolist(), []
    for row, person in zip(rows, PERSON.tolist(), strict=True):
        if person < 0:
            continue
        logits = []
        for number, weight in enumerate(weights):
            cosine = sum(a * b for a, b in zip(row, weight, strict=True))
            if number == person:
                cosine = math.cos(min(math.pi, math.acos(cosine) + margin))
            logits.append(8.0 * cosine)
        norm = math.log(sum(math.exp(x) for x in logits))
        expected.append(norm - logits[person])
    found = float(objective(embeddings(), PERSON, torch.Generator())["objective"].detach())
    assert found == pytest.approx(sum(expected) / len(expected), abs=1e-6)


def test_the_cosine_triplet_is_half_the_other_at_half_the_margin():
    options = {"mining": "hard"}
    by_distance = loss_of(Method.TRIPLET, embeddings(), margin=0.4, **options)
    by_cosine = loss_of(Method.COSINE_TRIPLET, embeddings(), margin=0.2, **options)
    assert by_cosine == pytest.approx(by_distance / 2)


@pytest.mark.parametrize("method", list(Method))
def test_a_batch_without_known_people_gives_zero_or_a_finite_number(method):
    objective = build_objective(ObjectiveRecipe(method=method), 5, 3).double()
    values = embeddings().requires_grad_()
    found = objective(values, -2 - torch.arange(7), torch.Generator())
    assert math.isfinite(float(found["objective"].detach()))
    found["objective"].backward()
    assert torch.isfinite(values.grad).all()


@pytest.mark.parametrize("method", [m for m in Method if m is not Method.NONE])
def test_learning_along_the_gradient_separates_people(method):
    torch.manual_seed(0)
    raw = torch.randn(7, 5, dtype=torch.float64, requires_grad=True)
    objective = build_objective(ObjectiveRecipe(method=method, margin=0.5), 5, 3).double()
    optimizer = torch.optim.Adam([raw, *objective.parameters()], lr=0.05)

    def step() -> float:
        unit = torch.nn.functional.normalize(raw)
        loss = objective(unit, PERSON, torch.Generator().manual_seed(1))["objective"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    first = step()
    for _ in range(60):
        last = step()
    assert last <= first

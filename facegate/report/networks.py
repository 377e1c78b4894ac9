"""What is known about the networks, from their cards: license, training data, limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from facegate.report.content import Block, Facts, Section, Table
from facegate.report.words import one_line

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class Network:
    """A network in use.

    Attributes:
        model_id: name and digest.
        content: its card as read.
        size_bytes: of the weights.
    """

    model_id: str
    content: Mapping[str, Any]
    size_bytes: int


def networks_section(networks: Sequence[Network]) -> Section:
    """The networks in use with their licenses; then the card of each."""
    rows = tuple(
        (
            one.model_id,
            _words(one.content, "task").replace("_", " "),
            _words(one.content, "license"),
            f"{one.size_bytes / 1e6:.2f} MB",
        )
        for one in networks
    )
    blocks: list[Block] = [Table(("network", "for", "license", "size"), rows, frozenset({3}))]
    blocks += [Facts(_card(one.content), one.model_id) for one in networks]
    lead = (
        "What the cards of the networks say about where they come from. The data they were trained "
        "on has terms of its own."
    )
    return Section("Networks, training data and licenses", lead, tuple(blocks))


def _card(content: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    training = _table(content.get("training"))
    rows = [
        ("What it is", _words(content, "summary")),
        ("License of the weights", _words(content, "license")),
        ("SHA-256", _words(content, "sha256")),
        ("Started from", _words(training, "started_from")),
    ]
    for key, name in (("teachers", "Teachers"), ("teacher", "Teacher"), ("method", "Method")):
        if key in training:
            rows.append((name, _words(training, key)))
    data = training.get("data")
    sets = [_table(one) for one in data] if isinstance(data, list) else []
    for number, one in enumerate(sets, 1):
        used = f" Used: {one_line(one['used'])}." if "used" in one else ""
        terms = one_line(one.get("terms", NOT_STATED))
        rows.append(
            (
                f"Training data {number} of {len(sets)}",
                f"{_words(one, 'name')}. Terms: {terms}.{used}",
            )
        )
    if not sets:
        rows.append(("Training data", NOT_STATED))
    rows.append(("Limits", _words(_table(content.get("limits")), "text")))
    return tuple(rows)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _words(table: Mapping[str, Any], key: str) -> str:
    return one_line(table.get(key, "")) or NOT_STATED

"""Which threshold is in force, and how a new one is tuned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from facegate.domain.decisions import Rate, Threshold
from facegate.domain.tails import ScoreTails
from facegate.domain.targets import ThresholdTarget
from facegate.errors import EvaluationError, ModelError
from facegate.evaluation.operating_point import ThresholdPolicy
from facegate.evaluation.stranger_risk import StrangerRisk
from facegate.ports.store import Store


def current_threshold(store: Store, model_id: str, shipped: Threshold) -> Threshold:
    """The newest tuned threshold of a model, else the one that ships with it."""
    with store.snapshot() as work:
        return work.thresholds.current(model_id) or shipped


def threshold_policy(
    store: Store,
    shipped: Threshold,
    shipped_tails: ScoreTails | None,
    target: ThresholdTarget | None,
) -> ThresholdPolicy:
    """What gives the threshold of every search.

    Args:
        store: may hold a tuned threshold with its tails, and a target.
        shipped, shipped_tails: of the embedding network's card.
        target: of the settings, which go before the store's; None when they name none.

    Raises:
        EvaluationError: a target without tails to read it off.
    """
    with store.snapshot() as work:
        baseline = work.thresholds.current(shipped.model_id) or shipped
        tails = (work.thresholds.tails(shipped.model_id), shipped_tails)
        target = target or work.thresholds.target()
    return ThresholdPolicy(baseline, target, [one for one in tails if one is not None])


def gallery_size(store: Store, model_id: str) -> tuple[int, int]:
    """People and templates that a search compares with: enabled, and of this network."""
    with store.snapshot() as work:
        owners = work.templates.searchable_ids(model_id)
    return len(set(owners.values())), len(owners)


def stranger_risk(store: Store, policy: ThresholdPolicy) -> StrangerRisk:
    """How safe the door is with the people enrolled right now."""
    people, templates = gallery_size(store, policy.model_id)
    return StrangerRisk(people, templates, policy.for_gallery(templates))


def shipped_threshold(model_id: str, card: Mapping[str, Any]) -> Threshold:
    """Read the default threshold of an embedding network's model card.

    A card without one gives `Threshold.unset`, with which nobody matches.

    Raises:
        ModelError: it is not complete.
    """
    if "threshold" not in card:
        return Threshold.unset(model_id)
    try:
        table = card["threshold"]
        return Threshold(
            tau=float(table["tau"]),
            margin=float(table["margin"]),
            model_id=model_id,
            method=str(table["method"]),
            f1=float(table["f1"]),
            fmr=_rate(table["fmr"]),
            fnmr=_rate(table["fnmr"]),
            data=str(table["data"]),
            created_at=datetime.fromisoformat(str(table["created_at"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"The card of {model_id} has no usable threshold: {error}.") from error


def shipped_tails(model_id: str, card: Mapping[str, Any]) -> ScoreTails | None:
    """Read the score tails of a network's card (`[threshold.tails]`); older cards have none.

    Raises:
        ModelError: there are some, but they are not complete or contradict themselves.
    """
    try:
        table = card.get("threshold", {}).get("tails")
        return None if table is None else ScoreTails.from_dict(model_id, table)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"The card of {model_id} has no usable score tails: {error}.") from error


def card_fragment(threshold: Threshold, tails: ScoreTails | None) -> str:
    """The tables `[threshold]` and `[threshold.tails]` of a model card, as TOML to paste."""
    lines = [
        "[threshold]",
        f"tau = {threshold.tau!r}",
        f"margin = {threshold.margin!r}",
        f"method = {_toml_text(threshold.method)}",
        f"f1 = {threshold.f1!r}",
        f"data = {_toml_text(threshold.data)}",
        f"created_at = {threshold.created_at.isoformat()}",
        f"fmr = {_toml_rate(threshold.fmr)}",
        f"fnmr = {_toml_rate(threshold.fnmr)}",
    ]
    if tails is not None:
        lines += [
            "",
            "[threshold.tails]",
            f"data = {_toml_text(tails.data)}",
            f"faces = {tails.faces}",
            f"non_mated = {tails.non_mated}",
            f"mated = {tails.mated}",
            f"created_at = {tails.created_at.isoformat()}",
            "# similarity, non-mated pairs at or above it, mated pairs below it",
            "points = [",
            *(f"  [{one.similarity!r}, {one.non_mated}, {one.mated}]," for one in tails.points),
            "]",
        ]
    return "\n".join(lines) + "\n"


def _toml_text(text: str) -> str:
    """A basic string of TOML; it escapes as JSON does, which lacks DEL and knows surrogates."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return json.dumps(printable, ensure_ascii=False)


def _toml_rate(one: Rate) -> str:
    low, high = float(one.low), float(one.high)
    return f"{{ errors = {one.errors}, trials = {one.trials}, low = {low!r}, high = {high!r} }}"


NO_THRESHOLD = "this network has no threshold yet, so nobody matches; run `facegate tune`"
"""Why everybody is unknown to a network that was never tuned."""


def _rate(table: Mapping[str, Any]) -> Rate:
    return Rate(
        int(table["errors"]), int(table["trials"]), float(table["low"]), float(table["high"])
    )


def must_be_set(threshold: Threshold) -> None:
    """Check that there is something to measure at.

    Raises:
        EvaluationError: no threshold; error rates would be those of a door that is shut.
    """
    if not threshold.is_set:
        raise EvaluationError(
            f"{threshold.model_id} has no threshold yet, so there is nothing to measure it at.",
            hint="Run `facegate tune` for it, on other people than those measured.",
        )

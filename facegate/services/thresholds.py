"""Which threshold is in force, and how a new one is tuned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from facegate.domain.decisions import Rate, Threshold
from facegate.errors import ModelError
from facegate.ports import Store


def current_threshold(store: Store, model_id: str, shipped: Threshold) -> Threshold:
    """The newest tuned threshold of a model, else the one that ships with it."""
    with store.snapshot() as work:
        return work.thresholds.current(model_id) or shipped


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


NO_THRESHOLD = "this network has no threshold yet, so nobody matches; run `facegate tune`"
"""Why everybody is unknown to a network that was never tuned."""


def _rate(table: Mapping[str, Any]) -> Rate:
    return Rate(
        int(table["errors"]), int(table["trials"]), float(table["low"]), float(table["high"])
    )

"""Begins a run with what another one has learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from facegate.errors import ModelError
from facegate.training.detector.start import LOADING_FAILS
from facegate.training.run import TrainingRun


def run_weights(file: Path) -> dict[str, Any] | None:
    """The averaged weights in the checkpoint of a run; None if the file is not one.

    Raises:
        ModelError: nothing that torch has saved.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except LOADING_FAILS as error:
        raise ModelError(f"{file} does not hold weights.") from error
    return state["average"] if isinstance(state, dict) and "average" in state else None


def begin_with(run: TrainingRun, weights: dict[str, Any]) -> None:
    """Let a run that has not begun yet start with other weights; one that has goes on.

    Raises:
        ModelError: the weights are another network's.
    """
    if run.seen:
        return
    try:
        run.network.load_state_dict(weights)
        run.average.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError("The run to begin with has trained another network.") from error

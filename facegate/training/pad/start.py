"""Begins the attack network with published weights of MiniFASNet.

Source:
    minivision-ai/Silent-Face-Anti-Spoofing, Apache-2.0: MiniFASNetV2 of zoom 2.7, MiniFASNetV1SE
    of zoom 4.0; their classes are paper, a real face, screen.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import Tensor

from facegate.errors import ModelError
from facegate.models.pad_net import Branch, PadNet

THEIR_CLASSES = (1, 0, 2)
"""Where our classes are among theirs."""

NOT_A_CHECKPOINT = (
    OSError, EOFError, pickle.UnpicklingError, RuntimeError, KeyError, AttributeError, IndexError,
)  # fmt: skip
"""What reading and filling raise for other files."""


def begin_with(network: PadNet, near: Path, far: Path) -> None:
    """Take over the weights of two checkpoints.

    Before training, a branch differs from its checkpoint in the slopes of activations alone:
    channels that ours has more begin as they were drawn, and nothing hears them yet.

    Args:
        network: as it was made.
        near: checkpoint of MiniFASNetV2, zoom 2.7.
        far: of MiniFASNetV1SE, zoom 4.0.

    Raises:
        ModelError: one of them is no such checkpoint.
    """
    for branch, path in ((network.near, near), (network.far, far)):
        _fill(branch, path)


def blended(trained: dict[str, Tensor], near: Path, far: Path, share: float) -> dict[str, Tensor]:
    """Weights between the published ones and what training made of them.

    Training forgets some of what the published weights know of attacks that it never showed; on
    the way between both, most of either is known.

    Args:
        trained: state of a PadNet that began with these checkpoints.
        near, far: see `begin_with`.
        share: of the trained weights, in [0, 1].

    Source:
        Wortsman et al., Robust fine-tuning of zero-shot models, 2022 (WiSE-FT).
    """
    start = PadNet()
    begin_with(start, near, far)
    state = start.state_dict()
    for name, value in state.items():
        if value.is_floating_point():
            state[name] = torch.lerp(value, trained[name], share)
    return state


def _fill(branch: Branch, path: Path) -> None:
    try:
        read = torch.load(path, map_location="cpu", weights_only=True)
        theirs = {name.removeprefix("module."): value for name, value in read.items()}
        state = branch.state_dict()
        for name, own in state.items():
            given = theirs[name]
            if name == "prob.weight":
                given = given[list(THEIR_CLASSES)]
            state[name] = _widened(own, given)
    except NOT_A_CHECKPOINT as error:
        raise ModelError(f"{path} is no checkpoint of MiniFASNet that fits.") from error
    branch.load_state_dict(state)


def _widened(own: Tensor, given: Tensor) -> Tensor:
    """The given values first; of what is more, outputs as they were drawn and inputs unheard."""
    if own.dim() != given.dim() or any(
        wide < narrow for wide, narrow in zip(own.shape, given.shape, strict=True)
    ):
        raise IndexError(f"{tuple(given.shape)} does not fit into {tuple(own.shape)}")
    widened = own.clone()
    if own.dim() > 1:
        widened[:, given.shape[1] :] = 0
    widened[tuple(slice(0, length) for length in given.shape)] = given
    return widened

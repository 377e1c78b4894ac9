"""The embedding networks that can be trained, and what training needs to know about each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import nn

from facegate.errors import ConfigError
from facegate.models.edgenext import EdgeNeXt, QuantizedEdgeNeXt
from facegate.models.mobilefacenet import MobileFaceNet
from facegate.models.mobilenet import MobileNet

EmbeddingNetwork: TypeAlias = MobileFaceNet | MobileNet | EdgeNeXt

NETWORKS: dict[str, type[MobileFaceNet] | type[MobileNet] | type[EdgeNeXt]] = {
    "edgenext": EdgeNeXt,
    "edgenext_int8": QuantizedEdgeNeXt,
    "mobilefacenet": MobileFaceNet,
    "mobilenet": MobileNet,
}
"""By the name that recipes use."""


def build_network(name: str, weights: Mapping[str, torch.Tensor] | None = None) -> EmbeddingNetwork:
    """Make a network, with random weights or with those given.

    Raises:
        ConfigError: there is no such network.
        RuntimeError: a weight is missing or left over, or a shape differs (from torch).
    """
    try:
        network = NETWORKS[name]()
    except KeyError:
        known = ", ".join(sorted(NETWORKS))
        raise ConfigError(f"There is no embedding network {name}; there are {known}.") from None
    if weights is not None:
        network.load_state_dict(dict(weights), strict=True)
    return network


def name_of(network: EmbeddingNetwork) -> str:
    """What recipes call a network."""
    return next(name for name, kind in NETWORKS.items() if type(network) is kind)


def freeze(network: EmbeddingNetwork, blocks: int) -> None:
    """Leave the stem and the first blocks as they are; 0 lets everything learn.

    Early layers see edges and texture, which differ little between tasks, and are most of the
    work: without their gradients a step costs half.

    Raises:
        ConfigError: it has fewer blocks.
    """
    if blocks > len(network.blocks):
        raise ConfigError(f"{blocks} blocks cannot be frozen: there are {len(network.blocks)}.")
    if blocks == 0:
        return
    for name, parameter in network.named_parameters():
        part, _, rest = name.partition(".")
        early = part.startswith("stem")
        if part == "blocks":
            early = int(rest.partition(".")[0]) < blocks
        if early:
            parameter.requires_grad_(False)


def last_layer(network: EmbeddingNetwork) -> nn.Conv2d | nn.Linear:
    """The linear layer that gives the embedding; it has a bias."""
    return network.embedding

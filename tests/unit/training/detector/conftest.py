from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from facegate.training.detector.data import PreparedSamples, write_sets
from tests.unit.training.detector.samples import dotted_sample, empty_sample
from tests.unit.training.detector.yunet import State, published_state


@pytest.fixture
def prepared(tmp_path: Path) -> PreparedSamples:
    """Three scenes, three portraits and a background, in sets of these names."""
    sets = {
        "scenes": [dotted_sample(is_scene=True) for _ in range(3)],
        "portraits": [dotted_sample(is_scene=False) for _ in range(3)],
        "background": [empty_sample()],
    }
    write_sets(sets, tmp_path / "prepared")
    return PreparedSamples(tmp_path / "prepared")


@pytest.fixture
def published() -> State:
    return published_state()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(3, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 255

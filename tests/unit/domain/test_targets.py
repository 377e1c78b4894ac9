from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facegate.domain.targets import TargetKind, ThresholdTarget
from facegate.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "kind", "rate", "below_f1", "back"),
    [
        ("f1", TargetKind.F1, 0.0, False, "f1"),
        ("fmr:1e-5", TargetKind.FMR, 1e-5, False, "fmr:1e-05"),
        (" FPIR:0.001 ", TargetKind.FPIR, 0.001, False, "fpir:0.001"),
        ("fpir:0.1:below-f1", TargetKind.FPIR, 0.1, True, "fpir:0.1:below-f1"),
    ],
)
def test_targets_are_read(
    text: str, kind: TargetKind, rate: float, below_f1: bool, back: str
) -> None:
    target = ThresholdTarget.parse(text)
    assert (target.kind, target.rate, target.below_f1) == (kind, rate, below_f1)
    assert str(target) == back
    assert ThresholdTarget.parse(back) == target


@pytest.mark.parametrize(
    "text",
    ["", "f2", "f1:0.1", "f1:below-f1", "fmr", "fmr:", "fmr:x", "fmr:0", "fmr:-1", "fmr:nan",
     "fmr:0.02", "fpir:0.6", "fpir:inf", "fpir:0.1:below", "fpir:0.1:below-f1:x", "fmr:1e-3:"],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        ThresholdTarget.parse(text)


@given(st.text(max_size=30))
def test_no_text_is_a_defect(text: str) -> None:
    try:
        ThresholdTarget.parse(text)
    except ConfigError as error:
        assert "fpir" in error.hint

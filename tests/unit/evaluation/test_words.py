from __future__ import annotations

import pytest

from facegate.evaluation.rates import upper_limit
from facegate.evaluation.words import rounded_up


@pytest.mark.parametrize("pairs", [3, 99, 244_650, 1_557_736, 6_381_651])
def test_a_limit_that_is_told_can_be_typed(pairs: int) -> None:
    least = upper_limit(0, pairs)
    assert least <= float(rounded_up(least)) <= 1.12 * least
